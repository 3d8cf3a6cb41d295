"""Records a training step as one CUDA graph and replays it.

A step of small models is thousands of kernel launches, which take longer than the work. A graph
is one launch; each replay reads new numbers in the same memory.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Steps before recording, in which libraries choose their kernels and take their memory.
WARM_UP_STEPS = 3


class StepGraph:
    """A step as a CUDA graph, recorded when it is made and replayed by `play`.

    Needs a GPU. The step must look at no number on the host.

    Args:
        step: What is recorded; takes `inputs` and returns one tensor.
        inputs: Examples of what it reads; `play` fills copies of them.
        changed: The tensors that the step changes. After recording they are as before.
    """

    def __init__(
        self, step: Callable[..., Tensor], inputs: Sequence[Tensor], changed: Sequence[Tensor]
    ) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        # On the host, for the device may have no room for a second copy.
        saved = [tensor.cpu() for tensor in changed]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP_STEPS):
                    step(*self._inputs)
        finally:
            torch.cuda.current_stream().wait_stream(stream)
            for tensor, values in zip(changed, saved, strict=True):
                tensor.copy_(values)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = step(*self._inputs)

    def play(self, inputs: Sequence[Tensor]) -> Tensor:
        """Returns the step's output for these inputs; the next call overwrites it."""
        for held, values in zip(self._inputs, inputs, strict=True):
            held.copy_(values, non_blocking=True)
        self._graph.replay()
        return self._output
