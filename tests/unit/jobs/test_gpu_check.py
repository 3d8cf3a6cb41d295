"""What doctor says of a GPU: what it measures is made small here, and runs on the CPU."""

import time
from dataclasses import replace

import pytest

import mixwright.proxies.speed.measure as measure
from mixwright.__main__ import main
from mixwright.jobs.doctor import gpu_check
from mixwright.jobs.doctor.gpu_check import (
    Calibrated,
    Measured,
    Plan,
    advice,
    calibrations,
    machine_facts,
    pack_speed,
    speeds,
)
from mixwright.proxies.speed.cases import SHAPES
from mixwright.proxies.speed.measure import Speed
from mixwright.proxies.tuning import Choice
from mixwright.stages.gpu import check_gpu

SHAPE = SHAPES["tiny"] | {"width": 32, "heads": 2, "hidden": 48, "context": 32, "vocabulary": 256}
PLAN = Plan(
    device="cpu",
    cases=(("tiny", 1), ("tiny", 2)),
    shapes={"tiny": SHAPE},
    calibrated=("tiny",),
    seconds=0.02,
    batch=2,
    fixed={"compile": False, "precision": "float32"},
)


def pack(members: int, tokens: float, graph: bool = True, case: str = "tiny") -> Measured:
    choice = Choice("float32", "explicit", False, 2, members)
    speed = Speed(members, tokens, tokens, tokens, 5, None, 0.1, choice)
    return Measured(case, members, speed, graph=graph)


def chosen(members: int, tokens: float, best: float, best_members: int) -> Calibrated:
    return Calibrated("tiny", members, "bfloat16", tokens, best, best_members, {})


def test_without_a_gpu_one_line_says_so(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["doctor", "--gpu"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert "sees no GPU here" in line


def test_without_torch_one_line_says_so(capsys, monkeypatch):
    monkeypatch.setattr(gpu_check, "find_spec", lambda name: None)
    assert main(["doctor", "--gpu"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "torch is not installed" in line


def test_the_check_prints_speeds_a_choice_and_what_to_set(capsys, monkeypatch):
    """The pack without a graph is left out, where settings cannot say so."""
    monkeypatch.setenv("COLUMNS", "200")
    check_gpu(PLAN)
    printed = capsys.readouterr().out
    assert "calibration, models like tiny: float32" in printed
    assert "device: cuda" in printed
    rows = [line.split() for line in printed.splitlines() if line.strip().startswith("tiny ")]
    assert [row[1] for row in rows][:2] == ["1", "2"]
    assert float(rows[0][2]) > 0


def test_packs_that_would_begin_late_are_named_and_not_measured():
    late = list(speeds(replace(PLAN, packs_until=0.0), time.monotonic() - 1))
    assert [(one.members, one.speed, one.reason) for one in late] == [
        (1, None, "no time left"),
        (2, None, "no time left"),
    ]
    assert not list(calibrations(replace(PLAN, calibrations_until=0.0), [], time.monotonic() - 1))


def test_what_memory_does_not_hold_has_a_reason(monkeypatch):
    def full(wave):
        raise MemoryError

    monkeypatch.setattr(measure.Wave, "advance", full)
    one = pack_speed(PLAN, "tiny", 1)
    assert one.speed is None and "memory does not hold" in one.reason


def calibrate_to(monkeypatch, members: int, **settings) -> None:
    choices = {"precision": "float32", "attention": "explicit", "compile": False, "wave": members}
    result = {"choices": choices | settings, "seconds": {"a": 1.0}}
    monkeypatch.setattr(measure, "calibrated", lambda *a, **k: result)


def measure_to(monkeypatch, tokens: float) -> list[dict]:
    """Every pack that is measured has this speed; returns how each was computed."""
    calls = []

    def fake(plan, case, members, graph=True, **fixed):
        calls.append({"members": members, **fixed})
        return pack(members, tokens)

    monkeypatch.setattr(gpu_check, "pack_speed", fake)
    return calls


def test_a_choice_that_was_measured_is_not_measured_again(monkeypatch):
    calibrate_to(monkeypatch, 2)
    calls = measure_to(monkeypatch, 0.0)
    packs = [pack(1, 100.0), pack(2, 90.0), pack(2, 500.0, graph=False)]
    (one,) = calibrations(PLAN, packs, time.monotonic())
    assert not calls
    assert (one.members, one.tokens, one.best, one.best_members) == (2, 90.0, 100.0, 1)
    assert one.share == 0.9 and one.timings == {"a": 1.0}


def test_a_choice_of_another_precision_is_measured_as_chosen(monkeypatch):
    calibrate_to(monkeypatch, 2, precision="bfloat16")
    calls = measure_to(monkeypatch, 200.0)
    (one,) = calibrations(PLAN, [pack(1, 100.0), pack(2, 90.0)], time.monotonic())
    (call,) = calls
    assert call["members"] == 2 and call["precision"] == "bfloat16"
    assert (one.tokens, one.best, one.share) == (200.0, 200.0, 1.0)


def test_advice_is_the_device_alone_where_calibration_is_right():
    ((_, settings),) = advice([pack(1, 10.0), pack(1, 9.9, False)], [chosen(1, 96.0, 100.0, 4)])
    assert settings == {"proxy": {"device": "cuda"}, "final": {"device": "cuda"}}


def test_advice_names_a_faster_number_of_models():
    (_, (why, settings)) = advice([], [chosen(1, 80.0, 100.0, 16)])
    assert settings == {"proxy": {"wave": 16}}
    assert "20 % slower than 16" in why


def test_advice_leaves_graphs_out_where_they_are_slower():
    (_, (why, settings)) = advice([pack(1, 10.0), pack(1, 12.0, False), pack(4, 9.0)], [])
    assert settings == {"proxy": {"graph": False}}
    assert "without a graph" in why


def test_facts_name_torch_and_the_device():
    facts = machine_facts("cpu", ask=lambda *words: "580.159.03\n")
    assert facts["torch"] and facts["device"]
    assert facts["driver"] == "580.159.03"
    assert facts["CUDA"] == "none" or facts["CUDA"][0].isdigit()


@pytest.mark.parametrize(
    ("name", "share"), [("NVIDIA H200", 0.2779), ("NVIDIA GeForce GTX 970", None)]
)
def test_share_of_the_peak_on_paper(monkeypatch, name, share):
    """3 M tokens a second of RegMix's shape, 91.6 MFLOP each, on 989 TFLOP/s."""
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *a: name)
    result = gpu_check.share_of_peak(SHAPES["RegMix"], 3e6, "cuda")
    assert result == (share and pytest.approx(share, rel=1e-3))
    assert gpu_check.share_of_peak(SHAPES["RegMix"], 3e6, "cpu") is None
