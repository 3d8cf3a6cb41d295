import numpy as np
import pytest

from mixwright.mixers import create
from mixwright.mixture import Bounds, Domain, Goal
from mixwright.observations import Observations

NAMES = ("a", "b", "c", "d")


def swarm(weights):
    losses = 3 + weights @ np.array([[0.1], [0.5], [0.3], [0.0]])
    runs = tuple(f"{i:02}" for i in range(len(weights)))
    return Observations(NAMES, ("t",), runs, ("swarm",) * len(runs), weights * 1e5, losses)


def test_a_domain_that_no_run_holds_does_not_look_free_of_loss():
    seen = swarm(np.column_stack([np.random.default_rng(0).dirichlet(np.ones(3), 40), np.zeros(40)]))
    domains = tuple(Domain(name, 400_000) for name in NAMES)
    goal = Goal(domains, {"t": 1.0}, 1e5, Bounds.of(domains, 1e5))
    mixer = create("regmix-linear", {"samples": 5_000}).fit(seen)
    assert mixer.predict(seen.amounts) == pytest.approx(seen.losses, abs=1e-9)
    assert mixer.coefficients[3, 0] == pytest.approx(3.3)  # between those of the others
    assert mixer.propose(goal).weights[0] > 0.8
