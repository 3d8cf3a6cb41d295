"""Merged single-domain proxies in a study: which runs it trains, and what it refuses."""

import copy

import pytest

from least_study import CONFIG, LEAST, names, study
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.work import works
from mixwright.report.layout import result_paths
from mixwright.study.config import resolve
from mixwright.study.study import Study

BASELINE = {"mixers": {"uniform": {}}}


def test_only_where_asked_for_both_kinds_of_runs_are_trained():
    plain = Study(resolve(copy.deepcopy(LEAST) | BASELINE, CONFIG))
    merging = Study(resolve(copy.deepcopy(LEAST) | BASELINE | {"merged": {}}, CONFIG))
    assert set(plain.runs) == {"repeat"} and not plain.merges
    assert set(merging.runs) == {"swarm", "vertex", "repeat"}
    assert result_paths(plain, "r")["merged"] == []
    assert result_paths(merging, "r")["merged"] == ["r/merged.json"]


def test_runs_that_are_there_anyway_keep_their_names():
    plain, merging = study(), study(merged={})
    for role in plain.runs:
        assert names(merging, role) == names(plain, role)


def test_all_runs_that_are_merged_or_compared_begin_at_one_seed():
    merging = study(merged={})
    seeds = {run.seed for role in ("swarm", "vertex") for run in merging.runs[role]}
    assert len(seeds) == 1


def test_the_plan_counts_the_job_and_what_it_scores():
    plain, merging = study(), study(merged={})
    assert not merging.reads_loglikelihoods or "mixmin" in merging.mixers
    jobs = {}
    for work in works(merging):
        jobs |= work.jobs
    assert jobs["merged"] == 1
    scored = {}
    for of_study, one in (("plain", plain), ("merging", merging)):
        for work in works(one):
            scored[of_study, work.stage] = work.scored
    more = scored["merging", "vertex"] - scored["plain", "vertex"]
    evaluation = merging.evaluation
    texts = len(merging.targets) + len(merging.domains)
    assert more >= len(merging.runs["swarm"]) * evaluation["tokens"] * (
        texts - len(merging.targets)
    )
    assert scored["merging", "swarm"] == scored["plain", "swarm"]


def test_a_study_whose_mixers_read_no_likelihoods_gathers_none():
    merging = Study(resolve(copy.deepcopy(LEAST) | BASELINE | {"merged": {}}, CONFIG))
    jobs = {}
    for work in works(merging):
        jobs |= work.jobs
    assert "collect_loglikelihoods" not in jobs


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"proxy": {"keep": "none"}}, "set proxy.keep to vertices or all"),
        (
            {
                "learner": "masked-lm",
                "proxy": {"model": "tiny-bert"},
                "final": {"model": "tiny-bert"},
            },
            "models of learner: masked-lm are not merged",
        ),
        ({"merged": {"mixtures": 4}}, "merged.mixtures is unknown"),
    ],
)
def test_what_cannot_be_merged_is_refused(change, refusal):
    with pytest.raises(MixwrightError, match=refusal):
        study(**({"merged": {}} | change))
