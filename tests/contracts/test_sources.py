"""Every source keeps every promise: a new line in SOURCES is tested because it is listed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from least_config import CONFIG, LEAST
from mixwright.corpus.documents import read_texts, write_target
from mixwright.corpus.text_settings import TextSettings
from mixwright.errors import MixwrightError
from mixwright.sources import LABELS, SOURCES, TEXT, create
from mixwright.sources.base import Reading, Source, Tally
from mixwright.sources.places import Places
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study

READ = [kind for kind, entry in SOURCES.items() if entry.yields == TEXT]
SCHEMA = read_yaml(CONFIG / "schema.yaml")["$defs"]
HEAVY = {"torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow"}


@pytest.fixture
def example(tmp_path: Path):
    """Makes the example of a kind of source, which its class writes."""

    def make(kind: str, **changes: object) -> Source:
        folder = tmp_path / kind
        settings_file = tmp_path / f"{kind}.json"
        if not settings_file.exists():
            folder.mkdir()
            written = SOURCES[kind].load_class().example(folder)
            assert written["source"] == kind, f"example() of {kind} must say `source: {kind}`"
            settings_file.write_text(json.dumps(written))
        settings = json.loads(settings_file.read_text()) | changes
        return create("example", settings, Places(str(folder), tokenizer=tokenizer_of(folder)))

    return make


def tokenizer_of(folder: Path) -> str | None:
    """The tokenizer that an example brings, if it does."""
    tokenizer = folder / "tokenizer"
    return str(tokenizer) if tokenizer.is_dir() else None


def in_one(source: Source) -> list[Reading]:
    """What reads all of a source."""
    return [Reading(prepared=next(iter(source.prepared()), None))]


def read(source: Source) -> list[dict]:
    return list(source.documents(*in_one(source)))


@pytest.mark.parametrize("kind", SOURCES)
def test_the_schema_knows_the_source(kind):
    assert kind in SCHEMA["source"]["properties"]["source"]["enum"], (
        f"add {kind} to $defs.source.properties.source.enum in config/schema.yaml"
    )


def test_the_schema_knows_no_other_source():
    assert set(SCHEMA["source"]["properties"]["source"]["enum"]) == set(SOURCES)


def test_a_source_s_keys_are_those_of_domains_and_targets():
    """A table's keys are no target's, nor is how much is read.

    A new default would enter the names of all runs.
    """
    keys = SCHEMA["source"]["properties"]
    of_domains = {"table", "label", "sample", "tokens", "clean"}
    missing = set(keys) - of_domains - set(SCHEMA["target"]["properties"])
    assert not missing, f"add {missing} to $defs.target.properties in config/schema.yaml"
    defaults = {key for key, schema in keys.items() if "default" in schema}
    assert defaults == {"text"}, "give the key no default in the schema, but in the source's class"


@pytest.mark.parametrize("kind", SOURCES)
def test_the_schema_has_every_key_of_the_example(example, kind):
    unknown = set(example(kind).settings) - set(SCHEMA["source"]["properties"])
    assert not unknown, f"add {unknown} to $defs.source.properties in config/schema.yaml"


@pytest.mark.parametrize("kind", SOURCES)
def test_inputs_are_listed_without_importing_anything_heavy(example, kind):
    source = example(kind)
    program = f"""
import json, sys
from mixwright.sources import create
from mixwright.sources.places import Places
places = Places(sys.argv[2], tokenizer=json.loads(sys.argv[3]))
source = create("example", json.loads(sys.argv[1]), places)
source.check("config: domains.example")
print(json.dumps([str(path) for path in source.inputs() + source.prepared()]))
print(source.fingerprint)
heavy = set({HEAVY!r}) & set(sys.modules)
assert not heavy, f"import {{heavy}} inside the function that reads files"
"""
    done = subprocess.run(
        [
            *(sys.executable, "-c", program),
            *(json.dumps(source.settings), source.places.results),
            json.dumps(source.places.tokenizer),
        ],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(CONFIG.parent / "workflow"), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    paths, fingerprint = done.stdout.splitlines()
    assert json.loads(paths) == [str(path) for path in source.inputs() + source.prepared()]
    assert fingerprint == source.fingerprint


@pytest.mark.parametrize("kind", SOURCES)
def test_the_fingerprint_follows_the_settings(example, kind):
    source = example(kind)
    assert source.fingerprint == example(kind).fingerprint
    for key in (*source.settings, "text"):
        if key != "source":
            other = example(kind, **{key: f"{source.settings.get(key)}, another"})
            assert other.fingerprint != source.fingerprint, f"facts() leaves {key} out"
    assert example(kind, weight=None).facts() == {**source.settings, "weight": None}


@pytest.mark.parametrize("kind", READ)
def test_documents_are_text_in_one_order(example, kind):
    rows = read(example(kind))
    assert len(rows) >= 2, f"example() of {kind} must write two documents or more"
    for row in rows:
        assert isinstance(row["text"], str) and row["text"].strip()
        assert set(row) <= {"text", "query", "choices", "gold", "tokens"}
    assert repr(rows) == repr(read(example(kind)))


def in_parts(source: Source, parts: int, **reading: object) -> list[tuple[list[str], Tally]]:
    """The texts of each part of a source, and what was met in it."""
    result = []
    for part in range(parts):
        prepared = next(iter(source.prepared()), None)
        one = Reading(prepared=prepared, part=part, parts=parts, **reading)
        result.append(([row["text"] for row in source.documents(one)], one.tally))
    return result


@pytest.mark.parametrize("kind", READ)
def test_parts_share_no_row_and_hold_all(example, kind):
    source = example(kind)
    texts = sorted(row["text"] for row in source.documents(*in_one(source)))
    # One whose size nobody knows is read in one part.
    for parts in (1,) if source.size() is None else (1, 2, 3, 7):
        read_in_parts = []
        for part_texts, tally in in_parts(source, parts):
            read_in_parts += part_texts
            assert tally.whole
        assert sorted(read_in_parts) == texts, parts


@pytest.mark.parametrize("kind", READ)
def test_the_tally_counts_what_was_yielded(example, kind):
    source = example(kind)
    ((texts, tally),) = in_parts(source, 1)
    assert tally.text_bytes == sum(len(text.encode()) for text in texts)
    assert tally.part_bytes == tally.passed_bytes
    ((some, tally),) = in_parts(source, 1, most_bytes=1)
    assert 0 < len(some) <= len(texts)
    assert tally.text_bytes == sum(len(text.encode()) for text in some)
    assert tally.whole == (len(some) == len(texts))
    assert set(some) <= set(texts)


@pytest.mark.parametrize("kind", READ)
def test_a_reading_that_is_left_early_has_a_tally(example, kind):
    source = example(kind)
    (reading,) = in_one(source)
    rows = source.documents(reading)
    first = next(rows)
    rows.close()
    assert reading.tally.text_bytes == len(first["text"].encode())


@pytest.mark.parametrize("kind", READ)
def test_documents_become_the_examples_of_a_target(example, kind, tmp_path):
    source = example(kind)
    to = tmp_path / "example.parquet"
    report = write_target(source, TextSettings(), 10**6, to, *source.prepared()[:1])
    assert report["documents"] == len(read_texts(to)) >= 2


@pytest.mark.parametrize("kind", READ)
def test_a_missing_input_is_one_line_that_names_it(example, kind):
    source = example(kind)
    paths = source.inputs() + source.prepared()
    assert paths, f"inputs() or prepared() of {kind} must list what it reads"
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with pytest.raises(MixwrightError) as caught:
        source.inputs()
        read(source)
    message = str(caught.value)
    assert "\n" not in message and ";" in message, "say what is wrong; then how to mend it"
    assert "example" in message and source.places.results in message


@pytest.mark.parametrize("kind", READ)
def test_a_study_on_the_source_resolves(example, kind):
    source = example(kind)
    domains = {**LEAST["domains"], "example": dict(source.settings)}
    tokenizer = {"folder": source.places.tokenizer}
    study = Study(resolve(LEAST | {"domains": domains, "tokenizer": tokenizer}, CONFIG))
    resolved = study.source("example")
    for key, value in source.settings.items():
        assert resolved.settings[key] == value
    assert resolved.inputs() == source.inputs()
    # Beside how much of it is read, and what is done to it.
    assert study.corpus["domains"]["example"].items() >= resolved.facts().items()


def test_an_unknown_kind_is_refused_with_the_nearest_name():
    with pytest.raises(MixwrightError, match=r"^web: source file is unknown; did you mean files\?"):
        create("web", {"source": "file"})
    with pytest.raises(MixwrightError, match=r"^config: domains\.x\.source is 'file'; did you me"):
        resolve(LEAST | {"domains": {**LEAST["domains"], "x": {"source": "file"}}}, CONFIG)


def test_every_source_says_what_it_yields():
    assert {entry.yields for entry in SOURCES.values()} <= {TEXT, LABELS}


def test_the_guide_s_source_reads_parts_and_fills_its_tally(tmp_path):
    page = (CONFIG.parent / "docs" / "how-to" / "add-a-source.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    scope: dict = {}
    exec(compile(code, "add-a-source.md", "exec"), scope)
    settings = scope["Notes"].example(tmp_path)
    (tmp_path / "three.md").write_bytes(b"\xff\xfe")
    source = scope["Notes"]("notes", settings, Places(str(tmp_path)))
    source.check("config: domains.notes")
    assert source.size() == sum(path.stat().st_size for path in source.inputs()) == 24
    with pytest.raises(MixwrightError, match=r"three\.md: not readable as UTF-8; convert"):
        list(source.documents())
    parts = in_parts(source, 3, on_error="skip")
    texts = [text for part_texts, _ in parts for text in part_texts]
    assert sorted(texts) == ["# Note one\n", "# Note two\n"]
    assert sum(tally.broken_files for _, tally in parts) == 1
    ((some, tally),) = in_parts(source, 1, most_bytes=1, on_error="skip")
    assert len(some) == 1 and not tally.whole and tally.passed_bytes < tally.part_bytes
