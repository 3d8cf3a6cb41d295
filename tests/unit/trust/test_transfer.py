"""Whether a ranking carries over.

Tested: intervals of few mixtures, and the command on a user's tables.
"""

import json

import numpy as np
import pytest

from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.observations import Observations
from mixwright.trust.intervals import rank_interval
from mixwright.trust.transfer import MEAN, transfer, transfer_of_runs


def test_the_interval_covers_what_it_says():
    """The true rho lies in 93 to 98 % of the intervals of 10 mixtures.

    Spearman's rho of a bivariate normal is 6 / pi asin(r / 2).
    """
    rng, r = np.random.default_rng(0), 0.7
    truth, covered = 6 / np.pi * np.arcsin(r / 2), 0
    for _ in range(1000):
        x = rng.standard_normal(10)
        found = rank_interval(x, r * x + np.sqrt(1 - r**2) * rng.standard_normal(10))
        covered += found.low <= truth <= found.high
    assert 930 <= covered <= 980


def test_few_mixtures_prove_nothing():
    four, eight = np.arange(4.0), np.arange(8.0)
    assert rank_interval(four, four).low < 0 < rank_interval(eight, eight).low
    assert vars(rank_interval(four[:3], four[:3])) == {"value": 1.0, "low": -1.0, "high": 1.0}
    assert rank_interval(four, np.ones(4)).value == 0
    with pytest.raises(MixwrightError, match="at least 4"):
        transfer("abc", "t", np.ones((3, 1)), np.ones((3, 1)))


def test_runs_of_a_study_are_paired_by_their_weights_and_its_targets_weighed():
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 7)
    losses = np.stack([np.arange(7.0), -3 * np.arange(7.0), np.ones(7)], axis=1)
    runs = tuple(f"r{k}" for k in range(7))
    first = Observations(
        tuple("abc"), ("ants", "bees", "code"), runs, ("swarm",) * 7, 1e5 * weights, losses
    )
    order = np.array([4, 2, 0, 3, 6])
    second = Observations(
        tuple("abc"),
        ("ants", "bees", "code"),
        runs[:5],
        ("transfer",) * 5,
        4e5 * weights[order],
        2 + losses[order],
    )
    found = transfer_of_runs(first, second, {"ants": 0.9, "bees": 0.1})
    assert found.mixtures == ("r4", "r2", "r0", "r3", "r6") and set(found.ranks) == {
        MEAN,
        "ants",
        "bees",
    }
    assert (
        found.ranks[MEAN].value == pytest.approx(1)
        and found.pick == "r0"
        and found.spread == pytest.approx(6 * 0.6)
    )
    assert transfer_of_runs(first, second, {"ants": 0.1, "bees": 0.9}).pick == "r6"


def tables(tmp_path, second):
    names = [f"m{i}" for i in range(8)]
    (tmp_path / "mixtures.csv").write_text(
        "run,code,prose\n" + "".join(f"{n},{i / 10},{1 - i / 10}\n" for i, n in enumerate(names))
    )
    (tmp_path / "small.csv").write_text(
        "run,x,y\n" + "".join(f"{n},{3 + i / 10},{4 - i / 100}\n" for i, n in enumerate(names))
    )
    (tmp_path / "large.csv").write_text(
        "run,y,x\n"
        + "".join(f"{n},{2 - i / 100},{second(i)}\n" for i, n in list(enumerate(names))[::-1])
    )
    paths = [str(tmp_path / name) for name in ("mixtures.csv", "small.csv", "large.csv")]
    return [
        "transfer",
        "--mixtures",
        paths[0],
        "--losses",
        *paths[1:],
        "--to",
        str(tmp_path / "found.json"),
    ]


@pytest.mark.parametrize(
    ("second", "said"),
    [(lambda i: 2 + i / 10, "the order carries over"), (lambda i: 2 + i % 3 / 10, "not shown")],
)
def test_the_command_says_whether_the_order_carries_over(second, said, tmp_path, capsys):
    assert main(tables(tmp_path, second)) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["verdict"].startswith(said) and found["ranks"]["y"]["value"] == pytest.approx(1)
    assert (
        set(found["ranks"]) == {MEAN, "x", "y"}
        and found["pick"] == "m0"
        and found["regret"] == pytest.approx(0, abs=0.08)
    )


def test_tables_that_do_not_fit_are_refused(tmp_path, capsys):
    command = tables(tmp_path, float)
    assert main(command[:5] + command[6:]) == 1 and "two of losses" in capsys.readouterr().err
    (tmp_path / "large.csv").write_text("run,z\nm0,1\nm1,2\nm2,3\nm3,2.5\n")
    assert main(command) == 1 and "no target of" in capsys.readouterr().err
    (tmp_path / "large.csv").write_text("run,x\nmoon,1\nm1,2\nm2,3\nm3,2.5\n")
    assert main(command) == 1 and "moon is no mixture" in capsys.readouterr().err


def test_runs_of_one_mixture_count_once_by_the_mean_of_their_losses():
    weights = np.random.default_rng(1).dirichlet(np.ones(3), 5)
    twice = np.concatenate([weights, weights[:2]])
    losses = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1.2, 2.4])[:, None]
    names = tuple(f"r{k}" for k in range(7))
    roles = ("vertex",) * 7
    first = Observations(tuple("abc"), ("t",), names, roles, 1e5 * twice, losses)
    second = Observations(tuple("abc"), ("t",), names, roles, 4e5 * twice, 2 * losses)
    result = transfer_of_runs(first, second, {"t": 1.0})
    assert result.mixtures == ("r0", "r1", "r2", "r3", "r4")
    assert result.pick == "r0"
    assert result.spread == pytest.approx(2 * (5 - 1.1))
    with_three = first.only(np.array([0, 1, 2, 5, 6]))
    with pytest.raises(MixwrightError, match="3 mixtures at both sizes"):
        transfer_of_runs(with_three, second, {"t": 1.0})
