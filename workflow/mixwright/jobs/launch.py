"""How the job that trains finals is started, and what it asks of the scheduler.

One process: python. Several on one node: torchrun. Several nodes: srun, and torchrun on each.
"""

from collections.abc import Mapping
from typing import Any

GRACE = 120  # seconds that a checkpoint may take between the warning and the end

# Where the nodes meet is known inside srun only: Snakemake drops what Slurm says of the job.
# The address is that of the job's first node.
MEETING = (
    "--node-rank=$SLURM_NODEID --master-addr=$SLURM_LAUNCH_NODE_IPADDR "
    "--master-port=$((20000 + SLURM_JOB_ID % 20000))"
)


def launch(final: Mapping[str, Any]) -> str:
    """Returns the words before `train-finals` in the rule's shell command.

    Args:
        final: the study's section `final`.

    Returns:
        A text in which Snakemake fills in {threads} and {resources.mpi}.
    """
    nodes, processes = final["nodes"], final["processes"]
    if nodes * processes == 1:
        return "python -m mixwright"
    with_gpus = final["device"] == "cuda"
    torchrun = f"torchrun --nproc-per-node={processes} --shutdown-timeout={GRACE}"
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


def placement(final: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the scheduler is asked for: GPUs, and how the processes lie on nodes.

    Memory and cores are asked for elsewhere, for one node.
    """
    nodes, processes = final["nodes"], final["processes"]
    with_gpus = final["device"] == "cuda"
    if nodes == 1:
        resources = {"gpu": processes if with_gpus else 0}
        if processes > 1:
            resources["nodes"] = 1
        return resources
    extra = "--ntasks-per-node=1"
    if with_gpus:
        extra += f" --gpus-per-node={processes}"
    extra += f" --signal=TERM@{GRACE}"
    return {"mpi": "srun", "nodes": nodes, "tasks": nodes, "slurm_extra": extra}
