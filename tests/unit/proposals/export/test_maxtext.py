"""MaxText: JSON that keeps every digit, or a list that rounds to four decimals."""

import json
from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import CHANGED, ENDS, REFUSED, REMARK, Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order

LISTED = "/d/web,0.6;/d/code,0.3;/d/wiki,0.0999;/d/books,0.00008;/d/laws,0.00002"


def checked(text, budget=None, **settings):
    trainer = create("maxtext", settings)
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget or Budget(1e9, 1_000, True))


def faults(stage, kind):
    return [fault.message for fault in stage.faults if fault.kind == kind]


def test_the_json_has_a_path_and_a_weight_a_name():
    result = export(create("maxtext"), order(packed=True))
    mixture = json.loads(result.text)
    assert list(mixture) == list(WEIGHTS)
    assert mixture["laws"] == {"path": "/data/laws", "weight": 100}
    assert mixture["web"] == {"path": "/data/web", "weight": 3_000_000}
    assert [line.share for line in result.accounts[0].lines] == list(WEIGHTS.values())


def test_names_are_paths_where_a_domain_has_several_sources():
    wanted = order({"web": 0.6, "code": 0.4}, packed=True)
    first, second = wanted.sources
    parts = (first, replace(first, path="/data/web-1"), second)
    mixture = json.loads(export(create("maxtext"), replace(wanted, sources=parts)).text)
    assert list(mixture) == ["/data/web", "/data/web-1", "/data/code"]


# of random numbers the only ones that stay whole by no change of the largest alone
MANY = (
    *(100, 190468, 83730, 746, 1507, 248788, 1024040, 1674745, 2332, 56898, 2662, 64198, 445),
    *(9653, 822, 6486, 13864, 1202840, 415736, 27300, 1440884, 93633, 31310, 7226, 109, 4014),
    *(285, 904, 12572, 933, 184, 30498, 232599, 1152),
)


@pytest.mark.parametrize("whole", [(100, 100, 105), (100, 109, 100), (100, 100, 171), MANY])
def test_numbers_come_through_two_divisions(whole):
    """A plain 105 of 305 would be cut to 104, and a plain 100 to 99."""
    total = sum(whole)
    weights = {f"d{place}": number / total for place, number in enumerate(whole)}
    result = export(create("maxtext"), order(weights, tokens=None, packed=True))
    shares = [line.share for line in result.accounts[0].lines]
    assert shares == pytest.approx(list(weights.values()), rel=1e-9)
    written = [source["weight"] for source in json.loads(result.text).values()]
    assert written == pytest.approx(whole, abs=0.1)


def test_grain_takes_names_in_their_order():
    """The first of the names gets what is left over: here books, which stand fourth."""
    (stage,) = export(create("maxtext"), order(tokens=2_503e3, packed=True)).accounts
    records = {line.path: round(line.share * 2_503) for line in stage.lines}
    assert list(records.values()) == [1_501, 751, 249, 1, 1]
    (stage,) = export(create("grain"), order(tokens=2_503e3, packed=True)).accounts
    assert "/data/books" not in [line.path for line in stage.lines]


def test_the_list_rounds_and_stops_at_zero():
    stage = checked(f"grain_train_files: {LISTED}")
    (lost,) = faults(stage, REFUSED)
    assert "/d/laws" in lost and "2e-05 to 0" in lost and "form json" in lost
    (changed,) = faults(stage, CHANGED)
    assert "/d/books" in changed and "8e-05 to 0.0001" in changed


def test_the_list_form_drops_what_would_be_zero():
    # 8e-5 becomes 1e-4, 2e-5 becomes 0
    result = export(create("maxtext", {"form": "list"}), order(packed=True))
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert any("the form json does not round" in note for note in result.notes)
    keys = yaml.safe_load(result.text)
    parts = [part.split(",") for part in keys["grain_train_files"].split(";")]
    assert [path for path, _ in parts] == ["/data/web", "/data/code", "/data/wiki", "/data/books"]
    assert keys["grain_file_type"] == "arrayrecord"
    (changed,) = faults(result.accounts[0], CHANGED)
    assert "/data/books" in changed


@pytest.mark.parametrize("character", [",", ";"])
def test_the_list_refuses_what_splits_paths(character):
    wanted = order({"web": 0.6, "code": 0.4}, packed=True)
    first, second = wanted.sources
    hostile = replace(wanted, sources=(replace(first, path=f"/d/a{character}b"), second))
    with pytest.raises(MixwrightError, match="use the form json"):
        export(create("maxtext", {"form": "list"}), hostile)
    text = export(create("maxtext"), hostile).text
    assert json.loads(text)["web"]["path"] == f"/d/a{character}b"


def test_sources_are_read_num_epoch_times():
    text = json.dumps({"a": {"path": "/d/a", "weight": 1}, "b": {"path": "/d/b", "weight": 1}})
    budget = Budget(1e9, 1_000, True, {"/d/a": Size(tokens=2e8), "/d/b": Size(tokens=1e9)})
    (ends,) = faults(checked(text, budget), ENDS)
    assert "40.0%" in ends and "/d/a" in ends
    assert "let sources repeat: num_epoch=3 in MaxText" in ends
    assert not faults(checked(text, budget, num_epoch=3), ENDS)
    listed = "grain_train_files: /d/a,1;/d/b,1\nnum_epoch: 3\n"
    assert not faults(checked(listed, budget), ENDS)


def test_records_that_are_cut_are_told():
    wanted = order({"web": 0.6, "code": 0.4})
    (remark,) = faults(export(create("maxtext"), wanted).accounts[0], REMARK)
    assert "/data/code: a record holds 2,000 tokens" in remark
    whole = export(create("maxtext", {"use_truncation": False}), wanted)
    assert not whole.accounts[0].faults
    listed = export(create("maxtext", {"use_truncation": False, "form": "list"}), wanted)
    assert yaml.safe_load(listed.text)["use_truncation"] is False


def test_zeros_are_refused_and_weights_may_be_text():
    zero = json.dumps({"a": {"path": "/d/a", "weight": "0.5"}, "b": {"path": "/d/b", "weight": 0}})
    stage = checked(zero)
    assert [line.number for line in stage.lines] == [0.5, 0]
    assert faults(stage, REFUSED)


@pytest.mark.parametrize("value", [LISTED, f"'{LISTED}'", f'"{LISTED}" num_epoch=1'])
def test_the_word_of_a_command_line_is_read(value):
    text = f"python3 -m maxtext.trainers.pre_train.train base.yml grain_train_files={value}"
    (blend,) = create("maxtext").read(text, "FILE")
    assert blend.entries == create("maxtext").read(LISTED, "FILE")[0].entries


@pytest.mark.parametrize("epochs", ["0", "-1", "1(", "[2]", ".nan"])
def test_passes_that_are_no_number_above_zero_are_one_line(epochs):
    text = f"grain_train_files: {LISTED}\nnum_epoch: {epochs}\n"
    with pytest.raises(MixwrightError, match=r"FILE: num_epoch is .*; give a number"):
        create("maxtext").read(text, "FILE")


def test_the_bare_value_of_the_key_is_read():
    assert [line.path for line in checked(LISTED).lines] == [
        f"/d/{name}" for name in ("web", "code", "wiki", "books", "laws")
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"path": "/d"}}',
        '{"a": 1}',
        '{"a": {"path": "/d", "weight": 1}, "a": {"path": "/e", "weight": 2}}',
        '{"a": {"path": "/d", "weight": "x"}}',
        "grain_train_files: /d/a*",
        "grain_train_files: /d/a,1;",
        "grain_train_files: /d/a,1,2",
        "grain_train_files: /d/a,much",
    ],
)
def test_what_is_no_mixture_is_told_in_one_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*; [^\n]*$"):
        checked(text)
