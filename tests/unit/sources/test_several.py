"""Several sources of one domain: all their text, or text in proportion to weights."""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.report.caveats import demonstration_caveats
from mixwright.sources import SOURCES, create
from mixwright.sources.base import Reading, Source, Tally
from mixwright.sources.several import Several
from mixwright.study.config import resolve
from mixwright.study.study import Study


def write(path: Path, stem: str, rows: int, words: int) -> Path:
    """A folder with a file of lines, each some words long."""
    path.mkdir()
    lines = []
    for number in range(rows):
        text = " ".join(f"{stem}{number}" for _ in range(words + number % 5))
        lines.append(json.dumps({"text": text, "body": text.upper()}) + "\n")
    (path / "train.jsonl").write_text("".join(lines))
    return path


@pytest.fixture
def listed(tmp_path: Path) -> list[dict]:
    """A large source of short rows, and a small one of long rows."""
    return [
        {"source": "hub", "dataset": str(write(tmp_path / "a", "a", 3000, 10))},
        {"source": "hub", "dataset": str(write(tmp_path / "b", "b", 200, 50))},
    ]


@pytest.fixture
def both_kinds(listed: list[dict]) -> list[dict]:
    """The large source of the hub, the small one of files."""
    files = {"source": "files", "files": f"{listed[1]['dataset']}/*.jsonl"}
    return [listed[0], files]


def several(sources: list[dict], **settings: object) -> Source:
    source = create("web", {"source": "several", "sources": sources, **settings})
    source.check("config: domains.web")
    return source


def weighted(sources: list[dict], *weights: float) -> Source:
    pairs = zip(sources, weights, strict=True)
    return several([{**settings, "weight": weight} for settings, weight in pairs])


def bytes_of(rows: list[dict]) -> dict[str, int]:
    """First letter of a text -> the bytes of these texts."""
    sizes = dict.fromkeys("ab", 0)
    for row in rows:
        sizes[row["text"][0].lower()] += len(row["text"].encode())
    return sizes


def whole(listed: list[dict]) -> dict[str, int]:
    return bytes_of(list(several(listed).documents()))


def test_all_text_of_all_sources_is_the_domain_s(listed):
    reading = Reading()
    rows = list(several(listed).documents(reading))
    assert len(rows) == 3200
    assert rows[0]["text"].startswith("a0 ") and rows[-1]["text"].startswith("b199 ")
    total = sum(whole(listed).values())
    assert vars(reading.tally) == vars(Tally(total, total, total, whole=True))


def test_a_part_is_read_of_each_in_proportion_to_its_size(listed):
    total = whole(listed)
    reading = Reading(most_bytes=sum(total.values()) // 4)
    some = bytes_of(list(several(listed).documents(reading)))
    # the size of a source is that of its files
    size_a, size_b = (source.size() for source in several(listed).inner)
    assert some["a"] / some["b"] == pytest.approx(size_a / size_b, rel=0.05)
    assert not reading.tally.whole
    estimate = reading.tally.text_bytes * reading.tally.part_bytes / reading.tally.passed_bytes
    assert estimate == pytest.approx(sum(total.values()), rel=0.05)


def test_what_one_source_lacks_the_next_adds(listed):
    listed[0]["where"] = {"text": " ".join(["a0"] * 10)}
    rows = list(several(listed).documents(Reading(most_bytes=whole(listed)["b"] // 2)))
    assert sum(bytes_of(rows).values()) >= whole(listed)["b"] // 2


@pytest.mark.parametrize("weights", [(3, 1), (1, 3), (0.5, 0.5), (10, 1)])
@pytest.mark.parametrize("most_bytes", [None, 60_000, 10**9])
def test_weights_decide_what_is_read_of_each(listed, weights, most_bytes):
    reading = Reading(most_bytes=most_bytes)
    sizes = bytes_of(list(weighted(listed, *weights).documents(reading)))
    assert sizes["a"] / sizes["b"] == pytest.approx(weights[0] / weights[1], rel=0.05)
    available = whole(listed)
    limit = min(available["a"] / weights[0], available["b"] / weights[1]) * sum(weights)
    wanted = min(limit, most_bytes or limit)
    assert sum(sizes.values()) == pytest.approx(wanted, rel=0.05)
    # natural proportions count all the text there is
    tally = reading.tally
    assert tally.text_bytes == sum(sizes.values()) and not tally.whole
    estimate = tally.text_bytes * tally.part_bytes / tally.passed_bytes
    # the first rows are a little shorter than the others
    assert estimate == pytest.approx(sum(available.values()), rel=0.1)


@pytest.mark.parametrize("weights", [(3, 1), (1, 3)])
def test_weights_hold_between_kinds_of_sources(both_kinds, weights):
    for sources in (both_kinds, both_kinds[::-1]):
        order = weights if sources is both_kinds else weights[::-1]
        reading = Reading(most_bytes=40_000)
        sizes = bytes_of(list(weighted(sources, *order).documents(reading)))
        assert sizes["a"] / sizes["b"] == pytest.approx(weights[0] / weights[1], rel=0.05)
        tally = reading.tally
        estimate = tally.text_bytes * tally.part_bytes / tally.passed_bytes
        # A file of one piece is left before it is passed: its size stands for its text.
        assert estimate == pytest.approx(sum(whole(both_kinds).values()), rel=0.25)


def test_weighted_rows_come_in_turn_so_that_any_number_of_them_is_in_proportion(listed):
    rows = list(islice(weighted(listed, 3, 1).documents(), 400))
    sizes = bytes_of(rows)
    assert sizes["a"] / sizes["b"] == pytest.approx(3, rel=0.05)


def test_a_weighted_domain_is_read_by_one_job(listed):
    assert several(listed).size() == sum(source.size() for source in several(listed).inner)
    assert weighted(listed, 3, 1).size() is None


class Counted(Source):
    """A source that yields a hundred rows and packs its text as it is told."""

    def documents(self, reading: Reading | None = None) -> Iterator[dict]:
        assert reading is not None
        reading.tally.part_bytes = 100 * self.settings["packed"]
        for _ in range(100):
            if self.settings.get("most") and reading.tally.text_bytes >= reading.most_bytes:
                reading.tally.whole = False
                return
            reading.tally.text_bytes += 10
            reading.tally.passed_bytes += self.settings["packed"]
            yield {"text": "x" * 10}

    @classmethod
    def example(cls, folder: Path) -> dict:
        return {}


@pytest.mark.parametrize("weights", [(), (4, 1)])
def test_the_whole_is_estimated_source_by_source(monkeypatch, weights):
    """A byte on disk holds ten times as much text in one source as in the other."""
    sources = [Counted("web", {"packed": packed, "most": 1}, None) for packed in (1, 10)]
    monkeypatch.setattr(Several, "inner", sources)
    entries: list[dict] = [{}, {}]
    for entry, weight in zip(entries, weights, strict=False):
        entry["weight"] = weight
    reading = Reading(most_bytes=400)
    rows = list(create("web", {"source": "several", "sources": entries}).documents(reading))
    assert len(rows) == pytest.approx(40, abs=2)
    tally = reading.tally
    assert tally.text_bytes * tally.part_bytes / tally.passed_bytes == pytest.approx(2000)


def test_files_settings_and_names_are_those_of_all(listed, tmp_path):
    source = several(listed, text="body")
    assert [path.parent.name for path in source.inputs()] == ["a", "b"]
    assert all(row["text"].isupper() for row in source.documents())
    assert source.facts() == source.settings
    listed[1]["text"] = "text"
    texts = [row["text"] for row in several(listed, text="body").documents()]
    assert texts[0].isupper() and texts[-1].islower()
    (tmp_path / "c.txt").write_text("c")
    mixed = [listed[0], {"source": "files", "files": str(tmp_path / "*.txt")}]
    assert [row["text"] for row in several(mixed).documents()][-1] == "c"


def study(sources: object, section: str = "domains", **settings: object) -> Study:
    entry = {"sources": sources, **settings}
    return Study(resolve({**LEAST, section: {**LEAST[section], "web": entry}}, CONFIG))


def refusal(*arguments: object, **settings: object) -> str:
    with pytest.raises(MixwrightError) as caught:
        study(*arguments, **settings)
    return str(caught.value)


def test_a_study_lists_sources_in_place_of_a_source(listed):
    for section in ("domains", "targets"):
        plan = study(listed, section)
        assert plan.config[section]["web"]["source"] == "several"
        assert len(list(plan.source("web").documents())) == 3200
    assert study(listed).text("web").clean == ()


def test_what_sources_may_not_say_is_one_line(listed):
    one = dict(listed[0])
    for answer, words in (
        (refusal(listed, source="files"), "domains.web has both source and sources; give one"),
        (refusal([one]), "domains.web.sources: "),
        (refusal([one, {"source": "table"}]), "domains.web.sources.1.source is 'table'"),
        (refusal([one, {"files": "a"}]), "domains.web.sources.1.source is missing; give it"),
        (refusal([one | {"weight": 0}, one]), "domains.web.sources.0.weight: "),
        (refusal([one | {"weight": 1}, one]), "domains.web.sources: some have a weight and"),
        (refusal([one, {"source": "hub"}]), "domains.web.sources.1.dataset is missing"),
        (refusal([one | {"wieght": 1}, one]), "did you mean domains.web.sources.0.weight?"),
        (refusal("files"), "domains.web.sources is 'files', a str; it takes a value of type"),
    ):
        assert words in answer and "\n" not in answer
    with pytest.raises(MixwrightError, match=r"\(installed or .*, or list several under sources"):
        resolve({**LEAST, "domains": {**LEAST["domains"], "web": {}}}, CONFIG)
    with pytest.raises(MixwrightError, match=r"domains\.web\.sources is missing; list"):
        resolve({**LEAST, "domains": {**LEAST["domains"], "web": {"source": "several"}}}, CONFIG)


def test_a_report_says_of_a_data_set_of_the_hub_that_it_may_change(listed):
    listed[1]["dataset"] = "org/notes"
    words = study(listed).source("web").caveats()
    assert any(text.startswith("web is read from the hub's data set org/notes") for text in words)
    demonstration = [caveat.text for caveat in demonstration_caveats(study(listed))]
    assert SOURCES["installed"].caveat in demonstration


def test_a_frozen_sub_mixture_has_its_shares_in_every_stretch_of_the_domain(listed):
    """A run reads a stretch of a domain's documents, which the hash of their text orders."""
    rows = list(weighted(listed, 0.6, 0.4).documents(Reading(most_bytes=80_000)))
    rows.sort(key=lambda row: hashlib.sha256(row["text"].encode()).hexdigest())
    third = len(rows) // 3
    for start in range(3):
        sizes = bytes_of(rows[start * third : (start + 1) * third])
        assert sizes["a"] / sum(sizes.values()) == pytest.approx(0.6, abs=0.06)
