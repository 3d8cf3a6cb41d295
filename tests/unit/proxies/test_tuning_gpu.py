"""How proxies are computed on a GPU: memory, what is timed, how many go side by side.

No test here needs a GPU, and none says how fast one is.
"""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from mixwright.proxies import timing
from mixwright.proxies.calibrated import kept_here
from mixwright.proxies.cuda_graph import WARM_UP_STEPS, Steps
from mixwright.proxies.footprint import (
    DEVICE_LOGIT_BYTES,
    DEVICE_LOGIT_ROWS,
    DEVICE_LOGITS,
    LIBRARIES_SHARE,
    MOST,
    PIECE_MB,
    TOKENS_SHARE,
    activation_mb,
    head_mb,
    member_mb,
    members_budget_mb,
    packed,
    wave_mb,
)
from mixwright.proxies.trials import COUNTS, Choice
from mixwright.proxies.tuning import KEYS, Machine, calibrate, multiplies_bfloat16, rule_of_thumb
from study_runs import STUDY

AUTO = dict.fromkeys(KEYS, "auto")
CPU = STUDY["proxy"] | AUTO
GPU = CPU | {"device": "cuda"}
CARD = Machine("a card", bfloat16=True, compiler=False, memory_mb=members_budget_mb(80_000))
MUCH = 10**11  # tokens of the largest job
SHAPE = {"layers": 4, "width": 128, "heads": 8, "hidden": 512, "context": 256}


# memory


def test_tokens_libraries_and_members_share_one_memory():
    total = 80_000
    assert members_budget_mb(total) + (TOKENS_SHARE + LIBRARIES_SHARE) * total <= total
    assert members_budget_mb(total) > total / 2


@pytest.mark.parametrize("vocabulary", [512, 50_432, 250_000])
def test_the_head_is_counted_once_for_a_wave(vocabulary):
    row_mb = DEVICE_LOGIT_BYTES * vocabulary / 2**20
    least, most = DEVICE_LOGIT_ROWS
    assert least * row_mb <= head_mb(vocabulary, 1, "cuda") <= most * row_mb
    assert head_mb(vocabulary, 64, "cuda") <= DEVICE_LOGITS * DEVICE_LOGIT_BYTES / 2**20
    member = member_mb(SHAPE, vocabulary, 4, "fused", "cuda")
    side_by_side = wave_mb(SHAPE, vocabulary, 4, 64, "fused", "cuda")
    assert side_by_side == 64 * member + head_mb(vocabulary, 64, "cuda")


@pytest.mark.parametrize("context", [32, 256, 511, 512, 2048])
def test_explicit_attention_is_counted_on_a_gpu_at_every_context_and_auto_is_fused(context):
    shape = SHAPE | {"context": context}
    fused = activation_mb(shape, 1, "fused", "cuda")
    assert activation_mb(shape, 1, "auto", "cuda") == fused
    pairs = activation_mb(shape, 1, "explicit", "cuda") - fused
    assert pairs >= 0.5 * 4 * 8 * context * context * 4 / 2**20


@pytest.mark.parametrize("memory_mb", [8_000, 16_000, 48_000, 84_000])
@pytest.mark.parametrize("vocabulary", [512, 50_432])
def test_a_wave_is_the_most_that_memory_holds(memory_mb, vocabulary):
    shape = SHAPE | {"width": 512, "hidden": 2048, "layers": 8, "context": 2048}
    proxy = GPU | {"shape": shape, "batch": 64}
    sequences, members = packed(proxy, vocabulary, memory_mb, "fused")
    assert sequences * activation_mb(shape, 1, "fused", "cuda") <= PIECE_MB["cuda"]
    sizes = (shape, vocabulary, sequences)
    assert wave_mb(*sizes, members, "fused", "cuda") <= memory_mb
    assert wave_mb(*sizes, members + 1, "fused", "cuda") > memory_mb
    assert 1 <= members < MOST["cuda"]


def test_memory_that_holds_not_even_one_leaves_one():
    shape = SHAPE | {"width": 2048, "layers": 24}
    assert packed(GPU | {"shape": shape}, 50_432, 1_000, "fused")[1] == 1


# what is chosen


def speeds(times):
    """A timer by precision, kernel and members; the most that fit are far more than 16."""

    def seconds(choice):
        of_kernel = times[choice.precision, choice.attention]
        return of_kernel(choice.wave)

    return seconds


def flat_from(count, least=1.0):
    """Seconds that fall until so many members, and stay."""
    return lambda members: least * max(count, members) / members if members < count else least


def chosen(times, proxy=GPU, machine=CARD):
    return calibrate(proxy, 512, MUCH, machine, speeds(times))


@pytest.mark.parametrize(("enough", "members"), [(1, 1), (3, 4), (4, 4), (16, 16), (40, 64)])
def test_the_fewest_members_within_five_percent_are_taken(enough, members):
    slow = lambda count: 100.0  # noqa: E731
    times = dict.fromkeys(
        [("float32", "fused"), ("float32", "explicit"), ("bfloat16", "explicit")], slow
    )
    made = chosen(times | {("bfloat16", "fused"): flat_from(enough)})
    choices = made["choices"]
    assert (choices["wave"], choices["precision"], choices["attention"]) == (
        members,
        "bfloat16",
        "fused",
    )
    assert "within 5%" in made["reasons"]["wave"]
    names = [name for name in made["seconds"] if name.startswith("bfloat16, fused")]
    assert len(names) == len(COUNTS) + 1, "each number of members is timed"
    # 16 kernels and numbers would be; what is hopeless side by side is timed once
    assert len(made["seconds"]) == len(COUNTS) + 4


def test_a_gain_of_less_than_five_percent_takes_no_more_members():
    times = {1: 1.04, 4: 1.02, 16: 1.01, 64: 1.0}
    by_kernel = dict.fromkeys(
        [(p, a) for p in ("float32", "bfloat16") for a in ("fused", "explicit")],
        times.__getitem__,
    )
    made = chosen(by_kernel)
    assert made["choices"]["wave"] == 1
    assert made["choices"]["precision"] == "bfloat16", "no other is clearly faster"


def test_a_precision_and_a_kernel_are_chosen_by_the_best_number_of_members():
    even = lambda count: 1.0  # noqa: E731
    times = {
        ("bfloat16", "fused"): even,
        ("bfloat16", "explicit"): lambda count: 0.5 if count == 4 else 1.5,
        ("float32", "fused"): even,
        ("float32", "explicit"): even,
    }
    made = chosen(times)
    assert made["choices"] | {"micro_batch": 4} == {
        "precision": "bfloat16",
        "attention": "explicit",
        "compile": False,
        "micro_batch": 4,
        "wave": 4,
    }
    assert made["reasons"]["attention"] == "the faster in a few steps"


def test_what_memory_does_not_hold_is_an_answer_and_fewer_members_are_timed():
    times = dict.fromkeys(
        [(p, a) for p in ("float32", "bfloat16") for a in ("fused", "explicit")],
        lambda count: math.inf if count > 4 else 1 / count,
    )
    made = chosen(times)
    assert made["choices"]["wave"] == 4
    assert made["seconds"]["bfloat16, fused attention, 64 side by side"] is None
    nothing = chosen(dict.fromkeys(times, lambda count: math.inf))
    assert nothing["choices"]["wave"] == 1
    assert "nothing timed fits into memory" in nothing["reasons"]["timing"]


def test_a_number_of_members_that_the_config_fixes_is_the_only_one():
    times = dict.fromkeys(
        [(p, a) for p in ("float32", "bfloat16") for a in ("fused", "explicit")],
        lambda count: 1 / count,
    )
    made = chosen(times, GPU | {"wave": 8})
    assert made["choices"]["wave"] == 8 and made["reasons"]["wave"] == "fixed in the config"
    assert len(made["seconds"]) == 4


def test_a_card_without_bfloat16_is_timed_in_float32_alone():
    times = dict.fromkeys([("float32", "fused"), ("float32", "explicit")], lambda count: 1.0)
    machine = Machine("an old card", False, False, CARD.memory_mb)
    assert chosen(times, machine=machine)["choices"]["precision"] == "float32"


def test_a_compiled_step_is_tried_with_the_chosen_number_of_members():
    tried = []

    def seconds(choice):
        tried.append(choice)
        return (0.5 if choice.compile else 1.0) / min(choice.wave, 4)

    machine = Machine("a card", True, True, CARD.memory_mb)
    made = calibrate(GPU, 512, MUCH, machine, seconds)
    assert made["choices"]["compile"] is True and made["choices"]["wave"] == 4
    assert tried[-1].compile and "CPU-s" not in made["reasons"]["compile"]


def test_a_timing_of_a_gpu_is_remembered_and_not_by_the_study_s_length(tmp_path):
    machine = CARD
    times = lambda choice: 1 / choice.wave  # noqa: E731
    first = calibrate(GPU, 512, MUCH, machine, times, tmp_path)

    def never(choice):
        raise AssertionError(choice)

    assert calibrate(GPU, 512, 2 * MUCH, machine, never, tmp_path) == first
    with pytest.raises(AssertionError):
        calibrate(GPU | {"graph": False}, 512, MUCH, machine, never, tmp_path)


# hardware and precision


@pytest.mark.parametrize(
    ("name", "multiplies"),
    [
        ("gfx906:sramecc+:xnack-", False),
        ("gfx90a:sramecc+:xnack-", True),
        ("gfx942", True),
        ("gfx1030", False),
        ("gfx1100", True),
    ],
)
def test_bfloat16_of_an_amd_gpu_is_told_by_its_name(name, multiplies, monkeypatch):
    # as torch answers for every one of them
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert multiplies_bfloat16(SimpleNamespace(gcnArchName=name)) is multiplies


@pytest.mark.parametrize("multiplies", [True, False])
def test_bfloat16_of_others_is_what_torch_says_without_emulation(multiplies, monkeypatch):
    answer = lambda including_emulation=True: including_emulation or multiplies  # noqa: E731
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", answer)
    assert multiplies_bfloat16(SimpleNamespace(major=7)) is multiplies
    assert multiplies_bfloat16(SimpleNamespace(gcnArchName="NVIDIA H100")) is multiplies


def test_a_pack_that_keeps_float32_on_a_machine_of_bfloat16_says_so():
    made = {"precision": "float32", "attention": "fused", "compile": False}
    settings, lines = kept_here(made, AUTO, CARD, "an old card")
    assert settings == made
    (line,) = lines
    assert "float32 was chosen on an old card" in line and "a card multiplies bfloat16" in line
    # chosen here by the clock, or by the config
    assert kept_here(made, AUTO, CARD, CARD.kind) == (made, [])
    assert kept_here(made, AUTO | {"precision": "float32"}, CARD, "an old card") == (made, [])


def test_a_gpu_s_rule_of_thumb_takes_the_fused_kernel_at_every_context():
    choice, _ = rule_of_thumb(GPU, 512, CARD)
    assert choice.attention == "fused" and choice.wave == MOST["cuda"]


# the timer, on a CPU


@pytest.mark.parametrize("micro_batch", [1, 4])
def test_whole_steps_of_the_real_batch_are_timed(micro_batch, monkeypatch):
    rows = []
    real = timing.timed_step

    def watched(step, inputs):
        rows.append(tuple(inputs[0].shape[:2]))
        return real(step, inputs)

    monkeypatch.setattr(timing, "timed_step", watched)
    choice = Choice(micro_batch=micro_batch, wave=3)
    assert timing.seconds_of_replays(CPU, 64, choice, recorded=False) > 0
    assert rows == [(3, CPU["batch"])]


def test_a_masked_model_s_steps_are_timed_too():
    shape = CPU["shape"] | {"architecture": "bert"}
    choice = Choice(micro_batch=2, wave=2)
    assert timing.seconds_of_replays(CPU | {"shape": shape}, 64, choice, recorded=False) > 0


def test_a_gpu_s_members_are_made_of_one():
    one = {"a": torch.rand(1, 2, 3), "b": torch.rand(1, 5)}
    several = timing._alike(one, 3)
    for name, tensor in several.items():
        assert tensor.shape == (3, *one[name].shape[1:])
        assert all(torch.equal(member, one[name][0]) for member in tensor)
        # each has memory of its own
        tensor[0] += 1
        assert torch.equal(tensor[1], one[name][0])


def test_a_batch_of_many_pieces_is_timed_by_whole_pieces():
    assert timing._rows_on_gpu(4, 4, 64) == 4
    assert timing._rows_on_gpu(512, 19, 2_048) == 76
    assert timing._rows_on_gpu(512, 600, 2_048) == 512


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 20), (1.0, 10), (60.0, 3)])
def test_slow_steps_are_repeated_less_often(seconds, steps, monkeypatch):
    clock = [0.0]
    calls = []

    def step():
        calls.append(1)
        clock[0] += seconds
        return torch.ones(1)

    monkeypatch.setattr(timing.time, "monotonic", lambda: clock[0])
    assert timing.timed_step(step, []) == seconds
    # those before a recording, and one that says how long it takes
    assert len(calls) == timing.UNTIMED + 1 + steps


class Recording:
    """A recording that needs no GPU."""

    def __init__(self, step, inputs):
        self.step = step
        self.played = 0

    def play(self, inputs):
        self.played += 1
        return self.step(*inputs)


def timed_by(record):
    """Times a step that is recorded so; returns what was recorded, and the steps taken."""
    recordings = []
    taken = []

    def step(tensor):
        taken.append(1)
        return tensor.neg()

    def recorded(step, inputs):
        recordings.append(record(step, inputs))
        return recordings[-1]

    steps = Steps(record=recorded, warm_up=lambda step, inputs: step(*inputs))
    assert timing.timed_step(partial(timing._taken, steps, step), [torch.ones(2)]) > 0
    return recordings, len(taken)


def test_what_is_timed_are_replays_of_one_recording():
    (recording,), taken = timed_by(Recording)
    # of the steps before those that are timed, the last is a replay
    assert timing.UNTIMED > WARM_UP_STEPS
    assert recording.played == timing.UNTIMED - WARM_UP_STEPS + 1 + timing.REPLAYS
    assert taken == timing.UNTIMED + 1 + timing.REPLAYS


def test_a_step_that_cannot_be_recorded_is_timed_as_it_is_and_a_full_memory_is_not():
    def failing(step, inputs):
        raise RuntimeError("operation not permitted when stream is capturing")

    recordings, taken = timed_by(failing)
    assert not recordings and taken == timing.UNTIMED + 1 + timing.REPLAYS

    def full(step, inputs):
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        timed_by(full)


def test_a_gpu_that_is_full_is_an_answer(monkeypatch):
    def full(*arguments):
        raise torch.OutOfMemoryError("full")

    released = []
    monkeypatch.setattr("mixwright.proxies.device.prepare", lambda device: None)
    monkeypatch.setattr(timing, "seconds_of_replays", full)
    monkeypatch.setattr(timing, "_release", released.append)
    assert timing.seconds_of(GPU, 64, Choice()) == math.inf
    assert released == ["cuda"]


def test_recording_follows_the_study():
    assert timing.records(GPU)
    assert timing.records(GPU | {"graph": "auto"})
    assert not timing.records(GPU | {"graph": False})


@pytest.mark.gpu
def test_steps_are_timed_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")
    for members in (1, 4):
        choice = Choice(micro_batch=4, wave=members)
        assert 0 < timing.seconds_of(GPU, 512, choice) < 1
