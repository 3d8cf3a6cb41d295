"""Batches, warm-ups and copies that a study asks for, checked when it is parsed."""

from pathlib import Path

import pytest

from least_config import LEAST
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.study.config import resolve
from mixwright.study.study import Study

CONFIG = Path(__file__).parents[3] / "config"


def of(**change):
    return resolve(LEAST | change, CONFIG)


@pytest.mark.parametrize("tokens, batch", [(1, 1), (1_000, 8), (1_090, 9), (128 * 64, 64)])
def test_a_batch_in_tokens_is_the_nearest_whole_number_of_sequences(tokens, batch):
    study = of(final={"batch_tokens": tokens, "batch": 5})
    assert study["final"]["shape"]["context"] == 128
    assert study["final"]["batch"] == batch and study["final"]["batch_tokens"] == tokens


def test_a_plan_says_how_a_batch_in_tokens_is_rounded():
    study = Study(of(final={"batch_tokens": 1_000}))
    lines = list(plan_lines(plan_of(study)))
    assert "  final.batch_tokens 1,000: 8 sequences a step, the nearest whole number" in lines


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"final": {"optimizer": {"warmup": 2.5}}},
            "config: final.optimizer.warmup: 2.5 is no whole number of steps",
        ),
        (
            {"final": {"optimizer": {"warmup": 10**6}}},
            "config: final.optimizer.warmup: 1000000 steps are not fewer than the",
        ),
        (
            {"final": {"snapshots": [10**12]}},
            "config: final.snapshots: 1000000000000 tokens are not fewer than the",
        ),
    ],
)
def test_steps_that_a_final_does_not_have_are_refused(change, message):
    with pytest.raises(MixwrightError) as caught:
        of(**change)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
    if "snapshots" not in change["final"]:
        of(**change, finals="none")


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"final": {"batch_tokens": 10**9}, "goal": {"tokens": 16384}},
            "config: final.batch: one step of 7,812,500 sequences takes 1,000,000,000 tokens, and a"
            " run is to have 16,384; lower the batch, or give more tokens",
        ),
        (
            {"proxy": {"batch": 100, "tokens": 6000}},
            "config: proxy.batch: one step of 100 sequences takes 12,800 tokens, and a run is to"
            " have 6,000; lower the batch, or give more tokens",
        ),
    ],
)
def test_a_step_that_is_longer_than_the_run_is_refused(change, message):
    with pytest.raises(MixwrightError) as caught:
        of(**change)
    assert str(caught.value) == message


def test_a_warmup_longer_than_the_shortest_proxy_is_refused_when_runs_are_listed():
    config = {"proxy": {"tokens": 128 * 16 * 10, "batch": 16, "optimizer": {"warmup": 9}}}
    study = Study(of(**config))
    step = study.proxy["batch"] * study.proxy["shape"]["context"]
    assert {run.steps for run in study.runs["swarm"]} == {round(config["proxy"]["tokens"] / step)}
    shorter = {"proxy": config["proxy"] | {"tokens": step * 9}}
    with pytest.raises(MixwrightError, match=r"proxy\.optimizer\.warmup: 9 steps are not fewer"):
        Study(of(**shorter)).packs  # noqa: B018


def test_a_batch_among_processes_need_not_come_out_even():
    final = of(final={"batch": 10, "nodes": 2, "processes": 4})["final"]
    assert final["batch"] == 10
