"""Masked language models through the real workflow, from text to the report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from workshop import Workshop, changed, read_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("masked"))
    workshop.run(read_study("smoke-masked"))
    return workshop


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.folder / "results" / "smoke-masked"


def test_every_arm_is_scored_by_masked_losses_and_reported(finished, results):
    study = read_study("smoke-masked")
    scores = pd.concat(map(pd.read_parquet, (results / "scores").glob("*.parquet")))
    assert set(scores.mixer) == {*study["mixers"], "natural"} and set(scores.task) == {
        *study["domains"],
        *study["targets"],
    }
    losses = scores[scores.metric == "loss"]
    assert (
        losses.value - losses.unigram
    ).abs().max() < 0.5  # so few steps learn how often tokens occur, no more
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert [metric["title"] for metric in summary["metrics"]] == ["masked loss", "masked bits/byte"]
    assert finished.jobs(study) == {}


def test_mixmin_mixes_the_pseudo_loglikelihoods_of_masked_proxies(results):
    recorded = pd.read_parquet(results / "loglikelihoods" / "vertex.parquet")
    assert recorded.run.nunique() == 3 and set(recorded.target) == {"cython", "pytests"}
    per_token = -recorded.loglikelihood.sum() / recorded.scored_tokens.sum()
    losses = pd.read_parquet(results / "losses" / "vertex.parquet")
    assert per_token == pytest.approx(
        losses[
            losses.target.isin(["cython", "pytests"]) & (losses.step == losses.step.max())
        ].loss.mean(),
        abs=0.3,
    )
    weights = json.loads((results / "mixtures" / "mixmin.json").read_text())["weights"]
    assert sum(weights.values()) == pytest.approx(1, abs=1e-9)


def test_proxies_repeat_their_text_as_finals_of_their_mixture_would(results):
    """A proxy takes half as many sequences, from half of each domain's.

    A final takes twice the tokens.
    """
    finals = pd.concat(map(pd.read_parquet, (results / "finals").glob("*.parquet")))
    uniform = {
        row["domain"]: row["epochs"] for row in finals[finals.mixer == "uniform"].realised.iloc[0]
    }
    design = pd.read_parquet(results / "design" / "swarm.parquet")
    realised = pd.read_parquet(results / "realised" / "swarm.parquet").merge(
        design, on=["run", "domain"]
    )
    heavy = realised[realised.weight > 0.1]
    expected = heavy.domain.map(uniform) * heavy.weight * 3
    assert (heavy.epochs / expected - 1).abs().max() < 0.1


def test_the_learner_and_the_simulation_are_part_of_a_run(finished):
    study = read_study("smoke-masked")
    assert finished.jobs(changed(study, "proxy.simulated_epochs", False))["train_proxies"] == 3
    alone = finished.jobs(changed(study, "evaluation.masked", "alone"))
    assert "train_proxies" not in alone and alone["evaluate_proxies"] >= 1
    causal = changed(
        changed(changed(study, "learner", "causal-lm"), "proxy.model", "micro"),
        "final.model",
        "micro",
    )
    assert finished.jobs(causal)["train_tokenizer"] == 1
