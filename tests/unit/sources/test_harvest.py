import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mixwright.corpus.cleaning import clean_target
from mixwright.corpus.ngrams import ngram_set, shares
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources import harvest as module
from mixwright.sources.harvest import DOMAINS, HELD_OUT, harvest, harvest_installed
from source_rows import ALL_STEPS, cleaned

SETTINGS = replace(ALL_STEPS, sample=40_000, max_document_bytes=8000)
FILES = {
    "fake/code.py": '"""{}"""\n' + "value = 1\n" * 100,
    "fake/more.py": "other = 2\n" * 100,
    "fake/tests/test_code.py": "assert value == 1\n" * 100,
    "fake/tests/data/numbers.txt": "1 2 3 4 5\n" * 1000,
    "fake/notes.txt": "not a table\n" * 100,
    "fake/version.py": "built = 'today'\n" * 100,
    "fake/core.pyx": "cdef int x\n" * 100,
    "fake/binary.dat": "1\0" * 1000,
    "fake/short.pyi": "x: int\n",
}


@pytest.fixture(scope="module")
def texts() -> module.Texts:
    return harvest(40_000, 8000)


def install(site: Path, monkeypatch, order: int = 1) -> None:
    """Lays a distribution `fake` out under `site` and makes it the only one of the list."""
    info = site / "fake-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in sorted(FILES)[::order]))
    for path, text in FILES.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
        os.utime(site / path, (order + 2, order + 2))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(module, "DISTRIBUTIONS", ("fake",))


def test_every_domain_has_its_bytes_in_documents_of_bounded_size(texts):
    assert set(texts) == {*DOMAINS, *HELD_OUT}
    for name, documents in texts.items():
        sizes = [len(text.encode()) for text in documents]
        assert 40_000 <= sum(sizes) < 48_000, name
        assert min(sizes) >= module.SMALLEST, name
        assert max(sizes) <= 8000, name


def test_the_domains_are_what_they_say(texts):
    assert all(text.startswith(">>> ") for text in texts["doctest"])
    assert not any('"""' in text.split("\n")[0] or ">>>" in text for text in texts["prose"])
    assert not any(
        line.lstrip().startswith("#") for text in texts["pycode"] for line in text.split("\n")
    )
    assert sum("#include" in text or "#pragma" in text for text in texts["cpp"]) > 0.8 * len(
        texts["cpp"]
    )
    assert sum("def test" in text for text in texts["pytests"]) > 0.8 * len(texts["pytests"])


def test_nothing_held_out_stands_in_a_cleaned_domain(texts):
    targets = []
    for name in HELD_OUT:
        rows = [{"text": text} for text in texts[name]]
        documents, _ = clean_target(name, rows, SETTINGS, 10**6)
        targets += [document.text for document in documents]
    known = ngram_set(targets, 13)
    for name in DOMAINS:
        documents, _ = cleaned(texts[name], SETTINGS, targets)
        assert not any(shares(document.text, known, 13) for document in documents)
        assert sum(shares(text, known, 13) for text in texts[name]) <= 0.05 * len(texts[name]), (
            name
        )  # apart before cleaning too
        assert sum(len(document.text) for document in documents) > 20_000, name


def test_what_is_harvested_depends_on_neither_place_nor_time_nor_order(tmp_path, monkeypatch):
    with monkeypatch.context() as first:
        install(tmp_path / "one", first)
        harvest_installed(tmp_path / "a", 10**6, 8000)
    install(tmp_path / "elsewhere" / "two", monkeypatch, order=-1)
    harvest_installed(tmp_path / "b", 10**6, 8000)
    description = read_json(tmp_path / "a/fingerprint.json")
    assert description == read_json(tmp_path / "b/fingerprint.json")
    assert description["distributions"] == {"fake": "1.0"}
    counts = {"pycode": 2, "pytests": 1, "cython": 1, "tables": 3}
    for name in (*DOMAINS, *HELD_OUT):
        documents = pq.read_table(tmp_path / f"a/{name}.parquet").column("text").to_pylist()
        assert len(documents) == counts.get(name, 0), name
    assert description["domains"]["pycode"]["documents"] == 2


def test_other_text_has_another_fingerprint(tmp_path):
    one, two = module.describe({"a": ["x", "y"]}), module.describe({"a": ["x", "z"]})
    assert one["fingerprint"] != two["fingerprint"]
    assert one["fingerprint"] == module.describe({"a": ["x", "y"]})["fingerprint"]


def test_a_missing_distribution_is_named_with_the_fix(monkeypatch):
    monkeypatch.setattr(module, "DISTRIBUTIONS", ("no-such-package",))
    with pytest.raises(
        MixwrightError,
        match="reads the package no-such-package, which is not installed; run `make install`",
    ):
        harvest(1000, 1000)
