from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.mixmin import solve, solve_squared, solve_worst


def by_slsqp(objective, domains, lower, upper, extra=()):
    solution = minimize(
        lambda x: objective(x[:domains]) if not extra else x[-1],
        np.append(np.full(domains, 1 / domains), 9.0) if extra else np.full(domains, 1 / domains),
        bounds=list(zip(np.maximum(lower, 1e-12), upper, strict=True))
        + [(None, None)] * bool(extra),
        constraints=[{"type": "eq", "fun": lambda x: x[:domains].sum() - 1}]
        + [{"type": "ineq", "fun": lambda x, f=f: x[-1] - f(x[:domains])} for f in extra],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return solution.fun


def pull(w, tau):
    return tau * float((w * np.log(np.maximum(w, 1e-300) * len(w))).sum())


@pytest.mark.parametrize("tau", [0.0, 0.05])
@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_squared_error_is_the_quadratic_programmes(seed, capped, tau):
    rng = np.random.default_rng(seed)
    n, m = 80, 6
    classes = (1, 3)[seed % 2]
    predictions = rng.dirichlet(np.ones(max(2, classes)), (n, m)).transpose(0, 2, 1)[:, :classes]
    labels = rng.integers(max(2, classes), size=n)
    truth = np.eye(classes)[labels] if classes > 1 else labels[:, None]
    lower, upper = (np.full(m, 0.02), np.full(m, 0.3)) if capped else (np.zeros(m), np.ones(m))
    values = predictions[:, 0] if classes == 1 else predictions
    solution = solve_squared(values, labels, tolerance=1e-10, lower=lower, upper=upper, tau=tau)

    def objective(w):
        return float(((predictions @ w - truth) ** 2).sum() / n) + pull(w, tau)

    assert solution.converged and 0 <= solution.gap <= 1e-10
    assert solution.objective == pytest.approx(objective(solution.weights), abs=1e-12)
    assert solution.objective == pytest.approx(by_slsqp(objective, m, lower, upper), abs=1e-8)
    assert solution.objective <= by_slsqp(objective, m, lower, upper) + 1e-9


@pytest.mark.parametrize("tau", [0.0, 0.05])
@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_worst_target_is_as_good_as_it_can_be(seed, capped, tau):
    rng = np.random.default_rng(seed)
    m = 5
    blocks = [rng.normal(0, 2, (n, m)) + rng.normal(0, 1, m) for n in (40, 90, 200)]
    reference = rng.normal(0, 0.3, 3)
    lower, upper = (np.full(m, 0.05), np.full(m, 0.4)) if capped else (np.zeros(m), np.ones(m))
    solution = solve_worst(blocks, reference=reference, lower=lower, upper=upper, tau=tau)

    def excess(w, block, least):
        w = np.maximum(w, 0)
        return -logsumexp(block, axis=1, b=w).mean() - least + pull(w, tau)

    objectives = []
    for block, least in zip(blocks, reference, strict=True):
        objectives.append(partial(excess, block=block, least=least))
    best = by_slsqp(None, m, lower, upper, objectives)
    greatest = max(f(solution.weights) for f in objectives)
    assert solution.converged and 0 <= solution.gap <= 1e-6
    assert solution.objective == pytest.approx(greatest, abs=1e-10)
    assert -1e-8 <= solution.objective - best <= solution.gap + 1e-8


def test_one_target_is_the_plain_problem_and_caps_of_zero_are_kept():
    values = np.random.default_rng(0).normal(0, 2, (100, 4))
    upper = np.array([0.0, 1, 1, 1])
    assert solve_worst([values], upper=upper).objective == pytest.approx(
        solve(values, upper=upper).objective, abs=1e-6
    )
    assert solve_worst([values], upper=upper).weights[0] == 0
    assert solve_squared(np.abs(values), np.ones(100), upper=upper).weights[0] == 0


def test_useless_tables_are_refused_by_name():
    values = np.full((4, 2), 0.5)
    with pytest.raises(MixwrightError, match="example 2 has a prediction that is not finite"):
        solve_squared(np.where(np.arange(4)[:, None] == 2, np.nan, values), np.ones(4))
    with pytest.raises(MixwrightError, match="labels are whole numbers from 0 to 2"):
        solve_squared(np.full((4, 3, 2), 0.3), np.array([0, 1, 2, 3]))
    with pytest.raises(MixwrightError, match="do not fit 4 examples"):
        solve_squared(values, np.ones(3))
    with pytest.raises(MixwrightError, match="no target"):
        solve_worst([])
    with pytest.raises(MixwrightError, match="example 1 any likelihood"):
        solve_worst([values, np.where(np.arange(4)[:, None] == 1, -np.inf, values)])
    with pytest.raises(MixwrightError, match="bounds: no mixture fits"):
        solve_worst([values], upper=0.4)
    with pytest.raises(MixwrightError, match="a table of the same domains"):
        solve_worst([values, values[:, :1]])
    with pytest.raises(MixwrightError, match="one finite number for each of the 2 targets"):
        solve_worst([values, values], reference=[1.0])
