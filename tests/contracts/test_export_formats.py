"""Every format of a trainer keeps every promise: a line in FORMATS is tested because it is listed.

docs/how-to/add-an-export-format.md says what a format promises.
"""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import ELSEWHERE, FORMATS, create, entry
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import DOCUMENTS, REMARK, ROWS, SEQUENCES, TOKENS
from mixwright.proposals.export.exporting import Export, export
from mixwright.proposals.export.order import budget_of
from orders import LENGTHS, WEIGHTS, order, sources, staged

NAMES = sorted(FORMATS)
# Small enough for every trainer, large enough for every step.
PLAIN = {"web": 0.6, "code": 0.3, "wiki": 0.1}
HOSTILE = (
    "two words",
    "it's",
    'a "quote"',
    "a,b",
    "a;b",
    "a:b",
    "- a",
    "#a",
    "{a}",
    "a\\b",
    "größe",
    "日本",
    "a=b",
    "$HOME",
    "*",
    "yes",
    "1.5",
    "null",
    "a\tb",
    "a\nb",
)


def written(name: str, wanted, **settings) -> Export:
    return export(create(name, settings), wanted)


def of_sources(account_of_stage, wanted) -> dict[str, float | None]:
    """Domain -> share of the tokens that is read."""
    domains = {source.path: source.domain for source in wanted.sources}
    return {domains[line.path]: line.share for line in account_of_stage.lines}


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_knows_the_format(name):
    kind = FORMATS[name]
    format_class = kind.load_class()
    assert format_class.name == name
    assert format_class.suffix == kind.suffix
    assert format_class.unit in (SEQUENCES, TOKENS, DOCUMENTS, ROWS)
    assert format_class.trainer and format_class.meaning.endswith(".")
    assert kind.purpose and len(kind.purpose) < 80


@pytest.mark.parametrize("name", NAMES)
def test_a_file_reads_what_was_asked(name):
    wanted = order(PLAIN)
    result = written(name, wanted)
    (stage,) = result.accounts
    assert not stage.is_faulty, stage.faults
    assert not result.dropped
    shares = of_sources(stage, wanted)
    # rows and documents are whole
    for domain, weight in PLAIN.items():
        assert shares[domain] == pytest.approx(weight, rel=2e-3), domain


@pytest.mark.parametrize("name", NAMES)
def test_a_round_trip_keeps_the_numbers(name):
    wanted = order(PLAIN)
    trainer = create(name)
    result = export(trainer, wanted)
    (blend,) = trainer.read(result.text, name)
    budget = budget_of(wanted, wanted.stages[0])
    again = account(trainer, blend, budget)
    for line, first in zip(again.lines, result.accounts[0].lines, strict=True):
        assert (line.path, line.number, line.share) == (first.path, first.number, first.share)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_read_is_dropped_by_name(name):
    """A source is read, or a note names it: nothing vanishes."""
    wanted = order()
    result = written(name, wanted)
    (stage,) = result.accounts
    assert not [fault for fault in stage.faults if fault.kind == "lost"]
    shares = of_sources(stage, wanted)
    for domain in WEIGHTS:
        if domain in shares:
            assert shares[domain] > 0
        else:
            assert any(f"/data/{domain}" in note for note in result.notes), domain
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_of_zero_is_left_out_by_name(name):
    wanted = order(PLAIN | {"laws": 0.0})
    result = written(name, wanted)
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert any("laws" in note for note in result.notes)
    assert "/data/laws" not in result.text.replace("left out, for the weight is 0: /data/laws", "")


@pytest.mark.parametrize("name", NAMES)
def test_comments_say_what_was_dropped_and_what_the_numbers_are(name):
    trainer = create(name)
    result = export(trainer, order(PLAIN | {"laws": 0.0}))
    if not trainer.comment:
        return
    lines = [line for line in result.text.splitlines() if trainer.comment.strip() in line]
    assert any(trainer.meaning in line for line in lines)
    assert any("/data/laws" in line for line in lines)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_quoted_or_refused(name, hostile):
    """The file holds the very name, or nothing is written."""
    wanted = order(PLAIN)
    first, *others = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path=hostile), *others))
    try:
        result = written(name, wanted)
    except MixwrightError as error:
        assert "\n" not in str(error)
        assert hostile.strip() in str(error) or repr(hostile)[1:-1] in str(error)
        return
    (blend,) = create(name).read(result.text, name)
    assert blend.entries[0].path == hostile
    assert [entry.path for entry in blend.entries[1:]] == [source.path for source in others]


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_read_without_an_answer(name):
    """Text that is no such file is refused in one line, or told as a fault."""
    trainer = create(name)
    for text in ("", "{", "[1", "a: [", "\x00", "def f(:", "1 2 3", "[]", "{}", "null", "x = 1"):
        try:
            blends = trainer.read(text, "FILE")
        except MixwrightError as error:
            assert str(error).startswith("FILE")
            assert "\n" not in str(error)
        else:
            assert blends and all(blend.entries or blend.faults for blend in blends), text


@pytest.mark.parametrize("name", NAMES)
def test_passes_are_counted_where_sizes_are_known(name):
    wanted = order(PLAIN)
    small = [replace(source, tokens=1e6, documents=1e3, rows=1e3) for source in wanted.sources]
    wanted = replace(wanted, sources=tuple(small))
    try:
        result = written(name, wanted)
    except MixwrightError as error:
        # trainers that never repeat a source
        assert "repeat" in str(error)
        return
    (stage,) = result.accounts
    assert stage.is_faulty
    if stage.lines[0].passes is not None:
        assert stage.lines[0].passes > 20 or any(
            fault.kind != "passes" for fault in stage.faults if fault.kind != REMARK
        )


@pytest.mark.parametrize("name", NAMES)
def test_sizes_that_are_unknown_are_asked_for(name):
    """Documents and rows need sizes; sequences do not."""
    trainer = create(name)
    wanted = order(PLAIN, tokens=None)
    bare = [replace(source, tokens=None, documents=None, rows=None) for source in wanted.sources]
    wanted = replace(wanted, sources=tuple(bare))
    try:
        result = export(trainer, wanted)
    except MixwrightError as error:
        assert "--sources" in str(error) or "--tokens" in str(error)
        assert trainer.unit in (DOCUMENTS, ROWS) or trainer.counts_rows
        return
    assert result.accounts[0].lines[0].passes is None


@pytest.mark.parametrize("name", NAMES)
def test_stages_are_written_or_refused(name):
    trainer = create(name)
    wanted = staged()
    if not trainer.staged:
        with pytest.raises(MixwrightError, match="stages"):
            export(trainer, wanted)
        return
    result = export(trainer, wanted)
    assert len(result.accounts) == 2
    last = of_sources(result.accounts[1], wanted)
    assert last["code"] == pytest.approx(0.7, rel=2e-3)
    blends = trainer.read(result.text, name)
    assert np.isclose(blends[1].begins, 0.9e9, rtol=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_settings_are_refused(name):
    with pytest.raises(MixwrightError, match="knows no flavour"):
        create(name, {"flavour": 1})


# No setting takes any of these, whatever its kind.
NO_VALUES = ({}, [{}], [None], -1, 0, 1.5, 1e30, float("nan"), float("inf"), "", "a\nb")


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_takes_values_of_its_kind_alone(name):
    """A wrong value is one line that names its key, and no traceback of the arithmetic."""
    for key in FORMATS[name].load_class().defaults:
        for value in NO_VALUES:
            with pytest.raises(MixwrightError, match=f"--settings: {name}.* {key} ") as raised:
                create(name, {key: value})
            assert "; give " in str(raised.value) or "; use one of " in str(raised.value)


def test_a_setting_may_be_typed_as_json_and_yaml_have_it():
    assert create("torchtitan", {"form": 0.3}).settings["form"] == "0.3"
    assert create("levanter", {"mixture_block_size": 2e4}).settings["mixture_block_size"] == 20_000
    assert create("hf", {"streaming": True}).settings["streaming"] is True
    with pytest.raises(MixwrightError, match="use one of auto, true, false"):
        create("hf", {"streaming": 1})


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_trainers_of_another_name_are_told_where_to_go(name):
    with pytest.raises(MixwrightError, match=name):
        entry(name)


def test_several_sources_of_a_domain_share_its_weight():
    wanted = order(PLAIN)
    first, *others = wanted.sources
    parts = (
        replace(first, path="/data/web-0", tokens=3e9),
        replace(first, path="/data/web-1", tokens=1e9),
    )
    wanted = replace(wanted, sources=(*parts, *others))
    result = written("json", wanted)
    assert [line.share for line in result.accounts[0].lines[:2]] == pytest.approx([0.45, 0.15])


def test_lengths_of_tests_differ():
    """Documents are no tokens: a format that forgets it fails above."""
    assert len({*LENGTHS.values()}) == len(LENGTHS)
    assert sources(PLAIN)[0].documents != sources(PLAIN)[1].documents
