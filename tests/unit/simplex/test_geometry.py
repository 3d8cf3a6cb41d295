import numpy as np
import pytest
from scipy.optimize import LinearConstraint, linprog, minimize

from mixwright.errors import MixwrightError
from mixwright.simplex import geometry as simplex
from mixwright.simplex import sampling
from mixwright.simplex.bounds import Group
from random_bounds import group_rows, on_simplex, random_box, random_groups


@pytest.mark.parametrize("seed", range(6))
def test_project_is_the_nearest_point(seed):
    rng = np.random.default_rng(seed)
    lower, upper = random_box(rng, 6)
    point = rng.normal(0.2, 0.5, 6)
    result = simplex.project(point, lower, upper)
    solved = minimize(
        lambda w: ((w - point) ** 2).sum(),
        (lower + upper) / 2,
        bounds=list(zip(lower, upper, strict=True)),
        constraints=LinearConstraint(np.ones(6), 1, 1),
        method="SLSQP",
        options={"ftol": 1e-14},
    ).x
    assert on_simplex(result, lower, upper)
    assert ((result - point) ** 2).sum() <= ((solved - point) ** 2).sum() + 1e-9


def test_project_keeps_a_point_that_is_inside_and_finds_corners():
    assert simplex.project([0.2, 0.3, 0.5], 0, 1) == pytest.approx([0.2, 0.3, 0.5], abs=1e-15)
    assert simplex.project([9.0, 0.0, 0.0], 0, 1).tolist() == [1, 0, 0]
    assert simplex.project([0.0, 0.0, 0.0], [0, 0, 0.5], [0.25, 0.25, 1]) == pytest.approx(
        [0.25, 0.25, 0.5]
    )


def test_scale_into_is_the_nearest_in_divergence():
    rng = np.random.default_rng(1)
    lower, upper = random_box(rng, 5)
    prior = rng.dirichlet(np.ones(5))
    result = simplex.scale_into(prior, lower, upper)
    assert on_simplex(result, lower, upper)
    others = sampling.sample(np.ones(5), lower, upper, rng, 2000)
    divergence = (result * np.log(result / prior)).sum()
    assert divergence <= (others * np.log(others / prior)).sum(axis=1).min() + 1e-9
    assert simplex.scale_into(prior, 0, 1) == pytest.approx(prior, abs=1e-14)


def test_an_empty_box_is_refused():
    with pytest.raises(MixwrightError, match="raise caps"):
        simplex.project([0.5, 0.5], 0, 0.4)
    with pytest.raises(MixwrightError, match="lower floors"):
        sampling.sample_rows(np.ones(2), 0.6, 1, [np.random.default_rng(0)])


@pytest.mark.parametrize("seed", range(4))
def test_minimise_linear_agrees_with_linear_programming(seed):
    rng = np.random.default_rng(seed)
    lower, upper = random_box(rng, 7)
    costs = rng.normal(size=7)
    result = simplex.minimise_linear(costs, lower, upper)
    best = linprog(
        costs, A_eq=np.ones((1, 7)), b_eq=[1], bounds=list(zip(lower, upper, strict=True))
    )
    assert on_simplex(result, lower, upper)
    assert costs @ result == pytest.approx(best.fun, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_project_is_the_nearest_point_within_groups(seed):
    rng = np.random.default_rng(seed)
    lower, upper, groups = random_groups(rng, 9)
    point = rng.normal(0.2, 0.5, 9)
    result = simplex.project(point, lower, upper, groups)
    assert on_simplex(result, lower, upper, groups)
    assert simplex.project(result, lower, upper, groups) == pytest.approx(result, abs=1e-12)
    # nearest: no feasible point lies on the other side of the tangent plane there
    towards = 2 * (result - point)
    best = linprog(
        towards, *group_rows(groups, 9), np.ones((1, 9)), [1], list(zip(lower, upper, strict=True))
    )
    assert towards @ result == pytest.approx(best.fun, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_scale_into_is_the_nearest_in_divergence_within_groups(seed):
    rng = np.random.default_rng(seed)
    lower, upper, groups = random_groups(rng, 9)
    prior = rng.dirichlet(np.ones(9))
    result = simplex.scale_into(prior, lower, upper, groups)
    assert on_simplex(result, lower, upper, groups)
    towards = np.log(result / prior)
    best = linprog(
        towards, *group_rows(groups, 9), np.ones((1, 9)), [1], list(zip(lower, upper, strict=True))
    )
    assert towards @ result == pytest.approx(best.fun, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_minimise_linear_agrees_with_linear_programming_within_groups(seed):
    rng = np.random.default_rng(seed)
    lower, upper, groups = random_groups(rng, 9)
    costs = rng.normal(size=9)
    result = simplex.minimise_linear(costs, lower, upper, groups)
    best = linprog(
        costs, *group_rows(groups, 9), np.ones((1, 9)), [1], list(zip(lower, upper, strict=True))
    )
    assert on_simplex(result, lower - 1e-15, upper + 1e-15, groups)
    assert costs @ result == pytest.approx(best.fun, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_settle_takes_off_whatever_is_missing_within_groups(seed):
    rng = np.random.default_rng(seed)
    lower, upper, groups = random_groups(rng, 9)
    inside = simplex.project(rng.dirichlet(np.ones(9)), lower, upper, groups)
    for size in (0.0, 1e-15, 1e-9, 1e-3, 0.3):
        settled = simplex.settle(inside + size * rng.normal(size=9), lower, upper, groups)
        assert on_simplex(settled, lower, upper, groups)
        assert np.abs(settled - inside).max() <= 9 * 5 * size + 1e-14


@pytest.mark.parametrize(
    ("lower", "upper", "limits", "message"),
    [
        (
            [0.2, 0.3, 0, 0],
            1.0,
            {"ab": ((0, 1), 0.0, 0.4)},
            "the floors .fixed weights counted in. inside group ab sum to 0.5, over its most 0.4",
        ),
        (
            0.0,
            [0.1, 0.2, 1, 1],
            {"ab": ((0, 1), 0.5, 1.0)},
            "the caps .* inside group ab sum to 0.3, under its least 0.5",
        ),
        (
            0.0,
            1.0,
            {"ab": ((0, 1), 0.6, 1.0), "cd": ((2, 3), 0.5, 1.0)},
            r"least of all is 0.6 \(group ab\) \+ 0.5 \(group cd\) = 1.1, over 1",
        ),
        (
            0.0,
            [1, 1, 0.2, 0.1],
            {"ab": ((0, 1), 0.0, 0.6)},
            r"most of all is 0.6 \(group ab\) \+ 0.3 \(the caps of other.* = 0.9, under 1",
        ),
    ],
)
def test_groups_that_leave_no_mixture_are_named(lower, upper, limits, message):
    groups = tuple(Group(name, *content) for name, content in limits.items())
    for function in (simplex.project, simplex.scale_into):
        with pytest.raises(MixwrightError, match=message):
            function(np.full(4, 0.25), lower, upper, groups)
