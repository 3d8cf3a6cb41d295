"""Commands that commands print: a shell reads them as they were meant, and they work."""

import re
import shlex

import numpy as np
import pytest

import own_tables
from mixwright.__main__ import main
from mixwright.errors import as_typed
from mixwright.proposals.fits import Fit

NAMES = ("common crawl", "law (EU)", "math&proofs")
TARGETS = ("arc easy acc (%)", "code ppl")


def run(*words) -> int:
    return main([str(word) for word in words])


def losses_of(mixtures, path, targets=("prose", "questions")):
    """Writes losses of all mixtures of a table."""
    ids = [line.split(",")[0] for line in mixtures.read_text().splitlines()[1:]]
    rng = np.random.default_rng(0)
    rows = [(name, *(3 + rng.random(len(targets))).round(4)) for name in ids]
    own_tables.save(path, [("id", *targets), *rows])


def printed(text, **places) -> list[str]:
    """The words of the last `mixwright fit` that was printed, placeholders filled in."""
    line = re.findall(r"mixwright (fit .*? --to [^ ;,\n]+)", text)[-1]
    return [str(places.get(word, word)) for word in shlex.split(line)]


@pytest.fixture
def blanks(tmp_path, monkeypatch):
    """A folder in which all names have blanks."""
    monkeypatch.chdir(tmp_path)
    own_tables.write(tmp_path)
    for name, headings in (("mixtures.csv", NAMES), ("losses.csv", ("prose", "questions"))):
        _, *lines = (tmp_path / name).read_text().splitlines()
        (tmp_path / f"my {name}").write_text("\n".join([",".join(["run", *headings]), *lines]))
    return tmp_path


def test_the_command_of_a_first_design_works(blanks, caplog):
    caplog.set_level("INFO")
    assert run("design", "--domains", *NAMES, "--runs", 8, "--to", "my design.csv") == 0
    losses_of(blanks / "my design.csv", blanks / "losses.csv")
    assert run(*printed(caplog.text)) == 0
    assert Fit.load(blanks / "fit").domains == NAMES


def test_the_commands_of_changed_domains_and_of_a_further_round_work(blanks, caplog):
    caplog.set_level("INFO")
    tables = ("--mixtures", "my mixtures.csv", "--losses", "my losses.csv")
    words = ("--drop", "law (EU)", "--add", "new & fresh", "--runs", 2, "--to", "new domains")
    assert run("surgery", *tables, *words) == 0
    losses_of(blanks / "new domains" / "to_train.csv", blanks / "new_losses.csv")
    assert run(*printed(caplog.text)) == 0
    assert run("design", "--after", "fit", "--runs", 2, "--to", "db 6.csv") == 0
    command = printed(caplog.text, MIXTURES="new domains/mixtures.csv")
    assert command[2:4] == ["new domains/mixtures.csv", "db 6.csv"]


def test_options_that_messages_name_are_quoted(blanks, capsys):
    rng = np.random.default_rng(0)
    rows = [(f"r{i}", *(40 + rng.random(2) * 20).round(2)) for i in range(40)]
    own_tables.save(blanks / "two.csv", [("run", *TARGETS), *rows])
    tables = ("--mixtures", "my mixtures.csv", "--losses", "two.csv")
    assert run("fit", *tables, "--mixer", "effective-data", "--to", "my fit") == 0
    capsys.readouterr()
    assert run("propose", "--fit", "my fit", "--to", "p.json") == 1
    assert "weigh them all: --target 'arc easy acc (%)=WEIGHT' ..." in capsys.readouterr().err
    assert run("propose", "--fit", "no fit", "--to", "p.json") == 1
    assert "mixwright fit --to 'no fit'" in capsys.readouterr().err


def test_words_are_quoted_where_they_must_be():
    assert as_typed("--cap", "web=0.5", "a b") == "--cap web=0.5 'a b'"


def test_a_further_round_is_fitted_beside_tables_with_more_columns(tmp_path, monkeypatch, caplog):
    """Row numbers, settings, a constant and runs without losses."""
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    own_tables.write(tmp_path)
    for name in ("mixtures.csv", "losses.csv"):
        heading, *lines = (tmp_path / name).read_text().splitlines()
        rows = [f",{heading.replace('index', 'run')},lr,_step,const"]
        for number, line in enumerate(lines):
            rows.append(f"{number},{line},3e-4,1000,3.14")
        (tmp_path / name).write_text("\n".join(rows))
    unfinished = (tmp_path / "losses.csv").read_text().splitlines()[:-2]
    (tmp_path / "losses.csv").write_text("\n".join(unfinished))
    words = ("--mixtures", "mixtures.csv", "--losses", "losses.csv", "--diverged", "drop")
    assert run("fit", *words, "--mixer", "effective-data", "--to", "fit") == 0
    assert run("design", "--after", "fit", "--runs", 4, "--to", "more.csv") == 0
    assert "new_losses.csv (the id, then prose, questions)" in caplog.text
    losses_of(tmp_path / "more.csv", tmp_path / "new_losses.csv")
    command = printed(caplog.text, MIXTURES="mixtures.csv", LOSSES="losses.csv")
    assert run(*command) == 0
    fit = Fit.load(tmp_path / "NEW_FIT")
    assert len(fit.runs.runs) == 42 and len(fit.source.dropped) == 2
    assert "losses.csv: left out, for not all tables have it: " in caplog.text


def test_how_the_fit_was_made_is_typed_on(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    own_tables.write(tmp_path)
    own_tables.write(tmp_path / "large", runs=12, seed=1)
    small = ("--mixtures", "mixtures.csv", "--losses", "losses.csv")
    large = ("--mixtures", "large/mixtures.csv", "--losses", "large/losses.csv")
    mixer = ("--mixer", "effective-data")
    settings = '{"iterations": 50}'
    assert run("fit", *small, *mixer, "--settings", settings, "--to", "small fit") == 0
    assert run("design", "--after", "small fit", "--runs", 2, "--to", "a.csv") == 0
    command = printed(caplog.text)
    assert command[command.index("--settings") + 1] == settings
    assert run("fit", *large, *mixer, "--around", "small fit", "--to", "fit") == 0
    assert run("design", "--after", "fit", "--runs", 6, "--to", "b.csv") == 0
    assert "SMALLER is the fit that it lies around" in caplog.text
    losses_of(tmp_path / "b.csv", tmp_path / "new_losses.csv")
    places = {"MIXTURES": "large/mixtures.csv", "LOSSES": "large/losses.csv"}
    command = printed(caplog.text, SMALLER="small fit", **places)
    assert "--settings" not in command and run(*command) == 0
    assert Fit.load(tmp_path / "NEW_FIT").mixer.around is not None
    assert run("fit", *large, *mixer, "--to", "alone") == 0
    assert run("design", "--after", "alone", "--runs", 6, "--to", "c.csv") == 0
    near = [(tmp_path / name).read_text().splitlines()[4:] for name in ("b.csv", "c.csv")]
    assert near[0] != near[1]


def test_a_choice_of_candidates_ends_with_its_command(blanks, caplog, capsys):
    caplog.set_level("INFO")
    words = ("--candidates", "my mixtures.csv", "--runs", 12, "--to", "my choice.csv")
    assert run("design", *words) == 0
    assert "12 of 40 mixtures chosen, the most informative first" in caplog.text
    assert "law (EU)" in capsys.readouterr().out
    losses_of(blanks / "my choice.csv", blanks / "losses.csv")
    command = printed(caplog.text)
    assert caplog.text.rstrip().endswith("--to fit")
    assert run(*command) == 0
    assert len(Fit.load(blanks / "fit").runs.runs) == 12


def test_candidates_without_ids_are_told(blanks, caplog):
    caplog.set_level("INFO")
    lines = (blanks / "my mixtures.csv").read_text().splitlines()
    bare = [line.split(",", 1)[1] for line in lines]
    (blanks / "bare.csv").write_text("\n".join(bare))
    assert run("design", "--candidates", "bare.csv", "--runs", 6, "--to", "chosen.csv") == 0
    assert "no column of chosen.csv names its lines: put ids into a first one" in caplog.text


def test_designs_of_several_sizes_end_with_their_commands(blanks, caplog):
    caplog.set_level("INFO")
    words = ("--domains", *NAMES, "--to", "my sizes.csv")
    assert run("design", *words, "--runs", 200, "--sizes", "s=1", "l=8") == 0
    (line,) = re.findall("and run (mixwright fit .*)", caplog.text)
    for size in ("s", "l"):
        losses_of(blanks / f"my sizes-{size}.csv", blanks / f"losses-{size}.csv")
    for command in line.split(", then "):
        assert run(*shlex.split(command)[1:]) == 0
    assert Fit.load(blanks / "fit-l").mixer.around is not None
    caplog.clear()
    assert run("design", *words, "--runs", 60, "--sizes", "s=1", "l=6") == 0
    losses_of(blanks / "my sizes-l.csv", blanks / "losses-l.csv")
    (line,) = re.findall("then (mixwright predict .*)", caplog.text)
    words = ["my mixtures.csv" if word == "MIXTURES" else word for word in shlex.split(line)]
    assert run(*words[1:]) == 0
    caplog.clear()
    short = ("--domains", *NAMES, "--to", "few.csv", "--runs", 4)
    assert run("design", *short, "--sizes", "s=1", "l=1.5") == 0
    assert "raise --runs" in caplog.text
