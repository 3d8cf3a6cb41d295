"""A step as one CUDA graph: recorded once, played again with other numbers in the same memory; thousands of launches become one."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARMING = 3  # steps before recording: libraries choose their kernels and take their memory


class Recorded:
    """`step` as a graph. What it reads are `inputs`, which `play` fills; what it changes, the tensors `changed`, is as before recording.

    Needs a GPU; nothing in it may look at a number on the host.
    """

    def __init__(
        self, step: Callable[..., Tensor], inputs: Sequence[Tensor], changed: Sequence[Tensor]
    ) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        before = [tensor.cpu() for tensor in changed]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(WARMING):
                    step(*self._inputs)
        finally:
            torch.cuda.current_stream().wait_stream(stream)
            for tensor, old in zip(changed, before, strict=True):
                tensor.copy_(old)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = step(*self._inputs)

    def play(self, inputs: Sequence[Tensor]) -> Tensor:
        """The step's output for these inputs; the next call overwrites it."""
        for own, new in zip(self._inputs, inputs, strict=True):
            own.copy_(new, non_blocking=True)
        self._graph.replay()
        return self._output
