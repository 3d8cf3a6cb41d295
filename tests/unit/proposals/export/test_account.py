"""What is read, passes, remarks, and stages of a file."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mixwright.mixture import Mixture
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account, token_shares, with_remarks
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import (
    CHANGED,
    ENDS,
    LOST,
    PASSES,
    REMARK,
    ROWS,
    SEQUENCES,
    Blend,
    Budget,
    Drawn,
    Entry,
    Size,
)
from mixwright.proposals.export.checks.checking import Plan, check
from mixwright.proposals.export.checks.drawings import drawings_of
from mixwright.proposals.export.checks.observed import compare
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.inputs.counts import Counts
from mixwright.proposals.export.order import Source, Stage
from mixwright.proposals.export.rules.arithmetic import expected
from orders import order


@dataclass(frozen=True)
class Drawer(Format):
    """A made-up trainer that draws sequences by its numbers, in stages."""

    name = "drawer"
    trainer = "a trainer"
    unit = SEQUENCES
    staged = True

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        return Drawn(expected(self.unit, blend, budget))


DRAWER = Drawer({})


def blend(numbers: dict[str, float], name: str = "", begins: float = 0.0) -> Blend:
    entries = tuple(Entry(path, number) for path, number in numbers.items())
    return Blend(entries, name=name, begins=begins)


def kinds(faults) -> list[str]:
    return [fault.kind for fault in faults]


def test_passes_are_units_of_units_or_tokens_of_tokens():
    sizes = {"a": Size(tokens=1e6), "b": Size(tokens=4e6)}
    halves = blend({"a": 1, "b": 1})
    by_units = account(DRAWER, halves, Budget(8e6, 1_000, False, sizes))
    by_tokens = account(DRAWER, halves, Budget(8e6, None, False, sizes))
    assert [line.passes for line in by_units.lines] == pytest.approx([4.0, 1.0])
    assert [line.passes for line in by_tokens.lines] == pytest.approx([4.0, 1.0])


@pytest.mark.parametrize(("tokens", "kind"), [(7.9e6, None), (8.1e6, REMARK), (41e6, PASSES)])
def test_more_than_four_passes_are_remarked_and_more_than_twenty_a_fault(tokens, kind):
    budget = Budget(tokens, 1_000, False, {"a": Size(tokens=1e6), "b": Size(tokens=1e9)})
    stage = account(DRAWER, blend({"a": 1, "b": 1}), budget)
    stage = with_remarks(stage, SEQUENCES, budget)
    assert kinds(stage.faults) == ([kind] if kind else [])
    assert stage.is_faulty == (kind == PASSES)


def test_rows_become_tokens_by_their_length():
    sizes = {"a": Size(tokens=1e6, rows=1e3), "b": Size(tokens=3e6, rows=1e3)}
    budget = Budget(None, None, False, sizes)
    shares = token_shares(ROWS, np.array([0.5, 0.5]), blend({"a": 1, "b": 1}), budget)
    assert shares == pytest.approx([0.25, 0.75])


def staged_blends() -> tuple[Blend, Blend]:
    return blend({"a": 1}, "stable"), blend({"a": 1, "b": 1}, "anneal", 9e8)


def test_each_stage_has_the_tokens_until_the_next_one():
    checked = check(DRAWER, staged_blends(), Plan(1e9, 1_000))
    assert [budget.tokens for budget in checked.budgets] == [9e8, 1e8]
    assert [stage.drawn.units.sum() for stage in checked.accounts] == [9e5, 1e5]


def test_a_stage_after_the_end_is_never_reached():
    checked = check(DRAWER, staged_blends(), Plan(5e8, 1_000))
    assert ENDS in kinds(checked.accounts[1].faults)
    assert checked.budgets[0].tokens == 5e8
    assert checked.is_faulty


def test_passes_add_up_over_stages():
    sources = (Source("a", "a", tokens=5e7), Source("b", "b", tokens=1e9))
    checked = check(DRAWER, staged_blends(), Plan(1e9, 1_000, sources=sources))
    assert [stage.lines[0].passes for stage in checked.accounts] == pytest.approx([18, 1])
    assert not checked.is_faulty
    smaller = (replace(sources[0], tokens=4.6e7), sources[1])
    checked = check(DRAWER, staged_blends(), Plan(1e9, 1_000, sources=smaller))
    assert not any(stage.is_faulty for stage in checked.accounts)
    assert kinds(checked.faults) == [PASSES]
    assert "over all stages, a is read 21 times" in checked.faults[0].message


def test_wanted_stages_are_compared_one_by_one():
    stages = (
        Stage(Mixture.of({"a": 1.0}), "stable", 9e8),
        Stage(Mixture.of({"a": 0.2, "b": 0.8}), "anneal", 1e8),
    )
    checked = check(DRAWER, staged_blends(), Plan(1e9, 1_000, stages=stages))
    assert CHANGED not in kinds(checked.accounts[0].faults)
    assert CHANGED in kinds(checked.accounts[1].faults)


def test_counts_of_all_stages_are_compared_with_all_stages():
    stages = (
        Stage(Mixture.of({"a": 1.0}), "stable", 9e8),
        Stage(Mixture.of({"a": 0.5, "b": 0.5}), "anneal", 1e8),
    )
    plan = Plan(1e9, 1_000, stages=stages)
    checked = check(DRAWER, staged_blends(), plan)
    drawings = drawings_of(DRAWER, checked, plan)
    right = compare(drawings, Counts("t", SEQUENCES, {"a": 950_000, "b": 50_000}))
    assert not right.is_faulty
    assert [line.expected for line in right.lines] == pytest.approx([0.95, 0.05])
    assert [line.requested for line in right.lines] == pytest.approx([0.95, 0.05])
    wrong = compare(drawings, Counts("t", SEQUENCES, {"a": 949_900, "b": 50_100}))
    assert wrong.is_faulty


def test_a_training_that_stopped_early_is_right_too():
    trainer = create("megatron")
    plan = Plan(1e9, 1_000)
    checked = check(trainer, [blend({"a": 0.7, "b": 0.3})], plan)
    drawings = drawings_of(trainer, checked, plan)
    assert not compare(drawings, Counts("t", SEQUENCES, {"a": 71, "b": 30})).is_faulty
    assert compare(drawings, Counts("t", SEQUENCES, {"a": 75, "b": 26})).is_faulty


@dataclass(frozen=True)
class Rounder(Drawer):
    """A made-up trainer whose numbers are whole percents: small shares come out as 0."""

    def numbers(self, order, shares, tokens):
        return np.floor(100 * shares)

    def write(self, document):
        entries = document.blends[0].entries
        return "\n".join(f"{entry.path} {entry.number}" for entry in entries)

    def read(self, text, where):
        words = [line.split() for line in text.splitlines()]
        return (blend({path: float(number) for path, number in words}),)


def test_a_source_whose_number_comes_out_as_zero_is_dropped_by_name():
    wanted = order({"web": 0.6, "code": 0.395, "wiki": 0.005})
    result = export(Rounder({}), wanted)
    assert [drop.source.domain for drop in result.dropped] == ["wiki"]
    assert any("dropped: /data/wiki (0.005 of the tokens)" in note for note in result.notes)


def test_what_a_drop_costs_is_asked_of_each_and_of_all():
    calls = []

    def cost(before, after):
        calls.append(after.as_dict())
        return "much"

    wanted = order({"web": 0.6, "code": 0.393, "wiki": 0.005, "laws": 0.002})
    result = export(Rounder({}), wanted, cost)
    assert [call["wiki"] == 0 for call in calls] == [True, False, True]
    assert [call["laws"] == 0 for call in calls] == [False, True, True]
    assert calls[0]["web"] == pytest.approx(0.6 / 0.995)
    assert "dropped in all: 2 sources; predicted cost: much" in result.notes


def test_of_a_source_without_weight_nothing_needs_to_be_known():
    """Numbers of rows are made of sizes; a domain of weight 0 may have none, nor a source."""
    wanted = order({"web": 0.6, "code": 0.4, "wiki": 0.0, "laws": 0.0})
    sources = [source for source in wanted.sources if source.domain != "laws"]
    sources[2] = Source("wiki", "/data/wiki")
    for name in ("hf", "trl", "fairseq2", "streaming"):
        result = export(create(name), replace(wanted, sources=tuple(sources)))
        assert [line.path for line in result.accounts[0].lines] == ["/data/web", "/data/code"]
        assert result.notes[0] == "left out, for the weight is 0: /data/wiki"


def test_a_training_of_less_than_a_unit_is_told_once():
    sizes = {"a": Size(tokens=1e6), "b": Size(tokens=1e6)}
    budget = Budget(500, 1_000, False, sizes)
    trainer = create("megatron")
    stage = with_remarks(account(trainer, blend({"a": 1, "b": 1}), budget), SEQUENCES, budget)
    assert kinds(stage.faults) == [LOST, LOST]
