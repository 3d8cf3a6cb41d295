"""Entries of one path, files of one entry, and zeros, beside what was asked or consumed."""

from dataclasses import dataclass

import pytest

from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture
from mixwright.proposals.export import create
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import (
    CHANGED,
    DOCUMENTS,
    LOST,
    PASSES,
    ROWS,
    SEQUENCES,
    Blend,
    Budget,
    Drawn,
    Entry,
)
from mixwright.proposals.export.checks.checking import Check, Plan, check
from mixwright.proposals.export.checks.drawings import drawings_of
from mixwright.proposals.export.checks.observed import compare
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.inputs.counts import Counts
from mixwright.proposals.export.order import Order, Source, Stage
from mixwright.proposals.export.rules.arithmetic import expected


@dataclass(frozen=True)
class Sampler(Format):
    """A made-up trainer that draws sequences by its numbers."""

    name = "sampler"
    trainer = "a trainer"
    unit = SEQUENCES

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        return Drawn(expected(self.unit, blend, budget))


@dataclass(frozen=True)
class RowSampler(Sampler):
    """The same, of rows."""

    unit = ROWS


SAMPLER = Sampler({})


def checked(numbers: list[tuple[str, float]], plan: Plan, trainer: Format = SAMPLER) -> Check:
    entries = tuple(Entry(path, number) for path, number in numbers)
    return check(trainer, [Blend(entries)], plan)


def wanted(**weights: float) -> tuple[Stage, ...]:
    return (Stage(Mixture.of(weights)),)


def kinds(result: Check) -> list[str]:
    return [fault.kind for fault in result.accounts[0].faults if fault.kind != "remark"]


TWICE = [("a", 0.3), ("b", 0.6), ("a", 0.1)]


def test_entries_of_one_path_share_what_was_asked_of_it():
    right = checked(TWICE, Plan(stages=wanted(a=0.4, b=0.6)))
    assert [line.requested for line in right.accounts[0].lines] == pytest.approx([0.3, 0.6, 0.1])
    assert kinds(right) == []
    assert CHANGED in kinds(checked(TWICE, Plan(stages=wanted(a=0.5, b=0.5))))


def test_entries_of_one_path_need_tokens_beside_another_path_only():
    sources = (Source("x", "a", tokens=1e9), Source("x", "b", tokens=3e9))
    shared = checked(TWICE, Plan(stages=wanted(x=1.0), sources=sources))
    requested = [line.requested for line in shared.accounts[0].lines]
    assert requested == pytest.approx([0.1875, 0.75, 0.0625])
    unknown = (sources[0], Source("x", "b"))
    with pytest.raises(MixwrightError, match="x has 2 sources in the file; add `tokens:`"):
        checked(TWICE, Plan(stages=wanted(x=1.0), sources=unknown))


def test_passes_of_entries_of_one_path_add_up():
    """Neither entry alone is read more than 20 times over."""
    sources = (Source("a", "a", tokens=1e6), Source("b", "b", tokens=1e9))
    result = checked(TWICE, Plan(60e6, 1_000, sources=sources))
    assert [line.passes for line in result.accounts[0].lines] == pytest.approx([18, 0.036, 6])
    assert kinds(result) == [PASSES]
    (fault,) = [fault for fault in result.accounts[0].faults if fault.kind == PASSES]
    assert fault.message.startswith("a is read 24 times over")


def test_a_path_is_named_once_where_its_passes_are_unknown():
    result = checked(TWICE, Plan())
    assert any("passes over a, b are unknown" in f.message for f in result.accounts[0].faults)


def test_a_wanted_source_with_a_zero_is_lost():
    """So small a share leaves the others within a hundredth of theirs."""
    result = checked([("a", 1.0), ("b", 0.0)], Plan(stages=wanted(a=0.995, b=0.005)))
    assert kinds(result) == [LOST]
    assert kinds(checked([("a", 1.0), ("b", 0.0)], Plan(stages=wanted(a=1.0)))) == []


def test_shares_of_unknown_tokens_are_not_taken_for_right():
    plan = Plan(stages=wanted(a=0.4, b=0.6))
    unknown = checked(TWICE, plan, RowSampler({}))
    assert kinds(unknown) == [CHANGED]
    packed = Plan(packed=True, stages=plan.stages)
    assert kinds(checked(TWICE, packed, RowSampler({}))) == []


def test_files_of_an_entry_may_be_counted_one_by_one():
    sources = (Source("x", "a", ("a/0", "a/1")), Source("y", "b"))
    plan = Plan(1e7, 1_000, sources=sources)
    result = checked([("a", 0.4), ("b", 0.6)], plan)
    drawings = drawings_of(SAMPLER, result, plan)
    compared = compare(drawings, Counts("t", SEQUENCES, {"a/0": 1_000, "a/1": 3_000, "y": 6_000}))
    assert [line.observed for line in compared.lines] == pytest.approx([0.4, 0.6])
    assert not compared.is_faulty


def test_a_count_of_a_path_is_of_no_other_entry():
    """The domain of the first entry is called as the path of the second."""
    sources = (Source("b", "a"), Source("y", "b"))
    plan = Plan(1e7, 1_000, sources=sources)
    result = checked([("a", 0.4), ("b", 0.6)], plan)
    drawings = drawings_of(SAMPLER, result, plan)
    compared = compare(drawings, Counts("t", SEQUENCES, {"a": 4_000, "b": 6_000}))
    assert [line.observed for line in compared.lines] == pytest.approx([0.4, 0.6])


def test_counts_beside_a_file_that_draws_nothing_are_refused():
    plan = Plan(1e7, 1_000)
    result = checked([("a", 0.0), ("b", 0.0)], plan)
    with pytest.raises(MixwrightError, match="by the file nothing is read"):
        drawings_of(SAMPLER, result, plan)


def test_packed_rows_say_nothing_of_documents():
    """A file of documents has the same units whether or not other rows are packed."""
    sources = (Source("a", "a", (), 1e6, 1e3), Source("b", "b", (), 1e6, 1e3))
    trainer = type("DocumentSampler", (Sampler,), {"unit": DOCUMENTS})({})
    result = checked([("a", 0.5), ("b", 0.5)], Plan(1e6, None, True, sources), trainer)
    assert result.accounts[0].drawn.units.tolist() == [500, 500]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("megatron-bridge-sft", {}), ("energon", {"form": "blend_epochized"}), ("axolotl", {})],
)
def test_packed_rows_follow_from_the_tokens(name, settings):
    """1e6 and 4e6 tokens in rows of 1,000 are 1,000 and 4,000 rows: half and an eighth are read."""
    sources = (Source("a", "a", tokens=1e6), Source("b", "b", tokens=4e6))
    stage = Stage(Mixture.of({"a": 0.5, "b": 0.5}), "", 1e6)
    result = export(create(name, settings), Order((stage,), sources, 1_000, packed=True))
    lines = result.accounts[0].lines
    assert [line.share for line in lines] == pytest.approx([0.5, 0.5])
    assert [line.passes for line in lines] == pytest.approx([0.5, 0.125])
