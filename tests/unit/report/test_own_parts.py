"""What a page of own tables is made of: lines to type again, prices of bounds, rows, its size."""

import shlex
from dataclasses import replace

import numpy as np
import pytest

import run_tables
from mixwright import face
from mixwright.learners import LOSS, PERCENT
from mixwright.proposals.options import read_options
from mixwright.report.bars import weight_bars
from mixwright.report.drawings import Drawn
from mixwright.report.own.answering import about, caveats_of, seeds_needed
from mixwright.report.own.cells import number, percent, side, size
from mixwright.report.own.gathering import gather
from mixwright.report.own.option_words import folded, line, option_words
from mixwright.report.own.page import surface_record
from mixwright.report.own.prices import prices
from mixwright.report.own.target_rows import target_rows
from mixwright.report.room import LARGEST, with_room
from mixwright.trust.proposal import propose_within
from mixwright.trust.surface.building import surface_of

TYPED = {
    "target": ["prose=3", "questions=1"],
    "cap": ["web=0.3"],
    "floor": ["wiki=0.05"],
    "fix": ["code=0.2"],
    "group": ["books+web<=0.6", "books+web>=0.1"],
    "never_worse": ["questions"],
    "available": ["web=6e9", "code=2e9", "wiki=5e9", "books=1e9"],
    "tokens": 3e9,
    "max_epochs": 4.0,
    "seed": 7,
}


@pytest.fixture(scope="module")
def fit():
    return face.fit(face.read_runs(*run_tables.swarm()))


@pytest.fixture(scope="module")
def result(fit):
    return gather(fit, read_options(fit.source, target=["prose"], cap=["web=0.3"]), 10)


def parsed(words):
    """Option -> its words, as the command line takes them."""
    options: dict = {}
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            options[name] = []
        else:
            options[name].append(word)
    for name, kind in (("tokens", float), ("max_epochs", float), ("seed", int)):
        options[name] = kind(options[name][0])
    return options


def test_the_line_of_a_page_asks_for_the_same_again(fit):
    options = read_options(fit.source, **TYPED)
    text = line("propose", "--fit", "a folder/fit", *option_words(options))
    shell = folded(text)
    assert max(map(len, shell.splitlines())) < 100
    words = shlex.split(shell.replace("\\\n", ""))
    assert words == shlex.split(text)
    again = read_options(fit.source, **parsed(words[4:]))
    assert again == options


def test_a_bound_costs_what_the_best_mixture_without_it_gains(fit):
    options = read_options(fit.source, target=["prose"], cap=["web=0.3", "code=0.9"])
    by_option = {
        price.option: price
        for price in prices(fit.mixer, options, fit.source, options.goal(fit.source))
    }
    bound = face.propose(fit, targets="prose", caps={"web": 0.3, "code": 0.9}, draws=0)
    free = face.propose(fit, targets="prose", caps={"code": 0.9}, draws=0)
    price = by_option["--cap web=0.3"]
    gained = bound.predicted["prose"] - free.predicted["prose"]
    assert price.gain == pytest.approx(gained, abs=1e-6) and price.gain > 0.001
    assert price.weights == pytest.approx(free.mixture.as_dict(), abs=1e-4)
    assert by_option["--cap code=0.9"].gain == pytest.approx(0, abs=1e-6)


def test_rows_of_targets_are_what_predict_says(fit, result):
    rows = {row.name: row for row in target_rows(result)}
    assert next(iter(rows)) == "prose" and rows["questions"].weight == 0
    predicted = face.predict(fit, result.proposal.mixture).iloc[0]
    natural = dict(zip(fit.domains, fit.source.mean, strict=True))
    of_natural = face.predict(fit, natural).iloc[0]
    for name, row in rows.items():
        assert row.predicted == pytest.approx(predicted[name])
        assert row.natural == pytest.approx(of_natural[name])
        assert row.low < row.predicted < row.high
        assert row.rank.low > 0.5
    best = result.runs.measured[:, result.runs.targets.index("prose")].min()
    assert rows["prose"].best == pytest.approx(best)


def test_natural_is_called_what_it_is(result):
    sentence = "better than natural by 0.1; not distinguishable from natural"
    assert about(sentence, result).count("the mean of your runs") == 2
    assert not any("than natural" in caveat.text for caveat in caveats_of(result))


def test_seeds_follow_from_noise_and_gain(result):
    # no mixture was trained twice
    assert seeds_needed(result) is None
    intervals = {"gain": {"value": 0.1}, "noise": {"value": 0.1}}
    proposal = replace(result.proposal, intervals=intervals)
    one = seeds_needed(replace(result, proposal=proposal))
    # 2 (1.96 + 0.84)^2 at a difference of one standard deviation
    assert one == 16
    intervals["gain"]["value"] = 0.05
    assert seeds_needed(replace(result, proposal=proposal)) == 63


def test_a_page_gives_up_numbers_before_drawings():
    small = Drawn("small", "a", "<svg>", "x,y\n", "evidence")
    large = Drawn("large", "b", "<svg>", "1," * LARGEST, "evidence")

    def page(figures):
        return "".join(figure.svg + figure.csv + figure.caption for figure in figures)

    html, omitted = with_room(page, [small, large], "beside this page")
    assert not omitted and "x,y" in html and "large.csv holds them, beside this page" in html
    huge = Drawn("huge", "c", "<svg>" * LARGEST, "", "evidence")
    html, omitted = with_room(page, [small, huge], "beside this page")
    assert [figure.name for figure in omitted] == ["huge"] and "x,y" in html


def test_the_surface_of_the_page_has_the_bounds_and_the_goal_of_the_options(result):
    record = surface_record(result)
    web = record["domains"].index("web")
    assert record["goal"]["bounds"]["most"][web] == 0.3
    assert record["goal"]["weights"] == {"prose": 1.0}
    assert record["goal"]["natural_is"].startswith("the mean of the runs")
    # so that the line of the explorer names the targets
    assert record["goal"]["of"] == "options"
    np.testing.assert_allclose(
        record["goal"]["best"]["weights"], result.proposal.weights, atol=1e-6
    )


def test_what_a_target_costs_the_goal_is_what_propose_and_predict_say(fit, result):
    costs = result.trade_offs
    bound = {"targets": "questions", "caps": {"web": 0.3}, "draws": 0}
    best = face.propose(fit, **bound)
    predicted = face.predict(fit, [best.mixture, result.proposal.mixture])
    place = costs.targets.index("questions")
    lost = predicted.prose.iloc[0] - predicted.prose.iloc[1]
    assert costs.goal_cost[place] == pytest.approx(lost, abs=1e-6) and lost > 0.01
    assert costs.measured[place] == pytest.approx(predicted[list(costs.targets)].iloc[0], abs=1e-6)
    assert costs.proposed == pytest.approx(predicted[list(costs.targets)].iloc[1], abs=1e-9)


def test_the_proposal_and_the_surface_rest_on_the_refits_of_each_alone(fit, result):
    options = read_options(fit.source, target=["prose"], cap=["web=0.3"])
    alone = propose_within(fit, options, 10)
    assert alone.intervals == result.proposal.intervals
    surface = surface_of(fit, options.goal(fit.source), 10, 0)
    assert len(surface.refits) == len(result.surface.refits) == 10
    weights = np.array([fit.source.mean, result.weights])
    ends = surface.intervals(weights)
    for mine, shared in zip(ends, result.surface.intervals(weights), strict=True):
        np.testing.assert_array_equal(mine, shared)


def test_numbers_are_shown_as_a_reader_takes_them():
    percents = replace(PERCENT)
    assert size(0.32749, LOSS) == "0.327 nats/token" and size(-1.24, percents) == "1.2 points"
    assert "0.327 worse" in side(-0.3271, LOSS) and side(0.0004, LOSS) == "same"
    assert [percent(share) for share in (1.0, 0.8784, 0.0005, 0.00001, 0.0)] == [
        "100",
        "87.8",
        "0.05",
        "&lt;0.01",
        "0",
    ]
    assert number(71.59, percents) == "71.6" and number(-0.5) == "−0.500"


def test_many_small_weights_share_a_bar():
    weights = {"web": 0.9, "code": 0.088, **{f"small{place}": 0.003 for place in range(4)}}
    natural = {name: 1 / len(weights) for name in weights}
    html = weight_bars(weights, natural, {}, "training tokens")
    assert "4 others together" in html and "1.2 %, natural 66.7" in html and "small1" not in html
    few = weight_bars({"web": 0.998, "code": 0.002}, {}, {}, "training tokens")
    assert "others" not in few and "code" in few
