"""The first thing that a user does with text of their own: `mixwright init`."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mixwright.__main__ import main
from mixwright.study.config import resolve
from text_folders import flat_files, folders_and_targets, write_lines

HOUSE = Path(__file__).parents[2]
CONFIG = HOUSE / "config"


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_a_domain_and_a_folder_of_questions(here, capsys):
    folders_and_targets(here / "my data")
    assert main(["init", "my data", "--to", "mine.yaml"]) == 0
    out = capsys.readouterr().out
    text = (here / "mine.yaml").read_text()
    study = yaml.safe_load(text)
    assert study["study"] == "mine" and study["finals"] == "none"
    assert study["domains"] == {
        name: {
            "source": "files",
            "files": [f"my data/{folder}/00000.jsonl", f"my data/{folder}/00001.jsonl.gz"],
        }
        for name, folder in {"web": "web", "code-stuff": "code stuff", "wiki-e": "wiki é"}.items()
    }
    exam, piqa = study["targets"]["exam"], study["targets"]["piqa"]
    assert (exam["query"], exam["choices"], exam["gold"]) == ("question", "choices", "answerKey")
    assert piqa["files"] == "my data/targets/piqa/validation.jsonl"
    assert piqa["choices"] == ["sol1", "sol2"]
    assert study["goal"]["tokens"] >= 10_000 and study["designs"]["swarm"]["runs"] == 32
    # resolved as the workflow does, and the next command
    resolve(study, CONFIG)
    assert out.rstrip().endswith("snakemake -n --configfile mine.yaml")
    assert "piqa (questions: goal)" in out and "1 file to train on" in out
    web = next(line for line in out.splitlines() if line.startswith("web"))
    assert web.split()[1] == "2" and "60.0%" in web and web.split()[-1] == "text"
    assert "# called 'wiki é' there" in text and "# other columns: id, url" in text


def test_a_flat_folder_of_files_whose_names_begin_with_the_domain(here, capsys):
    flat_files(here / "flat")
    assert main(["init", "flat"]) == 0
    out = capsys.readouterr().out
    study = yaml.safe_load((here / "study.yaml").read_text())
    assert study["domains"] == {
        "books": {"source": "files", "files": "flat/books-*.txt"},
        "law": {"source": "files", "files": "flat/law_*.txt"},
        "web": {"source": "files", "files": "flat/*.parquet", "text": "raw_content"},
    }
    assert study["targets"] == {"books": {}, "law": {}, "web": {}}
    assert "validation split of a domain" in (here / "study.yaml").read_text()
    assert "held-out targets are better" in out and "1 file .pdf" in out and "README" not in out


def test_a_file_that_is_there_is_replaced_only_by_force(here, capsys):
    flat_files(here / "flat")
    (here / "study.yaml").write_text("mine")
    assert main(["init", "flat"]) == 1
    message = capsys.readouterr().err
    assert message == (
        "mixwright: study.yaml: there is one already; add --force, or name another with --to\n"
    )
    assert (here / "study.yaml").read_text() == "mine"
    assert main(["init", "flat", "--force"]) == 0
    assert (here / "study.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["empty"], "empty: nothing to read; init looks for .txt, .jsonl"),
        (["pdf"], "pdf: nothing to read: pdf: 1 file .pdf: this kind of file is not read"),
        (["flt"], "flt: no such file or folder; did you mean flat?"),
        (["https://a.b/web.jsonl"], "init looks at files on this machine"),
        (["flat/web-00000-of-00003.parquet"], "there is one domain only, web;"),
        (["blank"], "nothing there holds text (blank/a.txt: no row that can be read; left out)"),
    ],
)
def test_what_cannot_be_a_study_is_one_line_and_writes_nothing(here, words, message, capsys):
    flat_files(here / "flat")
    (here / "empty").mkdir()
    (here / "pdf").mkdir()
    (here / "pdf" / "a.pdf").write_bytes(b"%PDF")
    (here / "blank").mkdir()
    (here / "blank" / "a.txt").write_text("\n \n")
    assert main(["init", *words]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (here / "study.yaml").exists()


def test_without_a_word_it_says_what_lacks(capsys):
    with pytest.raises(SystemExit) as left:
        main(["init"])
    assert left.value.code == 2
    assert "the following arguments are required: SOURCES" in capsys.readouterr().err


def test_it_asks_nothing_and_leaves_no_file_open_to_doubt(here):
    """Standard input is closed; the same folder gives the same file."""
    folders_and_targets(here / "data")
    files = []
    for name in ("first", "second"):
        to = f"{name}/study.yaml"
        command = [sys.executable, "-m", "mixwright", "init", "data/", "--to", to]
        environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stderr == ""
        files.append((here / to).read_text().replace(f"{name}/", ""))
    assert files[0] == files[1]


def test_twenty_thousand_small_files_are_two_patterns(here):
    for number in range(20_000):
        path = here / "many" / "ab"[number % 2] / f"page{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a few words\n")
    assert main(["init", "many"]) == 0
    study = yaml.safe_load((here / "study.yaml").read_text())
    assert [domain["files"] for domain in study["domains"].values()] == [
        "many/a/*.txt",
        "many/b/*.txt",
    ]


def test_a_folder_that_may_not_be_read_is_left_out(here, capsys, monkeypatch):
    for name in ("web", "code", "shut"):
        write_lines(here / "data" / name / "a.jsonl", [{"text": "a b c"}] * 20)
    listing = Path.iterdir

    def refusing(path: Path) -> Iterator[Path]:
        # root may read every folder: what others are answered
        if path.name == "shut":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    assert main(["init", "data"]) == 0
    assert "data/shut: Permission denied; left out" in capsys.readouterr().out
    study = yaml.safe_load((here / "study.yaml").read_text())
    assert set(study["domains"]) == {"web", "code"}
