"""The processes that train one final together: which of them leads, and how they agree."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE = timedelta(
    days=7
)  # the others wait while the leader waits for a final that another job trains


@dataclass(frozen=True)
class Processes:
    """This process among `size`; alone, all that they agree on is its own opinion. Only the leader writes files."""

    rank: int = 0
    size: int = 1
    group: Any = None  # over gloo on every device, for words rather than gradients

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def from_leader(self, value: Any) -> Any:
        """What the leader holds, in every process; all must ask."""
        if self.size == 1:
            return value
        from torch.distributed import broadcast_object_list

        said = [value]
        broadcast_object_list(said, src=0, group=self.group)
        return said[0]

    def any(self, flag: bool) -> bool:
        """Whether one of them says yes; all must ask."""
        if self.size == 1:
            return flag
        from torch import tensor

        return bool(self._summed(tensor(float(flag))))

    def mean(self, value: "Tensor") -> "Tensor":
        """The mean over the processes of a number; all must ask."""
        return value if self.size == 1 else self._summed(value) / self.size

    def _summed(self, value: "Tensor") -> "Tensor":
        from torch.distributed import all_reduce

        total = value.detach().cpu().clone()
        all_reduce(total, group=self.group)
        return total


ALONE = Processes()


@contextmanager
def joined(final: Mapping[str, Any]) -> Iterator[Processes]:
    """The processes that the study's section `final` asks for, met as torchrun's environment tells; one needs no torch for it."""
    asked, found = final["nodes"] * final["processes"], int(os.environ.get("WORLD_SIZE", "1"))
    if asked != found:
        start = (
            "python"
            if asked == 1
            else f"torchrun --nnodes {final['nodes']} --nproc-per-node {final['processes']}"
        )
        raise MixwrightError(
            f"final: {asked} processes are to train together and {found} run; start it with {start} -m mixwright"
        )
    if asked == 1:
        yield ALONE
        return
    from torch import distributed

    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # unset, accelerate takes all cores for every process
    distributed.init_process_group("gloo" if final["device"] == "cpu" else "cuda:nccl,cpu:gloo")
    yield Processes(
        distributed.get_rank(), asked, distributed.new_group(backend="gloo", timeout=PATIENCE)
    )
    distributed.destroy_process_group()
