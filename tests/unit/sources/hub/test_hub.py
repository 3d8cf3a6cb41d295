"""A Hugging Face data set is read by name or from a folder: its rows, its files, its refusals.

No test reaches the real hub. Its layouts are built here, and a server of this machine answers as
it does.
"""

import bz2
import gzip
import json
import lzma
import os
import random
import shutil
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import zstandard

from hub_layouts import COMMIT, hub_server, rows_of, write_cache, write_parquet, write_snapshot
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading, Source, Tally
from mixwright.sources.hub import hub_errors

WORKFLOW = Path(__file__).parents[4] / "workflow"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may open a connection, and the hub is switched off."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return write_snapshot(tmp_path / "notes")


def hub(dataset: object, **settings: object) -> Source:
    source = create("web", {"source": "hub", "dataset": str(dataset), **settings})
    source.check("config: domains.web")
    return source


def texts(source: Source, **reading: object) -> list[str]:
    return [row["text"] for row in source.documents(Reading(**reading))]


def refusal(source: Source) -> str:
    with pytest.raises(MixwrightError) as caught:
        source.inputs()
        list(source.documents())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(source: Source, folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in source.inputs()]


def test_a_folder_is_read_by_configuration_and_split(notes):
    source = hub(notes, config="plain")
    train = [row["text"] for stem in ("p0", "p1", "p2") for row in rows_of(stem)]
    assert texts(source) == train
    files = [f"plain/train-{number:05d}-of-00003.parquet" for number in range(3)]
    assert names(source, notes) == ["README.md", *files]
    test = hub(notes, config="plain", split="test")
    assert texts(test) == ["t 0 é", "t 1 é"]
    assert names(test, notes) == ["README.md", "plain/test-00000-of-00001.parquet"]
    assert texts(hub(notes, config="other")) == ["o 0 é", "o 1 é", "o 2 é"]
    chosen = hub(notes, data_files=["other/*.parquet"])
    assert names(chosen, notes) == ["README.md", "other/part.parquet"]
    assert texts(chosen) == ["o 0 é", "o 1 é", "o 2 é"]


def test_a_folder_without_a_card_is_read_by_the_names_of_its_files(tmp_path):
    for split in ("train", "test"):
        path = tmp_path / f"{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(split, 2)))
    assert texts(hub(tmp_path)) == ["train 0 é", "train 1 é"]
    assert names(hub(tmp_path), tmp_path) == ["train.jsonl"]
    assert texts(hub(tmp_path, split="test")) == ["test 0 é", "test 1 é"]


def test_a_name_is_looked_for_in_the_cache_where_the_hub_is_switched_off(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = write_cache(tmp_path, "org/notes", {"v1": COMMIT})
    for revision in ({}, {"revision": "v1"}, {"revision": COMMIT}):
        source = hub("org/notes", config="plain", **revision)
        assert len(texts(source)) == 12
        assert names(source, snapshot)[0] == "README.md"
        assert source.size() > 0
        assert source.facts() == {**source.settings}
    lacking = refusal(hub("org/notes", config="plain", revision="v2"))
    assert "the revision v2 of org/notes is not in the cache" in lacking
    assert "hf download --repo-type dataset org/notes --revision v2" in lacking
    assert "the data set org/other is not in the cache" in refusal(hub("org/other"))


def test_the_cache_is_where_the_hub_s_packages_look(tmp_path, monkeypatch):
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert f"{tmp_path}/huggingface/hub," in refusal(hub("org/x"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert f"{tmp_path}/home/hub," in refusal(hub("org/x"))


def test_what_was_saved_to_disk_is_read(tmp_path):
    from datasets import Dataset, DatasetDict

    rows = rows_of("s", 1000)
    Dataset.from_list(rows).save_to_disk(tmp_path / "one", num_shards=3)
    source = hub(tmp_path / "one")
    assert texts(source) == [row["text"] for row in rows]
    parts = [texts(source, part=part, parts=3) for part in range(3)]
    assert list(chain(*parts)) == [row["text"] for row in rows]
    assert [len(part) for part in parts] == [334, 333, 333]
    assert sum(name.endswith(".arrow") for name in names(source, tmp_path / "one")) == 3
    assert "split" in refusal(hub(tmp_path / "one", split="test"))
    splits = {"train": Dataset.from_list(rows[:5]), "test": Dataset.from_list(rows[5:8])}
    DatasetDict(splits).save_to_disk(tmp_path / "several")
    assert len(texts(hub(tmp_path / "several"))) == 5
    assert len(texts(hub(tmp_path / "several", split="test"))) == 3
    assert "no split x; set `split` to one of test, train" in refusal(
        hub(tmp_path / "several", split="x")
    )
    assert "config says nothing" in refusal(hub(tmp_path / "several", config="a"))
    (tmp_path / "one" / "data-00001-of-00003.arrow").unlink()
    assert "data-00001-of-00003.arrow is missing" in refusal(source)


def test_saved_data_that_changed_has_another_name(tmp_path):
    from datasets import Dataset

    prints = []
    for stem in ("a", "a", "b"):
        shutil.rmtree(tmp_path / "saved", ignore_errors=True)
        Dataset.from_list(rows_of(stem)).save_to_disk(tmp_path / "saved")
        prints.append(hub(tmp_path / "saved").fingerprint)
    assert prints[1] != prints[2]


def test_columns_templates_and_filters(notes):
    source = hub(notes, config="plain", split="test", text="{title}: {text} of {meta.set}")
    assert texts(source) == ["T0: t 0 é of web", "T1: t 1 é of books"]
    books = hub(notes, config="plain", where={"meta.set": "books"}, text="title")
    assert texts(books) == ["T1", "T3"] * 3
    both = hub(notes, config="plain", where={"meta.set": ["books", "web"], "title": "T0"})
    assert texts(both) == ["p0 0 é", "p1 0 é", "p2 0 é"]
    question = hub(notes, config="plain", split="test", query="title", gold="text")
    row = next(iter(question.documents()))
    assert (row["query"], row["gold"]) == ("T0", "t 0 é")
    message = refusal(hub(notes, config="plain", text="body"))
    assert "no column body; set `text` to one of text, title, meta" in message
    assert "column meta holds an object" in refusal(hub(notes, config="plain", text="meta"))
    assert "no row has meta.set film; set `where` to some of books, web" in refusal(
        hub(notes, config="plain", where={"meta.set": ["web", "film"]})
    )
    assert "no column lang" in refusal(hub(notes, config="plain", where={"lang": "en"}))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "has several configurations; set `config` to one of plain, other"),
        ({"config": "plane"}, "has no configuration plane; did you mean plain?"),
        ({"config": "other", "split": "test"}, "has no split test; set `split` to one of train"),
        ({"config": "plain", "data_files": "no/*"}, "has no data files of the split train"),
    ],
)
def test_what_a_folder_lacks_is_one_line(notes, settings, words):
    assert words in refusal(hub(notes, **settings))


def test_other_refusals_are_one_line(tmp_path):
    assert "is not there; give its folder, or a name of the hub" in refusal(hub("/no/such"))
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "code.py").write_text("raise SystemExit")
    assert "needs code of its own, which is not run" in refusal(hub(tmp_path / "code"))
    for settings, words in (
        ({"split": "train[:10%]"}, "is a slice or a sum"),
        ({"files": "a.txt"}, "files says nothing with source: hub"),
        ({"data_files": "/a.txt"}, "is not inside the data set"),
        ({"gold": "a"}, "gold is named without query"),
        ({"dataset": None}, "dataset is missing"),
    ):
        source = create("web", {"source": "hub", "dataset": "org/x", **settings})
        with pytest.raises(MixwrightError, match=r"^config: domains\.web\.\w+.*;") as caught:
            source.check("config: domains.web")
        assert words in str(caught.value)


PACKINGS = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def varied(stem: str, count: int) -> list[dict]:
    """Rows of text that packs as text does, and of other columns."""
    generator = random.Random(stem)
    rows = []
    for number in range(count):
        words = [f"{stem}{generator.randrange(999)}" for _ in range(60)]
        rows.append({"text": " ".join(words), "url": f"https://x/{number}"})
    return rows


def estimated(tally: Tally) -> float:
    return tally.text_bytes * tally.part_bytes / tally.passed_bytes


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_text_of_all_is_estimated_from_what_was_read_of_files_of_lines(tmp_path, packing):
    total = 0
    for number in range(3):
        rows = varied(f"é{number}", 2000 + 2000 * number)
        total += sum(len(row["text"].encode()) for row in rows)
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (tmp_path / f"{number}.jsonl{packing}").write_bytes(PACKINGS[packing](content))
    source = hub(tmp_path)
    reading = Reading(most_bytes=total // 2)
    read = [row["text"] for row in source.documents(reading)]
    assert not reading.tally.whole
    assert total / 2 <= reading.tally.text_bytes < total * 0.55
    # Some packings are unpacked in blocks of near a megabyte, as much as these files are.
    error = 0.3 if packing in (".bz2", ".xz") else 0.1
    assert estimated(reading.tally) == pytest.approx(total, rel=error)
    # of each file in proportion to its size
    firsts = [sum(text.startswith(f"é{number}") for text in read) for number in range(3)]
    assert firsts[0] < firsts[1] < firsts[2] and firsts[0] > 700


@pytest.mark.parametrize("saved", [False, True])
def test_the_text_of_all_is_estimated_from_rows_where_they_are_counted(tmp_path, saved):
    from datasets import Dataset

    rows = varied("w", 4000)
    total = sum(len(row["text"].encode()) for row in rows)
    if saved:
        Dataset.from_list(rows).save_to_disk(tmp_path / "data", num_shards=2)
    else:
        for number in range(2):
            write_parquet(tmp_path / f"data/{number}.parquet", rows[number::2])
    reading = Reading(most_bytes=total // 4)
    read = list(hub(tmp_path / "data").documents(reading))
    assert total / 4 <= reading.tally.text_bytes < total * 0.3
    assert estimated(reading.tally) == pytest.approx(total, rel=0.02)
    assert len({row["text"] for row in read}) == len(read)


def test_files_with_little_leave_their_share_to_others(tmp_path):
    """A filter may leave all rows in the first file, of which the share is small."""
    for number in range(4):
        rows = [{**row, "set": str(number)} for row in varied("w", 500)]
        write_parquet(tmp_path / f"{number}.parquet", rows)
    source = hub(tmp_path, where={"set": "0"})
    everything = texts(source)
    assert len(everything) == 500
    size = sum(len(text) for text in everything)
    some = texts(source, most_bytes=size * 9 // 10)
    assert size * 0.9 <= sum(len(text) for text in some) < size
    assert some == everything[: len(some)]


def test_of_very_many_files_some_are_chosen_by_the_hash_of_their_names(tmp_path):
    for number in range(150):
        (tmp_path / f"{number:03d}.jsonl").write_text(json.dumps({"text": f"{number:03d}"}) + "\n")
    source = hub(tmp_path)
    read = texts(source, most_bytes=150)
    assert len(read) >= 50 and read == texts(source, most_bytes=150)
    numbers = [int(text) for text in read]
    assert max(numbers) > 120 and min(numbers) < 30
    assert len(texts(source, most_bytes=10_000)) == 150


def test_a_broken_file_stops_the_job_or_is_skipped_and_counted(tmp_path):
    for number in range(3):
        write_parquet(tmp_path / f"{number}.parquet", varied(f"w{number}-", 2000), row_group=100)
    broken = tmp_path / "1.parquet"
    content = broken.read_bytes()
    broken.write_bytes(content[:40_000] + bytes(4000) + content[44_000:])
    message = refusal(hub(tmp_path))
    assert "1.parquet: not readable" in message and "after row" in message and ";" in message
    reading = Reading(on_error="skip")
    rows = list(hub(tmp_path).documents(reading))
    assert 4000 <= len(rows) < 6000
    assert (reading.tally.broken, reading.tally.broken_files) == (0, 1)


def test_rows_that_hold_no_text_are_skipped_and_counted(tmp_path):
    lines = [{"text": {"a": "x"}}, {"text": {"a": None}}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "row 1: column text holds an object" in refusal(hub(tmp_path))
    reading = Reading(on_error="skip")
    assert list(hub(tmp_path).documents(reading)) == []
    assert reading.tally.broken == 2


def test_changed_data_is_noticed_by_its_files(notes):
    source = hub(notes, config="plain")
    before = [path.stat().st_size for path in source.inputs()]
    write_parquet(notes / "plain/train-00001-of-00003.parquet", rows_of("new", 9))
    assert [path.stat().st_size for path in source.inputs()] != before
    assert "new 8 é" in texts(source)


def test_a_name_without_a_commit_has_a_caveat(notes):
    assert hub(notes).caveats() == []
    assert hub("org/notes", revision=COMMIT).caveats() == []
    assert "at its newest state" in hub("org/notes").caveats()[0]
    assert "at v1, which may change" in hub("org/notes", revision="v1").caveats()[0]


PROGRAM = """
import json, socket, sys
if sys.argv[2] == "alone":
    def refuse(*arguments):
        raise SystemExit(f"a connection to {arguments}")
    socket.socket.connect = refuse
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading
answers = []
for settings in json.loads(sys.argv[1]):
    reading = Reading(most_bytes=settings.pop("most", None))
    try:
        source = create("web", {"source": "hub", **settings})
        rows = [row["text"] for row in source.documents(reading)]
        answers.append({"rows": rows, "tally": vars(reading.tally)})
    except MixwrightError as error:
        answers.append({"error": str(error)})
print(json.dumps(answers))
"""


def in_a_process(cases: list[dict], mode: str, **variables: str) -> tuple[list[dict], str]:
    """What a job of its own reads: the hub's packages look at the environment once."""
    names_ = ("HF_HUB_OFFLINE", "HF_HUB_CACHE")
    environment = {key: value for key, value in os.environ.items() if key not in names_}
    # a server of these tests that waits for a core is slow, not gone
    environment |= {"HF_HUB_DOWNLOAD_TIMEOUT": "300", "HF_HUB_ETAG_TIMEOUT": "300"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(cases), mode],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(WORKFLOW)} | variables,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr + done.stdout


def test_local_data_needs_no_connection_and_no_home(notes, tmp_path):
    from datasets import Dataset

    Dataset.from_list(rows_of("s")).save_to_disk(tmp_path / "saved")
    cases = [{"dataset": str(notes), "config": "plain"}, {"dataset": str(tmp_path / "saved")}]
    answers, _ = in_a_process(cases, "alone", HF_HOME="/proc/nowhere")
    assert [len(answer["rows"]) for answer in answers] == [12, 4]
    write_cache(tmp_path / "cache", "org/notes")
    cases = [{"dataset": "org/notes", "config": "plain"}]
    variables = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "cache")}
    answers, _ = in_a_process(cases, "alone", HF_HOME="/proc/nowhere", **variables)
    assert len(answers[0]["rows"]) == 12


def test_a_hub_is_read_and_refused_by_name(notes, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "code.py").write_text("raise SystemExit")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "README.md").write_text("nothing here")
    plain = {"dataset": "org/notes", "config": "plain"}
    repositories = {
        "org/notes": notes,
        "org/code": tmp_path / "code",
        "org/bare": tmp_path / "bare",
    }
    with hub_server(repositories) as address:
        answers, log = in_a_process(
            [
                plain,
                plain | {"most": 60},
                plain | {"revision": COMMIT, "text": "body"},
                {"dataset": "org/notes"},
                plain | {"config": "x"},
                plain | {"split": "x"},
                plain | {"revision": "v9"},
                {"dataset": "org/none"},
                {"dataset": "org/code"},
                {"dataset": "org/bare"},
            ],
            "hub",
            HF_ENDPOINT=address,
            HF_HOME=str(tmp_path / "home"),
        )
    whole, some = answers[:2]
    assert "error" not in whole, whole["error"]
    assert len(whole["rows"]) == 12 and whole["tally"]["whole"]
    assert 60 <= some["tally"]["text_bytes"] < 84 and not some["tally"]["whole"]
    # sizes come from the hub
    assert estimated(Tally(**some["tally"])) == pytest.approx(84, rel=0.05)
    assert f"web: org/notes is read at commit {COMMIT}; `revision: {COMMIT}` pins it" in log
    for answer, words in zip(
        answers[2:],
        (
            "has no column body; set `text` to one of text, title, meta",
            "has several configurations; set `config` to one of plain, other",
            "has no such configuration; set `config` to one of plain, other",
            "has no split x; set `split` to one of test, train",
            "Revision 'v9' doesn't exist",
            "is no data set of the hub, or a private one; correct dataset",
            "needs code of its own, which is not run",
            "holds no data files",
        ),
        strict=True,
    ):
        assert words in answer["error"] and "\n" not in answer["error"]


def test_a_hub_that_does_not_answer_is_one_line():
    error = ConnectionError("Couldn't reach 'org/notes' on the Hub\n(ConnectTimeout)")
    message = str(hub_errors.refusal("web", "org/notes", error))
    assert message == (
        "web: org/notes is out of reach (Couldn't reach 'org/notes' on the Hub (ConnectTimeout));"
        " connect, or fetch it first: hf download --repo-type dataset org/notes; if it is to be a"
        " folder, there is none of this path: correct dataset"
    )
    # what broke off while it was read was there
    late = str(hub_errors.refusal("web", "org/notes: a.parquet", error, row=3))
    assert late.endswith("fetch it first: hf download --repo-type dataset")
