"""Golden numbers on public tables.

MIXWRIGHT_MIRROR names the folder that holds regmix/ and autoscale/.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mixwright.designs.informative import choose
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.autoscale.scales import fit_published, fit_robust
from mixwright.mixers.autoscale.water_filling import extrapolate, water_filling
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds
from published_pile import MIRROR, pile

pytestmark = pytest.mark.skipif(not MIRROR, reason="MIXWRIGHT_MIRROR is not set")
SIZES = ("1m", "60m", "1B")


def swarm():
    return pile("train_mixture_1m", "train_pile_loss_1m")


@cache
def fitted(name):
    return create(name).fit(swarm())


def correlations(mixer):
    """Spearman x 100, mean over 13 targets, on the three published test sets."""
    tests = [pile(f"test_mixture_{size}", f"test_pile_loss_{size}") for size in SIZES]
    predicted = [mixer.predict(test.amounts) for test in tests]
    means = []
    for guess, test in zip(predicted, tests, strict=True):
        ranks = [spearmanr(x, y).statistic for x, y in zip(guess.T, test.losses.T, strict=True)]
        means.append(100 * np.mean(ranks))
    return means


def test_regmix_reaches_its_published_correlations():
    assert correlations(fitted("regmix")) == pytest.approx([98.96, 98.41, 94.84], abs=0.1)


def test_linear_regression_reaches_its_published_correlations():
    assert correlations(fitted("regmix-linear")) == pytest.approx([83.1, 83.0, 70.9], abs=0.4)


def test_the_law_beats_the_trees_at_512_runs():
    assert (np.array(correlations(fitted("effective-data"))) >= [99.2, 98.8, 95.8]).all()


def test_the_ensemble_beats_its_members_and_weighs_them_by_the_training_runs_alone():
    result = fitted("ensemble")
    assert (np.array(correlations(result)) >= [99.25, 98.85, 95.85]).all()
    test = pile("test_mixture_1m", "test_pile_loss_1m")
    assert ((result.predict(test.amounts) - test.losses) ** 2).mean() <= 0.0092
    share = dict(zip(result.names, result.shares[:, 0], strict=True))
    assert share["effective-data"] == pytest.approx(0.7, abs=0.05)
    assert share["regmix"] == pytest.approx(0.3, abs=0.05)


def test_other_laws_rank_worse_and_propose_corners():
    assert np.array(correlations(fitted("additive"))) == pytest.approx([98.9, 98.6, 95.7], abs=0.2)
    assert np.array(correlations(fitted("log-linear"))) == pytest.approx(
        [96.0, 95.6, 92.2], abs=0.5
    )
    assert fitted("log-linear").propose(pile_goal({"pile_cc": 1.0})).weights.max() > 0.99


TREES_AT_512 = [98.96, 98.41, 94.84]


def test_the_law_at_96_random_runs_beats_the_trees_at_512():
    results = []
    for seed in range(5):
        chosen = np.random.default_rng(seed).permutation(512)[:96]
        mixer = create("effective-data").fit(swarm().only(chosen))
        results.append(correlations(mixer))
    assert (np.mean(results, axis=0) >= TREES_AT_512).all()


@pytest.mark.parametrize(("runs", "short"), [(64, 0.0), (48, 0.1)])
def test_the_law_at_64_chosen_runs_beats_the_trees_at_512_and_at_48_is_near(runs, short):
    chosen = np.array(choose(swarm().weights, runs))
    mixer = create("effective-data").fit(swarm().only(chosen))
    assert (np.array(correlations(mixer)) >= np.array(TREES_AT_512) - short).all()


def pile_goal(target, **bounds):
    # The swarm's centre stands in for the corpus: its token counts were not published.
    centre = swarm().weights.mean(axis=0)
    tokens = [round(1e9 * share) for share in centre]
    domains = tuple(map(Domain, swarm().domains, tokens))
    return Goal(domains, target, 1e9, Bounds.of(domains, 1e9, **bounds))


def test_both_put_most_of_pile_cc_on_pile_cc_and_the_certificate_holds_under_caps():
    goal = pile_goal({"pile_cc": 1.0})
    column = swarm().domains.index("pile_cc")
    assert fitted("regmix").propose(goal).weights[column] > 0.7
    law = fitted("effective-data").propose(goal)
    assert law.weights[column] > 0.7 and law.gap < 1e-6
    everything = dict.fromkeys(swarm().targets, 1 / 13)
    assert fitted("effective-data").propose(pile_goal(everything, max_epochs=1.5)).gap < 1e-6


@cache
def perplexities():
    table = pd.read_csv(Path(MIRROR) / "autoscale/ddo_perplexity_1.2B.csv").set_index("run")
    return table, [column for column in table.columns if column != "mean"]


def responses(values, domains):
    return (
        np.array(
            [[values[f"{name}_reduced"], values["base"], values[f"{name}_x3"]] for name in domains]
        )
        / values["base"]
    )


def test_the_published_optimum_of_autoscale():
    table, domains = perplexities()
    a, b = fit_published(np.tile([1 / 5, 1, 3], (7, 1)), responses(table["mean"], domains))
    result = water_filling(a, b, 7, 0.2)
    assert result == pytest.approx(
        [1.6248, 0.2, 1.2742, 1.1798, 1.8519, 0.6372, 0.2322], abs=5.1e-5
    )  # all digits printed


@pytest.mark.parametrize("reduced", [1 / 5, 1 / 3])
def test_log_perplexity_is_kinder_to_github(reduced):
    table, domains = perplexities()
    logs = np.log(table[domains]).mean(axis=1)
    points = np.tile([reduced, 1, 3], (7, 1))
    result = water_filling(*fit_robust(points, responses(logs, domains), 0.002).centre(), 7, 0.2)
    share = dict(zip(domains, result, strict=True))
    assert 0.55 < share["github"] < 0.75 and 1.1 < share["common_crawl"] < 1.25


def test_the_published_ladder_of_totals():
    optima = pd.read_csv(Path(MIRROR) / "autoscale/optima.csv").set_index("tokens_billion")
    first, second = optima.to_numpy() * optima.index.to_numpy()[:, None] / 7
    ladder = [(first * (second / first) ** step).sum() for step in (2, 3, 4, 5)]
    for total, printed, digits in zip(
        ladder, [5.0005, 21.389, 93.228, 412.44], (4, 3, 3, 2), strict=True
    ):
        assert round(total, digits) == printed
    for step, total in ((2, ladder[0]), (4, ladder[2]), (0.5, 0.59612)):
        assert extrapolate(first, second, total) == pytest.approx(
            first * (second / first) ** step, rel=1e-4
        )
    assert round((first * (second / first) ** 0.5).sum(), 5) == 0.59612
