"""Steps of a wave on a GPU: eager ones, the recording, replays, and what ends a recording.

A fake graph stands for CUDA's: a recording computes nothing, and each replay reads new numbers in
the same memory. What only a device shows is marked.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mixwright import progress
from mixwright.corpus import allocation
from mixwright.proxies import feed, wave
from mixwright.proxies import train as packed
from mixwright.proxies.cuda_graph import WARM_UP_STEPS, Steps, aside, side_stream, warmed_up
from mixwright.proxies.device import out_of_memory, prepare
from mixwright.proxies.wave import Wave
from small_bert import BERT
from small_packs import SETTINGS, SHAPE, eight, numbers, opened, run

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shards")


class FakeGraph:
    """Does on a CPU what a CUDA graph does; it notes what happens."""

    def __init__(self, step, inputs: Sequence[Tensor], notes: list[str]) -> None:
        notes.append("recorded")
        self._step = step
        self._notes = notes
        self._inputs = [tensor.clone() for tensor in inputs]

    def play(self, inputs: Sequence[Tensor]) -> Tensor:
        self._notes.append("replayed")
        for held, values in zip(self._inputs, inputs, strict=True):
            held.copy_(values)
        return self._step(*self._inputs)


def faked(notes: list[str], failures: Sequence[Exception] = ()) -> Steps:
    """Steps whose first recordings fail as these do."""
    waiting = list(failures)

    def record(step, inputs):
        if waiting:
            raise waiting.pop(0)
        return FakeGraph(step, inputs, notes)

    def warm_up(step, inputs):
        notes.append("eager")
        return step(*inputs)

    return Steps(record=record, warm_up=warm_up)


def pair(folder: Path, shape, steps: Steps) -> tuple[Wave, Wave]:
    """Two equal waves; the first takes its steps as on a GPU."""
    texts = opened(folder / shape.architecture, shape.masked)
    recorded, plain = (Wave(eight()[:3], shape, texts, SETTINGS) for _ in range(2))

    def step(*inputs: Tensor) -> Tensor:
        return steps.take(lambda *read: Wave._step(recorded, *read), inputs)

    recorded._steps = steps
    recorded._step = step
    return recorded, plain


def assert_equal(one: Wave, other: Wave) -> None:
    for name, tensor in other.parameters.items():
        assert torch.equal(tensor, one.parameters[name])
    for name, tensor in other.optimizer.state.items():
        assert torch.equal(tensor, one.optimizer.state[name])


@pytest.mark.parametrize("shape", [SHAPE, BERT], ids=["llama", "bert"])
def test_eager_steps_the_recording_and_replays_are_the_steps_bit_for_bit(folder, shape):
    """Each step is taken once: the eager ones count, and the recording is none."""
    notes: list[str] = []
    recorded, plain = pair(folder, shape, faked(notes))
    for step in range(10):
        recorded.advance(), plain.advance()
        assert_equal(recorded, plain)
        if step == 4:
            # with fewer members it is another graph
            recorded.leave([1]), plain.leave([1])
    first = ["eager"] * WARM_UP_STEPS + ["recorded"]
    assert notes == [*first, "replayed", "replayed", *first, "replayed", "replayed"]


def test_a_step_that_cannot_be_recorded_goes_on_as_it_is_and_says_why_once(
    folder, monkeypatch, capsys
):
    monkeypatch.setattr(progress, "_once", set())
    for _ in range(2):
        over = RuntimeError("the recording is over")
        over.__context__ = RuntimeError("no capture\nhere")
        notes: list[str] = []
        recorded, plain = pair(folder, SHAPE, faked(notes, [over]))
        for step in range(6):
            recorded.advance(), plain.advance()
            assert_equal(recorded, plain)
            if step == 4:
                recorded.leave([0]), plain.leave([0])
        # It is not tried again.
        assert notes == ["eager"] * WARM_UP_STEPS
    assert capsys.readouterr().err.count("(no capture)") == 1


def test_memory_that_fills_up_in_a_recording_halves_the_wave(folder, monkeypatch):
    """Half of the members go on from the start, and then the others."""
    full = RuntimeError("CUDA error: operation failed due to a previous error during capture")
    full.__context__ = torch.OutOfMemoryError("full")
    notes: list[str] = []
    plain_step = Wave._step
    first = faked(notes, [full])
    waves: list[Wave] = []

    def step(self: Wave, *inputs: Tensor) -> Tensor:
        if self not in waves:
            waves.append(self)
            self._steps = faked(notes) if len(waves) > 1 else first
        return self._steps.take(lambda *read: plain_step(self, *read), inputs)

    monkeypatch.setattr(wave.Wave, "_step", step)
    lines: list[str] = []
    results = run(folder / "llama", eight()[:4], log=lines.append)
    monkeypatch.setattr(wave.Wave, "_step", plain_step)
    assert [len(one.schedules) for one in waves] == [4, 0, 0]
    assert any("does not hold 4 runs side by side" in str(line) for line in lines)
    plain = run(folder / "llama", eight()[:4])
    assert {key: numbers(result) for key, result in results.items()} == {
        key: numbers(result) for key, result in plain.items()
    }


def test_scoring_in_a_full_memory_frees_the_recorded_step_and_ends_no_training(folder, monkeypatch):
    """The step holds its memory between steps; without it one member fits, or none does."""
    plain = run(folder / "llama", eight()[:1])
    score = packed.Exam.loglikelihoods
    notes: list[str] = []
    monkeypatch.setattr(Wave, "release", lambda self: notes.append("released"))

    def full(self, *args):
        if notes[-1:] != ["released"]:
            notes.append("full")
            raise torch.OutOfMemoryError("full")
        notes.append("scored")
        return score(self, *args)

    monkeypatch.setattr(packed.Exam, "loglikelihoods", full)
    results = run(folder / "llama", eight()[:1])
    assert notes[:3] == ["full", "released", "scored"]
    assert numbers(results["key0"]) == numbers(plain["key0"])


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "CUDA error: cudaErrorMemoryAllocation",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "HIP out of memory. Tried to allocate 2.00 GiB",
    ],
)
def test_full_memory_is_known_by_its_words_and_by_what_came_before(words):
    assert out_of_memory(torch.AcceleratorError(words))
    later = RuntimeError("CUDA error: cudaErrorStreamCaptureInvalidated")
    assert not out_of_memory(later)
    later.__context__ = RuntimeError(words)
    assert out_of_memory(later)
    # Words of a file's name are no lack of memory.
    assert not out_of_memory(FileNotFoundError(words))


def test_without_graphs_no_step_is_recorded():
    notes: list[str] = []
    steps = faked(notes)
    steps._recording = False
    for number in range(5):
        assert steps.take(lambda value: value + 1, [torch.tensor(number)]) == number + 1
    assert notes == []


@pytest.mark.parametrize("was", ["tf32", "none"])
def test_products_of_float32_are_exact_on_a_gpu_and_a_job_says_what_it_turned_off(
    monkeypatch, capsys, was
):
    monkeypatch.setattr(progress, "_once", set())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    before = torch.backends.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = was
        for precision in ("float32", "float32", None):
            prepare("cuda", precision)
        assert torch.backends.cuda.matmul.fp32_precision == "ieee"
        # Torch's compiler asks by the older name.
        assert torch.get_float32_matmul_precision() == "highest"
    finally:
        torch.backends.fp32_precision = before
    lines = capsys.readouterr().err
    assert lines.count("TF32 was on") == (1 if was == "tf32" else 0)
    assert lines.count("for TF32 is off") == 1


@pytest.mark.parametrize("shape", [SHAPE, BERT], ids=["llama", "bert"])
@pytest.mark.parametrize("size", [1, 1 << 30])
def test_steps_that_are_read_in_blocks_are_the_same_steps(folder, shape, size, monkeypatch):
    """Blocks as on a GPU, of one step or of many; members end within one, and one resumes."""
    monkeypatch.setattr(feed, "BLOCK_BYTES", size)
    members = []
    for member, steps in zip(eight()[:3], (7, 40, 40), strict=True):
        members.append(replace(member, steps=steps))
    plain = run(folder / shape.architecture, members, shape=shape)
    blocks = []
    fill = feed.Feed._fill

    def watched(self, steps, read):
        self._device = "staged"
        blocks.append(len(steps))
        fill(self, steps, read)

    monkeypatch.setattr(feed.Feed, "_fill", watched)
    monkeypatch.setattr(feed.Feed, "_on_device", lambda self, tensor: tensor.clone())
    staged = run(folder / shape.architecture, members, shape=shape)
    assert sum(blocks) == 40 and (max(blocks) == 1 if size == 1 else blocks == [1, 6, 32, 1])
    for key, result in plain.items():
        assert numbers(staged[key]) == numbers(result)


def test_a_wave_that_changes_within_a_block_reads_on_where_it_was(folder, monkeypatch):
    """Schedules were read ahead: members that leave, and a checkpoint, are of the step of now."""
    monkeypatch.setattr(allocation, "WINDOW", 16)
    texts = opened(folder / "llama")
    staged, plain = (Wave(eight(40)[:3], SHAPE, texts, SETTINGS) for _ in range(2))
    staged._feed._steps_of = lambda size: 20
    for step in range(30):
        staged.advance(), plain.advance()
        assert_equal(staged, plain)
        if step == 6:
            assert staged._feed._steps == range(1, 21)
            staged.leave([1]), plain.leave([1])
        if step == 17:
            resumed = Wave(staged.members, SHAPE, texts, SETTINGS)
            resumed.resume(staged.state())
            for _ in range(3):
                resumed.advance()
        if step == 20:
            assert_equal(resumed, staged)


def test_a_step_looks_at_no_number_of_the_device(folder, monkeypatch):
    """Each look would make the host wait; also between the steps, where nothing is due."""
    texts = opened(folder / "llama")
    one = Wave(eight(400)[:2], SHAPE, texts, replace(SETTINGS, stops_diverged=True))
    pack = packed.Pack(
        SHAPE,
        texts,
        replace(SETTINGS, stops_diverged=True),
        *[packed.Exam.of({}, SHAPE.context)] * 3,
        resident=None,
        on_finished=lambda member, result: None,
        pace=packed.PackPace(lambda line: None, 2, 800, 128),
        log=lambda line: None,
    )
    one.advance()
    looks: list[str] = []

    def watch(name: str) -> None:
        plain = getattr(Tensor, name)

        def look(self, *args, **options):
            looks.append(name)
            return plain(self, *args, **options)

        monkeypatch.setattr(Tensor, name, look)

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
        watch(name)
    assert not pack.ended(one)
    one.advance()
    pack.measure(one)
    pack.saves(one, packed.Checkpoint(None, "", packed.Clock(0.0)))
    assert looks == []
    # The watch sees a look where one is due.
    assert one.diverged == [] and looks == ["tolist"]


@pytest.mark.gpu
@needs_gpu
def test_a_recorded_step_on_the_device_is_the_eager_one(folder):
    settings = replace(SETTINGS, device="cuda")
    texts = opened(folder / "llama")
    recorded, plain = (
        Wave(eight()[:3], SHAPE, texts, replace(settings, graph=graph)) for graph in (True, False)
    )
    for step in range(10):
        recorded.advance(), plain.advance()
        if step == 4:
            recorded.leave([1]), plain.leave([1])
    assert recorded._steps._graph is not None
    for name, tensor in plain.parameters.items():
        assert torch.allclose(tensor, recorded.parameters[name], atol=1e-5)


@pytest.mark.gpu
@needs_gpu
def test_a_graph_of_a_step_that_was_not_taken_before_plays_it():
    weights = torch.zeros(4, device="cuda")
    graph = warmed_up(lambda values: weights.add_(values).sum(), [torch.ones(4, device="cuda")])
    assert weights.tolist() == [float(WARM_UP_STEPS)] * 4
    output = graph.play([torch.full((4,), 2.0, device="cuda")])
    assert output.item() == 4 * (WARM_UP_STEPS + 2)


@pytest.mark.gpu
@needs_gpu
def test_a_failed_recording_leaves_the_device_as_it_was():
    """The stream, the generator and the allocator work on, and no number has moved."""
    weights = torch.ones(8, device="cuda")
    steps = Steps()

    def step(values: Tensor) -> Tensor:
        weights.add_(values)
        if torch.cuda.is_current_stream_capturing():
            # A recording may not look at a number.
            weights.sum().item()
        return weights.sum()

    before = torch.cuda.current_stream()
    for number in range(1, 6):
        result = steps.take(step, [torch.ones(8, device="cuda")])
        assert result.item() == 8 * (number + 1)
    assert torch.cuda.current_stream() == before
    torch.rand(4, device="cuda").sum().item()
    torch.cuda.empty_cache()
    assert aside(lambda: weights.clone(), []).tolist() == [6.0] * 8
    assert side_stream() is side_stream()
    # A full device still says that it is full.
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(1 << 45, device="cuda")
