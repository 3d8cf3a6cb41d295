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
    """(examples, domains) probabilities and labels: `kin` ranks like the target at a tenth of its rate, `common` and `noise` do not."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(0.5, 1.0, examples)
    labels = (rng.random(examples) < truth).astype(float)
    noise = rng.beta(2, 3, (examples, 2))
    return np.column_stack([noise[:, 0], truth / 10, noise[:, 1] / 5]), labels


def seen(seed=0):
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


def goal(**bounds):
    domains = tuple(
        Domain(name, round(1000 * share)) for name, share in zip(DOMAINS, NATURAL, strict=True)
    )
    return Goal(domains, {"target": 1.0}, 1000.0, Bounds.of(domains, 1000.0, **bounds))


def test_it_finds_the_domain_that_ranks_alike_however_rare_its_label_is():
    p, labels = proxies(seed=1)
    here = create("mixmin-ranking", {"tau": 0.0}).fit(seen()).propose(goal()).weights
    published = create("mixmin", {"tau": 0.0}).fit(seen()).propose(goal()).weights
    assert here[1] > 0.9 > published[1]
    assert average_precision(labels, p @ here) > average_precision(labels, p @ published) + 0.05


def test_its_weights_undo_the_rates():
    """Making a proxy say everything half as often doubles its weight's share of the rest and leaves the ranking as it was."""
    here, block = seen(), seen().likelihoods["target"]
    p, labels = proxies()
    halved = p * np.array([1.0, 0.5, 1.0])
    there = replace(
        here, likelihoods={"target": replace(block, values=loglikelihoods(halved, labels[:, None]))}
    )
    one, two = (
        create("mixmin-ranking", {"tau": 0.0}).fit(data).propose(goal()).weights
        for data in (here, there)
    )
    assert p @ one / (p @ one).sum() == pytest.approx(halved @ two / (halved @ two).sum(), abs=1e-6)


def test_the_pull_ends_at_natural_without_the_domains_that_are_capped_at_0():
    far = create("mixmin-ranking", {"tau": 1e4}).fit(seen()).propose(goal(caps={"kin": 0.0}))
    assert far.weights == pytest.approx([5 / 9, 0, 4 / 9], abs=1e-3)
    assert "natural itself was returned" in " ".join(far.notes)
    near = create("mixmin-ranking").fit(seen()).propose(goal())
    assert "natural itself was not returned" in " ".join(near.notes) and near.notes[0].startswith(
        "gain over natural"
    )


@pytest.mark.parametrize("tau", [0.0, 0.1])
@pytest.mark.parametrize(
    "bounds", [{"caps": {"kin": 0.4}}, {"floors": {"noise": 0.3}, "caps": {"kin": 0.5}}]
)
def test_bounds_that_bind_keep_the_optimum_certified(tau, bounds):
    mixer = create("mixmin-ranking", {"tau": tau}).fit(seen())
    wanted = goal(**bounds)
    proposal = mixer.propose(wanted)
    assert 0 <= proposal.gap < 1e-6
    problem = Rescaled(
        mixer.lifts[0],
        np.full(len(mixer.lifts[0]), 1 / len(mixer.lifts[0])),
        mixer.rates[0],
        NATURAL,
        tau,
    )
    best = problem.at(problem.shares(proposal.weights))[0]
    tried = np.random.default_rng(0).dirichlet(np.ones(3), 3000)
    tried = tried[((tried >= wanted.bounds.lower) & (tried <= wanted.bounds.upper)).all(axis=1)]
    values = [problem.at(problem.shares(w))[0] for w in tried]
    assert len(values) > 300 and min(values) >= best - 1e-9


def test_the_gap_is_the_distance_at_least():
    mixer = create("mixmin-ranking", {"tau": 0.1}).fit(seen())
    problem = Rescaled(
        mixer.lifts[0],
        np.full(len(mixer.lifts[0]), 1 / len(mixer.lifts[0])),
        mixer.rates[0],
        NATURAL,
        0.1,
    )
    lower, upper = np.zeros(3), np.array([1.0, 0.4, 1.0])
    best = problem.at(problem.shares(problem.bounded(lower, upper)[0]))[0]
    for w in np.random.default_rng(0).dirichlet(np.ones(3), 50):
        if w[1] <= 0.4:
            assert problem.gap(w, lower, upper) >= problem.at(problem.shares(w))[0] - best - 1e-9


def test_without_labels_it_is_mixmin():
    here, block = seen(), seen().likelihoods["target"]
    plain = replace(here, likelihoods={"target": replace(block, labels=None)})
    one = create("mixmin-ranking", {"tau": 0.0}).fit(plain).propose(goal()).weights
    assert one == pytest.approx(
        create("mixmin", {"tau": 0.0}).fit(plain).propose(goal()).weights, abs=1e-4
    )


def test_the_likelihoods_of_long_texts_do_not_vanish():
    here, block = seen(), seen().likelihoods["target"]
    short, long = (
        replace(
            here, likelihoods={"target": replace(block, values=block.values - off, labels=None)}
        )
        for off in (0.0, 3000.0)
    )
    near, far = (create("mixmin-ranking").fit(each).propose(goal()) for each in (short, long))
    assert (
        far.notes == near.notes
        and "gain over natural" in far.notes[0]
        and "+0.0000" not in far.notes[0]
    )
    assert far.predicted["target"] == pytest.approx(near.predicted["target"] + 3000)


def test_too_few_labels_to_ask_are_said():
    here, block = seen(), seen().likelihoods["target"]
    few = replace(block, labels=np.where(np.arange(len(block.values)) < 4, 1.0, 0.0))
    proposal = (
        create("mixmin-ranking").fit(replace(here, likelihoods={"target": few})).propose(goal())
    )
    assert proposal.notes[0].startswith("only 4 examples of label 1")


def test_a_target_without_the_label_is_refused():
    here, block = seen(), seen().likelihoods["target"]
    with pytest.raises(MixwrightError, match="target target has no example of label 1"):
        create("mixmin-ranking").fit(
            replace(
                here, likelihoods={"target": replace(block, labels=np.zeros(len(block.values)))}
            )
        )
