"""How the job that trains finals is started: by python, by torchrun on one node, by srun and torchrun on several."""

from collections.abc import Mapping
from typing import Any

GRACE = 120  # seconds that a checkpoint may take between the warning and the end


def launch(final: Mapping[str, Any]) -> str:
    """The words before `train-finals`, for a rule's shell: {threads} and {resources.mpi} are the rule's."""
    nodes, processes = final["nodes"], final["processes"]
    if nodes * processes == 1:
        return "python -m mixwright"
    torchrun = f"torchrun --nproc-per-node={processes} --shutdown-timeout={GRACE}"
    if nodes == 1:
        lease = f"python -m mixwright.jobs.lease {processes} " if final["device"] == "cuda" else ""
        return f"{lease}{torchrun} --standalone -m mixwright"
    # Where the nodes meet is known inside srun only: Snakemake drops what Slurm says of the job. The address is the job's first node's.
    meeting = "--node-rank=$SLURM_NODEID --master-addr=$SLURM_LAUNCH_NODE_IPADDR --master-port=$((20000 + SLURM_JOB_ID % 20000))"
    gpus = f" --gpus-per-node={processes}" if final["device"] == "cuda" else ""
    step = f"--nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --cpus-per-task={{threads}}{gpus} --kill-on-bad-exit=1"
    return f"{{resources.mpi}} {step} bash -c 'exec {torchrun} --nnodes={nodes} {meeting} -m mixwright \"$@\"' mixwright"


def placement(final: Mapping[str, Any]) -> dict[str, Any]:
    """What the scheduler is asked for: GPUs, and how the processes lie on nodes. Memory and cores are those of one node."""
    nodes, processes, cuda = final["nodes"], final["processes"], final["device"] == "cuda"
    if nodes == 1:
        return {"gpu": processes * cuda} | ({"nodes": 1} if processes > 1 else {})
    gpus = f"--gpus-per-node={processes} " if cuda else ""
    return {
        "mpi": "srun",
        "nodes": nodes,
        "tasks": nodes,
        "slurm_extra": f"--ntasks-per-node=1 {gpus}--signal=TERM@{GRACE}",
    }
