from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.mixmin import solve, solve_worst


def by_slsqp(objectives, domains, lower, upper):
    solution = minimize(
        lambda x: x[-1],
        np.append(np.full(domains, 1 / domains), 9.0),
        bounds=list(zip(np.maximum(lower, 1e-12), upper, strict=True)) + [(None, None)],
        constraints=[{"type": "eq", "fun": lambda x: x[:domains].sum() - 1}]
        + [{"type": "ineq", "fun": lambda x, f=f: x[-1] - f(x[:domains])} for f in objectives],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    return solution.fun


def pull(w, tau):
    return tau * float((w * np.log(np.maximum(w, 1e-300) * len(w))).sum())


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
    best = by_slsqp(objectives, m, lower, upper)
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


def test_useless_tables_are_refused_by_name():
    values = np.full((4, 2), 0.5)
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
