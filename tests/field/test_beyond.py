"""A gain is not believed where it rests on far more of a domain than runs took.

Code helps in small amounts here and harms in large ones, which no sound run shows.
"""

import numpy as np
import pytest

from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import propose

DOMAINS = ("books", "code", "forum", "news", "web")
TARGETS = ("prose", "questions")
NEEDS = np.array([[1.0, 0.2, 0.0, 0.5, 0.3], [0.2, 1.2, 0.0, 0.2, 0.4]])
CODE = 1


def truth(weights, harm=2.0):
    """(runs, targets): code over a tenth harms."""
    data = weights**0.6 @ NEEDS.T
    excess = np.maximum(weights[:, [CODE]] - 0.1, 0)
    return 2.2 + 0.9 * (0.05 + data) ** -0.4 + harm * excess


def little_code(scale, seed=0, runs=40):
    """(runs, domains) whose shares of code are scaled down."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(5), runs)
    weights[:, CODE] *= scale
    return weights / weights.sum(axis=1, keepdims=True)


def ask(weights, losses, natural=None, upper=None, mixer="effective-data"):
    runs = tuple(f"run-{i:03}" for i in range(len(weights)))
    roles = ("swarm",) * len(runs)
    swarm = Observations(DOMAINS, TARGETS, runs, roles, 1e6 * weights, losses)
    shares = weights.mean(axis=0) if natural is None else np.array(natural)
    domains = []
    for name, share in zip(DOMAINS, shares.tolist(), strict=True):
        domains.append(Domain(name, round(1e9 * share)))
    bounds = Bounds(np.zeros(5), np.ones(5) if upper is None else np.array(upper))
    goal = Goal(tuple(domains), dict.fromkeys(TARGETS, 0.5), 1e6, bounds)
    return propose(create(mixer).fit(swarm), swarm, goal, draws=12)


def measured(weights, harm=2.0):
    noise = np.random.default_rng([len(weights), 3]).standard_normal((len(weights), 2))
    return truth(weights, harm) + 0.003 * noise


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [0.03, 0.06, 0.1, 0.15])
def test_better_is_never_wrong_where_runs_took_little_code(scale, seed):
    weights = little_code(scale, seed)
    proposal = ask(weights, measured(weights))
    proposed = np.array(proposal.weights)[None]
    natural = weights.mean(axis=0)[None]
    gain = float((truth(natural) - truth(proposed)).mean())
    assert gain > 0 or not proposal.verdict.startswith("better")


@pytest.mark.parametrize("mixer", ["effective-data", "additive", "joint"])
def test_a_share_far_over_what_was_tried_is_named(mixer):
    weights = little_code(0.03)
    verdict = ask(weights, measured(weights), mixer=mixer).verdict
    assert "% code, and at most one run took over" in verdict


@pytest.mark.parametrize(("scale", "seed"), [(0.1, 4), (0.15, 5), (0.2, 5)])
def test_runs_that_alone_took_as_much_are_witnesses_too(scale, seed):
    weights = little_code(scale, seed)
    verdict = ask(weights, measured(weights)).verdict
    assert "lie far off what the others say" in verdict


@pytest.mark.parametrize("seed", range(3))
def test_a_cap_inside_what_was_tried_settles_it(seed):
    weights = little_code(0.1, seed)
    upper = [1, 0.06, 1, 1, 1]
    proposal = ask(weights, measured(weights, harm=0.0), upper=upper)
    assert proposal.verdict.startswith("better")


@pytest.mark.parametrize("seed", range(3))
def test_runs_all_over_the_simplex_still_tell(seed):
    weights = little_code(1.0, seed, runs=64)
    assert ask(weights, measured(weights, harm=0.0)).verdict.startswith("better")


def test_a_domain_capped_at_0_is_not_to_be_capped_again():
    weights = little_code(0.0)
    natural = np.full(5, 0.2)
    verdict = ask(weights, measured(weights), natural, [1, 0, 1, 1, 1]).verdict
    assert "no run took code" in verdict
    assert "cap it" not in verdict


def test_runs_on_one_domain_each_are_not_to_be_capped():
    weights = np.repeat(np.eye(5), 3, axis=0)
    verdict = ask(weights, measured(weights)).verdict
    assert "only one mixture took" in verdict
    assert "cap them" not in verdict
