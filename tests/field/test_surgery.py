"""`mixwright surgery`: a source comes, goes, is split or joins another, and the runs stay."""

import csv
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

import own_tables
from least_study import CONFIG, study
from mixwright import tables
from mixwright.__main__ import main
from mixwright.measured.runs import as_tables, import_runs
from mixwright.proposals.fits import Fit
from mixwright.study.config import resolve
from mixwright.study.study import Study
from planted_swarm import plant


def run(*words) -> int:
    return main([str(word) for word in words])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def typed(tmp_path, monkeypatch):
    own_tables.write(tmp_path)
    monkeypatch.chdir(tmp_path)

    def surgery(*words):
        given = ("--mixtures", "mixtures.csv", "--losses", "losses.csv")
        assert run("surgery", *given, *words, "--to", "changed") == 0
        return tmp_path / "changed"

    return surgery


def test_the_folder_is_fitted_as_it_is_once_the_new_runs_are_in(typed, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = typed("--split", "code=python:.7,cpp:.3", "--add", "chem", "--cap", "chem=.3")
    heading, *lines = rows(folder / "to_train.csv")
    assert heading == ["id", "chem", "cpp", "python", "web", "wiki"]
    weights = np.array([[float(cell) for cell in line[1:]] for line in lines])
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-9 and weights[:, 0].max() <= 0.3
    assert weights[:, 0].max() > 0.1 and np.ptp(weights[:, 1:3], axis=0).min() > 0.1
    before = rows(folder / "mixtures.csv")
    assert before[0] == heading and len(before) == 41
    assert not {line[0] for line in lines} & {line[0] for line in before}
    assert "if the text of code was read as python 0.7, cpp 0.3" in caplog.text
    assert "next: train a proxy on each line of changed/to_train.csv" in caplog.text
    # columns in an order of the user's own
    losses = [[line[0], 3.5, 3] for line in lines]
    own_tables.save(tmp_path / "new_losses.csv", [["id", "questions", "prose"], *losses])
    (command,) = re.findall("run mixwright (fit .*) --mixer effective-data --to fit", caplog.text)
    words = command.split()[1:]
    assert words[1:3] == ["changed/mixtures.csv", "changed/to_train.csv"]
    assert run("fit", *words, "--mixer", "effective-data", "--to", tmp_path / "fit") == 0
    fit = Fit.load(tmp_path / "fit")
    assert fit.domains == tuple(heading[1:]) and len(fit.runs.runs) == 40 + len(lines)
    place = fit.runs.runs.index(lines[0][0])
    assert fit.runs.targets == ("prose", "questions")
    assert fit.runs.losses[place].tolist() == [3, 3.5]


def test_every_run_is_told_what_it_is_worth(typed, caplog):
    caplog.set_level("INFO")
    folder = typed("--drop", "wiki")
    heading, *lines = rows(folder / "runs.csv")
    assert heading[:4] == ["run", "state", "why", "text_changed"]
    assert heading[4:] == ["moved prose", "moved questions"]
    states = {line[0]: line[1] for line in lines}
    assert set(states.values()) == {"valid", "moved by the law", "not valid"} and len(states) == 40
    assert all(line[2].startswith("wiki had 0.") for line in lines if line[1] != "valid")
    left = {line[0] for line in rows(folder / "mixtures.csv")[1:]}
    assert left == {name for name, state in states.items() if state != "not valid"}
    measured = {line[0]: float(line[1]) for line in rows(folder.parent / "losses.csv")[1:]}
    carried = {line[0]: float(line[1]) for line in rows(folder / "losses.csv")[1:]}
    shift = {line[0]: float(line[4]) for line in lines if line[0] in left}
    assert {tuple(line[4:]) for line in lines if line[0] not in left} == {("", "")}
    for name in left:
        assert carried[name] == pytest.approx(measured[name] + shift[name], abs=1e-5)
    assert "what the law says of other text (median and greatest move): prose by" in caplog.text
    assert "left out: " in caplog.text


def test_runs_that_would_be_moved_may_be_left_out(typed, capsys):
    words = ("--merge", "text=web:.6,wiki:.4", "--runs", "0")
    assert len(rows(typed(*words) / "mixtures.csv")) == 41
    words += ("--only-valid", "--to", "strict")
    assert run("surgery", "--mixtures", "mixtures.csv", "--losses", "losses.csv", *words) == 1
    assert "no run is evidence for the new domains" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is changed"),
        (["--drop", "wikis"], "did you mean wiki"),
        (["--merge", "text=web:.5,wiki:.4"], "sum to 0.9"),
        (["--merge", "text=web,wiki"], "write NAME=PART:SHARE"),
        (["--split", "web"], "write NAME=PART:SHARE"),
        (["--add", " x"], "cannot head a column"),
        (["--drop", "wiki", "--cap", "wiki=.5"], "--cap wiki=.5: wiki is unknown"),
        (["--drop", "wiki", "--runs", "-1"], "--runs -1"),
        (["--drop", "wiki", "--study", "study.json"], "leave out the others"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    own_tables.write(tmp_path)
    own = ("--mixtures", "mixtures.csv", "--losses", "losses.csv", "--to", "changed")
    assert run("surgery", *own, *words) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


def test_what_numbers_are_is_typed_on(typed, caplog, tmp_path):
    caplog.set_level("INFO")
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed" / "listed.yaml").touch()
    typed("--drop", "wiki", "--runs", "2", "--unit", "prose=bits/byte")
    assert "--unit prose=bits/byte questions=nats/token --mixer" in caplog.text
    assert "changed/listed.yaml is of an earlier call, remove it" in caplog.text


def test_mixtures_that_take_the_place_of_others_are_told(typed, caplog):
    """Losses by the ids of before are of other mixtures."""
    caplog.set_level("INFO")
    words = ("--add", "chem", "--runs", "3")
    for _ in range(2):
        typed(*words)
    assert "are gone" not in caplog.text
    typed(*words, "--seed", "1")
    assert "surgery: lines that changed/to_train.csv held are gone" in caplog.text


def test_too_few_runs_are_told(typed, caplog):
    caplog.set_level("INFO")
    typed("--add", "chem", "--runs", "1")
    assert "less certain than before the change" in caplog.text
    caplog.clear()
    typed("--add", "chem")
    assert "mixtures to train" in caplog.text and "less certain than" not in caplog.text


def test_a_study_lists_what_it_has_and_what_is_to_be_trained(tmp_path, small_study, caplog):
    caplog.set_level("INFO")
    folder, weights = small_study
    words = ("--drop", "d05", "--runs", "3", "--to", tmp_path / "changed")
    assert run("surgery", "--study", folder / "study.json", *words) == 0
    # whatever its targets are called, the tables hold losses
    assert "new_losses.csv --unit nats/token --mixer" in caplog.text
    listed = yaml.safe_load((tmp_path / "changed" / "listed.yaml").read_text())["designs"]
    assert listed["swarm"] == {"runs": 0}
    without = weights[weights["d05"] == 0]
    assert 0 < len(without) < len(weights) and len(listed["listed"]) == len(without) + 3
    # the new study scores no text of a domain that is no more
    heading = rows(tmp_path / "changed" / "losses.csv")[0]
    assert heading == ["id", "d00", "north", "south", "west"]
    assert "losses on the text of d05 are left out" in caplog.text
    # the very weights, by which the store finds them again
    first = {name: weight for name, weight in without.iloc[0].items() if weight > 0}
    assert listed["listed"][0] == first
    assert not any("d05" in mixture for mixture in listed["listed"])


def test_a_study_of_measured_runs_is_as_tables_are(tmp_path, monkeypatch, caplog):
    """Its targets are no texts of domains, and it lists no runs to train."""
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    mixtures, losses = own_tables.write(tmp_path)
    targets = dict.fromkeys(own_tables.TARGETS, 1)
    swarm = {"mixtures": str(mixtures), "losses": str(losses)}
    written = {
        "study": "theirs",
        "measured": {"swarm": swarm, "targets": targets},
        "mixers": {"effective-data": {}},
    }
    results = tmp_path / "results" / "theirs"
    Study(resolve(written, CONFIG)).write(results / "study.json")
    for frame, name, kind in zip(
        import_runs("swarm", mixtures, losses, list(targets)),
        ("design", "losses"),
        (tables.DESIGN, tables.LOSSES),
        strict=True,
    ):
        tables.write(frame, results / name / "swarm.parquet", kind)
    words = ("--study", results / "study.json", "--add", "chem", "--to", "changed")
    assert run("surgery", *words) == 0
    assert "are left out" not in caplog.text and "40 runs are valid" in caplog.text
    assert rows(tmp_path / "changed" / "losses.csv")[0] == ["id", "prose", "questions"]
    assert not (tmp_path / "changed" / "listed.yaml").exists()


@pytest.fixture
def small_study(tmp_path):
    names = [f"d{number:02}" for number in range(6)]
    domains = {name: {"source": "installed"} for name in names}
    asked = study(
        domains=domains,
        targets={name: {"source": "installed"} for name in ("north", "south", "west")},
        designs={"repeat": {"runs": 0}},
        mixers={"effective-data": {}},
    )
    folder = tmp_path / "results" / "least"
    asked.write(folder / "study.json")
    seen = plant(3, runs=24).seen
    amounts = seen.amounts.copy()
    amounts[::3, 5] = 0.0
    amounts *= 1e6 / amounts.sum(axis=1, keepdims=True)
    design, losses = as_tables("swarm", replace(seen, amounts=amounts))
    tables.write(design, folder / "design" / "swarm.parquet", tables.DESIGN)
    texts = [losses[losses.target == "north"].assign(target=name) for name in ("d00", "d05")]
    losses = pd.concat([losses, *texts], ignore_index=True)
    tables.write(losses, folder / "losses" / "swarm.parquet", tables.LOSSES)
    return folder, tables.design_matrix(design)
