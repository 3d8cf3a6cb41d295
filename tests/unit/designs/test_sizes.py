"""Which mixture at which size: variance at the target size per cost, checked against a kernel."""

import csv

import numpy as np
import pytest

from mixwright.__main__ import main
from mixwright.designs.informative import NOISE, sensitivity
from mixwright.designs.sizes import AROUND, choose_sizes, prior
from mixwright.errors import MixwrightError
from mixwright.measured.wide import write_rows
from mixwright.mixers.laws import effective_data
from mixwright.mixers.laws.law import Law
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.proposals.fits import Fit

COSTS = (1.0, 6.0)


def candidates(seed=0, rows=40, domains=4):
    return np.random.default_rng(seed).dirichlet(np.full(domains, 0.6), rows)


def falls(mixtures, chosen, costs):
    """Mean fall of the target size's variance per cost of one more run, from dense kernels."""
    features = sensitivity(mixtures)
    count, parameters = features.shape
    sizes = len(costs)
    blocks = [np.kron(np.eye(sizes)[size], features) for size in range(sizes)]
    kernel = np.vstack(blocks) @ prior(parameters, sizes) @ np.vstack(blocks).T
    target = np.arange(count) + (sizes - 1) * count
    rows = [choice.size * count + choice.mixture for choice in chosen]

    def variance(rows):
        if not rows:
            return np.diag(kernel)[target].mean()
        known = kernel[np.ix_(rows, rows)] + NOISE * np.eye(len(rows))
        across = kernel[np.ix_(target, rows)]
        left = kernel[target, target] - np.einsum(
            "tr,tr->t", across, np.linalg.solve(known, across.T).T
        )
        return left.mean()

    before = variance(rows)
    return np.array(
        [
            [(before - variance([*rows, size * count + k])) / costs[size] for k in range(count)]
            for size in range(sizes)
        ]
    )


def test_the_strength_is_that_of_a_fit_to_anchors():
    assert AROUND == effective_data.AROUND
    covariance = prior(1, 3)
    np.testing.assert_allclose(covariance, 1 + np.array([[0, 0, 0], [0, 1, 1], [0, 1, 2]]) / AROUND)


def test_each_run_takes_most_variance_off_the_target_size_per_cost():
    mixtures = candidates()
    chosen = choose_sizes(mixtures, COSTS, 30.0)
    assert {choice.size for choice in chosen} == {0, 1}
    for step in range(0, len(chosen), 3):
        gains = falls(mixtures, chosen[:step], COSTS)
        for earlier in chosen[:step]:
            gains[earlier.size, earlier.mixture] = -np.inf
        choice = chosen[step]
        left = 30.0 - sum(COSTS[earlier.size] for earlier in chosen[:step])
        gains[np.array(COSTS) > left] = -np.inf
        assert gains[choice.size, choice.mixture] == pytest.approx(gains.max(), rel=1e-6)


def test_costs_decide_where_runs_are_trained():
    mixtures = candidates()
    assert {choice.size for choice in choose_sizes(mixtures, (1.0, 1.0), 12)} == {1}
    assert {choice.size for choice in choose_sizes(mixtures, (1.0, 1e4), 12)} == {0}
    shares = []
    for cost in (2.0, 8.0, 32.0):
        chosen = choose_sizes(mixtures, (1.0, cost), 64.0)
        spent = sum((1.0, cost)[choice.size] for choice in chosen)
        assert spent <= 64.0
        shares.append(sum(choice.size for choice in chosen))
    assert shares[0] > shares[1] > shares[2]


def test_no_run_is_taken_twice_and_the_order_of_candidates_does_not_matter():
    mixtures = np.concatenate([candidates(), np.repeat(np.eye(4), 3, axis=0)])
    chosen = choose_sizes(mixtures, COSTS, 60.0)
    runs = {(choice.size, mixtures[choice.mixture].tobytes()) for choice in chosen}
    assert len(runs) == len(chosen)
    rows = np.random.default_rng(1).permutation(len(mixtures))
    again = choose_sizes(mixtures[rows], COSTS, 60.0)
    for first, second in zip(chosen, again, strict=True):
        assert first.size == second.size
        np.testing.assert_array_equal(mixtures[first.mixture], mixtures[rows][second.mixture])
    # three candidates are six runs, whatever is left
    assert len(choose_sizes(mixtures[:3], COSTS, 1e6)) == 6


def test_what_pays_nothing_is_refused():
    with pytest.raises(MixwrightError, match="pays no run"):
        choose_sizes(candidates(), COSTS, 0.5)
    with pytest.raises(MixwrightError, match="costs more than 0"):
        choose_sizes(candidates(), (0.0, 1.0), 5)


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_command_writes_a_table_a_size(tmp_path, caplog):
    words = ["design", "--domains", "web", "code", "books", "--cap", "web=.5", "--runs", "48"]
    caplog.set_level("INFO")
    to = ["--to", str(tmp_path / "mixtures.csv")]
    assert main([*words, "--sizes", "large=6", "small=1", *to]) == 0
    spent = 0.0
    for size, cost in (("small", 1), ("large", 6)):
        heading, *rows = read(tmp_path / f"mixtures-{size}.csv")
        assert heading == ["id", "web", "code", "books"]
        assert [row[0] for row in rows] == [f"{size}-{k + 1:03}" for k in range(len(rows))]
        assert all(float(row[1]) <= 0.5 for row in rows)
        spent += cost * len(rows)
    assert 42 < spent <= 48 and not (tmp_path / "mixtures.csv").exists()
    assert "--mixer effective-data --to fit-small, then mixwright predict" in caplog.text
    assert "--anchor-losses losses-large.csv" in caplog.text


def test_a_size_without_runs_is_told(tmp_path, caplog):
    caplog.set_level("INFO")
    words = ["design", "--available", "web=6e9", "code=2e9", "books=0", "--runs", "8"]
    stale = tmp_path / "m-large.csv"
    stale.write_text("of an earlier call")
    sizes = ["--sizes", "small=1", "large=16"]
    assert main([*words, *sizes, "--to", str(tmp_path / "m.csv")]) == 0
    assert "books has no tokens and so no weight" in caplog.text
    assert f"0 mixtures at large, for 0 in all; {stale} is of an earlier call" in caplog.text
    assert "no run of large is worth its cost" in caplog.text
    assert "--around" not in caplog.text and stale.read_text() == "of an earlier call"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "small=1"], "name two sizes or more"),
        (["--sizes", "small=1", "a/b=2"], "letters, digits"),
        (["--sizes", "small", "large=2"], "write NAME=NUMBER"),
        (["--sizes", "small=1,large=16"], "write spaces between sizes: --sizes small=1 large=16"),
        (["--sizes", "small=1", "large=2", "--repeats", "2"], "chosen by information per cost"),
    ],
)
def test_wrong_sizes_are_one_line(tmp_path, capsys, words, message):
    to = ["--to", str(tmp_path / "m.csv")]
    assert main(["design", "--domains", "a", "b", "--runs", "9", *words, *to]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


def test_on_planted_tables_the_chosen_runs_rank_at_the_target_size(tmp_path):
    rng = np.random.default_rng(3)
    small = planted(rng.normal(-1.2, 0.9, (2, 4)), 2.5)
    # a larger model needs other domains more
    deviation = rng.normal(0, 0.5, (2, 4))
    large = planted(np.log(small.transfer) + deviation, 2.0)
    names = ["a", "b", "c", "d"]
    to = str(tmp_path / "m.csv")
    words = ["--domains", *names, "--runs", "96", "--sizes", "small=1", "large=4", "--to", to]
    assert main(["design", *words]) == 0
    fits = {}
    for size, law in (("small", small), ("large", large)):
        path = tmp_path / f"m-{size}.csv"
        rows = read(path)[1:]
        weights = np.array([[float(cell) for cell in row[1:]] for row in rows])
        losses = law.predict(weights) + 0.002 * rng.standard_normal((len(rows), 2))
        table = [["id", "north", "south"]]
        for row, values in zip(rows, losses, strict=True):
            table.append([row[0], *map(repr, values.tolist())])
        measured = tmp_path / f"losses-{size}.csv"
        write_rows(measured, table)
        fit = ["fit", "--mixer", "effective-data", "--mixtures", str(path)]
        fit += ["--losses", str(measured), "--to", str(tmp_path / size)]
        around = [] if size == "small" else ["--around", str(tmp_path / "small")]
        assert main([*fit, *around]) == 0
        fits[size] = Fit.load(tmp_path / size).mixer
    unseen = rng.dirichlet(np.full(4, 0.6), 300)
    truth = large.predict(unseen).T
    ranks = {size: spearman_of_rows(truth, fit.predict(unseen).T) for size, fit in fits.items()}
    assert ranks["large"].min() > 0.98
    assert ranks["large"].mean() > ranks["small"].mean() + 0.01


def planted(transfer, level):
    one = np.ones(2)
    exponent = np.full((2, 4), 0.75)
    zero = np.zeros((2, 4))
    return Law(level * one, one, 0.3 * one, 0.08 * one, np.exp(transfer), exponent, zero)
