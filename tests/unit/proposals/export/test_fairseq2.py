"""fairseq2: documents drawn at random, by float32 sums and a random number of 24 bits."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import CHANGED, LOST, REFUSED, Budget
from mixwright.proposals.export.exporting import export
from orders import LENGTHS, WEIGHTS, order

STEP = 2.0**-24


def blend_of(numbers, **settings):
    trainer = create("fairseq2", settings)
    sources = [{"path": f"/d/{place}", "weight": number} for place, number in enumerate(numbers)]
    (blend,) = trainer.read(yaml.safe_dump({"sources": sources}), "FILE")
    return trainer, blend


def shares_of(numbers):
    trainer, blend = blend_of(numbers)
    return trainer.draw(blend, Budget()).units


def kinds_of(numbers):
    trainer, blend = blend_of(numbers)
    return {fault.kind for fault in account(trainer, blend, Budget()).faults}


def test_packed_rows_are_no_remedy_for_documents():
    bare = tuple(replace(source, documents=None) for source in order().sources)
    with pytest.raises(MixwrightError, match=r"--sources$"):
        export(create("fairseq2"), replace(order(), sources=bare))


def test_the_file_is_the_dataset_section_of_a_recipe():
    text = export(create("fairseq2"), order()).text
    section = yaml.safe_load(text)["dataset"]
    assert section["family"] == "lm_train"
    sources = section["config_overrides"]["sources"]
    assert [source["path"] for source in sources] == [f"/data/{name}" for name in WEIGHTS]
    documents = np.array([weight / LENGTHS[name] for name, weight in WEIGHTS.items()])
    weights = [source["weight"] for source in sources]
    assert weights == pytest.approx(documents / documents.sum())
    assert "# /data/books: 50,000 tokens a document." in text


def test_sft_has_a_list_a_split():
    trainer = create("fairseq2", {"form": "lm_sft", "split": "tuned"})
    text = export(trainer, order()).text
    sources = yaml.safe_load(text)["dataset"]["config_overrides"]["sources"]
    assert list(sources) == ["tuned"]
    assert len(trainer.read(text, "FILE")[0].entries) == len(WEIGHTS)


def test_shares_are_whole_steps_of_the_random_number():
    shares = shares_of([0.6, 0.3, 0.0999, 0.00008, 0.00002])
    assert shares.sum() == 1
    assert np.all(shares / STEP == np.rint(shares / STEP))
    assert shares == pytest.approx([0.6, 0.3, 0.0999, 0.00008, 0.00002], abs=2 * STEP)


def test_the_value_zero_belongs_to_the_first_source():
    assert shares_of([0.5, 0.5])[0] == 0.5 + STEP


def test_sums_are_divided_by_the_total():
    assert shares_of([6.0, 3.0, 1.0]) == pytest.approx([0.6, 0.3, 0.1], abs=2 * STEP)


def test_a_sum_close_to_one_is_left_and_the_last_source_pays():
    """1.00005 counts as 1: the last part lies beyond every random number."""
    assert LOST in kinds_of([0.7, 0.30003, 0.00002])
    assert CHANGED in kinds_of([0.7, 0.29993, 0.00002])
    # a sum that is further off is divided
    assert not kinds_of([0.7, 0.3002, 0.00002])


def test_parts_under_a_step_are_lost():
    assert LOST in kinds_of([0.6, 1e-9, 0.4])
    wanted = order({"web": 0.6, "code": 0.4 - 1e-9, "books": 1e-9})
    result = export(create("fairseq2"), wanted)
    assert [drop.source.domain for drop in result.dropped] == ["books"]


@pytest.mark.parametrize("number", [0, -0.1, 1e-50, float("inf"), float("nan")])
def test_only_float32_above_zero_is_taken(number):
    assert REFUSED in kinds_of([0.6, number])


def test_tiny_weights_are_taken_where_their_sum_is_tiny_too():
    """The check is relative: nothing but 0 is close to 0."""
    assert REFUSED not in kinds_of([1e-9, 2e-9])
    assert shares_of([1e-9, 3e-9]) == pytest.approx([0.25, 0.75], abs=2 * STEP)


@pytest.mark.parametrize(
    "text",
    [
        "dataset: {config_overrides: {sources: [{path: /d/a}, {path: /d/b, weight: 3}]}}",
        "sources: [{path: /d/a, weight: 1}, {path: /d/b, weight: 3.0}]",
        "- {path: /d/a, weight: 1.0}\n- {path: /d/b, weight: 3}\n",
        "sources: {train: [{path: /d/a, split: x}, {path: /d/b, weight: 3}], valid: []}",
    ],
)
def test_foreign_files(text):
    (blend,) = create("fairseq2").read(text, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [("/d/a", 1), ("/d/b", 3)]


@pytest.mark.parametrize(
    "text", ["sources: []", "sources: {x: []}", "- {weight: 1}", "- {path: a, weight: '1'}", "a"]
)
def test_what_is_no_list_of_sources_is_told_in_one_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*; [^\n]*$"):
        create("fairseq2").read(text, "FILE")


def test_ranks_of_lm_train_share_a_seed():
    wanted = order({"web": 0.999, "laws": 0.001})
    one = export(create("fairseq2"), wanted).accounts[0].faults
    many = export(create("fairseq2", {"ranks": 64}), wanted).accounts[0].faults
    sft = export(create("fairseq2", {"ranks": 64, "form": "lm_sft"}), wanted).accounts[0].faults
    assert many[0].message != one[0].message
    assert sft == one


@pytest.mark.parametrize("hostile", ["a: b # c", "'", "- x", "\u2028", "!tag", "&a", "1e3", ""])
def test_hostile_paths_stay_text(hostile):
    wanted = order({"web": 0.6, "code": 0.4})
    first, second = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path=hostile), second))
    trainer = create("fairseq2")
    (blend,) = trainer.read(export(trainer, wanted).text, "FILE")
    assert blend.entries[0].path == hostile
