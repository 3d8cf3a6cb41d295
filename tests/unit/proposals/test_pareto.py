"""The front between two objectives.

It is whole for convex laws and has no dominated points. Its ends are the best of either objective.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers import create
from mixwright.mixture import Domain, Mixture
from mixwright.observations import Observations
from mixwright.proposals.pareto import FrontPoint, TargetMean, as_frame, pareto, undominated
from mixwright.simplex.bounds import Bounds

DOMAINS, TARGETS = ("code", "news", "wiki"), ("prose", "python", "shell")


def seen(rng, losses):
    weights = rng.dirichlet(np.full(3, 0.8), 60)
    return Observations(
        DOMAINS,
        TARGETS,
        tuple(f"r{i:02}" for i in range(60)),
        ("swarm",) * 60,
        1e6 * weights,
        losses(weights),
    )


def goal(**bounds):
    domains = tuple(Domain(name, 10**9) for name in DOMAINS)
    return Goal(domains, {"prose": 1.0}, 1e6, Bounds.of(domains, 1e6, **bounds))


@pytest.fixture(scope="module")
def law():
    """prose needs news and wiki, python code, shell code and a little wiki."""
    needs = np.array([[0.02, 1.0, 0.8], [1.0, 0.02, 0.1], [1.0, 0.05, 0.4]])
    return create("effective-data").fit(
        seen(np.random.default_rng(0), lambda w: 2 + (0.02 + w**0.6 @ needs.T) ** -0.4)
    )


BETWEEN = (TargetMean("code", ("python", "shell")), TargetMean("prose", ("prose",)))


@pytest.mark.parametrize(
    "bounds",
    [{}, {"groups": {"text": {"domains": ["news", "wiki"], "least": 0.3}}, "caps": {"code": 0.5}}],
)
def test_the_front_trades_one_for_the_other_from_optimum_to_optimum(law, bounds):
    wanted = goal(**bounds)
    front = pareto(law, wanted, BETWEEN, 9)
    values = np.array([point.values for point in front])
    assert (
        len(front) == 9 and (np.diff(values[:, 0]) > 0).all() and (np.diff(values[:, 1]) < 0).all()
    )
    assert all(
        wanted.bounds.contain(point.proposal.weights[None]).all() and point.proposal.gap < 1e-6
        for point in front
    )
    for end, objective in ((0, BETWEEN[0]), (-1, BETWEEN[1])):
        alone = law.propose(replace(wanted, targets=objective.importance(1.0)))
        assert values[end, end] == pytest.approx(objective.value(alone.predicted), abs=1e-4)


def test_no_sampled_mixture_lies_below_the_front(law):
    values = np.array([point.values for point in pareto(law, goal(), BETWEEN, 50)])
    predicted = law.predict(np.random.default_rng(1).dirichlet(np.ones(3), 20_000))
    code, prose = predicted[:, 1:].mean(axis=1), predicted[:, 0]
    between = (code > values[0, 0]) & (code < values[-1, 0])
    room = np.ptp(values[:, 1])
    assert (
        between.sum() > 1000
        and (prose[between] >= np.interp(code[between], *values.T) - 0.004 * room).all()
    )
    # and the chords are met by mixtures not far above them: the front is tight
    near = [
        np.min(np.hypot((code - x) / np.ptp(values[:, 0]), (prose - y) / room)) for x, y in values
    ]
    assert max(near) < 0.03


def test_a_planted_front_is_found():
    """The front's mixtures use no wiki, and share the rest along the whole front.

    The target prose needs news alone, and the target python needs code alone.
    """
    needs = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    fitted = create("effective-data").fit(
        seen(np.random.default_rng(0), lambda w: 2 + (0.05 + w**0.6 @ needs.T) ** -0.4)
    )
    front = pareto(
        fitted, goal(), (TargetMean("python", ("python",)), TargetMean("prose", ("prose",))), 9
    )
    code = np.array([point.proposal.weights[0] for point in front])
    assert (np.diff(code) < 0).all() and code[0] > 0.95 and code[-1] < 0.05
    assert max(point.proposal.weights[2] for point in front) < 0.03
    truth = 2 + (0.05 + code**0.6) ** -0.4
    assert np.array([point.values[0] for point in front]) == pytest.approx(
        truth, abs=0.05 * np.ptp(truth)
    )


@pytest.mark.parametrize("name", ["regmix-linear", "log-linear"])
def test_corners_and_searches_give_supported_points(name):
    settings = {"samples": 3_000, "keep": 8} if name == "regmix-linear" else None
    slopes = np.array([[2.0, 0.5, 0.7], [0.4, 3.0, 1.5], [0.5, 2.5, 1.5]])
    fitted = create(name, settings).fit(
        seen(np.random.default_rng(2), lambda w: 1 + np.exp(-(w @ slopes.T)))
    )
    front = pareto(fitted, goal(), BETWEEN, 7)
    values = np.array([point.values for point in front])
    assert (
        2 <= len(front) <= 7
        and (np.diff(values[:, 0]) > 0).all()
        and (np.diff(values[:, 1]) < 0).all()
    )


def test_dominated_points_are_removed():
    points = [
        FrontPoint(0.5, values, Proposal("m", Mixture(("a",), np.ones(1))))
        for values in [(1.0, 3.0), (2.0, 2.0), (2.5, 2.0), (2.0, 2.5), (3.0, 1.0), (1.0, 4.0)]
    ]
    assert [point.values for point in undominated(points)] == [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]


def test_objectives_that_do_not_compete_give_one_point(law):
    twice = (TargetMean("a", ("python",)), TargetMean("b", ("python", "python")))
    with pytest.raises(MixwrightError, match="name two that differ"):
        pareto(law, goal(), twice, 5)
    fixed = goal(fixed={"code": 0.2, "news": 0.3, "wiki": 0.5})
    assert len(pareto(law, fixed, BETWEEN, 5)) == 1


def test_limits_hold_along_the_whole_front(law):
    wanted = replace(goal(), never_worse=("shell",))
    natural = law.predict(wanted.natural[None])[0, 2]
    assert all(
        point.proposal.predicted["shell"] <= natural + 1.01e-6
        for point in pareto(law, wanted, BETWEEN, 5)
    )


def test_the_table_holds_losses_weights_and_gap(law):
    front = pareto(law, goal(), BETWEEN, 3)
    frame = as_frame(front, BETWEEN, goal())
    assert list(frame) == [
        "loss_code",
        "loss_prose",
        "share_code",
        "weight_code",
        "weight_news",
        "weight_wiki",
        "gap",
    ]
    assert (
        frame.filter(like="weight_").sum(axis=1).to_numpy() == pytest.approx(1) and len(frame) == 3
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code=python+shel", "shel is no target; did you mean shell"),
        ("=python", "write NAME=A"),
        ("c=python+python", "every target once"),
    ],
)
def test_objectives_are_checked(text, message):
    with pytest.raises(MixwrightError, match=message):
        TargetMean.read(text, TARGETS)


def test_objectives_are_targets_or_named_means():
    assert TargetMean.read("prose", TARGETS) == TargetMean("prose", ("prose",))
    assert TargetMean.read("code=python+shell", TARGETS) == TargetMean("code", ("python", "shell"))
    assert TargetMean.read("python+shell", TARGETS) == TargetMean(
        "python+shell", ("python", "shell")
    )


def test_the_command_writes_the_front(tmp_path: Path, capsys):
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(3, 0.8), 20)
    ids = [f"r{i}" for i in range(20)]
    losses = 2 + (0.02 + weights**0.6 @ np.array([[0.1, 1, 1], [1, 0.1, 0.1]]).T) ** -0.4
    pd.DataFrame(weights, columns=DOMAINS).assign(index=ids).set_index("index").to_csv(
        tmp_path / "m.csv"
    )
    pd.DataFrame(losses, columns=["prose", "python"]).assign(index=ids).set_index("index").to_csv(
        tmp_path / "l.csv"
    )
    fit, front = str(tmp_path / "fit"), tmp_path / "front.csv"
    tables = ["--mixtures", str(tmp_path / "m.csv"), "--losses", str(tmp_path / "l.csv")]
    assert main(["fit", "--mixer", "effective-data", *tables, "--to", fit]) == 0
    asked = [
        "pareto",
        "--fit",
        fit,
        "--between",
        "python",
        "text=prose",
        "--points",
        "4",
        "--group",
        "news+wiki>=0.3",
        "--to",
        str(front),
    ]
    assert main(asked) == 0
    frame = pd.read_csv(front)
    assert (
        len(frame) == 4
        and (frame.weight_news + frame.weight_wiki >= 0.3 - 1e-9).all()
        and (frame.gap < 1e-6).all()
    )
    assert "loss python" in capsys.readouterr().out
