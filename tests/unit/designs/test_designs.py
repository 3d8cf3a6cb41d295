"""Rows of every design resolve to mixtures inside the bounds; row i depends on (seed, i) alone."""

import numpy as np
import pytest

from least_study import CONFIG, LEAST, study
from mixwright.designs.resolve import resolve_design
from mixwright.designs.row import mixture_weights
from mixwright.errors import MixwrightError
from mixwright.mixture import Domain
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.tables import DESIGN, check

DOMAINS = [Domain("cpp", 500_000), Domain("prose", 300_000), Domain("pycode", 200_000)]


def grouped(**changes):
    """A study whose only mixer reads the swarm."""
    config = {key: value for key, value in LEAST.items() if key != "mixers"} | changes
    return Study(resolve(config | {"mixers": {"effective-data": {}}}, CONFIG))


def resolved(role, domains=DOMAINS, ask=study, **changes):
    frame = check(resolve_design(ask(**changes).runs[role], domains), DESIGN, "design")
    return (
        frame.pivot(index="run", columns="domain", values="weight")
        .loc[list(dict.fromkeys(frame.run))]
        .to_numpy()
    )


def test_row_i_is_a_function_of_seed_and_i():
    small, large = resolved("swarm"), resolved("swarm", designs={"swarm": {"runs": 40}})
    np.testing.assert_array_equal(large[:32], small)
    assert np.abs(resolved("swarm", seed=1) - small).max() > 0.1


def test_the_swarm_spreads_around_its_mixture_weights():
    weights = resolved("swarm", designs={"swarm": {"runs": 400}}, goal={"tokens": 1000})
    tempered = np.sqrt([0.5, 0.3, 0.2])
    np.testing.assert_allclose(weights.mean(axis=0), tempered / tempered.sum(), atol=0.05)
    assert weights.max() > 0.99 and (weights > 0.1).all(axis=1).any()
    assert ((weights == 0) | (weights >= 1e-4)).all()


@pytest.mark.parametrize("epochs", [1.05, 1.5, 4])
def test_the_swarm_stays_inside_tight_bounds(epochs):
    goal = {
        "tokens": 900_000,
        "max_epochs": epochs,
        "caps": {"cpp": 0.5},
        "floors": {"pycode": 0.05},
    }
    weights = resolved("swarm", goal=goal)
    upper = np.minimum([0.5, 1, 1], epochs * np.array([500_000, 300_000, 200_000]) / 900_000)
    assert (weights <= upper + 1e-3).all() and (weights[:, 2] >= 0.05 - 1e-9).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    assert len(np.unique(weights.round(6), axis=0)) == 32


def test_the_swarm_stays_within_groups_and_at_fixed_weights():
    goal = {
        "tokens": 1000,
        "groups": {"software": {"domains": ["cpp", "pycode"], "least": 0.2, "most": 0.3}},
    }
    for method in ("dirichlet", "informative"):
        weights = resolved("swarm", ask=grouped, goal=goal, designs={"swarm": {"method": method}})
        sums = weights[:, 0] + weights[:, 2]
        assert (sums >= 0.2 - 1e-9).all() and (sums <= 0.3 + 1e-9).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
        assert len(np.unique(weights.round(6), axis=0)) == 32
    fixed = resolved("swarm", goal={"tokens": 1000, "fixed": {"prose": 0.4}})
    np.testing.assert_allclose(fixed[:, 1], 0.4, atol=1e-12)
    assert (
        len(np.unique(fixed.round(6), axis=0)) > 20
    )  # one weight is left to choose, and weak strengths choose its ends


def test_runs_keep_their_names_where_no_group_is_asked_for():
    parameters = study().runs["swarm"][0].parameters
    assert not {"groups", "fixed", "never_worse"} & set(parameters)
    assert (
        "groups"
        in grouped(goal={"groups": {"g": {"domains": ["cpp", "pycode"], "most": 0.3}}})
        .runs["swarm"][0]
        .parameters
    )


def test_an_empty_box_is_one_line_before_compute():
    with pytest.raises(MixwrightError, match="raise caps or max_epochs, or ask for fewer tokens"):
        resolved("swarm", goal={"tokens": 10_000_000})


def test_vertices_repeats_and_perturbations():
    np.testing.assert_array_equal(resolved("vertex"), np.eye(3))
    np.testing.assert_allclose(resolved("repeat"), np.full((4, 3), 1 / 3))
    up = resolved("perturb", designs={"perturb": {"tokens": [1000]}})
    assert any(np.allclose(row, [0.6, 0.2, 0.2]) for row in up)
    assert any(np.allclose(row, np.array([1 / 3, 1, 1]) / (7 / 3)) for row in up)


def test_middles():
    np.testing.assert_allclose(mixture_weights("natural", DOMAINS), [0.5, 0.3, 0.2])
    np.testing.assert_allclose(mixture_weights({"prose": 1.0}, DOMAINS), [0, 1, 0])


def test_a_swarm_of_the_published_size():
    """Not a timing test: 512 rows of 17 domains resolve, whatever the box."""
    domains = [Domain(f"d{i:02}", 1000 * (i + 1)) for i in range(17)]
    changes = {
        "domains": {domain.name: {"source": "installed"} for domain in domains},
        "designs": {"swarm": {"runs": 512}},
        "goal": {"tokens": 100_000, "max_epochs": 1.6},
    }
    large = study(**changes)
    domains = [Domain(name, 1000 * (i + 1)) for i, name in enumerate(large.domains)]
    assert len(resolve_design(large.runs["swarm"], domains)) == 512 * 20


@pytest.mark.parametrize(
    "bounds", [{"floors": {"prose": 0.1, "pycode": 0.05}}, {"caps": {"cpp": 0.4}}]
)
def test_a_domain_that_the_middle_leaves_out_gets_what_the_bounds_force_on_it(bounds):
    weights = resolved(
        "swarm", designs={"swarm": {"around": {"cpp": 1.0}}}, goal={"tokens": 1000, **bounds}
    )
    floors = [bounds.get("floors", {}).get(domain.name, 0.0) for domain in DOMAINS]
    assert (weights >= np.array(floors) - 1e-9).all() and (
        weights[:, 0] <= bounds.get("caps", {}).get("cpp", 1) + 1e-9
    ).all()
