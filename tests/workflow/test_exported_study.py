"""A study whose proposals are written as trainers' files, through the real workflow."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from workshop import Workshop, changed

STUDY: dict[str, Any] = {
    "study": "sent",
    "domains": {
        "web": {"source": "files", "files": "web.jsonl", "tokens": 1_000_000},
        "code": {"source": "files", "files": "code.jsonl"},
        "wiki": {"source": "files", "files": "wiki.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "tokenizer": {"vocabulary": 300, "sample_bytes": 40_000},
    "proxy": {"model": "micro", "tokens": 4096, "batch": 4},
    "finals": "none",
    "mixers": {"natural": {}, "uniform": {}},
    "goal": {"tokens": 16384, "max_epochs": None},
    "export": {
        "formats": {"megatron": {"form": "file"}, "hf": None},
        "sources": "map.yaml",
        "sequence": 8192,
    },
}
MAP = {"web": "/d/web", "code": {"path": "/d/code"}, "wiki": "/d/wiki"}
# of one arm
FILES = {"megatron.txt", "hf.py"}
BESIDE = (".account.csv", ".notes.txt")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("sent"))
    words = random.Random(0)
    for name in ("web", "code", "wiki", "held"):
        lines = []
        for _ in range(60):
            letters = words.choices("aeioulnrst ", k=300)
            lines.append(json.dumps({"text": name + "".join(letters)}))
        (workshop.folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    write_map(workshop, MAP)
    workshop.run(STUDY)
    return workshop


def write_map(workshop: Workshop, sources: Any) -> None:
    (workshop.folder / "map.yaml").write_text(yaml.safe_dump(sources))


@pytest.fixture
def exports(finished) -> Path:
    return finished.folder / "results" / "sent" / "export"


def test_every_proposal_is_written_in_every_format_with_its_account(exports):
    for arm in ("natural", "uniform"):
        names = {path.name for path in (exports / arm).iterdir()}
        assert names == FILES | {file + end for file in FILES for end in BESIDE}


def test_the_files_hold_the_proposal(exports):
    """The two sequences of the run hold two domains of three."""
    words = (exports / "uniform" / "megatron.txt").read_text().split()
    assert words[1::2] == ["/d/code", "/d/web"]
    assert [float(number) for number in words[::2]] == pytest.approx([0.5, 0.5])
    probabilities = (exports / "uniform" / "hf.py").read_text()
    assert all(path in probabilities for path in ("/d/web", "/d/code", "/d/wiki"))
    with (exports / "uniform" / "megatron.txt.account.csv").open() as file:
        account = {row["source"]: row for row in csv.DictReader(file)}
    assert float(account["/d/web"]["passes"]) == pytest.approx(8192 / 1_000_000)
    assert account["/d/wiki"]["read"] == "0.0"


def test_the_page_lists_the_files_and_what_is_dropped(finished, exports):
    report = exports.parent / "report"
    summary = json.loads((report / "summary.json").read_text())
    assert len(summary["exports"]) == 4
    assert "uniform for megatron" in " ".join(summary["exports"])
    caveats = [caveat["text"] for caveat in summary["caveats"]]
    assert any("export/uniform/megatron.txt: dropped: /d/wiki" in text for text in caveats)
    page = (report / "summary.html").read_text()
    assert "Hand it to a trainer" in page
    assert "export/natural/hf.py" in page


def test_nothing_is_left_to_do_and_a_changed_map_reruns_the_files_alone(finished):
    assert finished.jobs(STUDY) == {}
    write_map(finished, MAP | {"wiki": "/elsewhere/wiki"})
    jobs = finished.jobs(STUDY)
    assert jobs == {"export_mixture": 4, "summarise_proposals": 1, "all": 1}
    write_map(finished, MAP)
    assert finished.jobs(changed(STUDY, "export.formats.hf", {"split": "all"})).keys() == {
        "export_mixture",
        "summarise_proposals",
        "all",
    }


def test_a_list_is_short_for_formats(finished):
    study = STUDY | {"export": ["json", "csv"]}
    assert finished.jobs(study)["export_mixture"] == 4


WRONG = {
    "an unknown format": ({"megatorn": {}}, "export.formats: megatorn is unknown; did you mean"),
    "an unknown setting": (
        {"megatron": {"fom": 1}},
        "export.formats: megatron knows no fom; did you mean form?",
    ),
    "another name": ({"nemo": {}}, "export.formats: nemo: NeMo 3 has no part"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_format_is_told_before_any_job(name, finished):
    formats, message = WRONG[name]
    refused(finished, changed(STUDY, "export.formats", formats), message)


def test_a_wrong_map_is_told_before_any_job(finished):
    write_map(finished, MAP | {"wki": "/d/wiki"})
    refused(finished, STUDY, "wki is no domain of the mixture; did you mean wiki?")
    write_map(finished, MAP)
    study = changed(STUDY, "export.sources", "none.yaml")
    done = finished.snakemake(study, "--dry-run")
    assert "config: export.sources: no file matches none.yaml" in done.stderr


def refused(workshop: Workshop, study: dict[str, Any], message: str) -> None:
    done = workshop.snakemake(study, "--dry-run")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("mixwright: ")]
    assert message in line
