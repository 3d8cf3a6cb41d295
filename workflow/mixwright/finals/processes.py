"""The processes that share one final at the same time: which of them leads, and how they agree."""

import os
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from torch import Tensor, device

# the others wait while the leader waits for a final that another job trains
PATIENCE = timedelta(days=7)
# they wait so long for one another's gradients: while a large checkpoint is written, for example
STEP_PATIENCE = timedelta(hours=1)
# a process that fails waits so long for what it has under way with the others
LEAVING_SECONDS = 20.0
VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Processes:
    """This process among those that share a final; only the leader writes files.

    Every process has to call `from_leader`, `any`, `each`, `mean` and `sum`: they wait for all
    others.
    """

    rank: int = 0  # the number of this process, from 0
    size: int = 1  # how many there are
    group: Any = None  # torch's group over gloo on every device, for messages and not gradients

    @property
    def leads(self) -> bool:
        """Whether this process is the leader."""
        return self.rank == 0

    def from_leader(self, value: Any) -> Any:
        """Returns the leader's value, in every process."""
        if self.size == 1:
            return value
        from torch.distributed import broadcast_object_list

        message = [value]
        broadcast_object_list(message, src=0, group=self.group)
        return message[0]

    def any(self, flag: bool) -> bool:
        """Returns whether the flag is set in one of the processes."""
        return self.each([flag])[0]

    def each(self, flags: Sequence[bool]) -> list[bool]:
        """Returns of each flag whether it is set in one of the processes."""
        if self.size == 1:
            return list(flags)
        from torch import tensor

        numbers = [float(flag) for flag in flags]
        counts = self.sum(tensor(numbers))
        return [bool(count) for count in counts]

    def mean(self, value: "Tensor") -> "Tensor":
        """Returns the mean of numbers over the processes."""
        if self.size == 1:
            return value
        return self.sum(value) / self.size

    def sum(self, value: "Tensor") -> "Tensor":
        """Returns the sum of numbers over the processes, in their type, on the CPU."""
        if self.size == 1:
            return value
        from torch.distributed import all_reduce

        total = value.detach().cpu().clone()
        all_reduce(total, group=self.group)
        return total


ALONE = Processes()


@contextmanager
def joined(final: Mapping[str, Any], trains: bool = True) -> Iterator[Processes]:
    """Joins the processes that torchrun started, and leaves them at the end; one needs no torch.

    Args:
        final: the study's section `final`.
        trains: whether they exchange gradients. Else each has its GPU, and they send each other
            results over gloo alone.

    Raises:
        MixwrightError: as many processes run as the study does not ask for, or one has no GPU.
    """
    requested = final["nodes"] * final["processes"]
    # torchrun sets it
    running = int(os.environ.get("WORLD_SIZE", "1"))
    if requested != running:
        start = "python"
        if requested > 1:
            start = f"torchrun --nnodes {final['nodes']} --nproc-per-node {final['processes']}"
        purpose = "train" if trains else "score"
        raise MixwrightError(
            f"final: {requested} processes are to {purpose} together and {running} run; "
            f"start it with {start} -m mixwright"
        )
    if requested == 1:
        yield ALONE
        return
    _meet(final["device"], trains)
    from torch import distributed

    try:
        group = distributed.new_group(backend="gloo", timeout=PATIENCE)
        yield Processes(distributed.get_rank(), requested, group)
    except Exception:
        _leave_failed(over_nccl=trains and final["device"] != "cpu")
        raise
    except BaseException:
        # told to end: all of them are
        distributed.destroy_process_group()
        raise
    distributed.destroy_process_group()


def _meet(device: str, trains: bool) -> None:
    """Makes torch's group of all processes, after this one has taken its GPU."""
    from torch import distributed

    # unset, accelerate takes all cores for every process
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    gpu = None if device == "cpu" else _gpu()
    if gpu is None or not trains:
        distributed.init_process_group("gloo", timeout=STEP_PATIENCE)
    else:
        # nccl would guess its GPU by the rank, which is wrong on a second node
        backends = "cuda:nccl,cpu:gloo"
        distributed.init_process_group(backends, timeout=STEP_PATIENCE, device_id=gpu)


def _leave_failed(over_nccl: bool) -> None:
    """Leaves the others after a fault of this process, and never waits long for them.

    What is under way with them cannot end any more. nccl is told to give it up; gloo waits for it,
    in a thread that ends with the process.
    """
    from torch import distributed

    leave = distributed.destroy_process_group
    if over_nccl:
        leave = distributed.distributed_c10d._abort_process_group

    def quietly() -> None:
        # the fault itself is what is told
        with suppress(Exception):
            leave()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(LEAVING_SECONDS)


def _gpu() -> "device":
    """This process's GPU among those in sight, taken before anything else touches one.

    torchrun numbers the processes of a node, which all see the same GPUs. A process that was
    started on its own, by srun for example, may see one GPU alone: its own, whatever its number.

    Raises:
        MixwrightError: fewer GPUs are in sight than processes run on this machine.
    """
    from torch import cuda, device

    number = int(os.environ.get("LOCAL_RANK", "0"))
    if narrow_to_instance(os.environ, number):
        number = 0
    count = cuda.device_count()
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    if count == 1 and not by_torchrun:
        number = 0
    if number >= count:
        raise MixwrightError(
            f"final.processes: process {number + 1} of this machine finds {count} GPUs in sight;"
            " ask for a GPU for each, or lower final.processes"
        )
    cuda.set_device(number)
    return device("cuda", number)


def narrow_to_instance(environment: MutableMapping[str, str], number: int) -> bool:
    """Leaves one of several MIG instances in sight; returns whether it did.

    CUDA sees the first instance of a list alone, so each process has to name its own.

    Args:
        environment: the variables to read and change.
        number: of the process on this machine, from 0.
    """
    names = environment.get(VARIABLE, "").replace(" ", "").split(",")
    are_instances = all(name.startswith("MIG-") for name in names)
    if not are_instances or number >= len(names):
        return False
    environment[VARIABLE] = names[number]
    return True
