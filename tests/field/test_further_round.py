"""`mixwright design --after` for people who train elsewhere: a further round of mixtures."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import own_tables
from mixwright.__main__ import main
from mixwright.learners import LOSS
from mixwright.measured.loss_tables import read_observations
from mixwright.proposals.fits import Fit
from planted_swarm import TARGETS, plant

BOUNDS = ["--cap", "d00=.4", "--floor", "d01=.05", "--group", "d02+d03<=.5", "--fix", "d04=.1"]


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted") / "fit"
    Fit.of(plant(3, runs=24).seen, "effective-data").save(folder)
    return folder


def design(fit, folder, *words, runs=12):
    path = folder / "more.csv"
    assert (
        main(["design", "--after", str(fit), *words, "--runs", str(runs), "--to", str(path)]) == 0
    )
    with path.open(newline="") as file:
        heading, *rows = csv.reader(file)
    weights = np.array([[float(cell) for cell in row[1:]] for row in rows])
    return heading[1:], [row[0] for row in rows], weights


def test_a_further_round_is_written_as_a_first_one_is(fit, tmp_path, caplog):
    caplog.set_level("INFO")
    names, ids, weights = design(fit, tmp_path, *BOUNDS)
    assert names == [f"d{number:02}" for number in range(6)]
    assert ids == [f"m{number:03}" for number in range(25, 37)]
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-12
    assert weights[:, 0].max() <= 0.4 and weights[:, 1].min() >= 0.05
    assert (weights[:, 4] == 0.1).all() and weights[:, 2:4].sum(axis=1).max() <= 0.5 + 1e-12
    assert "m025 to m030 teach the law most, beside the 24 runs of the fit" in caplog.text
    assert "m031 to m036 lie around the optima of 6 refits" in caplog.text
    assert "next: train a proxy on each line" in caplog.text
    assert f"--mixtures MIXTURES {tmp_path / 'more.csv'} --losses LOSSES new_losses" in caplog.text


def test_what_numbers_are_and_the_mixer_are_typed_on(tmp_path, caplog):
    caplog.set_level("INFO")
    metrics = dict.fromkeys(TARGETS, replace(LOSS, unit="bits/byte"))
    seen = replace(plant(3, runs=24).seen, metrics=metrics)
    Fit.of(seen, "log-linear").save(tmp_path / "fit")
    design(tmp_path / "fit", tmp_path)
    assert f"new_losses.csv --unit {TARGETS[0]}=bits/byte" in caplog.text
    assert "--mixer log-linear --to NEW_FIT" in caplog.text


def numbered_tables(folder, unfinished=3):
    """Own tables whose ids are m001 and on; the last runs have no losses."""
    own_tables.write(folder)
    for name in ("mixtures.csv", "losses.csv"):
        rows = []
        for line in (folder / name).read_text().splitlines():
            run, *cells = line.split(",")
            if run.startswith("r"):
                number = int(run[1:]) + 1
                run = f"m{number:03}"
                if name == "losses.csv" and number > 40 - unfinished:
                    cells = ["nan"] * len(cells)
            rows.append([run, *cells])
        own_tables.save(folder / name, rows)


def test_no_id_of_a_run_that_was_left_out_is_used_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    numbered_tables(tmp_path)
    tables = ["--mixtures", "mixtures.csv", "--losses", "losses.csv", "--diverged", "drop"]
    assert main(["fit", *tables, "--mixer", "effective-data", "--to", "fit"]) == 0
    _, ids, _ = design("fit", tmp_path, runs=4)
    assert ids == ["m041", "m042", "m043", "m044"]
    assert main(["surgery", *tables, "--add", "chem", "--runs", "2", "--to", "changed"]) == 0
    rows = (tmp_path / "changed" / "to_train.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["id", "m041", "m042"]


def test_both_rounds_are_fitted_together(fit, tmp_path):
    planted = plant(3, runs=24)
    names, ids, weights = design(fit, tmp_path)
    with (tmp_path / "mixtures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", *names]])
        csv.writer(file).writerows([[run, *row] for run, row in zip(ids, weights, strict=True)])
    rows = [[run, *row] for run, row in zip(ids, planted.losses(weights), strict=True)]
    with (tmp_path / "losses.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", *TARGETS], *rows])
    runs = read_observations([tmp_path / "mixtures.csv"], [tmp_path / "losses.csv"])
    np.testing.assert_allclose(runs.weights, weights, atol=1e-12, rtol=0)


def test_the_goal_changes_where_the_second_half_looks(fit, tmp_path):
    _, _, both = design(fit, tmp_path)
    _, _, one = design(fit, tmp_path, "--target", "north")
    assert not np.allclose(both[6:], one[6:])


def refusal(capsys, *words):
    capsys.readouterr()
    assert main(["design", "--runs", "4", "--to", "refused.csv", *map(str, words)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_cannot_be_followed_is_refused_in_one_line(fit, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "surface.json").write_text("{}")
    assert "a surface does not hold the runs" in refusal(capsys, "--after", "surface.json")
    assert "no fit stands there" in refusal(capsys, "--after", "nowhere")
    lone = tmp_path / "lone"
    lone.mkdir()
    for name in ("fit.json", "runs.json"):
        (lone / name).write_bytes((fit / name).read_bytes())
    assert "runs.parquet is not there" in refusal(capsys, "--after", lone)
    perturbed = plant(3, runs=24).seen
    Fit.of(replace(perturbed, roles=("perturb",) * 24), "natural").save(tmp_path / "natural")
    assert "no runs of varied mixtures" in refusal(capsys, "--after", tmp_path / "natural")
    assert "--kind" in refusal(capsys, "--after", fit, "--kind", "dirichlet")
    assert "--candidates" in refusal(capsys, "--after", fit, "--candidates", "some.csv")
    assert "--target north" in refusal(capsys, "--domains", "a", "b", "--target", "north")
    assert not (tmp_path / "refused.csv").exists()
