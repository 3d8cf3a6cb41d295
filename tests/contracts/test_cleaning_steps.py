"""Every step of cleaning keeps every promise: a new line in LISTED is tested because it is listed.

docs/how-to/add-a-cleaning-step.md says what a step promises.
"""

from dataclasses import replace

import numpy as np
import pytest

from least_config import CONFIG
from mixwright.corpus import parts, text_settings
from mixwright.corpus.steps import LISTED, STEPS
from mixwright.corpus.text_settings import TextSettings
from mixwright.report.corpus_caveats import LOSSES
from mixwright.study.schema import read_yaml
from source_rows import adds_up, cleaned

NAMES = [step.name for step in LISTED]
PLAIN = TextSettings(ngram=5)
LINE = "a line that is long enough to be known again, in whatever document it stands"
TARGET = "five words of a target and some others that nobody else has"


def texts() -> list[str]:
    """Texts with something for every step: repeats, passages, strange line ends, short ones."""
    words = [f"word{number}" for number in range(400)]
    rng = np.random.default_rng(3)
    result = [" ".join(rng.choice(words, rng.integers(1, 300))) for _ in range(150)]
    result += result[:20]
    result += [f"{text}\n{LINE}\n{number}" for number, text in enumerate(result[30:60])]
    result += [f"{text}\r\n\0end  \n" for text in result[60:80]]
    result += [f"{text} five words of a target {number}" for number, text in enumerate(result[:9])]
    return [*result, "", "  \n", "x"]


def settings(name: str, **changes: object) -> TextSettings:
    return replace(PLAIN, clean=(name,), **changes)


def test_the_order_and_the_schema_know_the_steps():
    schema = read_yaml(CONFIG / "schema.yaml")
    corpus = schema["properties"]["corpus"]["properties"]["clean"]
    source = schema["$defs"]["source"]["properties"]["clean"]
    assert list(text_settings.STEPS) == NAMES == list(STEPS)
    assert corpus["items"]["enum"] == source["items"]["enum"] == NAMES
    for name in NAMES:
        assert f"{name}: " in corpus["description"] or f"`{name}`" in corpus["description"]


@pytest.mark.parametrize("name", NAMES)
def test_every_byte_is_counted_and_nothing_else_happens(name):
    before, _ = cleaned(texts(), PLAIN, [TARGET])
    documents, counts = cleaned(texts(), settings(name), [TARGET])
    assert adds_up(counts)
    assert set(counts) <= {*parts.COUNTS, "source_tokens"}
    texts_before = {document.text for document in before}
    changed = [document for document in documents if document.text not in texts_before]
    assert STEPS[name].changes_text or not changed
    dropped = counts["bytes_read"] - counts["bytes"]
    assert STEPS[name].drops_text or not dropped
    assert changed or dropped, "texts() has nothing for this step: add a text that it changes"
    reasons = {key for key in counts if key.startswith("bytes_") and counts[key]}
    assert reasons - {"bytes_read"} <= {loss.count for loss in LOSSES}


@pytest.mark.parametrize("name", NAMES)
def test_neither_batches_nor_the_order_of_rows_matter(name, monkeypatch):
    documents, counts = cleaned(texts(), settings(name), [TARGET])
    monkeypatch.setattr(parts, "BATCH_BYTES", 700)
    assert cleaned(texts(), settings(name), [TARGET]) == (documents, counts)
    # of texts that differ in white space alone, the first to come stays
    distinct = list(dict.fromkeys(texts()))
    forwards, _ = cleaned(distinct, settings(name), [TARGET])
    backwards, _ = cleaned(distinct[::-1], settings(name), [TARGET])
    assert [one.text for one in forwards] == [one.text for one in backwards]


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(name):
    whole, _ = cleaned(texts(), settings(name), [TARGET])
    some, counts = cleaned(texts(), settings(name, sample=20_000), [TARGET])
    assert adds_up(counts)
    assert [one.text for one in some] == [one.text for one in whole[: len(some)]]
    assert 20_000 <= counts["bytes"] < 30_000


@pytest.mark.parametrize("name", NAMES)
def test_a_part_without_text_is_empty(name):
    documents, counts = cleaned(["", " "], settings(name), [TARGET], part=1, parts=2)
    assert documents == [] and counts["documents"] == 0
