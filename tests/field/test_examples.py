"""What the pages of documentation show to type runs as it stands, from a plain shell.

A command that may not run here is listed with the reason. Any other one is run, a new one too.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import own_tables

HOUSE = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md"]
PAGES += [str(path.relative_to(HOUSE)) for path in sorted(HOUSE.glob("docs/*.md"))]
PAGES += [str(path.relative_to(HOUSE)) for path in sorted(HOUSE.glob("docs/how-to/*.md"))]
# How a command begins -> why it is not run.
UNRUN = {
    "make ": "sets up an environment, or takes minutes to hours",
    ". .venv/bin/activate": "the environment of these tests is active",
    "snakemake --cores": "trains, or reads the network: other tests run whole studies",
    "snakemake --report": "needs a finished study",
    "snakemake --profile slurm": "needs the commands of a cluster",
    "snakemake --workflow-profile slurm": "needs the commands of a cluster",
    "mixwright show --summary results/": "needs a finished study",
    "mixwright surgery --study results/": "needs a finished study",
    "mixwright status --watch": "goes on until a study is done: other tests watch one",
    "mixwright doctor --gpu": "needs a GPU: other tests run its parts on a CPU",
    "bash benchmarks/gpu_check.sh": "needs a GPU: another test runs it dry",
    "bash benchmarks/gpu_wheels.sh": "downloads packages",
    "export MIXWRIGHT_MIRROR": "names a folder of the reader's",
}
# Blocks of pages that are no commands, or parts of files: how they begin -> why.
ASIDE = {
    "In this demonstration": "what a command prints",
    "sources, in parts": "a drawing",
    "Snakefile     ": "a list of folders",
    "__init__    ": "a list of rooms",
}
# Pages that change the library step by step: their blocks are parts of its files, and tests of it.
CHANGING = "docs/how-to/"
# A block that begins so is a file of this name.
FILE = re.compile(r"# ([\w-]+\.\w+)\n")
# Commands without an output that ran on another page.
DONE: set[str] = set()
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block of a page that is to be run."""
    text = (HOUSE / page).read_text()
    fenced = re.findall(r"^```([\w-]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        (language, block)
        for language, block in fenced
        if language != "mermaid" and not block.startswith(tuple(ASIDE))
    ]


def commands(block: str) -> list[str]:
    """The commands of a block of shell, each in one line, without comments."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    stripped = [shlex.join(shlex.split(line, comments=True)) for line in lines]
    return [line.strip() for line, words in zip(lines, stripped, strict=True) if words]


@pytest.fixture
def reader(tmp_path):
    """The folder of a reader: the repository by links, tables, texts, and a home."""
    folder = tmp_path / "mixwright"
    folder.mkdir()
    for name in ("Snakefile", "config", "workflow", "profiles", "envs", "docs", "tests"):
        (folder / name).symlink_to(HOUSE / name)
    own_tables.write(folder)
    own_tables.write(folder / "large", runs=12, seed=1)
    for name in ("mixtures", "losses"):
        (folder / "large" / f"{name}.csv").rename(folder / f"large_{name}.csv")
    rows = [("run", *own_tables.DOMAINS), ("a", 0.2, 0.3, 0.5), ("b", 0.6, 0.2, 0.2)]
    own_tables.save(folder / "new.csv", rows)
    _write_texts(folder / "data")
    (tmp_path / "home").mkdir()
    return folder


def _write_texts(data: Path) -> None:
    """Files of the kinds that README's study names."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard

    texts = [f"document {number} of words " * 20 for number in range(40)]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (data / "web").mkdir(parents=True)
    (data / "wiki").mkdir()
    packed = zstandard.ZstdCompressor().compress(lines.encode())
    (data / "web" / "part.jsonl.zst").write_bytes(packed)
    (data / "wiki" / "one.txt").write_text(texts[0])
    pq.write_table(pa.table({"content": texts}), data / "code.parquet")
    question = {"question": "1 + 1?", "answers": ["1", "2"], "correct": 1}
    (data / "questions.jsonl").write_text(json.dumps(question) + "\n")


def environment(folder: Path) -> dict[str, str]:
    """A plain shell's variables; the library is this repository's, its scripts are installed."""
    plain = {name: os.environ[name] for name in KEPT if name in os.environ}
    plain["HOME"] = str(folder.parent / "home")
    plain["PATH"] = f"{Path(sys.executable).parent}:{plain['PATH']}"
    plain["PYTHONPATH"] = str(HOUSE / "workflow")
    return plain


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith(CHANGING)])
def test_what_a_page_shows_to_type_runs(page, reader):
    for language, block in blocks(page):
        named = FILE.match(block)
        if named:
            (reader / named[1]).write_text(block[named.end() :])
        elif language == "yaml":
            study = re.search(r"^study: (\w+)", block, re.MULTILINE)[1]
            (reader / f"{study}.yaml").write_text(block)
            run(["snakemake", "-n", "--quiet", "--configfile", f"{study}.yaml"], reader)
        elif language == "python":
            (reader / "example.py").write_text(block)
            run([sys.executable, "example.py"], reader)
        else:
            for command in commands(block):
                _run_shown(command, reader)


def _run_shown(command: str, folder: Path) -> None:
    """Runs a command of a page. A study that it names is that of README, as if it had started."""
    if command.startswith(tuple(UNRUN)) or command in DONE:
        return
    if "mine" in command:
        _start_study(folder)
    if "more_losses.csv" in command:
        own_tables.write_further(folder)
    run(["bash", "-c", command], folder)
    if "--to" not in command:
        DONE.add(command)


def _start_study(folder: Path) -> None:
    """Writes README's study, and the study.json that a run of it writes first."""
    from mixwright.study.config import resolve
    from mixwright.study.schema import read_yaml
    from mixwright.study.study import Study

    yaml = next(block for language, block in blocks("README.md") if language == "yaml")
    (folder / "mine.yaml").write_text(yaml)
    study = Study(resolve(read_yaml(folder / "mine.yaml"), HOUSE / "config"))
    study.write(folder / "results" / "mine" / "study.json")


def test_each_reason_not_to_run_is_needed():
    """An entry that no page needs any more is taken out."""
    shown = []
    for page in PAGES:
        shown += [block for _, block in blocks(page)]
        text = (HOUSE / page).read_text()
        shown += re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(shown)
    for beginning in (*UNRUN, *ASIDE):
        assert f"\n{beginning}" in f"\n{lines}", beginning


def test_the_tables_of_the_examples_are_what_the_pages_say(reader):
    """Shares of web, code and wiki that sum to 1, and losses of prose and questions."""
    mixtures = np.loadtxt(reader / "mixtures.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3))
    assert np.allclose(mixtures.sum(axis=1), 1, atol=0.01)
    page = (HOUSE / "docs" / "own-tables.md").read_text() + (HOUSE / "README.md").read_text()
    for name in (*own_tables.DOMAINS, *own_tables.TARGETS):
        assert name in page
