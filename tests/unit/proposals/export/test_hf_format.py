"""The rule of interleave_datasets, and modules that others wrote."""

from dataclasses import replace

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import budget_of
from orders import WEIGHTS, order

NUMBERS = list(WEIGHTS.values())
THEIRS = """
from datasets import load_dataset, interleave_datasets
{lines}
mixture = interleave_datasets({sources}, probabilities={numbers}{rest})
"""


def blend_of(text):
    (blend,) = create("hf").read(text, "FILE")
    return blend


def theirs(sources="[a, b]", numbers="[0.6, 0.4]", rest="", lines=""):
    return blend_of(THEIRS.format(sources=sources, numbers=numbers, rest=rest, lines=lines))


def budget(rows, tokens=None, names="ab"):
    """A budget of packed rows of 1 token."""
    sizes = {name: Size(rows=count) for name, count in zip(names, rows, strict=True)}
    return Budget(tokens, 1, True, sizes)


def faults_of(blend, budget_of_test=None):
    drawn = create("hf").draw(blend, budget_of_test or Budget())
    return {fault.kind: fault.message for fault in (*blend.faults, *drawn.faults)}


def test_rows_are_drawn_in_proportion_to_the_probabilities():
    blend = theirs("[a, b, c, d, e]", str(NUMBERS))
    drawn = create("hf").draw(blend, Budget(1e6, 1, True))
    assert drawn.random
    assert drawn.units == pytest.approx([6e5, 3e5, 99_900, 80, 20])


@pytest.mark.parametrize(
    "numbers, refused",
    [("[0.6, 0.3]", True), ("[0.6, 0.4 + 0]", None), ("[0.6, 0.40000001]", False)],
)
def test_probabilities_sum_to_one_as_closely_as_numpy_asks(numbers, refused):
    if refused is None:
        with pytest.raises(MixwrightError, match="write the numbers"):
            theirs(numbers=numbers)
        return
    assert ("refused" in faults_of(theirs(numbers=numbers))) is refused


def test_a_probability_of_zero_is_refused_or_never_ends():
    zero = "[1.0, 0.0]"
    strategy = ", stopping_strategy='all_exhausted'"
    once = ", stopping_strategy='all_exhausted_without_replacement'"
    streamed = "a = load_dataset('a', streaming=True)"
    assert not faults_of(theirs(numbers=zero))
    assert "refused" in faults_of(theirs(numbers=zero, rest=strategy))
    assert "never ends" in faults_of(theirs(numbers=zero, rest=strategy, lines=streamed))["ends"]
    assert "never ends" in faults_of(theirs(numbers=zero, rest=once))["ends"]


def test_the_first_source_that_ends_ends_the_training():
    faults = faults_of(theirs(), budget([1_000, 100], 1_000))
    assert "25.0%" in faults["ends"] and "b is used up" in faults["ends"]
    assert "ends" not in faults_of(theirs(), budget([1_000, 400], 1_000))


def test_the_data_set_ends_when_every_source_was_read_once():
    blend = theirs(rest=", stopping_strategy='all_exhausted'")
    # b lasts 100 / .4 rows, a lasts 300 / .6
    assert "50.0%" in faults_of(blend, budget([300, 100], 1_000))["ends"]
    assert "ends" not in faults_of(blend, budget([600, 100], 1_000))


def test_without_replacement_every_row_is_read_once():
    blend = theirs(rest=", stopping_strategy='all_exhausted_without_replacement'")
    trainer = create("hf")
    part = trainer.draw(blend, budget([600, 4_000], 1_000))
    assert part.units == pytest.approx([600, 400]) and not part.faults
    later = trainer.draw(blend, budget([600, 4_000], 2_000))
    assert later.units == pytest.approx([600, 1_400])
    assert later.faults[0].kind == "changed"
    over = faults_of(blend, budget([600, 400], 2_000))
    assert "50.0%" in over["ends"]


def test_a_source_of_less_than_a_row_is_named():
    faults = faults_of(theirs(numbers="[0.9999, 0.0001]"), Budget(1_000, 1, True))
    assert "b: 0.1 rows are expected" in faults["remark"]


def test_sources_that_end_start_again_and_the_file_tells_why():
    fed = export(create("hf"), order(tokens=1e9)).text
    assert "stopping_strategy='first_exhausted'" in fed
    assert "# first_exhausted: no source ends" in fed
    wanted = order({"web": 0.6, "code": 0.4}, tokens=1e10)
    short = export(create("hf"), wanted).text
    assert "stopping_strategy='all_exhausted'" in short
    assert "# all_exhausted: sources that end start again" in short
    # code, which lasts longest, was read once at 5e9 tokens
    assert "mixture.repeat(2)" in short
    assert "ends" not in faults_of(blend_of(short), budget_of(wanted, wanted.stages[0]))
    once = short.replace(".repeat(2)", "")
    assert "50.0%" in faults_of(blend_of(once), budget_of(wanted, wanted.stages[0]))["ends"]


def test_an_index_of_gigabytes_is_streamed():
    huge = export(create("hf"), order(tokens=1e10))
    assert "streaming=True" in huge.text
    forced = export(create("hf", {"streaming": False}), order(tokens=1e10))
    assert any("GB of memory" in fault.message for fault in forced.accounts[0].faults)


def test_a_file_is_loaded_by_its_builder():
    wanted = order({"web": 0.5, "code": 0.5})
    web, code = wanted.sources
    wanted = replace(wanted, sources=(replace(web, path="/d/w.jsonl"), code))
    text = export(create("hf"), wanted).text
    calls = []
    scope = {"load_dataset": lambda name, **rest: calls.append((name, rest.get("data_files")))}
    exec(text.replace("from datasets import", "# "), scope)
    scope["load"]("/d/w.jsonl")
    scope["load"]("/data/code")
    assert calls == [("json", "/d/w.jsonl"), ("/data/code", None)]


def test_a_strategy_of_the_user_wins():
    text = export(create("hf", {"stopping_strategy": "first_exhausted"}), order(tokens=1e10)).text
    assert "stopping_strategy='first_exhausted'" in text and "repeat" not in text


def test_the_module_is_python_that_calls_what_it_should():
    scope = {}
    calls = []
    text = export(create("hf"), order()).text
    text = text.replace("from datasets import interleave_datasets, load_dataset", "")
    scope["load_dataset"] = lambda name, split, streaming: name
    scope["interleave_datasets"] = lambda sources, **rest: calls.append((sources, rest))
    exec(text, scope)
    scope["mixed"]()
    ((sources, rest),) = calls
    assert sources == [f"/data/{name}" for name in WEIGHTS]
    assert sum(rest["probabilities"]) == pytest.approx(1)
    assert rest["seed"] == 0


@pytest.mark.parametrize(
    "lines, sources, names",
    [
        ("w = load_dataset('org/w', split='train')", "[w, c]", ["org/w", "c"]),
        ("", "[load_dataset('org/w'), load_dataset(name)]", ["org/w", "source 2"]),
        ("all = [load_dataset('org/w'), load_dataset('org/c')]", "all", ["org/w", "org/c"]),
        ("", "[load_dataset('json', data_files='w.jsonl'), c]", ["w.jsonl", "c"]),
        ("", "make()", ["source 1", "source 2"]),
        ("", "[load_dataset('w'), load_dataset('w')]", ["w", "w (2)"]),
    ],
)
def test_sources_of_a_foreign_file_are_called_as_they_are_loaded(lines, sources, names):
    assert [entry.path for entry in theirs(sources, lines=lines).entries] == names


def test_more_sources_than_probabilities_are_refused():
    assert "3 sources and 2" in faults_of(theirs("[a, b, c]"))["refused"]


def test_what_is_no_number_is_told_in_one_line():
    with pytest.raises(MixwrightError, match=r"^FILE: b has the probability 'much'"):
        theirs(numbers="[0.6, 'much']")


def test_positional_arguments_and_constants_are_read():
    text = "P = [0.7, 0.3]\nm = interleave_datasets([a, b], P, 1, None, None, 'all_exhausted')"
    blend = blend_of(text)
    assert [entry.number for entry in blend.entries] == [0.7, 0.3]
    assert blend.settings["stopping_strategy"] == "all_exhausted"
