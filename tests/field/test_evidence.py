"""A verdict is given only for mixtures that the runs can speak of.

Swarms without variance, domains that nobody tried, seeds of one mixture on both sides of a fold,
and single bad runs, on planted swarms of four domains and two targets.
"""

import tracemalloc
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.learners import ACCURACY, POINTS
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.numerics.pairs import Pairs
from mixwright.observations import Observations
from mixwright.simplex.alike import same_mixture
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import propose
from mixwright.trust.folds import folds_of, held_out_residuals
from mixwright.trust.learning_curve import learning_curve
from mixwright.trust.noise import noise_of
from mixwright.trust.odd_runs import OddRuns
from mixwright.trust.validation import score, scores, validate

DOMAINS = ("books", "code", "news", "web")
TARGETS = ("prose", "questions")
NEEDS = np.array([[1.0, 0.2, 0.5, 0.3], [0.2, 1.2, 0.2, 0.4]])
CANNOT = "these runs cannot tell"


def truth(weights):
    """(runs, targets) losses of a law in the four domains; further domains do nothing."""
    data = np.maximum(weights[:, :4], 0) ** 0.6 @ NEEDS.T
    return 2.2 + 0.9 * (0.05 + data) ** -0.4


def swarm(weights, noise=0.003, seed=0, domains=DOMAINS):
    rng = np.random.default_rng([seed, 1])
    losses = truth(weights) + noise * rng.standard_normal((len(weights), len(TARGETS)))
    runs = tuple(f"run-{i:03}" for i in range(len(weights)))
    return Observations(domains, TARGETS, runs, ("swarm",) * len(runs), 1e6 * weights, losses)


def spread_out(runs=40, seed=0, domains=4):
    return np.random.default_rng(seed).dirichlet(np.ones(domains), runs)


def goal_of(seen, most=None):
    """A goal whose natural mixture is the runs' mean; `most` caps domains by name."""
    mean = seen.weights.mean(axis=0)
    domains = tuple(
        Domain(name, max(0, round(1e9 * share)))
        for name, share in zip(seen.domains, mean, strict=True)
    )
    upper = np.array([(most or {}).get(name, 1.0) for name in seen.domains])
    bounds = Bounds(np.zeros(len(upper)), upper)
    return Goal(domains, dict.fromkeys(TARGETS, 0.5), 1e6, bounds)


def ask(seen, goal=None, mixer="effective-data", settings=None):
    goal = goal or goal_of(seen)
    return propose(create(mixer, settings).fit(seen), seen, goal, draws=12)


def kind(proposal):
    return proposal.verdict.split(" by ")[0].split(":")[0].split(" (")[0]


def half_width(proposal):
    gain = proposal.intervals["gain"]
    return (gain["high"] - gain["low"]) / 2


@cache
def clean():
    return ask(swarm(spread_out()))


def true_gain(seen, proposal):
    natural, chosen = truth(np.stack([goal_of(seen).natural, proposal.weights])).mean(axis=1)
    return natural - chosen


# runs that tell


def test_a_planted_gain_is_better_and_covered():
    better = clean()
    gain = better.intervals["gain"]
    assert kind(better) == "better than natural"
    assert gain["low"] <= true_gain(swarm(spread_out()), better) <= gain["high"]
    evidence = better.intervals["evidence"]
    assert evidence["reasons"] == [] and evidence["mixtures"] == evidence["runs"] == 40
    assert evidence["explained"] > 0.9 and evidence["distance"] < 2


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_order_of_runs_and_domains_does_not_matter(order):
    rng = np.random.default_rng(order)
    seen = swarm(spread_out())
    rows, columns = rng.permutation(40), rng.permutation(4)
    turned = replace(
        seen,
        runs=tuple(seen.runs[i] for i in rows),
        amounts=seen.amounts[rows][:, columns],
        losses=seen.losses[rows],
    )
    assert ask(turned).verdict[:25] == clean().verdict[:25]


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_losses_does_not_matter(scale):
    seen = swarm(spread_out())
    assert kind(ask(replace(seen, losses=scale * seen.losses))) == kind(clean())


@pytest.mark.parametrize("constant", [-10.0, -2.0, 100.0])
def test_a_constant_added_to_all_losses_does_not_matter(constant):
    seen = swarm(spread_out())
    moved = ask(replace(seen, losses=seen.losses + constant))
    assert kind(moved) == kind(clean())
    assert half_width(moved) < 2 * half_width(clean())


def test_runs_written_twice_say_no_more_than_once():
    seen = swarm(spread_out())
    twice = seen.only(np.repeat(np.arange(40), 2))
    twice = replace(twice, runs=tuple(f"{i:03}" for i in range(80)))
    again = ask(twice)
    assert kind(again) == kind(clean())
    assert again.intervals["evidence"]["mixtures"] == 40
    assert half_width(again) > 0.5 * half_width(clean())


# runs that hardly differ


def alike(runs=20, width=5e-4, seed=0):
    weights = 0.25 + np.random.default_rng(seed).uniform(-width, width, (runs, 4))
    return swarm(weights / weights.sum(axis=1, keepdims=True), noise=0.01, seed=seed)


@pytest.mark.parametrize("width", [5e-4, 2e-3, 5e-3])
@pytest.mark.parametrize("seed", range(3))
def test_a_swarm_without_variance_cannot_tell(seed, width):
    proposal = ask(alike(width=width, seed=seed))
    assert proposal.verdict.startswith(CANNOT)
    assert proposal.notes.count(proposal.verdict) == 1
    assert "gain" in proposal.intervals


def test_one_mixture_is_called_so():
    assert "the 20 runs are of one mixture; train runs that differ" in ask(alike()).verdict


def test_a_direction_in_which_no_run_moves_is_not_known():
    weights = spread_out()
    weights[:, 2:] = 0.25
    weights[:, :2] /= 2 * weights[:, :2].sum(axis=1, keepdims=True)
    verdict = ask(swarm(weights)).verdict
    assert (
        verdict.startswith(CANNOT) and "the outermost run; train 2 or more runs near it" in verdict
    )


def test_many_seeds_of_few_mixtures_are_few_mixtures():
    weights = np.repeat(spread_out(3), 10, axis=0)
    proposal = ask(swarm(weights))
    assert proposal.verdict.startswith(CANNOT)
    assert proposal.intervals["evidence"]["mixtures"] == 3


@pytest.mark.parametrize("seed", range(3))
def test_noise_cannot_tell(seed):
    seen = swarm(spread_out(seed=seed), seed=seed)
    noise = 3 + 0.02 * np.random.default_rng(seed).standard_normal(seen.losses.shape)
    proposal = ask(replace(seen, losses=noise))
    assert "predicted no better than by chance" in proposal.verdict


def test_more_domains_than_runs_cannot_tell():
    names = tuple(f"d{i:02}" for i in range(24))
    weights = spread_out(16, domains=24)
    assert ask(swarm(weights, domains=names)).verdict.startswith(CANNOT)


# domains that nobody tried


def with_legal(shares, seed=0):
    """A swarm of five domains, where `legal` has these shares."""
    rest = spread_out(len(shares), seed)
    weights = np.column_stack([rest * (1 - np.array(shares)[:, None]), shares])
    return swarm(weights, seed=seed, domains=(*DOMAINS, "legal"))


def takes_legal(seen):
    """A goal that must take a tenth of `legal`."""
    goal = goal_of(seen)
    return replace(goal, bounds=Bounds(0.1 * np.eye(5)[4], np.ones(5)))


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (np.zeros(40), "no run took legal; train 2 or more runs with 5 to 20 % of it"),
        (np.full(40, 5e-4), "no run took legal"),
        (np.eye(40)[3] * 0.2, "only one mixture took legal"),
        (np.eye(40)[3] * 0.01, "only one mixture took legal"),
    ],
)
def test_a_gain_that_rests_on_an_untried_domain_is_not_counted(shares, words):
    seen = with_legal(shares)
    proposal = ask(seen, takes_legal(seen))
    assert proposal.verdict.startswith(f"{CANNOT}: ") and words in proposal.verdict
    assert proposal.intervals["evidence"]["untried"] == ["legal"]


def test_three_seeds_of_one_mixture_try_a_domain_once():
    seen = with_legal(np.zeros(40))
    amounts = seen.amounts.copy()
    amounts[:3] = 1e6 * np.array([0.2, 0.2, 0.2, 0.2, 0.2])
    seen = replace(seen, amounts=amounts)
    assert "only one mixture took legal" in ask(seen, takes_legal(seen)).verdict


@pytest.mark.parametrize("seed", range(4))
def test_an_untried_domain_is_never_a_reason_for_better(seed):
    seen = with_legal(np.zeros(40), seed)
    proposal = ask(seen)
    if proposal.weights[-1] > 5e-3:
        assert proposal.verdict.startswith(CANNOT)
    barred = ask(seen, goal_of(seen, {"legal": 0.0}))
    assert kind(barred) == "better than natural"


def test_a_domain_of_natural_that_no_run_took_leaves_the_gain_unknown():
    seen = with_legal(np.zeros(40))
    goal = goal_of(seen, {"legal": 0.0})
    domains = (*goal.domains[:-1], Domain("legal", 200_000_000))
    assert "no run took legal" in ask(seen, replace(goal, domains=domains)).verdict


def test_domains_that_several_mixtures_took_are_tried():
    shares = np.zeros(40)
    shares[[1, 5, 9, 20]] = [0.05, 0.1, 0.15, 0.2]
    assert ask(with_legal(shares)).intervals["evidence"]["untried"] == []


# seeds of one mixture


def at_random(mixtures=12, seeds=4, rounding=0.0, seed=0):
    """Each mixture's loss is drawn at random: nothing can be learned."""
    rng = np.random.default_rng(seed)
    weights = np.repeat(rng.dirichlet(np.ones(4), mixtures), seeds, axis=0)
    weights = weights + rounding * rng.uniform(-1, 1, weights.shape)
    weights = np.abs(weights) / np.abs(weights).sum(axis=1, keepdims=True)
    of_mixture = np.repeat(rng.normal(0, 0.05, (mixtures, 2)), seeds, axis=0)
    losses = 3 + of_mixture + rng.normal(0, 0.002, (len(weights), 2))
    runs = tuple(f"{i:03}" for i in range(len(weights)))
    return Observations(DOMAINS, TARGETS, runs, ("swarm",) * len(runs), 1e6 * weights, losses)


@pytest.mark.parametrize("rounding", [0.0, 1e-4, 2e-3])
@pytest.mark.parametrize("seed", range(2))
def test_seeds_of_a_mixture_are_held_out_together(seed, rounding):
    seen = at_random(seed=seed, rounding=rounding)
    settings = {"iterations": 60, "learning_rate": 0.1}
    for folds in (8, 4):
        frame = validate("regmix", settings, seen, folds=folds)
        assert scores(frame).spearman.mean() < 0.6
        parts = frame.groupby("run").fold.first().to_numpy().reshape(12, 4)
        assert (parts == parts[:, :1]).all()
    fold = folds_of(seen, np.arange(48), 0).reshape(12, 4)
    assert (fold == fold[:, :1]).all()


def test_held_out_residuals_of_seeds_are_as_large_as_those_of_mixtures():
    seen = at_random()
    settings = {"iterations": 60, "learning_rate": 0.1, "samples": 500, "keep": 8}
    full = create("regmix", settings).fit(seen)
    residuals = held_out_residuals(full, seen, np.arange(48), 0)
    assert residuals.std() > 0.03


def test_learning_curves_hold_out_whole_mixtures():
    curve = learning_curve("regmix-linear", {}, at_random(24, 3))
    assert curve.spearman.max() < 0.5


def test_a_stack_does_not_trust_what_learns_runs_by_heart():
    seen = at_random(16, 4, seed=3)
    members = {"regmix-linear": {}, "regmix": {"iterations": 80, "learning_rate": 0.2}}
    stacked = create("ensemble", {"members": members}).fit(seen)
    shares = dict(zip(stacked.names, stacked.shares.mean(axis=1), strict=True))
    assert shares.get("regmix", 0.0) < 0.9


def test_no_verdict_rests_on_seeds():
    proposal = ask(at_random(seed=1))
    assert proposal.verdict.startswith(CANNOT)


# runs that lie far off


def spoilt(rows, off, columns=(0, 1)):
    seen = swarm(spread_out())
    losses = seen.losses.copy()
    losses[np.ix_(rows, columns)] += off
    return replace(seen, losses=losses)


@pytest.mark.parametrize(
    ("rows", "off", "columns"),
    [
        ([28], 6.7, (0, 1)),
        ([3], 3.0, (1,)),
        ([17], -1.0, (0, 1)),
        ([5, 30], 2.0, (0, 1)),
    ],
)
def test_a_bad_run_is_named_and_widens_nothing(rows, off, columns):
    proposal = ask(spoilt(rows, off, columns))
    for row in rows:
        start = f"run-{row:03} lies "
        notes = [note for note in proposal.notes if note.startswith(start)]
        assert len(notes) == 1 and "off what the other runs say of" in notes[0]
        assert notes[0].endswith("; check it")
    assert proposal.intervals["evidence"]["odd"] == [f"run-{row:03}" for row in rows]
    assert half_width(proposal) < 3 * half_width(clean())
    assert kind(proposal) == "better than natural"


def test_a_clean_swarm_names_no_run():
    assert clean().intervals["evidence"]["odd"] == []
    assert not any("lies" in note for note in clean().notes)


def test_many_bad_runs_are_counted_by_name():
    proposal = ask(spoilt([1, 4, 9, 16, 25], 2.0))
    assert any(
        note.startswith("less far off than these, but odd too: run-") for note in proposal.notes
    )


def test_where_much_is_odd_it_is_the_form_and_no_run_is_named():
    proposal = ask(spoilt(list(range(0, 40, 3)), 1.0))
    assert proposal.intervals["evidence"]["odd"] == []
    assert not kind(proposal).startswith("better")


def test_a_bad_run_of_trees_is_named_too():
    settings = {"iterations": 60, "learning_rate": 0.1, "samples": 500, "keep": 8}
    proposal = ask(spoilt([28], 4.0), mixer="regmix", settings=settings)
    assert "run-028" in proposal.intervals["evidence"]["odd"]


# the unit of the goal, and targets that say nothing


def as_accuracies(seen, questions):
    metric = replace(ACCURACY, questions=questions)
    shares = 0.9 - 0.3 * (seen.losses - seen.losses.min()) / np.ptp(seen.losses)
    return replace(
        seen,
        losses=metric.minimised(shares),
        metrics=dict.fromkeys(TARGETS, metric),
    )


def test_a_gain_of_accuracies_is_in_points_and_rises():
    proposal = ask(as_accuracies(swarm(spread_out()), None))
    assert proposal.verdict.startswith("better than natural by ")
    assert POINTS.unit in proposal.verdict
    gain = proposal.intervals["gain"]
    assert 0 < gain["low"] < gain["value"] < gain["high"] < 30


def test_a_gain_under_the_error_of_its_questions_is_said():
    few = ask(as_accuracies(swarm(spread_out()), 20))
    many = ask(as_accuracies(swarm(spread_out()), 1_000_000))
    assert "; less than the error of its questions, " in few.verdict
    assert "questions" not in many.verdict


def test_a_target_that_is_the_same_in_every_run_is_said_and_has_no_interval():
    seen = swarm(spread_out())
    losses = np.column_stack([seen.losses[:, 0], np.zeros(40)])
    proposal = ask(replace(seen, losses=losses))
    assert "questions: the same in every run, so it tells no mixtures apart" in proposal.notes
    assert list(proposal.intervals["predicted"]) == ["prose"]
    assert kind(proposal) == "better than natural"


def test_two_runs_on_one_domain_alone_are_no_noise_of_a_mixture():
    weights = np.concatenate([spread_out(), np.tile([1.0, 0, 0, 0], (2, 1))])
    seen = swarm(weights)
    assert noise_of(seen, seen.losses[:, 0]) is None
    weights = np.concatenate([spread_out(), np.tile([0.4, 0.3, 0.2, 0.1], (2, 1))])
    seen = swarm(weights)
    floor = noise_of(seen, seen.losses[:, 0])
    assert floor.runs == 2 and floor.high > 10 * floor.value


# many runs


def test_ten_thousand_runs_are_scored_in_little_memory():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=10_000)
    tracemalloc.start()
    found = score(actual, actual + 0.1 * rng.normal(size=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6 and found["kendall"] > 0.9 and found["pairwise"] > 0.95


@pytest.mark.parametrize("levels", [3, 40, 10_000])
def test_pairs_are_counted_as_one_by_one(levels):
    rng = np.random.default_rng(levels)
    first, second = rng.integers(0, levels, (2, 75))
    pairs = np.triu_indices(75, 1)
    a = np.sign(first[:, None] - first)[pairs]
    b = np.sign(second[:, None] - second)[pairs]
    counted = Pairs.of(first, second)
    assert counted.concordant == (a * b == 1).sum()
    assert counted.discordant == (a * b == -1).sum()
    assert counted.equal_second == ((a != 0) & (b == 0)).sum()
    assert counted.equal_first == ((a == 0) & (b != 0)).sum()
    assert counted.right == np.where(b == 0, 0.5, a == b)[a != 0].mean()


def test_ten_thousand_runs_are_grouped_by_mixture():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(8), 2_000)
    group = same_mixture(np.repeat(weights, 5, axis=0) + rng.uniform(-1e-4, 1e-4, (10_000, 8)))
    assert (group.reshape(2_000, 5) == group[::5, None]).all()
    assert group.max() > 1_900


def test_a_dense_swarm_is_not_one_chain():
    share = np.linspace(0, 1, 400)
    group = same_mixture(np.column_stack([share, 1 - share]))
    assert np.bincount(group).max() <= 3


def test_where_the_form_is_the_doubt_it_is_said():
    weights = spread_out(64)
    weights[-4:] = weights[-1]
    steps = 0.2 / (1 + np.exp(-(weights[:, :2] - 0.2) / 0.02))
    noise = 0.001 * np.random.default_rng(0).standard_normal(steps.shape)
    proposal = ask(replace(swarm(weights), losses=3 - steps + noise))
    words = "is what the form of effective-data cannot follow: runs near this mixture narrow it"
    assert not kind(proposal).startswith("better")
    assert any(words in note for note in proposal.notes)
    assert not any("cannot follow" in note for note in clean().notes)


def test_twelve_runs_of_nine_mixtures_still_fit_a_stack():
    mixtures = spread_out(9)
    weights = np.concatenate([mixtures, np.tile(mixtures[:1], (3, 1))])
    members = {"effective-data": {}, "additive": {}}
    assert create("ensemble", {"members": members}).fit(swarm(weights)).names


def test_the_oddest_runs_are_those_furthest_from_what_is_usual_of_their_target():
    rng = np.random.default_rng(0)
    measured = np.column_stack([rng.normal(3, 0.01, 40), rng.normal(50, 5, 40)])
    residuals = np.column_stack([rng.normal(0, 0.001, 40), rng.normal(0, 0.5, 40)])
    residuals[0, 0] = 1.0
    residuals[2:6, 1] = (30.0, 40.0, 35.0, 45.0)
    odd = OddRuns.of(measured, residuals, np.ones(40), np.ones(2, dtype=bool))
    runs = tuple(f"r{i}" for i in range(40))
    notes = odd.notes(runs, ("loss", "score"), {})
    assert notes[0].startswith("r0 lies") and notes[-1].startswith("less far off than these")
