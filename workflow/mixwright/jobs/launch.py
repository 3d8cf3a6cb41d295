"""How a job that trains or scores finals is started, and what it asks of the scheduler.

One process: python. Several on one node: torchrun. Several nodes: srun, and torchrun on each.
"""

from collections.abc import Mapping
from typing import Any

# seconds between the warning and the end of a job: until a step ends, and for its checkpoint
GRACE = 120

# Where the nodes meet is known inside srun only: Snakemake drops what Slurm says of the job.
# The address is that of the job's first node.
MEETING = (
    "--node-rank=$SLURM_NODEID --master-addr=$SLURM_LAUNCH_NODE_IPADDR "
    "--master-port=$((20000 + SLURM_JOB_ID % 20000))"
)


def launch(final: Mapping[str, Any], warned: int = GRACE) -> str:
    """Returns the words before `train-finals`, or what scores them, in the rule's shell command.

    Args:
        final: the study's section `final`.
        warned: seconds between the warning and the end.

    Returns:
        A text in which Snakemake fills in {threads} and {resources.mpi}.
    """
    nodes, processes = final["nodes"], final["processes"]
    if nodes * processes == 1:
        return "python -m mixwright"
    with_gpus = final["device"] == "cuda"
    torchrun = f"torchrun --nproc-per-node={processes} --shutdown-timeout={warned}"
    if nodes == 1:
        command = f"{torchrun} --standalone -m mixwright"
        if with_gpus:
            return f"python -m mixwright.jobs.lease {processes} {command}"
        return command
    step = f"--nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --cpus-per-task={{threads}}"
    if with_gpus:
        step += f" --gpus-per-node={processes}"
    command = f'exec {torchrun} --nnodes={nodes} {MEETING} -m mixwright "$@"'
    return f"{{resources.mpi}} {step} --kill-on-bad-exit=1 bash -c '{command}' mixwright"


def warning(seconds: int = GRACE) -> str:
    """Returns the words with which Slurm is asked for SIGTERM so long before a job's end."""
    return f"--signal=TERM@{seconds}"


def placement(final: Mapping[str, Any], warned: int | None = GRACE) -> dict[str, Any]:
    """Returns what the scheduler is asked for: GPUs, a warning, how processes lie on nodes.

    Memory and cores are asked for elsewhere, for one node.

    Args:
        final: the study's section `final`.
        warned: seconds between the warning and the end; None: no warning, for a job that would
            save nothing then.
    """
    nodes, processes = final["nodes"], final["processes"]
    with_gpus = final["device"] == "cuda"
    extra = []
    if nodes > 1:
        extra.append("--ntasks-per-node=1")
        if with_gpus:
            extra.append(f"--gpus-per-node={processes}")
    if warned is not None:
        extra.append(warning(warned))
    resources: dict[str, Any] = {}
    if nodes == 1:
        resources["gpu"] = processes if with_gpus else 0
        if processes > 1:
            resources["nodes"] = 1
    else:
        resources |= {"mpi": "srun", "nodes": nodes, "tasks": nodes}
    if extra:
        resources["slurm_extra"] = " ".join(extra)
    return resources
