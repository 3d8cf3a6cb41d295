"""The processes that train one final at the same time: which of them leads, and how they agree."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from torch import Tensor, device

# the others wait while the leader waits for a final that another job trains
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Processes:
    """This process among those that train a final; only the leader writes files.

    Every process has to call `from_leader`, `any`, `each` and `mean`: they wait for all others.
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
        counts = self._sum(tensor(numbers))
        return [bool(count) for count in counts]

    def mean(self, value: "Tensor") -> "Tensor":
        """Returns the mean of numbers over the processes."""
        if self.size == 1:
            return value
        return self._sum(value) / self.size

    def _sum(self, value: "Tensor") -> "Tensor":
        from torch.distributed import all_reduce

        total = value.detach().cpu().clone()
        all_reduce(total, group=self.group)
        return total


ALONE = Processes()


@contextmanager
def joined(final: Mapping[str, Any]) -> Iterator[Processes]:
    """Joins the processes that torchrun started, and leaves them at the end; one needs no torch.

    Args:
        final: the study's section `final`.

    Raises:
        MixwrightError: as many processes run as the study does not ask for.
    """
    requested = final["nodes"] * final["processes"]
    # torchrun sets it
    running = int(os.environ.get("WORLD_SIZE", "1"))
    if requested != running:
        start = "python"
        if requested > 1:
            start = f"torchrun --nnodes {final['nodes']} --nproc-per-node {final['processes']}"
        raise MixwrightError(
            f"final: {requested} processes are to train together and {running} run; "
            f"start it with {start} -m mixwright"
        )
    if requested == 1:
        yield ALONE
        return
    from torch import distributed

    # unset, accelerate takes all cores for every process
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if final["device"] == "cpu":
        distributed.init_process_group("gloo")
    else:
        # nccl would guess its GPU by the rank, which is wrong on a second node
        distributed.init_process_group("cuda:nccl,cpu:gloo", device_id=_gpu())
    group = distributed.new_group(backend="gloo", timeout=PATIENCE)
    yield Processes(distributed.get_rank(), requested, group)
    distributed.destroy_process_group()


def _gpu() -> "device":
    """This process's GPU among those in sight, taken before anything else touches one.

    torchrun numbers the processes of a node.

    Raises:
        MixwrightError: fewer GPUs are in sight than processes run on this machine.
    """
    from torch import cuda, device

    number = int(os.environ.get("LOCAL_RANK", "0"))
    count = cuda.device_count()
    if number >= count:
        raise MixwrightError(
            f"final.processes: process {number + 1} of this machine finds {count} GPUs in sight;"
            " ask for a GPU for each, or lower final.processes"
        )
    cuda.set_device(number)
    return device("cuda", number)
