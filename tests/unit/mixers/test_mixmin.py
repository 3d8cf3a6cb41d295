from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixers.mixmin.mixmin import solve
from mixwright.mixers.mixmin.ratios import Ratios
from mixwright.mixture import Domain
from mixwright.numerics.sqp import Point, Pulled, Region, known_prior
from mixwright.observations import Likelihoods, Observations
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import project
from random_bounds import group_rows, on_simplex, random_groups


def problem(seed, capped=False):
    """Random log-likelihoods (nats), example weights and box."""
    rng = np.random.default_rng(seed)
    n, m = 150, int(rng.integers(2, 8))
    values = rng.normal(0, (1, 5, 50)[seed % 3], (n, m)) - 100
    weights = rng.dirichlet(np.ones(n)) * (1, 1e-3)[seed % 2]
    prior = rng.dirichlet(np.ones(m))
    box = (0.2 * prior, np.minimum(1, 1.3 * prior + 0.05)) if capped else (np.zeros(m), np.ones(m))
    return values, weights, prior, *box


def pulled(values, weights, prior, tau):
    """The objective as the solver has it, in float64 throughout."""
    return Pulled(Ratios.of(values, weights), known_prior(prior, values.shape[1]), tau)


def by_slsqp(values, weights, lower, upper, prior, tau):
    """The least objective that scipy's general solver finds, per unit of example weight."""
    objective, total = pulled(values, weights, prior, tau), weights.sum()
    solution = minimize(
        lambda w: objective.at(w).value / total,
        np.full(len(prior), 1 / len(prior)),
        jac=lambda w: objective.at(w).gradient / total,
        bounds=list(zip(np.maximum(lower, 1e-12), upper, strict=True)),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(len(w))},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    assert solution.x.sum() == pytest.approx(1, abs=1e-8)
    w = np.clip(solution.x, 0, None)
    return objective.at(w / w.sum()).value / total


@pytest.mark.parametrize("tau", [0.0, 0.1])
@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_objective_equals_a_general_solvers(seed, capped, tau):
    values, weights, prior, lower, upper = problem(seed, capped)
    total = weights.sum()
    solution = solve(
        values, weights, lower=lower, upper=upper, prior=prior, tau=tau * total, tolerance=1e-10
    )
    assert solution.converged and 0 <= solution.gap <= 1e-10 * total
    assert solution.weights.sum() == pytest.approx(1, abs=1e-12)
    assert (solution.weights >= lower).all() and (solution.weights <= upper).all()
    assert solution.objective / total == pytest.approx(
        by_slsqp(values, weights, lower, upper, prior, tau * total), abs=1e-9
    )


@pytest.mark.parametrize("tau", [0.0, 0.1])
@pytest.mark.parametrize("capped", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_expectation_maximisation_reaches_the_same(seed, capped, tau):
    values, weights, prior, lower, upper = problem(seed, capped)
    options = {"lower": lower, "upper": upper, "prior": prior, "tau": tau * weights.sum()}
    exact = solve(values, weights, **options, tolerance=1e-6, method="sqp")
    em = solve(values, weights, **options, tolerance=1e-6, method="em")
    assert em.converged and em.iterations > 0
    assert em.objective == pytest.approx(exact.objective, abs=1e-6 * weights.sum())


@pytest.mark.parametrize("tau", [0.0, 0.01, 0.05, 1.0])
@pytest.mark.parametrize("cap", [1.0, 2.0, 2.3])
@pytest.mark.parametrize("domains", [5, 40, 80])
def test_the_gap_closes_under_caps_and_pulls_of_any_strength(domains, cap, tau):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 2, (300, domains)) + rng.normal(0, 1, domains)
        solution = solve(values, tau=tau, upper=min(1.0, cap / domains), tolerance=1e-8)
        assert solution.converged and solution.gap <= 1e-8
        assert solution.weights.max() <= min(1.0, cap / domains)


@pytest.mark.parametrize("capped", [False, True])
def test_the_gap_bounds_the_distance_from_the_optimum_anywhere(capped):
    values, weights, _, lower, upper = problem(4, capped)
    best = solve(values, weights, lower=lower, upper=upper, tolerance=1e-10).objective
    objective = pulled(values, weights, None, 0.0)
    for seed in range(20):
        start = np.random.default_rng(seed).dirichlet(np.ones(len(lower)))
        point = objective.at(project(start, lower, upper))
        assert Region(lower, upper).gap(point) >= point.value - best - 1e-12


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("domains", [5, 40])
def test_any_float_and_a_memory_map_give_the_same(domains, dtype, tmp_path):
    rng = np.random.default_rng(3)
    # In float16 first, so that every type holds the numbers exactly.
    values = (rng.normal(0, 2, (3_000, domains)) - 20).astype(np.float16)
    np.save(tmp_path / "table.npy", values.astype(dtype))
    exact = solve(values.astype(np.float64))
    for table in (
        values.astype(dtype),
        np.asfortranarray(values.astype(dtype)),
        np.load(tmp_path / "table.npy", mmap_mode="r"),
    ):
        solution = solve(table)
        assert solution.converged and solution.objective == pytest.approx(exact.objective, abs=1e-6)
        assert solution.weights == pytest.approx(exact.weights, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gap_of_single_precision_is_that_of_double(dtype):
    """The certificate of a float32 table holds when the same numbers are summed in float64."""
    rng = np.random.default_rng(4)
    values = (rng.normal(0, 2, (50_000, 40)) - 900).astype(dtype)
    solution = solve(values)
    weights = np.full(len(values), 1 / len(values))
    point = pulled(values.astype(np.float64), weights, None, 0.0).at(solution.weights)
    assert Region(np.zeros(40), np.ones(40)).gap(point) == pytest.approx(solution.gap, abs=3e-8)
    assert solution.gap <= 1e-6


def test_memory_stays_under_three_times_the_input(tmp_path):
    import tracemalloc

    for shape in ((400_000, 7), (60_000, 100)):
        values = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        np.save(tmp_path / "table.npy", values)
        size = values.nbytes
        del values
        tracemalloc.start()
        solve(np.load(tmp_path / "table.npy", mmap_mode="r"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # The input itself is not counted.
        assert peak < 2 * size


def test_sorted_examples_of_unlike_targets_are_no_harder():
    """The warm start takes whole blocks: one without a target must not keep the answer from it."""
    rng = np.random.default_rng(7)
    blocks = [rng.normal(0, 1, (40_000, 6)) + 3 * np.eye(6)[k] for k in range(3)]
    blocks.append(rng.normal(0, 1, (700, 6)) + 3 * np.eye(6)[5])
    values = np.concatenate(blocks)
    weights = np.concatenate([np.full(len(block), 0.25 / len(block)) for block in blocks])
    solution = solve(values, weights)
    shuffled = rng.permutation(len(values))
    assert solution.converged and solution.iterations < 20
    assert solution.objective == pytest.approx(
        solve(values[shuffled], weights[shuffled]).objective, abs=2e-6
    )


def test_many_domains_and_many_rows():
    rng = np.random.default_rng(0)
    solution = solve(rng.normal(0, 20, (3_000, 60)) + rng.normal(0, 2, 60))
    assert solution.converged and solution.iterations < 30
    # So many rows start warm, from a sample.
    solution = solve(rng.normal([0.0, 1.0, 0.0, -9.0], 3, (60_000, 4)))
    assert solution.converged and solution.weights[1] == solution.weights.max()


@pytest.mark.parametrize("domains", [40, 100])
def test_the_dust_of_many_like_domains_does_not_hold_the_gap_open(domains):
    solution = solve(np.random.default_rng(1).normal(0, 2, (200, domains)))
    assert solution.converged and solution.iterations < 10


def test_planted_proportions_are_recovered():
    rng = np.random.default_rng(1)
    truth = np.array([0.6, 0.0, 0.3, 0.1])
    origin = rng.choice(4, 4_000, p=truth)
    values = rng.normal(0, 1, (4_000, 4))
    values[np.arange(4_000), origin] += 6
    assert solve(values).weights == pytest.approx(truth, abs=0.03)


def test_the_published_solver_stops_early_on_long_examples():
    rng = np.random.default_rng(2)
    tokens = 900
    values = tokens * (rng.normal(0, 0.01, (500, 5)) + np.linspace(0, 0.01, 5))
    weights = np.full(500, 1 / (500 * tokens))
    exact, published = solve(values, weights), solve(values, weights, method="published")
    assert exact.converged and not published.converged
    assert exact.objective < published.objective and published.iterations == 100


def test_useless_examples_are_refused_by_name():
    values = np.zeros((4, 2))
    with pytest.raises(MixwrightError, match="example 2 any likelihood"):
        solve(np.where(np.arange(4)[:, None] == 2, -np.inf, values))
    with pytest.raises(MixwrightError, match="example 1 has a log-likelihood of NaN"):
        solve(np.where(np.arange(4)[:, None] == 1, np.nan, values))
    with pytest.raises(MixwrightError, match="use sqp, published, em"):
        solve(values, method="magic")
    with pytest.raises(MixwrightError, match=r"example 3 has a log-likelihood of \+inf"):
        solve(np.where(np.arange(4)[:, None] == 3, np.inf, values))
    with pytest.raises(MixwrightError, match="bounds: no mixture fits"):
        solve(values, upper=0.4)
    with pytest.raises(MixwrightError, match="example weights are 4 finite numbers"):
        solve(values, weights=[1, 1, -1, 1])
    with pytest.raises(MixwrightError, match="no table of 2 dimensions"):
        solve(values[:, 0])
    for wrong in (
        {"tau": np.nan},
        {"tau": -1.0},
        {"prior": [1, np.nan]},
        {"prior": [1, -1]},
        {"prior": [1, 1, 1]},
        {"prior": 0},
    ):
        with pytest.raises(MixwrightError, match=r"tau is|(the )?prior is"):
            solve(values, **{"tau": 0.1, **wrong})
    for wrong in ({"upper": [np.nan, 1]}, {"lower": [-0.1, 0]}, {"upper": [1, 1, 1]}):
        with pytest.raises(
            MixwrightError, match="is one finite number from 0 on, or one for each of the 2 domains"
        ):
            solve(values, **wrong)


def observed(advantage, seed=0):
    """Two targets' likelihoods under three proxies, the third `advantage` nats a token better."""
    rng = np.random.default_rng(seed)
    blocks = {}
    for target in ("north", "south"):
        tokens = rng.integers(20, 80, 200).astype(float)
        values = tokens[:, None] * (-3 + rng.normal(0, 0.1, (200, 3)) + np.array([0, 0, advantage]))
        blocks[target] = Likelihoods(values, tokens)
    return Observations(
        ("a", "b", "c"),
        ("north",),
        ("1", "2", "3"),
        ("vertex",) * 3,
        np.eye(3),
        np.ones((3, 1)),
        blocks,
    )


def goal():
    domains = (Domain("a", 10), Domain("b", 20), Domain("c", 30))
    return Goal(domains, {"north": 0.5, "south": 0.5}, 10, Bounds.of(domains, 10))


def test_a_real_gain_is_said_and_chance_is_not():
    real = create("mixmin").fit(observed(0.5)).propose(goal())
    assert real.weights[2] > 0.9 and real.notes[0].startswith("gain over natural")
    # every proxy alike: what is left to gain is luck, and the pull to natural keeps it
    alike = observed(0.0)
    equal = {}
    for target, block in alike.likelihoods.items():
        noise = np.random.default_rng(3).normal(0, 0.5, (200, 3))
        equal[target] = Likelihoods(block.values[:, :1] + noise, block.scored_tokens)
    chance = create("mixmin").fit(replace(alike, likelihoods=equal)).propose(goal())
    natural = goal().natural
    assert np.abs(chance.weights - natural).max() < np.abs(real.weights - natural).max()


def test_the_prediction_is_the_objective_of_each_target():
    observations = observed(0.2)
    mixer = create("mixmin", {"tau": 0}).fit(observations)
    w = np.array([0.2, 0.3, 0.5])
    block = observations.likelihoods["south"]
    by_hand = -(np.log(np.exp(block.values) @ w) / block.scored_tokens).mean()
    assert mixer.predict(w[None] * 1000)[0, mixer.targets.index("south")] == pytest.approx(
        by_hand, rel=1e-12
    )


def test_tau_is_checked():
    with pytest.raises(MixwrightError, match="number from 0 on"):
        create("mixmin", {"tau": "much"}).fit(observed(0.1)).propose(goal())


@pytest.mark.parametrize("tau", [0.0, 0.1])
@pytest.mark.parametrize("domains", [4, 40])
def test_a_domain_capped_at_zero_is_as_if_it_were_not_there(domains, tau):
    values = np.random.default_rng(5).normal(0, 2, (200, domains))
    solution = solve(values, tau=tau, upper=np.where(np.arange(domains) == 1, 0.0, 1.0))
    without = solve(np.delete(values, 1, axis=1), tau=tau)
    assert solution.converged and solution.weights[1] == 0
    assert np.delete(solution.weights, 1) == pytest.approx(without.weights, abs=1e-3)


def split_observed(advantage, report, seed=0):
    observations = observed(advantage, seed)
    halves = {}
    for target, block in observations.likelihoods.items():
        halves[target] = replace(block, report=report)
    return replace(observations, likelihoods=halves)


def test_examples_that_report_never_choose():
    report = np.arange(200) % 5 == 0
    observations = split_observed(0.5, report)
    spoilt = {}
    # What reports now says the opposite of what chooses.
    for target, block in observations.likelihoods.items():
        values = np.where(report[:, None], block.values[:, ::-1] - 50 * np.arange(3), block.values)
        spoilt[target] = replace(block, values=values)
    first = create("mixmin").fit(observations).propose(goal())
    second = create("mixmin").fit(replace(observations, likelihoods=spoilt)).propose(goal())
    assert first.weights.tolist() == second.weights.tolist()
    assert first.intervals["weights"] == second.intervals["weights"]
    assert first.notes[0].startswith("gain over natural on examples that reported only")
    assert second.notes[0].startswith("no gain over natural on examples that reported only")
    assert second.intervals["verdict"].startswith("no gain over natural")


def test_the_reported_gain_is_that_of_the_reporting_examples():
    report = np.arange(200) % 5 == 0
    observations = split_observed(0.2, report)
    proposal = create("mixmin", {"tau": 0.01}).fit(observations).propose(goal())
    by_hand = 0.0
    for block in observations.likelihoods.values():
        likelihoods = np.exp(block.values)
        gains = np.log(likelihoods @ proposal.weights) - np.log(likelihoods @ goal().natural)
        by_hand += 0.5 * (gains / block.scored_tokens)[report].mean()
    assert proposal.intervals["gain"]["value"] == pytest.approx(by_hand, rel=1e-9)
    assert f"{by_hand:+.4f}" in proposal.notes[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_what_is_predicted_of_a_target_is_of_the_examples_that_report(seed, objective):
    report = np.random.default_rng(seed).random(200) < 0.1
    observations = split_observed(0.4, report)
    proposal = create("mixmin", {"objective": objective}).fit(observations).propose(goal())
    means = []
    for target, block in observations.likelihoods.items():
        losses = -np.log(np.exp(block.values) @ proposal.weights) / block.scored_tokens
        means.append(losses[report].mean())
        assert proposal.predicted[target] == pytest.approx(means[-1], rel=1e-9)
    if objective == "mean":
        ends = proposal.intervals
        for target, (low, high) in ends["predicted"].items():
            assert low <= proposal.predicted[target] <= high
        assert ends["objective"]["value"] == pytest.approx(np.mean(means), rel=1e-9)
        assert ends["gain"]["low"] <= ends["gain"]["value"] <= ends["gain"]["high"]


def test_intervals_narrow_with_examples_and_hold_the_planted_proportions():
    truth = np.array([0.6, 0.1, 0.3])
    inside = 0
    widths = {200: [], 3_200: []}
    for seed in range(20):
        for count in widths:
            rng = np.random.default_rng([seed, count])
            values = rng.normal(0, 1, (count, 3))
            values[np.arange(count), rng.choice(3, count, p=truth)] += 6
            block = Likelihoods(values, np.ones(count))
            observations = replace(observed(0.0), likelihoods={"north": block})
            request = replace(goal(), targets={"north": 1.0})
            proposal = create("mixmin", {"tau": 0}).fit(observations).propose(request)
            assert proposal.intervals["draws"] == 100 and proposal.intervals["level"] == 0.95
            low, high = np.array(list(proposal.intervals["weights"].values())).T
            widths[count].append(np.mean(high - low))
            inside += ((low - 0.01 <= truth) & (truth <= high + 0.01)).sum()
    assert inside >= 0.85 * 20 * 2 * 3
    assert np.mean(widths[3_200]) == pytest.approx(np.mean(widths[200]) / 4, rel=0.3)


def test_no_draws_give_no_intervals():
    assert create("mixmin", {"tau": 0.01}).fit(observed(0.1)).propose(goal()).intervals
    assert create("mixmin", {"draws": 0}).fit(observed(0.1)).propose(goal()).intervals == {}


@pytest.mark.parametrize("tau", [0.0, 0.05])
@pytest.mark.parametrize("seed", range(4))
def test_sums_of_groups_are_kept_with_a_valid_gap(seed, tau):
    rng = np.random.default_rng(seed)
    domains = int(rng.integers(9, 13))
    lower, upper, groups = random_groups(rng, domains)
    values = rng.normal(0, 2, (150, domains)) + rng.normal(0, 1, domains)
    solution = solve(values, lower=lower, upper=upper, groups=groups, tau=tau, tolerance=1e-8)
    assert solution.converged and on_simplex(solution.weights, lower, upper, groups)
    objective = pulled(values, np.full(150, 1 / 150), None, tau)
    rows, limits = group_rows(groups, domains)
    best = minimize(
        lambda w: objective.at(w).value,
        solution.weights,
        jac=lambda w: objective.at(w).gradient,
        bounds=list(zip(np.maximum(lower, 1e-12), upper, strict=True)),
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(domains)},
            {"type": "ineq", "fun": lambda w: limits - rows @ w, "jac": lambda w: -rows},
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert best.fun == pytest.approx(solution.objective, abs=1e-8)
    if not tau:
        em = solve(values, lower=lower, upper=upper, groups=groups, method="em")
        assert em.converged and em.objective == pytest.approx(solution.objective, abs=1e-6)


def test_too_few_reporting_examples_leave_the_word_to_the_folds():
    few = split_observed(0.5, np.arange(200) < 3)
    proposal = create("mixmin").fit(few).propose(goal())
    assert proposal.notes[0].startswith("gain over natural on held-out folds of the examples")
    assert proposal.intervals["gain"]["low"] > 0
    assert set(proposal.intervals["predicted"]) == {"north", "south"}


def test_a_single_precision_table_needs_no_more_steps_than_a_double_one(monkeypatch):
    """A search that sets float64 sums against float32 sums finds no step and starts all over."""
    rng = np.random.default_rng(11)
    values = rng.standard_normal((200_000, 7), dtype=np.float32)
    origin = rng.choice(7, len(values), p=rng.dirichlet(np.full(7, 0.5)))
    values[np.arange(len(values)), origin] += 4
    calls = []
    plain = Ratios.at

    def counted(self, *arguments):
        calls.append(self.blocks[0].dtype)
        return plain(self, *arguments)

    monkeypatch.setattr(Ratios, "at", counted)
    for table in (values, values.astype(np.float64)):
        assert solve(table).converged
    assert calls.count(np.dtype("float32")) <= calls.count(np.dtype("float64")) + 6


@pytest.mark.parametrize("first", [20_000, 99_990])
def test_examples_without_weight_are_as_if_they_were_not_there(first):
    values = np.random.default_rng(0).normal(size=(100_000, 5))
    weights = np.zeros(len(values))
    weights[first : first + 500] = 1
    solution = solve(values, weights)
    alone = solve(values[first : first + 500])
    assert solution.converged
    assert solution.objective / weights.sum() == pytest.approx(alone.objective, abs=2e-6)


def test_what_is_no_number_certifies_nothing():
    region = Region.of(2, None, None)
    assert region.gap(Point(np.array([np.nan, 1]), 0.0, np.ones(2))) == np.inf


def test_the_curvature_of_a_sample_knows_the_rare_domains_of_all_examples():
    rng = np.random.default_rng(0)
    share = np.array([0.6994, 0.3, 0.0006])
    values = rng.normal(size=(400_000, 3))
    values[np.arange(len(values)), rng.choice(3, len(values), p=share)] += 6
    ratios = Ratios.of(values, np.full(len(values), 1 / len(values)))
    point = ratios.at(share)
    sampled = ratios.hessian(point, np.arange(3))
    whole = ratios.hessian(point, np.arange(3), effort=9)
    # The curvature of all examples has this identity.
    assert sampled @ share == pytest.approx(-point.gradient, rel=1e-6)
    assert sampled[2, 2] == pytest.approx(whole[2, 2], rel=0.05)
