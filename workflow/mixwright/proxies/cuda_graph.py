"""Takes training steps on a GPU: a few kernel by kernel, then recorded as one CUDA graph.

A step of small models is thousands of kernel launches, which take longer than the work. A graph
is one launch; each replay reads new numbers in the same memory.

A recording computes nothing. The steps before it, in which libraries choose their kernels and take
their memory, are steps of the training. So a recording costs no step, and there is nothing to put
back: weights and moments are what the last step made them, whether it succeeds or fails.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from mixwright.progress import say_once
from mixwright.proxies.device import causes, out_of_memory

# Steps before recording.
WARM_UP_STEPS = 3
# Steps that the host may be ahead of the device. One more launch than it waits for costs nothing;
# hundreds would keep a warned job from its checkpoint.
AHEAD = 4

Step = Callable[..., Tensor]

# graphs whose recording failed
_failed: list["torch.cuda.CUDAGraph"] = []


class Graph(Protocol):
    """A step that was recorded."""

    def play(self, inputs: Sequence[Tensor]) -> Tensor:
        """Takes the step with these inputs."""


class StepGraph:
    """A step as a CUDA graph, recorded when it is made and replayed by `play`.

    Needs a GPU, and a step that `aside` has run before. The step must look at no number on the
    host.

    Args:
        step: What is recorded; takes `inputs` and returns one tensor.
        inputs: Examples of what it reads; `play` fills copies of them.

    Raises:
        RuntimeError: The step cannot be recorded. No tensor has changed, and what is computed next
            is computed as if nothing had been tried.
    """

    def __init__(self, step: Step, inputs: Sequence[Tensor]) -> None:
        self._inputs = []
        for tensor in inputs:
            self._inputs.append(tensor.clone(memory_format=torch.contiguous_format))
        self._graph = torch.cuda.CUDAGraph()
        # Memory that the caches hold is of no use to the graph, which has memory of its own.
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        device = torch.cuda.current_device()
        pool = torch.cuda.graph_pool_handle()
        generator = torch.cuda.default_generators[device]
        before = generator.clone_state()
        try:
            self._output = self._recorded(step, pool)
        except RuntimeError:
            _clear_up(self._graph, device, pool)
            generator.graphsafe_set_state(before)
            raise

    def _recorded(self, step: Step, pool: Any) -> Tensor:
        """The tensor that each replay fills.

        torch.cuda.graph would leave its stream the current one where a recording fails.
        """
        with torch.cuda.stream(side_stream()):
            self._graph.capture_begin(pool=pool)
            try:
                output = step(*self._inputs)
            finally:
                self._graph.capture_end()
        return output

    def play(self, inputs: Sequence[Tensor]) -> Tensor:
        """Returns the step's output for these inputs; the next call overwrites it."""
        for held, values in zip(self._inputs, inputs, strict=True):
            held.copy_(values, non_blocking=True)
        self._graph.replay()
        return self._output


def _clear_up(graph: "torch.cuda.CUDAGraph", device: int, pool: Any) -> None:
    """Ends what a failed recording began in torch's allocator.

    Where the driver refuses to end a recording, torch leaves it open there. Memory that is freed
    then never comes back, and a full device ends in a failed assertion.

    Raises:
        RuntimeError: The device computes no more. The job must end, and goes on from its
            checkpoint.
    """
    # The allocator of the host's memory may still ask it whether it records.
    _failed.append(graph)
    try:
        torch._C._cuda_endAllocateToPool(device, pool)
    except RuntimeError:
        # The recording was ended, and the graph lets go of its memory itself.
        graph.reset()
    else:
        torch._C._cuda_releasePool(device, pool)
    torch.cuda.synchronize()


@lru_cache(maxsize=1)
def side_stream() -> "torch.cuda.Stream":
    """The stream on which steps are warmed up and recorded.

    One for the whole process: libraries hold memory for each stream that they have run on.
    """
    return torch.cuda.Stream()


def aside(step: Step, inputs: Sequence[Tensor]) -> Tensor:
    """Takes a step kernel by kernel, on the stream on which it will be recorded."""
    current = torch.cuda.current_stream()
    stream = side_stream()
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        output = step(*inputs)
    current.wait_stream(stream)
    output.record_stream(current)
    return output


def warmed_up(step: Step, inputs: Sequence[Tensor]) -> StepGraph:
    """Returns a graph of a step that was not taken before; it takes the first steps.

    Raises:
        RuntimeError: The step cannot be recorded, or memory is full.
    """
    for _ in range(WARM_UP_STEPS):
        aside(step, inputs)
    return StepGraph(step, inputs)


class Steps:
    """Takes the steps of a wave on a GPU, as a graph as soon as there is one.

    It holds no step: that would be a circle of references, which keeps a wave's memory.

    Args:
        recording: Whether steps may be recorded.
        record: Makes a graph of a step.
        warm_up: Takes a step before that.
    """

    def __init__(
        self,
        recording: bool = True,
        record: Callable[[Step, Sequence[Tensor]], Graph] = StepGraph,
        warm_up: Callable[[Step, Sequence[Tensor]], Tensor] = aside,
    ) -> None:
        self._recording = recording
        self._record = record
        self._warm_up = warm_up
        self._graph: Graph | None = None
        # since the members changed
        self._warm = 0

    def take(self, step: Step, inputs: Sequence[Tensor]) -> Tensor:
        """Takes one step, and returns its output; the next call may overwrite it.

        Raises:
            RuntimeError: Memory is full (`device.out_of_memory`), also while a step is recorded.
        """
        if self._recording and self._graph is None and self._warm >= WARM_UP_STEPS:
            self._try_to_record(step, inputs)
        if self._graph is not None:
            return self._graph.play(inputs)
        if not self._recording:
            return step(*inputs)
        self._warm += 1
        return self._warm_up(step, inputs)

    def forget(self) -> None:
        """Frees the graph and its memory; later steps are recorded anew.

        It is needed before the step's tensors are replaced by others.
        """
        self._graph = None
        self._warm = 0

    def _try_to_record(self, step: Step, inputs: Sequence[Tensor]) -> None:
        try:
            self._graph = self._record(step, inputs)
        except RuntimeError as error:
            if out_of_memory(error):
                # The caller goes on with half of the members.
                raise
            self._recording = False
            # The first error says why; those after it, that the recording is over.
            *_, first = causes(error)
            words = str(first).splitlines() or [type(first).__name__]
            say_once(
                f"no graph of a step could be recorded ({words[0]}); going on without, which is"
                " slower and changes no number"
            )


class Brake:
    """Keeps the host at most AHEAD steps before the device; waits for nothing newer."""

    def __init__(self, device: str) -> None:
        self._on_device = device != "cpu"
        self._events: deque[Any] = deque()

    def stepped(self) -> None:
        """Marks the end of a step, and waits for one some steps ago."""
        if not self._on_device:
            return
        event = torch.cuda.Event(blocking=True)
        event.record()
        self._events.append(event)
        if len(self._events) > AHEAD:
            self._events.popleft().synchronize()
