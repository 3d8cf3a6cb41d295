"""Sliders keep every limit and lock, and the others keep their ratios as far as limits let them."""

import shlex

import numpy as np
import pytest
from scipy.optimize import linprog

from javascript import run
from mixwright.__main__ import command_parser
from mixwright.proposals.fits import FittedRuns
from mixwright.proposals.options import read_options
from mixwright.simplex.bounds import Bounds, Group
from mixwright.simplex.geometry import scale_into
from random_bounds import group_rows, random_box, random_groups

NAMES = ("__proto__", 'a "b"\n', "c d", "e\\f", "it's", "c=d", "百科", "$(x)")
# Several moves of one slider each: [weights at the start, domain, value, locks, limits].
MOVES = """data.map(([weights, k, value, locks, limits]) => {
  const w = moved(weights, k, value, locks, limits);
  const [least, most] = range_of(k, weights, locks, limits);
  return { w, least, most, again: moved(w, k, w[k], locks, limits),
           broken: feasible(w, held(weights, locks, limits)) };
})"""


def written(lower, upper, groups=(), names=None) -> dict:
    """Limits as the page has them."""
    parts = []
    for group in groups:
        parts.append(
            {
                "name": group.name,
                "members": [int(i) for i in group.members],
                "least": group.lower,
                "most": group.upper,
            }
        )
    return {
        "names": list(names or [f"d{i}" for i in range(len(lower))]),
        "least": np.asarray(lower, dtype=float).tolist(),
        "most": np.asarray(upper, dtype=float).tolist(),
        "groups": parts,
    }


def overlapping(rng, domains: int, inside: np.ndarray) -> list[Group]:
    """Groups that share domains and hold each other, all with a common mixture inside."""
    groups = []
    for g in range(3):
        members = np.flatnonzero(rng.random(domains) < 0.5)
        if g == 2 and groups:
            members = np.array(groups[0].members[:2])
        if len(members) < 2:
            continue
        total = inside[members].sum()
        least, most = rng.uniform(0.2, 1) * total, min(1.0, rng.uniform(1, 2) * total)
        if rng.random() < 0.15:
            least = most = total
        groups.append(Group(f"g{g}", tuple(members.tolist()), float(least), float(most)))
    return groups


def problems(kind: str, count: int = 40, moves: int = 5) -> list[list]:
    """Random moves inside limits of a kind, from mixtures inside."""
    rng = np.random.default_rng(len(kind))
    drawn = []
    for _ in range(count):
        domains = int(rng.integers(1, 26)) if kind != "groups" else int(rng.integers(9, 26))
        inside = rng.dirichlet(np.ones(domains))
        groups: list[Group] = []
        if kind == "none":
            lower, upper = np.zeros(domains), np.ones(domains)
        elif kind == "groups":
            lower, upper, groups = random_groups(rng, domains)
        else:
            lower = rng.uniform(0, 0.9, domains) * inside
            upper = np.minimum(1, rng.uniform(1, 4, domains) * inside)
            if kind == "overlapping":
                groups = overlapping(rng, domains, inside)
        start = inside
        if kind == "groups":
            start = scale_into(inside, lower, upper, groups)
        zeros = (rng.random(domains) < 0.2) & (lower == 0) & (kind == "none")
        if not zeros.all():
            start = np.where(zeros, 0, start) / np.where(zeros, 0, start).sum()
        locks = (rng.random(domains) < 0.2).tolist()
        limits = written(lower, upper, groups)
        for _ in range(moves):
            value = float(rng.uniform(-0.1, 1.1))
            drawn.append([start.tolist(), int(rng.integers(domains)), value, locks, limits])
    return drawn


def with_locks(problem: list) -> tuple[np.ndarray, np.ndarray, list[Group]]:
    """Floors and caps with locked domains held, but for the one that moves."""
    weights, k, _, locks, limits = problem
    held = np.array(locks)
    held[k] = False
    lower = np.where(held, weights, limits["least"])
    upper = np.where(held, weights, limits["most"])
    groups = []
    for group in limits["groups"]:
        members = tuple(group["members"])
        groups.append(Group(group["name"], members, group["least"], group["most"]))
    return lower, upper, groups


@pytest.mark.parametrize("kind", ["none", "boxes", "groups", "overlapping"])
def test_a_moved_slider_keeps_every_limit_and_lock(kind):
    drawn = problems(kind)
    for problem, moved in zip(drawn, run(MOVES, drawn), strict=True):
        weights, k, value, locks, _ = problem
        w = np.array(moved["w"])
        lower, upper, groups = with_locks(problem)
        assert abs(w.sum() - 1) < 1e-12
        assert (w >= lower - 2e-12).all() and (w <= upper + 2e-12).all()
        for group in groups:
            total = w[list(group.members)].sum()
            assert group.lower - 1e-11 < total < group.upper + 1e-11
        held = np.flatnonzero(locks)
        held = held[held != k]
        assert w[held] == pytest.approx(np.array(weights)[held], abs=2e-12)
        nearest = np.clip(value, moved["least"], moved["most"])
        assert w[k] == pytest.approx(nearest, abs=1e-9)
        # where it stands, it stays
        assert moved["again"] == pytest.approx(moved["w"], abs=1e-9)


@pytest.mark.parametrize("kind", ["boxes", "groups", "overlapping"])
def test_the_range_of_a_slider_is_that_of_a_linear_programme(kind):
    drawn = problems(kind, 15, 2)
    for problem, moved in zip(drawn, run(MOVES, drawn), strict=True):
        lower, upper, groups = with_locks(problem)
        domains = len(lower)
        cost = np.eye(domains)[problem[1]]
        rows = dict(zip(("A_ub", "b_ub"), group_rows(groups, domains), strict=True))
        if not groups:
            rows = {}
        ends = []
        for sign in (1, -1):
            best = linprog(
                sign * cost,
                A_eq=np.ones((1, domains)),
                b_eq=[1],
                bounds=list(zip(lower, upper, strict=True)),
                **rows,
            )
            ends.append(sign * best.fun)
        assert [moved["least"], moved["most"]] == pytest.approx(ends, abs=1e-8)


@pytest.mark.parametrize("kind", ["none", "boxes", "groups"])
def test_the_others_keep_their_ratios_as_far_as_limits_let_them(kind):
    """As the library scales a mixture into bounds: one factor, and one of each group at a limit."""
    drawn = [problem for problem in problems(kind, 30, 3) if len(problem[0]) > 1]
    for problem, moved in zip(drawn, run(MOVES, drawn), strict=True):
        weights, k, _, _, _ = problem
        lower, upper, groups = with_locks(problem)
        if not moved["least"] + 1e-6 < moved["w"][k] < moved["most"] - 1e-6:
            continue
        lower[k] = upper[k] = moved["w"][k]
        target = np.array(weights)
        target[k] = moved["w"][k]
        expected = scale_into(target, lower, upper, groups)
        assert moved["w"] == pytest.approx(expected, abs=1e-7)


def test_a_slider_that_comes_back_brings_everything_back():
    """Through caps too: what it does depends on where it stands, not on the way there."""
    for kind in ("none", "boxes", "groups", "overlapping"):
        drawn = problems(kind, 10, 1)
        back = run(
            """data.map(([weights, k, value, locks, limits]) => {
              moved(weights, k, value, locks, limits);
              return moved(weights, k, weights[k], locks, limits);
            })""",
            drawn,
        )
        for problem, w in zip(drawn, back, strict=True):
            assert w == pytest.approx(problem[0], abs=1e-11)


@pytest.mark.parametrize("kind", ["none", "boxes", "groups", "overlapping"])
def test_a_small_step_of_a_slider_moves_no_weight_far(kind):
    steps = np.linspace(0, 1, 201).tolist()
    drawn = problems(kind, 12, 1)
    paths = run(
        """data[0].map(([weights, k, _, locks, limits]) =>
             data[1].map((value) => moved(weights, k, value, locks, limits)))""",
        [drawn, steps],
    )
    for path in paths:
        change = np.abs(np.diff(np.array(path), axis=0)).sum(axis=1)
        # overlapping groups may move others by a multiple of the step
        assert change.max() < 8 * 0.005 + 1e-9


@pytest.mark.parametrize("kind", ["none", "boxes"])
def test_what_a_slider_takes_no_other_gets(kind):
    steps = np.linspace(0, 1, 41).tolist()
    drawn = problems(kind, 20, 1)
    paths = run(
        """data[0].map(([weights, k, _, locks, limits]) =>
             data[1].map((value) => moved(weights, k, value, locks, limits)))""",
        [drawn, steps],
    )
    for (_, k, *_), path in zip(drawn, paths, strict=True):
        change = np.diff(np.array(path), axis=0)
        assert (change[:, k] >= -1e-9).all()
        assert (np.delete(change, k, axis=1) <= 1e-9).all()


def test_a_mixture_outside_the_limits_comes_inside_with_the_first_move():
    capped = written([0, 0.1, 0, 0], [0.3, 1, 0.5, 1], [Group("g", (2, 3), 0.0, 0.4)])
    moves = [[[0.8, 0, 0.1, 0.1], k, value, [], capped] for k in range(4) for value in (0, 0.2, 1)]
    for moved in run(MOVES, moves):
        assert moved["broken"] == [] and sum(moved["w"]) == pytest.approx(1, abs=1e-12)
    [nothing] = run(MOVES.replace("moved(weights, k, value", "moved(weights, k, NaN"), moves[:1])
    assert nothing["w"] == moves[0][0]


def test_zeros_are_used_where_nothing_else_has_room_and_share_alike():
    free = written([0] * 4, [1] * 4)
    capped = written([0] * 4, [1, 0.35, 1, 1])
    moves = [
        [[1, 0, 0, 0], 0, 0.4, [], free],
        [[0.4, 0.3, 0.3, 0], 0, 0.7, None, free],
        [[0.7, 0.3, 0, 0], 0, 0.5, [], capped],
    ]
    first, second, third = (one["w"] for one in run(MOVES, moves))
    assert first == pytest.approx([0.4, 0.2, 0.2, 0.2], abs=1e-12)
    assert second == [0.7, pytest.approx(0.15), pytest.approx(0.15), 0]
    assert third == pytest.approx([0.5, 0.35, 0.075, 0.075], abs=1e-7)


def test_where_limits_leave_nothing_locks_win_and_it_is_said():
    tight = written([0, 0, 0], [0.2, 0.3, 0.3], names=["web", "code", "prose"])
    group = Group("text", (1, 2), 0.9, 1.0)
    grouped = written([0, 0, 0], [1, 1, 1], [group], names=["web", "code", "prose"])
    cases = [
        [tight, [0.2, 0.4, 0.4], []],
        [grouped, [0.5, 0.3, 0.2], [True, False, False]],
        [grouped, [0.1, 0.7, 0.2], [True, False, False]],
        [written([0.8, 0, 0], [0.5, 1, 1]), [1, 0, 0], []],
        [written([0.8, 0.4, 0], [1, 1, 1]), [1, 0, 0], []],
    ]
    words = run("data.map(([limits, weights, locks]) => conflict(limits, weights, locks))", cases)
    assert words[0] == "all max sum to 80 %, under 100 %: raise or unlock some"
    assert "loosen group text" in words[1] and "locked domains counted in" in words[1]
    assert words[2] == ""
    assert words[3] == "d0 has its min 80 % above its max 50 %: change one of the two"
    assert words[4] == "all min sum to 120 %, over 100 %: lower or unlock some"
    locked = [[0.5, 0.3, 0.2], 1, 0.4, [True, False, False], grouped]
    [one] = run(MOVES, [locked])
    assert one["w"] == pytest.approx([0.5, 0.4, 0.1], abs=1e-11)
    assert any("group text" in reason for reason in one["broken"])


def test_weights_that_are_all_locked_leave_their_own_mixture():
    weights = (np.array([0.1, 0.2, 0.7]) + 1e-13).tolist()
    assert run("conflict(data[0], data[1], [1, 1, 1])", [written([0] * 3, [1] * 3), weights]) == ""


def test_broken_and_touched_limits_are_named():
    group = Group("text", (1, 2), 0.1, 0.5)
    limits = written([0, 0.1, 0], [0.4, 1, 0.3], [group], names=["web", "code", "prose"])
    broken, touched = run(
        "[feasible([0.42, 0.05, 0.53], data), touched([0.4, 0.1, 0.3], data)]", limits
    )
    assert broken == [
        "web 42 % is above its max 40 %",
        "code 5 % is below its min 10 %",
        "prose 53 % is above its max 30 %",
        "group text 58 % is above its max 50 %",
    ]
    bounds = Bounds(np.array([0, 0.1, 0]), np.array([0.4, 1, 0.3]), (group,))
    assert touched == bounds.active(np.array([0.4, 0.1, 0.3]), ["web", "code", "prose"])
    assert "not 100 %" in run("feasible([0.4, 0.1, 0.2], data)", limits)[0]


def test_limits_are_those_of_the_surface_and_of_the_passes():
    goal = {
        "natural": [0.5, 0.3, 0.2],
        "bounds": {
            "least": [0, 0.1, 0],
            "most": [0.8, 1, 1],
            "groups": [{"name": "g", "domains": ["code", "web"], "least": 0, "most": 0.9}],
        },
    }
    surface = {"domains": ["web", "code", "__proto__"], "goal": goal}
    free = {**surface, "goal": {**goal, "bounds": None}}
    tokens = [["web", 2e8], ["__proto__", 4e8]]
    ours = run(
        """(() => {
          const source_tokens = Object.fromEntries(data[2]);
          const options = { tokens: 1e9, source_tokens, max_epochs: 2 };
          return [limits_of(data[0]), limits_of(data[0], options), limits_of(data[1]),
                  natural_of(data[0], limits_of(data[0], options)), uniform_of(limits_of(data[0]))];
        })()""",
        [surface, free, tokens],
    )
    plain, passed, open_, natural, uniform = ours
    assert plain["least"] == [0, 0.1, 0] and plain["most"] == [0.8, 1, 1]
    assert plain["groups"][0]["members"] == [1, 0]
    assert passed["most"] == [0.4, 1, 0.8]
    assert (open_["least"], open_["most"], open_["groups"]) == ([0] * 3, [1] * 3, [])
    group = Group("g", (1, 0), 0.0, 0.9)
    expected = scale_into(goal["natural"], [0, 0.1, 0], [0.4, 1, 0.8], (group,))
    assert natural == pytest.approx(expected, abs=1e-9)
    assert uniform == pytest.approx([1 / 3] * 3, abs=1e-12)


def test_presets_are_brought_inside_as_the_library_does():
    rng = np.random.default_rng(4)
    cases = []
    expected = []
    for case in range(40):
        if case % 2:
            lower, upper, groups = random_groups(rng, 12)
        else:
            lower, upper = random_box(rng, 12)
            groups = ()
        weights = rng.dirichlet(np.full(12, 0.5))
        cases.append([weights.tolist(), written(lower, upper, groups)])
        expected.append(scale_into(weights, lower, upper, groups))
    ours = run("data.map(([weights, limits]) => inside(weights, limits))", cases)
    assert np.array(ours) == pytest.approx(np.array(expected), abs=1e-7)


def test_passes_distance_and_names_of_every_kind():
    names = list(NAMES)
    weights = [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    known = [[name, 1e6] for name in names[1:]]
    passes, distance, mixture = run(
        """[passes(data[1], 4e6, as_list(Object.fromEntries(data[2]), data[0])),
            distance([0.5, 0.5, 0], [0.2, 0.3, 0.5]),
            Object.entries(as_mixture(data[1], data[0]))]""",
        [names, weights, known],
    )
    assert passes == [None, 2.0, 0, 0, 0, 0, 0, 0]
    assert distance == pytest.approx(0.5)
    assert mixture == [list(pair) for pair in zip(names, weights, strict=True)]


def test_the_options_of_propose_set_the_same_limits():
    names = sorted(NAMES)
    targets = ["it's a target", "west"]
    lower = np.array([0.05, 0, 0, 0.1, 0, 0, 0, 0])
    upper = np.array([1, 0.3, 1, 1, 0.9, 1, 1, 1e-7])
    group = Group("g", (5, 6), 0.1, 0.6)
    tokens = [[name, 1e6 + i] for i, name in enumerate(names)]
    words = run(
        """propose_options(data[0], data[1], data[2], { west: 0.75, [data[3]]: 0.25, none: 0 },
            ["west"], { tokens: 2e6, source_tokens: Object.fromEntries(data[4]) })""",
        [
            written(lower, upper, [group], names),
            [0.05, 0.3, 0.12, 0.1, 0.2, 0.05, 0.18, 0],
            [False, False, True, *[False] * 5],
            targets[0],
            tokens,
        ],
    )
    line = ["--fit", "fit", "--to", "mixture.json", *shlex.split(words)]
    typed = command_parser("propose").parse_args(line)
    source = FittedRuns("additive", 9, tuple(names), tuple(targets), (0.125,) * 8, 1.0, 1.0)
    options = read_options(
        source,
        typed.target,
        typed.cap,
        typed.floor,
        typed.available,
        typed.tokens,
        group=typed.group,
        fix=typed.fix,
        never_worse=typed.never_worse,
    )
    goal = options.goal(source)
    lower[2] = upper[2] = 0.12
    assert goal.bounds.lower.tolist() == lower.tolist()
    assert goal.bounds.upper.tolist() == upper.tolist()
    [same] = goal.bounds.groups
    assert (set(same.members), same.lower, same.upper) == ({5, 6}, 0.1, 0.6)
    assert goal.targets == {targets[0]: 0.25, "west": 0.75}
    assert goal.never_worse == ("west",) and goal.tokens == 2e6
    assert [domain.tokens for domain in goal.domains] == [number for _, number in tokens]


def test_a_name_that_cannot_be_typed_gives_no_line():
    names = ["a+b", "c", "-d"]
    group = Group("g", (0, 1), 0.0, 0.6)
    lines = run(
        "data.map((limits) => propose_options(limits, [0.5, 0.5, 0], [], { t: 1 }))",
        [
            written([0] * 3, [1] * 3, [group], ["a+b", "c", "d"]),
            written([0] * 3, [1] * 3, (), names),
            written([0] * 3, [1] * 3, (), ["a+b", "c", "d"]),
        ],
    )
    assert lines == [None, None, " --target t=1"]
