"""How proxies are computed: the choice, its reasons, and a machine that cannot keep it."""

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from mixwright.errors import MixwrightError
from mixwright.proxies.calibrated import kept_here
from mixwright.proxies.timing import seconds_of
from mixwright.proxies.trials import Choice
from mixwright.proxies.tuning import Machine, calibrate, machine, rule_of_thumb
from mixwright.study.study import Study
from study_runs import STUDY

AUTO = dict.fromkeys(("precision", "attention", "compile", "micro_batch", "wave"), "auto")
PROXY = STUDY["proxy"] | AUTO
HERE = Machine("a cpu, avx512_bf16", bfloat16=True, compiler=True, memory_mb=6_000)
MUCH = 10**9  # tokens of the largest job


def never(choice: Choice) -> float:
    raise AssertionError(f"timed {choice}")


def test_little_work_is_never_timed_and_says_so():
    calibration = calibrate(PROXY, 512, 8192, HERE, never)
    assert calibration["choices"] == {
        "precision": "bfloat16",
        "attention": "explicit",
        "compile": False,
        "micro_batch": 4,
        "wave": 4,
    }
    assert (
        "too little to time" in calibration["reasons"]["timing"]
        and calibration["seconds"] == {}
        and calibration["machine"] == HERE.kind
    )
    assert (
        calibrate(PROXY, 512, 8192, replace(HERE, bfloat16=False), never)["choices"]["precision"]
        == "float32"
    )


def test_what_is_clearly_faster_in_a_few_steps_is_chosen():
    seconds = {
        ("float32", "fused"): 0.97,
        ("float32", "explicit"): 1.0,
        ("bfloat16", "fused"): 2.0,
        ("bfloat16", "explicit"): 0.5,
    }

    def timed(choice: Choice) -> float:
        return (
            seconds[choice.precision, choice.attention]
            * (0.8 if choice.wave == 1 else 1)
            * (0.9 if choice.compile else 1)
        )

    chosen = calibrate(PROXY, 512, MUCH, HERE, timed)
    assert chosen["choices"] == {
        "precision": "bfloat16",
        "attention": "explicit",
        "compile": True,
        "micro_batch": 4,
        "wave": 1,
    }
    assert "saves" in chosen["reasons"]["compile"] and len(chosen["seconds"]) == 6
    plain = calibrate(
        PROXY | {"precision": "float32"}, 512, MUCH, replace(HERE, compiler=False), timed
    )
    assert plain["choices"]["attention"] == "explicit"  # 3 % is noise
    assert (
        plain["choices"]["compile"] is False
        and plain["reasons"]["precision"] == "fixed in the config"
    )


def test_a_compiler_that_fails_or_does_not_pay_is_left_out():
    def failing(choice: Choice) -> float:
        if choice.compile:
            raise RuntimeError("no such header")
        return 1.0

    calibration = calibrate(PROXY, 512, MUCH, HERE, failing)
    assert (
        calibration["choices"]["compile"] is False
        and "the compiler failed" in calibration["reasons"]["compile"]
    )
    assert calibrate(PROXY, 512, MUCH, HERE, lambda choice: 1.0)["choices"]["compile"] is False


def test_what_was_chosen_once_on_a_machine_stays_whatever_the_clock_says(tmp_path):
    speeds = iter(range(1, 100))
    first = calibrate(PROXY, 512, MUCH, HERE, lambda choice: 1 / next(speeds), tmp_path)
    assert calibrate(PROXY, 512, MUCH, HERE, never, tmp_path) == first
    other = calibrate(PROXY, 512, MUCH, replace(HERE, kind="another"), lambda choice: 1.0, tmp_path)
    assert other["machine"] == "another" and len(list(tmp_path.iterdir())) == 2


def test_what_the_config_fixes_is_chosen_and_a_batch_that_fills_memory_is_cut():
    fixed = {
        "precision": "bfloat16",
        "attention": "fused",
        "compile": False,
        "micro_batch": 2,
        "wave": 3,
    }
    assert (
        calibrate(PROXY | fixed, 512, MUCH, replace(HERE, bfloat16=False), never)["choices"]
        == fixed
    )
    shape = {
        "architecture": "llama",
        "layers": 2,
        "width": 256,
        "heads": 8,
        "hidden": 512,
        "context": 2048,
    }
    choice, reasons = rule_of_thumb(PROXY | {"shape": shape, "batch": 512}, 50_432, HERE)
    assert (
        1 <= choice.micro_batch < 16
        and choice.wave == 4
        and "activations" in reasons["micro_batch"]
    )
    assert (
        rule_of_thumb(
            PROXY | {"shape": shape, "batch": 512}, 50_432, replace(HERE, memory_mb=2_500)
        )[0].wave
        == 2
    )


def test_a_machine_that_cannot_keep_a_choice_says_what_it_does_instead():
    made = {
        "precision": "bfloat16",
        "attention": "explicit",
        "compile": True,
        "micro_batch": 4,
        "wave": 4,
    }
    bare = Machine("old", bfloat16=False, compiler=False, memory_mb=1_000)
    settings, lines = kept_here(made | {"precision": "float32"}, AUTO, bare)
    assert settings == made | {"precision": "float32", "compile": False} and len(lines) == 1
    with pytest.raises(MixwrightError, match="runs of two precisions cannot be compared"):
        kept_here(made, AUTO, bare)
    assert kept_here(made, AUTO | {"precision": "bfloat16"}, bare)[0]["precision"] == "bfloat16"
    assert kept_here(made, AUTO, HERE) == (made, [])


def test_a_step_of_the_real_shape_is_timed():
    this_machine = machine("cpu")
    assert this_machine.kind and this_machine.memory_mb > 0
    for attention in ("fused", "explicit"):
        assert seconds_of(PROXY, 64, Choice(attention=attention, micro_batch=4, wave=2)) > 0


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_stage_writes_how_it_computed_and_keys_its_results_by_it(tmp_path, calibrated):
    from mixwright.proxies.pack import train_pack
    from pack_runs import RUNS, mixtures
    from shard_files import examples, make_shards

    proxy = STUDY["proxy"] | (
        {"precision": "float32", "micro_batch": 2}
        if calibrated
        else AUTO | {"precision": "float32"}
    )
    train_pack(
        RUNS[:1],
        mixtures(),
        make_shards(tmp_path),
        {"held": examples(2)},
        Study(STUDY | {"proxy": proxy}),
        tmp_path / "store",
        tmp_path / "pack",
    )
    computed = json.loads(pq.read_schema(tmp_path / "pack").metadata[b"computed"])
    assert (computed["micro_batch"], computed["attention"]) == (
        (2, "fused") if calibrated else (4, "explicit")
    ) and computed["compile"] is False
