"""Mixtures that are level with the best one, and what becomes of texts outside the goal."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import explored_surfaces
import made_pages
import study_tables
from mixwright.files import plain
from mixwright.learners import TEXT
from mixwright.report.choices import choices_of, chosen_among, level_with
from mixwright.report.comparison import compare
from mixwright.report.cost import Spent, took_json
from mixwright.report.notes import with_mixtures
from mixwright.report.outputs import as_json
from mixwright.report.outside import measured_outside, outside_words, predicted_outside
from mixwright.report.page import summary_page
from mixwright.study.study import Study
from mixwright.trust.surface import record
from page_words import words

# Three mixers that finals cannot tell apart, one that is worse, and one equal to another.
ARMS = {
    "natural": 0.0,
    "uniform": 0.03,
    "unimax": 0.03,
    "effective-data": 0.061,
    "mixmin": 0.06,
    "regmix": 0.0602,
}
TARGETS = dict.fromkeys(study_tables.TARGETS, 1.0)
COST = {"effective-data": 3_200_000, "regmix": 3_200_000, "mixmin": 700_000}


def summary(**more):
    scores = study_tables.scores(arms=ARMS, noise=0.001)
    mixtures = [mixture for mixture in study_tables.mixtures() if mixture["mixer"] in ARMS]
    config = study_tables.study() | {"mixers": {name: {} for name in ARMS}}
    return made_pages.summed(config, scores=scores, mixtures=mixtures, **more)


def test_the_best_mixture_stands_beside_those_that_are_level_with_it():
    comparison = compare(study_tables.scores(arms=ARMS, noise=0.001), TARGETS)
    best, *others = choices_of(comparison, {}, COST, {})
    assert best.best is None and {choice.mixer for choice in others} == set(level_with(comparison))
    names = {best.mixer, *(choice.mixer for choice in others)}
    assert names == {"effective-data", "mixmin", "regmix"}
    rivals = len(comparison.distinct) - 1
    for choice in (best, *others):
        widened = comparison.difference(choice.mixer, comparisons=rivals)
        assert (
            choice.natural == widened
            and choice.natural.low < comparison.difference(choice.mixer).low
        )
    for choice in others:
        assert choice.best.low <= 0 <= choice.best.high
    assert chosen_among(comparison).count("uniform (as unimax)") == 1
    assert len(chosen_among(comparison)) == rivals


def test_where_one_mixture_is_best_there_is_no_choice():
    arms = {"natural": 0.0, "regmix": 0.1, "effective-data": 0.2}
    comparison = compare(study_tables.scores(arms=arms, noise=0.001), TARGETS)
    assert choices_of(comparison, {}, COST, {}) == ()
    single = made_pages.SUMMARIES["many domains"]()
    assert single.answer.level == "" and "do as well" not in words(summary_page(single))


def test_the_page_and_the_json_hold_the_choices_and_the_cheapest_is_named():
    made = summary()
    answer = made.answer
    assert "mixmin was the cheapest to learn" in answer.level and len(answer.choices) == 3
    content = json.loads(json.dumps(as_json(made), allow_nan=False))["answer"]["choices"]
    assert [choice["mixer"] for choice in content] == [choice.mixer for choice in answer.choices]
    assert content[0]["best"] is None and content[1]["best"]["verdict"] == "not distinguishable"
    page = words(summary_page(made))
    assert answer.level in page and "do as well on the goal" in page
    (step,) = [step for step in made.next if step.startswith("Take any of")]
    for choice in answer.choices:
        assert choice.mixer in step


def test_finals_say_which_texts_outside_the_goal_get_worse():
    scores = study_tables.scores(arms=ARMS, noise=0.001)
    worse = (scores.mixer == "regmix") & (scores.task == "tables")
    scores.loc[worse & (scores.metric == "loss"), "value"] += 3.0
    outside = measured_outside(scores, TARGETS, TEXT)
    first, *others = outside["regmix"]
    assert first.text == "tables" and first.worse == pytest.approx(3.0 - 0.06, abs=0.01)
    assert first.low < first.worse < first.high and first.clear
    assert {text.text for text in (first, *others)} == set(study_tables.DOMAINS)
    sentence = outside_words(outside["regmix"], measured=True)
    assert re.fullmatch(
        r"Worse than natural outside the goal: tables by 2\.9\d nats/token \[.*\]\."
        r" On tables that is about"
        r" 19 times the perplexity\.( Of the other .*)?",
        sentence,
    )
    assert "not one of 7 texts" in outside_words(outside["mixmin"], measured=True)
    # a text that some finals were not scored on is left out
    partly = scores.drop(scores.index[worse])
    assert all(text.text != "tables" for text in measured_outside(partly, TARGETS, TEXT)["regmix"])


@pytest.mark.parametrize("units", explored_surfaces.UNITS)
@pytest.mark.parametrize("seed", range(3))
def test_without_measurements_the_surface_says_which_texts_get_worse(units, seed):
    surface = explored_surfaces.made("effective-data", units)
    held = plain(record.record_of(surface))
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(surface.domains)))
    natural = surface.wish.natural
    mixtures = {
        "natural": dict(zip(surface.domains, natural.tolist(), strict=True)),
        "method": dict(zip(surface.domains, weights.tolist(), strict=True)),
    }
    targets = {surface.targets[0]: 1.0}
    outside = predicted_outside([held], targets, mixtures)
    assert all(text.worse == pytest.approx(0, abs=1e-9) for text in outside["natural"])
    value, low, high = surface.differences(weights[None], natural)
    predicted, _, _ = surface.intervals(np.stack([weights, natural]))
    assert value[0] == pytest.approx(predicted[0] - predicted[1], abs=1e-9)
    by_name = {text.text: text for text in outside["method"]}
    assert set(by_name) == set(surface.targets[1:])
    for column, name in enumerate(surface.targets[1:], start=1):
        text = by_name[name]
        sign = -1 if text.metric.higher else 1
        ends = sorted((sign * low[0, column], sign * high[0, column]))
        assert (text.low, text.high) == pytest.approx(ends)
        assert text.low < text.worse < text.high
    assert predicted_outside([held], targets, {"method": mixtures["method"]}) == {}
    assert predicted_outside([], targets, mixtures) == {}


def test_paired_refits_make_a_difference_surer_than_two_predictions_apart():
    surface = explored_surfaces.made("effective-data")
    natural = surface.wish.natural
    near = 0.95 * natural + 0.05 / len(natural)
    _, low, high = surface.differences(near[None], natural)
    _, below, above = surface.intervals(np.stack([near, natural]))
    apart = np.hypot(*(above - below))
    assert (high - low < apart).all() and (high > low).all()


def test_time_is_apart_from_what_two_runs_of_a_study_have_in_common():
    row = Spent("swarm", 32, 100, 1e9, 12.5)
    first = replace(made_pages.summed(), spent=(row,))
    second = replace(first, spent=(replace(row, seconds=99.0),))
    one, other = as_json(first), as_json(second)
    assert one.pop("took") == {"swarm": 12.5} and other.pop("took") == {"swarm": 99.0}
    assert one == other
    assert took_json((replace(row, seconds=None),)) == {}


def test_a_run_in_a_note_is_named_by_its_mixture():
    design, _ = study_tables.proxies()
    run = design.run.iloc[0]
    (note,) = with_mixtures((f"{run} lies 0.9 nats/token off; check it",), design)
    assert re.match(rf"the run on \d+ % \w+, .* \({run}\) lies 0\.9 nats/token off", note)
    assert with_mixtures(("no run at all",), design) == ("no run at all",)


def test_the_data_of_a_demonstration_are_the_first_thing_to_distrust():
    first, second, *_ = made_pages.summed().caveats
    assert first.serious and first.text.startswith("This is demonstration data")
    assert second.serious and second.text.startswith("The final models are small: 200 k training")
    own = study_tables.study()
    own["domains"] = {name: {"source": "files", "files": "a"} for name in own["domains"]}
    made = made_pages.summed(own)
    assert made.answer.headline.startswith("Train on ")
    assert "demonstration" not in made.caveats[0].text
    assert Study(own).learner.sized
