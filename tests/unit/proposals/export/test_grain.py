"""Grain: a deterministic interleaving by whole proportions, the least of which is 100."""

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import ENDS, REFUSED, Budget, Size
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.rules.grain_mix import first_elements, proportions
from orders import WEIGHTS, order

FOREIGN = """
import grain

web = grain.MapDataset.source(open_web()){repeat}
code = grain.MapDataset.source(open_code()){repeat}
mixed = grain.{kind}.mix({arguments})
"""


def checked(arguments, budget=None, repeat=".repeat()", kind="MapDataset", **settings):
    trainer = create("grain", settings)
    text = FOREIGN.format(arguments=arguments, repeat=repeat, kind=kind)
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget or Budget(1e6, 1_000, True))


def kinds(stage):
    return {fault.kind for fault in stage.faults}


def test_whole_proportions_of_the_table():
    assert proportions(list(WEIGHTS.values())) == [3_000_000, 1_500_000, 499_500, 400, 100]


def test_others_are_cut_to_a_hundredth_of_the_least():
    assert proportions([1.0, 1.509]) == [100, 150]
    # floats fall short of 300
    assert proportions([0.1, 0.3]) == [100, int(0.3 * (100 / 0.1))]


def test_the_first_elements_follow_one_another():
    """Each element comes from one source, and every prefix is within one element of its share."""
    whole = [300, 150, 100]
    before = [0, 0, 0]
    for elements in range(1, 200):
        counts = first_elements(whole, elements)
        assert sum(counts) == elements
        assert sum(after - count for after, count in zip(counts, before, strict=True)) == 1
        assert all(after >= count for after, count in zip(counts, before, strict=True))
        before = counts
    assert first_elements(whole, 550) == whole


def test_an_export_is_exact_to_a_hundredth_of_the_least():
    (stage,) = export(create("grain"), order(packed=True)).accounts
    assert [line.number for line in stage.lines] == [3_000_000, 1_500_000, 499_500, 400, 100]
    # a million rows, of which the whole cycle is five
    assert [line.share for line in stage.lines] == list(WEIGHTS.values())
    assert not stage.random and not stage.is_faulty


def test_a_short_training_drops_by_name_and_says_what_keeps():
    result = export(create("grain"), order(tokens=1e7, packed=True))
    assert [drop.source.domain for drop in result.dropped] == ["books", "laws"]
    (remedy,) = [note for note in result.notes if "or more reads all" in note]
    rows = int(remedy.split("of ")[1].split(" ")[0].replace(",", ""))
    assert not export(create("grain"), order(tokens=rows * 1e3, packed=True)).dropped
    assert export(create("grain"), order(tokens=(rows - 1) * 1e3, packed=True)).dropped


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("[web, code], weights=[0.6, 0.4]", ["web", "code"]),
        ("datasets=[web, code], weights=(0.6, 0.4)", ["web", "code"]),
        ("{'w': web, 'c': code}, {'w': 0.6, 'c': 0.4}", ["w", "c"]),
        ("opened(), [0.6, 0.4]", ["source 1", "source 2"]),
    ],
)
def test_foreign_files(arguments, names):
    stage = checked(arguments)
    assert [line.path for line in stage.lines] == names
    assert [line.number for line in stage.lines] == [0.6, 0.4]
    assert not stage.is_faulty


def test_zeros_are_refused():
    assert REFUSED in kinds(checked("[web, code], [1, 0]"))
    assert REFUSED in kinds(checked("[web, code], [1, 1e999]"))
    assert REFUSED in kinds(checked("[web, code], [1, -1]"))


def test_it_stops_at_the_shortest_unless_sources_repeat():
    budget = Budget(1e6, 1_000, True, {"code": Size(tokens=1e5)})
    stage = checked("[web, code], [0.6, 0.4]", budget, repeat="")
    (fault,) = stage.faults
    assert fault.kind == ENDS and "25.0%" in fault.message
    assert not checked("[web, code], [0.6, 0.4]", budget).is_faulty
    text = export(create("grain", {"repeat": False}), order(packed=True)).text
    assert ".repeat()" not in text


def test_files_of_a_source_are_listed():
    wanted = order({"web": 0.6, "code": 0.4}, packed=True)
    first, second = wanted.sources
    listed = type(first)(**{**vars(first), "files": ("/d/a-0", "/d/a-1")})
    text = export(
        create("grain"), type(wanted)(**{**vars(wanted), "sources": (listed, second)})
    ).text
    assert "['/d/a-0', '/d/a-1']" in text


@pytest.mark.parametrize("arguments", ["[web, code]", "[web], [x]", "[web], []", "[web], ['1']"])
def test_what_is_no_weight_is_told_in_one_line(arguments):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*; [^\n]*$"):
        checked(arguments)
