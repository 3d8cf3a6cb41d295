"""MixMin by densities: blind to how common the label 1 is in a domain, exact within bounds."""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.mixmin.rescaled import Rescaled
from mixwright.mixture import Domain
from mixwright.observations import Likelihoods, Observations
from mixwright.simplex.bounds import Bounds
from mixwright.tabular.metrics import average_precision, loglikelihoods

DOMAINS = ("common", "kin", "noise")
NATURAL = np.array([0.5, 0.1, 0.4])


def proxies(examples=4000, seed=0):
    """(examples, domains) probabilities and labels.

    `kin` ranks like the target at a tenth of its rate, `common` and `noise` do not.
    """
    rng = np.random.default_rng(seed)
    truth = rng.beta(0.5, 1.0, examples)
    labels = (rng.random(examples) < truth).astype(float)
    noise = rng.beta(2, 3, (examples, 2))
    return np.column_stack([noise[:, 0], truth / 10, noise[:, 1] / 5]), labels


def observations(seed=0):
    p, labels = proxies(seed=seed)
    block = Likelihoods(loglikelihoods(p, labels[:, None]), np.ones(len(labels)), labels=labels)
    return Observations(
        DOMAINS,
        ("target",),
        DOMAINS,
        ("vertex",) * 3,
        np.eye(3),
        np.zeros((3, 1)),
        {"target": block},
    )


def with_block(**changes):
    """The observations with parts of the target's likelihoods changed."""
    before = observations()
    block = replace(before.likelihoods["target"], **changes)
    return replace(before, likelihoods={"target": block})


def problem(mixer, tau):
    """What the mixer minimises for its only target."""
    lifts = mixer.lifts[0]
    a = np.full(len(lifts), 1 / len(lifts))
    return Rescaled(lifts, a, mixer.rates[0], NATURAL, tau)


def goal(**bounds):
    tokens = np.round(1000 * NATURAL).astype(int).tolist()
    domains = tuple(map(Domain, DOMAINS, tokens))
    return Goal(domains, {"target": 1.0}, 1000.0, Bounds.of(domains, 1000.0, **bounds))


def test_it_finds_the_domain_that_ranks_alike_however_rare_its_label_is():
    p, labels = proxies(seed=1)
    ranking = create("mixmin-ranking", {"tau": 0.0}).fit(observations()).propose(goal()).weights
    published = create("mixmin", {"tau": 0.0}).fit(observations()).propose(goal()).weights
    assert ranking[1] > 0.9 > published[1]
    precision = average_precision(labels, p @ ranking)
    assert precision > average_precision(labels, p @ published) + 0.05


def test_its_weights_undo_the_rates():
    """A proxy that says everything half as often gets twice the weight; the ranking stays."""
    p, labels = proxies()
    halved = p * np.array([1.0, 0.5, 1.0])
    changed = with_block(values=loglikelihoods(halved, labels[:, None]))
    mixer = create("mixmin-ranking", {"tau": 0.0})
    first = p @ mixer.fit(observations()).propose(goal()).weights
    second = halved @ mixer.fit(changed).propose(goal()).weights
    assert first / first.sum() == pytest.approx(second / second.sum(), abs=1e-6)


def test_the_pull_ends_at_natural_without_the_domains_that_are_capped_at_0():
    far = (
        create("mixmin-ranking", {"tau": 1e4}).fit(observations()).propose(goal(caps={"kin": 0.0}))
    )
    assert far.weights == pytest.approx([5 / 9, 0, 4 / 9], abs=1e-3)
    assert "natural itself was returned" in " ".join(far.notes)
    near = create("mixmin-ranking").fit(observations()).propose(goal())
    assert "natural itself was not returned" in " ".join(near.notes)
    assert near.notes[0].startswith("gain over natural")


@pytest.mark.parametrize("tau", [0.0, 0.1])
@pytest.mark.parametrize(
    "bounds", [{"caps": {"kin": 0.4}}, {"floors": {"noise": 0.3}, "caps": {"kin": 0.5}}]
)
def test_bounds_that_bind_keep_the_optimum_certified(tau, bounds):
    mixer = create("mixmin-ranking", {"tau": tau}).fit(observations())
    request = goal(**bounds)
    proposal = mixer.propose(request)
    assert 0 <= proposal.gap < 1e-6
    rescaled = problem(mixer, tau)
    best = rescaled.at(rescaled.shares(proposal.weights))[0]
    mixtures = np.random.default_rng(0).dirichlet(np.ones(3), 3000)
    inside = (mixtures >= request.bounds.lower) & (mixtures <= request.bounds.upper)
    values = [rescaled.at(rescaled.shares(w))[0] for w in mixtures[inside.all(axis=1)]]
    assert len(values) > 300 and min(values) >= best - 1e-9


def test_the_gap_is_the_distance_at_least():
    mixer = create("mixmin-ranking", {"tau": 0.1}).fit(observations())
    rescaled = problem(mixer, 0.1)
    lower = np.zeros(3)
    upper = np.array([1.0, 0.4, 1.0])
    weights, _ = rescaled.bounded(lower, upper)
    best = rescaled.at(rescaled.shares(weights))[0]
    for w in np.random.default_rng(0).dirichlet(np.ones(3), 50):
        if w[1] <= 0.4:
            distance = rescaled.at(rescaled.shares(w))[0] - best
            assert rescaled.gap(w, lower, upper) >= distance - 1e-9


def test_without_labels_it_is_mixmin():
    plain = with_block(labels=None)
    ranking = create("mixmin-ranking", {"tau": 0.0}).fit(plain).propose(goal())
    published = create("mixmin", {"tau": 0.0}).fit(plain).propose(goal())
    assert ranking.weights == pytest.approx(published.weights, abs=1e-4)


def test_the_likelihoods_of_long_texts_do_not_vanish():
    values = observations().likelihoods["target"].values
    short = with_block(values=values, labels=None)
    long = with_block(values=values - 3000.0, labels=None)
    near = create("mixmin-ranking").fit(short).propose(goal())
    far = create("mixmin-ranking").fit(long).propose(goal())
    assert far.notes == near.notes
    assert "gain over natural" in far.notes[0] and "+0.0000" not in far.notes[0]
    assert far.predicted["target"] == pytest.approx(near.predicted["target"] + 3000)


def test_too_few_labels_to_ask_are_said():
    _, labels = proxies()
    few = np.where(np.arange(len(labels)) < 4, 1.0, 0.0)
    proposal = create("mixmin-ranking").fit(with_block(labels=few)).propose(goal())
    assert proposal.notes[0].startswith("only 4 examples of label 1")


def test_a_target_without_the_label_is_refused():
    _, labels = proxies()
    with pytest.raises(MixwrightError, match="target target has no example of label 1"):
        create("mixmin-ranking").fit(with_block(labels=np.zeros(len(labels))))
