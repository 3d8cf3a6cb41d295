"""Which runs of a larger size a study's fit takes."""

import copy
import re

import pytest

from least_study import CONFIG, LEAST
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.study.anchoring import anchor_place, anchor_words, anchored_mixers, reason
from mixwright.study.config import resolve
from mixwright.study.study import Study


def planned(mixers=("effective-data", "wide-law"), **transfer):
    config = copy.deepcopy(LEAST)
    config["mixers"] = {name: {} for name in mixers}
    config["designs"] = {"swarm": {"runs": 32}}
    config["transfer"] = {"mixtures": 16, **transfer}
    return Study(resolve(config, CONFIG))


def test_sixteen_mixtures_at_the_largest_size_are_anchors():
    usual = 102_400
    study = planned(models=["tiny", "small"], tokens=[usual, 2 * usual], rates=[1, 3])
    place = anchor_place(study.config)
    combination = study.config["transfer"]["combinations"][place]
    assert (combination["model"], combination["tokens"], combination["rate"]) == (
        "small",
        2 * usual,
        1,
    )
    assert anchor_words(study.config) == "small, 204,800 tokens"
    assert anchored_mixers(study.config) == ["effective-data"]
    line = "16 mixtures at small, 204,800 tokens enter the fit of effective-data"
    assert any(line in text for text in plan_lines(plan_of(study)))


@pytest.mark.parametrize(
    ("transfer", "words"),
    [
        ({"models": ["small"], "mixtures": 15}, "15 mixtures .* enter no fit: 16 or more help"),
        ({"models": ["small"], "anchors": False}, r"enter no fit \(transfer.anchors: false\)"),
        ({"models": ["small"]}, "enter the fit of effective-data"),
    ],
)
def test_it_is_said_whether_they_enter_a_fit(transfer, words):
    study = planned(**transfer)
    assert re.search(words, reason(study.config))
    assert bool(anchored_mixers(study.config)) == ("enter the fit" in words)


def test_other_rates_and_smaller_sizes_are_no_anchors():
    rates = planned(models=["small"], rates=[0.3, 3])
    assert anchor_place(rates.config) is None and reason(rates.config) == ""
    shorter = planned(models=["tiny"], tokens=51_200)
    assert anchor_place(shorter.config) is None
    # more parameters for fewer tokens is another size, not a larger one
    traded = planned(models=["small"], tokens=51_200)
    assert anchor_place(traded.config) is None
    trees = planned(mixers=("regmix",), models=["small"])
    assert anchored_mixers(trees.config) == []
    assert "of the laws effective-data alone takes them" in reason(trees.config)


def test_a_study_json_of_an_earlier_version_has_none():
    study = planned(models=["small"])
    section = dict(study.config["transfer"])
    del section["anchors"]
    assert anchor_place({**study.config, "transfer": section}) is None
