"""The page's own optimum is that of `mixwright propose`, inside limits and locks, and certified."""

import json
import shlex
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

import planted_accuracies
from javascript import run
from mixwright import mixers
from mixwright.__main__ import main
from mixwright.learners import ACCURACY, CHOSEN, LOSS
from mixwright.mixers.laws.formula import formula_from
from mixwright.proposals.fits import Fit
from mixwright.proposals.mean_accuracy import for_mean_of
from mixwright.proposals.options import make_options
from mixwright.simplex.bounds import Group
from mixwright.simplex.geometry import scale_into
from mixwright.trust.surface import record
from mixwright.trust.surface.building import surface_of
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.surface import Surface
from planted_swarm import TARGETS, plant
from random_bounds import group_rows, random_groups

NAMES = ("__proto__", 'a "b"\n', "c d", "e\\f", "it's", "百科")
LAWS = ["effective-data", "log-linear", "additive", "bimix", "regmix-linear", "joint"]
WISHES = {
    "nothing": {},
    "caps and floors": {"caps": {"__proto__": 0.2, "c d": 0.3}, "floors": {"百科": 0.05}},
    "groups and a lock": {
        "groups": ["__proto__+c d<=0.2", "e\\f+it's>=0.3", "e\\f+it's<=0.5"],
        "fixed": {"百科": 0.1},
    },
    "one target": {"targets": ["west"], "caps": {"c d": 0.3}},
    "never worse": {"targets": {"north": 0.9, "west": 0.1}, "never_worse": TARGETS},
    "never worse in groups": {
        "targets": ["north"],
        "never_worse": ["south", "west"],
        "groups": ["__proto__+c d=0.4"],
        "fixed": {"it's": 0.0},
    },
}
SOLVED = """data.map(([surface, options]) => {
  const best = optimum(surface, options);
  if (best.weights === null) return best;
  const limits = options.limits ?? limits_of(surface);
  const inner = held(options.weights ?? [], options.locks, limits);
  return { ...best, broken: feasible(best.weights, options.locks ? inner : limits) };
})"""
# units of y
EXACT = 1e-6


@cache
def planted(runs: int = 48):
    """Runs of a known law and their goal; domains have names that JSON must write with care."""
    swarm = plant(3, runs=runs)
    domains = []
    for domain, name in zip(swarm.goal.domains, NAMES, strict=True):
        domains.append(replace(domain, name=name))
    goal = replace(swarm.goal, domains=tuple(domains))
    return replace(swarm.seen, domains=NAMES), goal


@cache
def made(mixer: str, with_goal: bool = False) -> Surface:
    seen, goal = planted()
    fit = Fit.of(seen, mixer, dict(mixers.entry(mixer).quick))
    return surface_of(fit, goal if with_goal else None, draws=0)


def content(surface: Surface) -> dict:
    return json.loads(record.as_text(record.record_of(surface), "here"))


def solved(*problems: list) -> list[dict]:
    return run(SOLVED, list(problems))


def wish_of(surface: Surface, wish: dict) -> tuple[dict, object]:
    """What the page is asked for, where the library is asked for this."""
    options = make_options(surface.source, **wish)
    goal = options.goal(surface.source)
    locks = [name in options.fixed for name in surface.domains]
    groups = []
    for group in goal.bounds.groups:
        members = list(group.members)
        groups.append(
            {"name": group.name, "members": members, "least": group.lower, "most": group.upper}
        )
    fixed = np.array(locks)
    limits = {
        "names": list(surface.domains),
        "least": np.where(fixed, 0, goal.bounds.lower).tolist(),
        "most": np.where(fixed, 1, goal.bounds.upper).tolist(),
        "groups": groups,
    }
    page = {
        "importance": dict(goal.targets),
        "limits": limits,
        "never_worse": list(goal.never_worse),
        "locks": locks,
        "weights": [options.fixed.get(name, 0.0) for name in surface.domains],
    }
    return page, options


@pytest.mark.parametrize("mixer", LAWS)
def test_it_agrees_with_propose(mixer):
    surface = made(mixer)
    problems = []
    proposals = []
    for wish in WISHES.values():
        page, options = wish_of(surface, wish)
        problems.append([content(surface), page])
        proposals.append((propose_from(surface, options), options.goal(surface.source)))
    for (proposal, goal), best, (_, page) in zip(
        proposals, solved(*problems), problems, strict=True
    ):
        importance = np.array([page["importance"].get(target, 0.0) for target in TARGETS])
        weights = np.array(best["weights"])
        ours, theirs = (
            surface.formula.predict(surface.inputs(one[None]))[0] @ importance
            for one in (weights, proposal.weights)
        )
        assert best["objective"] == pytest.approx(ours, abs=1e-12)
        assert abs(ours - theirs) < EXACT
        assert best["certified"] and best["reason"] == "" and best["gap"] < EXACT
        assert best["broken"] == [] and goal.bounds.contain(weights[None])[0]
        start = scale_into(goal.natural, *goal.bounds.parts)
        # a target that is limited may lie 1e-6 over natural's, as in the library
        natural = surface.formula.predict(surface.inputs(start[None]))[0]
        y = surface.formula.predict(surface.inputs(weights[None]))[0]
        for target in goal.never_worse:
            k = TARGETS.index(target)
            assert y[k] <= natural[k] + 1.001e-6


def test_the_command_that_the_page_writes_finds_the_same(tmp_path):
    surface = made("effective-data")
    record.write(surface, tmp_path / "surface.json")
    page, _ = wish_of(surface, WISHES["groups and a lock"])
    page["limits"]["most"][0] = 0.11
    [best], words = run(
        f"""[{SOLVED}, propose_options(data[0][1].limits, data[0][1].weights, data[0][1].locks,
              data[0][1].importance, data[0][1].never_worse)]""",
        [[content(surface), page]],
    )
    line = ["propose", "--fit", str(tmp_path / "surface.json"), "--to", str(tmp_path / "m.json")]
    assert main([*line, *shlex.split(words)]) == 0
    written = json.loads((tmp_path / "m.json").read_text())
    ours = dict(zip(NAMES, best["weights"], strict=True))
    assert ours == pytest.approx(written["weights"], abs=1e-5)


@pytest.mark.parametrize("mixer", ["effective-data", "joint"])
def test_without_options_it_finds_the_best_of_the_study(mixer):
    written = content(made(mixer, with_goal=True))
    [best] = solved([written, {"at": "goal" if mixer == "joint" else "runs"}])
    assert best["weights"] == pytest.approx(written["goal"]["best"]["weights"], abs=1e-4)
    assert best["certified"] and best["broken"] == []


def test_a_law_in_amounts_minds_what_a_domain_repeats():
    seen, goal = planted()
    few = tuple(replace(domain, tokens=60_000) for domain in goal.domains)
    goal = replace(goal, domains=few, tokens=3e6)
    fit = Fit.of(seen, "joint", dict(mixers.entry("joint").quick))
    surface = surface_of(fit, goal, draws=0)
    written = content(surface)
    goals, runs = solved([written, {"at": "goal"}], [written, {"at": "runs"}])
    assert goals["weights"] == pytest.approx(written["goal"]["best"]["weights"], abs=1e-4)
    assert goals["certified"] and goals["gap"] < EXACT
    assert np.abs(np.subtract(goals["weights"], runs["weights"])).max() > 1e-3


def test_means_of_accuracies_count_by_the_accuracy_that_can_be_had():
    planted_runs = planted_accuracies.plant()
    tasks = planted_accuracies.TASKS
    for metrics in (
        planted_accuracies.every(ACCURACY),
        planted_accuracies.every(CHOSEN["probability"]),
        {tasks[0]: ACCURACY, tasks[1]: CHOSEN["probability"], tasks[2]: ACCURACY},
        {tasks[0]: ACCURACY, tasks[1]: ACCURACY},
    ):
        surface = surface_of(Fit.of(planted_runs.observed(metrics=metrics), "additive"), draws=0)
        written = content(surface)
        for weights in ({tasks[0]: 3.0, tasks[1]: 1, tasks[2]: 0}, {tasks[0]: 1, tasks[2]: 1}):
            wanted = {name: weight for name, weight in weights.items() if weight}
            options = make_options(surface.source, targets=wanted)
            best = {t: trust.best for t, trust in zip(surface.targets, surface.trust, strict=True)}
            goal = for_mean_of(best, surface.source.metrics, options.goal(surface.source))
            ours = run("importance_of(data[0], data[1])", [written, weights])
            assert ours == pytest.approx(dict(goal.importance or goal.targets), abs=1e-12)
        assert run("importance_of(data)", written) == written["goal"]["importance"]
        if LOSS not in (metrics.get(task, LOSS) for task in tasks):
            proposal = propose_from(surface, make_options(surface.source))
            [best_mixture] = solved([written, {}])
            assert best_mixture["weights"] == pytest.approx(proposal.weights, abs=1e-4)


def made_up(rng, domains: int, targets: int, form: str) -> dict:
    """A surface of random laws: powers near 0 and at 1, no transfer, linear rests."""
    records = []
    for _ in range(targets):
        if form == "log-linear":
            parameters = {"c": float(rng.normal()), "t": rng.normal(-0.5, 2, domains).tolist()}
        else:
            transfer = np.exp(rng.normal(-1, 2, domains)) * (rng.random(domains) < 0.8)
            linear = rng.normal(0, 0.2, domains) * (rng.random() < 0.5)
            parameters = {
                "E": float(rng.normal()),
                "A": float(rng.uniform(0, 2)),
                "b": float(rng.uniform(0.1, 1.2)),
                "eps": float(rng.choice([1e-3, 0.1])),
                "K": transfer.tolist(),
                "g": rng.choice([0.2, 0.5, 0.9, 1.0], domains).tolist(),
                "beta": linear.tolist(),
            }
        records.append(parameters)
    names = [f"t{t}" for t in range(targets)]
    return {
        "domains": [f"d{i}" for i in range(domains)],
        "form": form,
        "amounts": None,
        "targets": [
            {"name": name, "convex": True, "parameters": parameters}
            for name, parameters in zip(names, records, strict=True)
        ],
        "goal": {
            "natural": rng.dirichlet(np.ones(domains)).tolist(),
            "importance": dict.fromkeys(names, 1 / targets),
            "never_worse": [],
            "bounds": None,
        },
    }


def random_problem(rng, kind: str) -> list:
    domains = int(rng.integers(10, 26) if kind == "groups" else rng.integers(1, 16))
    form = str(rng.choice(["effective-data", "log-linear"]))
    surface = made_up(rng, domains, int(rng.integers(1, 6)), form)
    inside = rng.dirichlet(np.ones(domains))
    lower = inside * rng.uniform(0, 1, domains) * (rng.random(domains) < 0.3)
    upper = np.where(rng.random(domains) < 0.5, inside * rng.uniform(1, 3, domains), 1.0)
    upper = np.minimum(1, upper)
    groups = []
    if kind == "groups":
        lower, upper, of_library = random_groups(rng, domains)
        groups = [
            {"name": g.name, "members": list(g.members), "least": g.lower, "most": g.upper}
            for g in of_library
        ]
    if kind == "overlapping" and domains > 2:
        for g in range(3):
            members = np.flatnonzero(rng.random(domains) < 0.5).tolist()
            total = float(inside[members].sum())
            least, most = rng.uniform(0.3, 1) * total, min(1.0, rng.uniform(1, 1.6) * total)
            if rng.random() < 0.2:
                least = most = total
            groups.append({"name": f"g{g}", "members": members, "least": least, "most": most})
    locks = (rng.random(domains) < 0.15) & (kind != "groups")
    limits = {
        "names": surface["domains"],
        "least": np.where(locks, 0, lower).tolist(),
        "most": np.where(locks, 1, upper).tolist(),
        "groups": groups,
    }
    never_worse = []
    if rng.random() < 0.4:
        never_worse = [target["name"] for target in surface["targets"] if rng.random() < 0.4]
    options = {
        "limits": limits,
        "locks": locks.tolist(),
        "weights": inside.tolist(),
        "never_worse": never_worse,
    }
    return [surface, options]


@pytest.mark.parametrize("kind", ["boxes", "groups", "overlapping"])
def test_nothing_is_better_than_the_certificate_says(kind):
    """Against another solver, and against steps towards mixtures inside."""
    rng = np.random.default_rng(len(kind))
    problems = [random_problem(rng, kind) for _ in range(40)]
    starts = inside([surface["goal"]["natural"] for surface, _ in problems], problems)
    found = [rival(*problem, start) for problem, start in zip(problems, starts, strict=True)]
    rivals = inside(found, problems)
    beaten = 0
    for (surface, options), best, start, other in zip(
        problems, solved(*problems), starts, rivals, strict=True
    ):
        assert best["certified"] and best["gap"] < EXACT, best
        assert best["broken"] == [] and abs(sum(best["weights"]) - 1) < 1e-12
        weights = np.array(best["weights"])
        losses, limited = laws_of(surface, options)
        most = losses(start)[limited] + 1e-6
        assert (losses(weights)[limited] <= most + 1e-12).all()
        for point in (other, start, weights + 1e-3 * (start - weights)):
            if (losses(point)[limited] <= most).all():
                assert losses(point).mean() > best["objective"] - best["gap"] - 1e-12
        beaten += losses(other).mean() < best["objective"] + 1e-5
    # the other solver is no straw man
    assert beaten > 20


def inside(points: list, problems: list) -> np.ndarray:
    """The mixtures inside each problem's limits and locks that are nearest to the points."""
    pairs = [[list(point), options] for point, (_, options) in zip(points, problems, strict=True)]
    brought = "data.map(([w, o]) => inside(w, held(o.weights, o.locks, o.limits)))"
    return [np.array(w) for w in run(brought, pairs)]


def laws_of(surface: dict, options: dict):
    """(domains,) -> (targets,) of what is minimised, and which targets are limited."""
    law = formula_from(surface["form"], [target["parameters"] for target in surface["targets"]])
    limited = [target["name"] in options["never_worse"] for target in surface["targets"]]
    return lambda w: law.predict(np.maximum(w, 0)[None])[0], np.array(limited)


def rival(surface: dict, options: dict, start: np.ndarray) -> list[float]:
    """What scipy finds inside the limits."""
    losses, limited = laws_of(surface, options)
    limits = options["limits"]
    lower = np.where(options["locks"], options["weights"], limits["least"])
    upper = np.where(options["locks"], options["weights"], limits["most"])
    constraints = [{"type": "eq", "fun": lambda w: w.sum() - 1}]
    groups = [
        Group(group["name"], tuple(group["members"]), group["least"], group["most"])
        for group in limits["groups"]
    ]
    if groups:
        rows, edges = group_rows(groups, len(start))
        constraints.append({"type": "ineq", "fun": lambda w: edges - rows @ w})
    if limited.any():
        most = losses(start)[limited] + 1e-6
        constraints.append({"type": "ineq", "fun": lambda w: most - losses(w)[limited]})
    answer = minimize(
        lambda w: losses(w).mean(),
        start,
        method="SLSQP",
        bounds=list(zip(lower, upper, strict=True)),
        constraints=constraints,
        options={"maxiter": 300, "ftol": 1e-12},
    )
    return np.clip(answer.x, 0, 1).tolist()


def test_one_domain_and_locks_on_all_leave_one_mixture():
    rng = np.random.default_rng(0)
    alone = made_up(rng, 1, 2, "effective-data")
    three = made_up(rng, 3, 2, "log-linear")
    locked = {"locks": [True] * 3, "weights": [0.2, 0.3, 0.5]}
    two_of_three = {"locks": [True, True, False], "weights": [0.2, 0.3, 0.5]}
    first, second, third = solved([alone, {}], [three, locked], [three, two_of_three])
    assert first["weights"] == [1]
    assert second["weights"] == pytest.approx([0.2, 0.3, 0.5], abs=1e-11)
    assert third["weights"] == pytest.approx([0.2, 0.3, 0.5], abs=1e-11)
    assert all(best["certified"] and best["gap"] < 1e-9 for best in (first, second, third))


def test_a_target_may_have_any_name():
    surface = made_up(np.random.default_rng(0), 4, 2, "effective-data")
    expected, _ = solved([surface, {"importance": {"t0": 1.0}}], [surface, {}])
    surface["targets"][0]["name"] = "__proto__"
    [best] = solved([surface, {"importance": {"__proto__": 1.0}, "never_worse": ["__proto__"]}])
    assert best["weights"] == pytest.approx(expected["weights"], abs=1e-6)


def test_limits_that_leave_nothing_are_told():
    three = made_up(np.random.default_rng(0), 3, 2, "log-linear")
    tight = {"names": three["domains"], "least": [0] * 3, "most": [0.2, 0.3, 0.1], "groups": []}
    nothing, unweighted = solved([three, {"limits": tight}], [three, {"importance": {}}])
    assert nothing["weights"] is None and not nothing["certified"]
    assert nothing["reason"] == "all max sum to 60 %, under 100 %: raise or unlock some"
    assert unweighted["reason"].startswith("no target has a weight")


def test_what_is_not_convex_is_never_certified():
    surface = made_up(np.random.default_rng(1), 5, 3, "effective-data")
    bent = surface["targets"][1]
    bent["convex"] = False
    bent["parameters"]["g"] = [1.8] * 5
    every, without = solved([surface, {}], [surface, {"importance": {"t0": 1.0, "t2": 1.0}}])
    assert not every["certified"] and every["weights"] is not None
    assert (
        every["reason"] == "the fitted law of t1 is not convex: a better mixture may lie elsewhere"
    )
    assert without["certified"]


def test_a_weight_of_nothing_is_nothing():
    """Domains that add nothing get exactly their floor."""
    surface = made_up(np.random.default_rng(2), 6, 1, "effective-data")
    parameters = surface["targets"][0]["parameters"]
    parameters |= {"A": 1.0, "beta": [0.0] * 6, "K": [1.0, 0.5, 0, 0, 0, 0], "g": [0.5] * 6}
    limits = {"names": surface["domains"], "least": [0, 0, 0.1, 0, 0, 0], "most": [1] * 6}
    [best] = solved([surface, {"limits": {**limits, "groups": []}}])
    assert best["weights"][2:] == [pytest.approx(0.1, abs=1e-12), 0, 0, 0]
    # S = w^.5 + .5 v^.5 is greatest where v = w / 4
    assert best["weights"][:2] == pytest.approx([0.72, 0.18], abs=1e-4)
