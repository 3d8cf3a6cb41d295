"""Megatron-LM: the rule of its index, its grammar, and its traps."""

import json
import shlex

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import (
    CHANGED,
    ENDS,
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Entry,
    Size,
)
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.rules.arithmetic import WALKED, greedy
from mixwright.proposals.export.trainers.megatron_index import (
    MOST_SOURCES,
    length_of_passes,
    needed_surplus,
)
from orders import WEIGHTS, order

SHARES = np.array(list(WEIGHTS.values()))


def read(text, **settings):
    (blend,) = create("megatron", settings).read(text, "FILE")
    return blend


def entries(blend):
    return [(entry.path, entry.number) for entry in blend.entries]


def kinds(faults):
    return [fault.kind for fault in faults]


def drawn(blend, tokens=1e9, sizes=None):
    return create("megatron").draw(blend, Budget(tokens, 1_000, sizes=sizes or {}))


@pytest.mark.parametrize(
    ("samples", "counts"),
    [
        (10_000, [5_999, 3_000, 999, 1, 1]),
        (200_000, [120_000, 60_000, 19_980, 16, 4]),
        (1_000_000, [600_000, 300_000, 99_900, 80, 20]),
    ],
)
def test_counts_of_the_compiled_index(samples, counts):
    assert greedy(SHARES, samples).tolist() == counts


def test_the_first_of_equal_sources_goes_first():
    assert greedy(np.array([0.5, 0.5]), 1).tolist() == [1, 0]
    # a source of weight 0 has a turn where no other lags
    assert greedy(np.array([0.0, 1.0]), 2).tolist() == [1, 1]


def test_many_sources_are_walked_as_few_are():
    few = greedy(np.array([0.5, 0.3, 0.2]), 1_000)
    many = greedy(np.append([0.5, 0.3, 0.2], np.zeros(20)), 1_000)
    # zeros stand last, so that they get a turn only where all are even
    assert np.abs(many[:3] - few).max() <= 1


def test_a_share_under_half_a_sample_of_a_long_index_counts_as_lost():
    shares = np.sqrt([2, 3, 5, 7, 11, 13, 17, 0])
    shares = shares / shares.sum() * (1 - 1e-8)
    shares[7] = 1e-8
    assert greedy(shares, 20 * WALKED)[7] == 0
    blend = Blend(tuple(Entry(str(place), share) for place, share in enumerate(shares)))
    remedy = create("megatron").remedy(blend, ["7"], Budget())
    assert remedy == "a training of 100,000,000 sequences or more reads all of them"


def test_arguments_are_words_for_a_shell():
    text = export(create("megatron"), order()).text
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    words = shlex.split(body.replace("\\\n", " "))
    assert words[:5] == ["--data-path", "0.6", "/data/web", "0.3", "/data/code"]
    assert words[-3:] == ["/data/laws", "--split", "1,0,0"]
    assert "0.00002" in words


def test_other_splits_have_arguments_of_their_own():
    settings = {"valid": ["/v"], "test": ["1", "/t a"]}
    text = export(create("megatron", settings), order()).text
    assert "--train-data-path" in text
    assert "--valid-data-path /v" in text
    assert "--test-data-path 1 '/t a'" in text
    # Megatron stops at --split beside them
    assert "--split" not in text
    assert not read(text).faults


def test_a_file_holds_words_alone():
    text = export(create("megatron", {"form": "file"}), order()).text
    assert text.split()[:4] == ["0.6", "/data/web", "0.3", "/data/code"]
    assert "#" not in text


def test_a_split_without_data_is_null_for_megatron_and_no_key_for_automodel():
    wanted = order()
    of_megatron = json.loads(export(create("megatron", {"form": "json"}), wanted).text)
    assert of_megatron["valid"] is None and of_megatron["test"] is None
    of_automodel = json.loads(export(create("megatron", {"form": "automodel"}), wanted).text)
    assert list(of_automodel) == ["train"]
    assert of_megatron["train"] == of_automodel["train"]


@pytest.mark.parametrize("form", ["arguments", "file", "json", "automodel"])
def test_every_form_is_read_back(form):
    trainer = create("megatron", {"form": form})
    result = export(trainer, order())
    assert not result.accounts[0].is_faulty
    assert entries(trainer.read(result.text, "FILE")[0]) == [
        (f"/data/{name}", pytest.approx(weight)) for name, weight in WEIGHTS.items()
    ]


@pytest.mark.parametrize(
    "text",
    [
        "model:\n  data:\n    data_prefix: [0.5, /d/a, 0.5, /d/b]\n",
        "from datasets import load_dataset\nmixed = interleave_datasets(['a', 'b'])\n",
        "- path: a\n",
    ],
)
def test_another_trainers_file_is_no_list_of_paths(text):
    with pytest.raises(MixwrightError, match=r"FILE: .* is no path: .* name its own --format"):
        create("megatron").read(text, "FILE")


def test_an_unknown_form_is_refused():
    with pytest.raises(MixwrightError, match="no form yaml; use one of arguments, file, json"):
        export(create("megatron", {"form": "yaml"}), order())


@pytest.mark.parametrize(
    ("path", "form", "words"),
    [
        ("/d/two words", "file", "white space"),
        ("-x", "arguments", "begins with -"),
        ("/d/web ", "json", "white space"),
        ("/d/a\nb", "arguments", "no list of Megatron"),
    ],
)
def test_prefixes_that_megatron_would_not_get_are_refused(path, form, words):
    wanted = order()
    first, *others = wanted.sources
    moved = type(first)(first.domain, path, (), first.tokens)
    wanted = type(wanted)(wanted.stages, (moved, *others), wanted.sequence)
    with pytest.raises(MixwrightError, match=words):
        export(create("megatron", {"form": form}), wanted)


SCRIPT = """#!/bin/bash
export CUDA_DEVICE_MAX_CONNECTIONS=1
DATA_ARGS=(
    --data-path 30 "/d/my web" 70 /d/code
    --split 949,50,1
    --vocab-file vocab.json
)
torchrun pretrain_gpt.py ${DATA_ARGS[@]}
"""


def test_a_script_is_read_up_to_the_next_option():
    blend = read(SCRIPT)
    assert entries(blend) == [("/d/my web", 30), ("/d/code", 70)]
    assert not blend.faults


def test_a_quoted_variable_is_read():
    """As the scripts of Pai-Megatron-Patch name their data."""
    text = 'DATASET_PATH="0.6 /d/web 0.4 /d/code"\nrun --train-data-path ${DATASET_PATH} --x 1'
    assert entries(read(text)) == [("/d/web", 0.6), ("/d/code", 0.4)]
    alone = 'DATA_PATH="0.6 /d/web 0.4 /d/code"'
    assert entries(read(alone)) == [("/d/web", 0.6), ("/d/code", 0.4)]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("--data-path 1 a", REMARK, "without --split"),
        ("--data-path 1 a --split 1,0,0 --train-data-path 1 b", CHANGED, "is not read"),
        ("--data-path 1 a --split 1,0,0 --data-args-path f", REFUSED, "stand together"),
        ("--train-data-path 1 a --split 1,0,0", REFUSED, "drop --split"),
        ("1 a 1 #b", CHANGED, "no comments"),
        ('1 "a"', CHANGED, "no quotes"),
        ("1 a 1 a", REMARK, "stands 2 times"),
        ("0 a 1 b", REFUSED, "a has 0"),
        ("-1 a 1 b", REFUSED, "a has -1"),
        ("nan a 1 b", REFUSED, "a has nan"),
        ("a b", REMARK, "no weights"),
        ('{"train": ["1", "a"], "valid": null}', REFUSED, "key test is missing"),
        ('{"train": ["1", "a"], "val": ["v"], "test": null}', REFUSED, "val is a name of NeMo"),
        ('{"train": ["1", "a"], "valid": [], "test": null}', REFUSED, "valid is empty"),
        ('["1", "a"]', REFUSED, "NeMo Automodel takes the list"),
    ],
)
def test_traps_are_told(text, kind, words):
    blend = read(text)
    stage = account(create("megatron"), blend, Budget(1e9, 1_000))
    assert any(fault.kind == kind and words in fault.message for fault in stage.faults), stage


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ('{"train": ["1", "a"], "validation": null}', REFUSED, "leave the key out"),
        ('{"train": "1 a"}', REFUSED, "write a list"),
        ('{"train": ["1", "a"], "eval": ["b"]}', REMARK, "eval is no split"),
    ],
)
def test_traps_of_automodel_are_told(text, kind, words):
    (fault,) = read(text, form="automodel").faults
    assert (fault.kind, words in fault.message) == (kind, True)


@pytest.mark.parametrize("text", ['["1", "a"]', '{"train": [0.5, "a"], "dev": ["v"]}'])
def test_automodel_takes_a_list_and_other_names_of_valid(text):
    assert not read(text, form="automodel").faults


@pytest.mark.parametrize(
    "text",
    ["0.6 a 0.4", "0.6 a b 0.4", "", "--data-path", '{"train": null, "valid": 1}', '{"train": []}'],
)
def test_no_weights_and_no_words_are_refused_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE: [^\n]*$"):
        read(text)


def test_more_sources_than_the_index_tells_apart_are_refused():
    # paths are few, so that counting them takes no time
    blend = Blend(tuple(Entry("a", 1.0) for _ in range(MOST_SOURCES + 1)))
    draw = create("megatron").draw(blend, Budget())
    assert any("32,766 at most" in fault.message for fault in draw.faults)
    fewer = Blend(blend.entries[1:])
    assert not any(
        "at most" in fault.message for fault in create("megatron").draw(fewer, Budget()).faults
    )


def test_sources_without_weights_are_read_by_their_lengths():
    sizes = {"a": Size(tokens=3e6), "b": Size(tokens=1e6)}
    blend = read("a b")
    draw = drawn(blend, 2e6, sizes)
    assert draw.units.tolist() == [1_500, 500]
    assert kinds(draw.faults) == [REMARK]
    short = drawn(blend, 8e6, sizes)
    assert short.units.tolist() == [3_000, 1_000]
    assert kinds(short.faults) == [REMARK, ENDS] and "50.0%" in short.faults[1].message
    (unknown, _) = account(create("megatron"), blend, Budget(8e6, 1_000)).lines
    assert unknown.share is None and unknown.passes is None


def test_one_source_without_weights_repeats():
    draw = drawn(read("a"), 8e6, {"a": Size(tokens=1e6)})
    assert draw.units.tolist() == [8_000]
    assert kinds(draw.faults) == [REMARK]


def test_the_surplus_of_few_samples_and_many_sources():
    weights = np.append(np.full(99, 0.4 / 99), 0.6)
    # the bound of the docstring
    assert needed_surplus(weights, 2_000) <= 99 / 2_000
    # as the builder itself finds: tests/trainers
    assert needed_surplus(weights, 2_000) == 0.045
    assert needed_surplus(weights, 200 * 99) == 0.005
    assert needed_surplus(SHARES, 10_000) == 0.005


def test_a_surplus_that_is_too_small_is_told_and_written():
    names = {f"d{place}": 0.4 / 99 for place in range(99)} | {"web": 0.6}
    wanted = order(names, tokens=2e6)
    text = export(create("megatron"), wanted).text
    assert "--mid-level-dataset-surplus 0.0" in text
    blend = read(text)
    assert not create("megatron").draw(blend, Budget(2e6, 1_000)).faults
    bare = Blend(blend.entries)
    (unknown,) = create("megatron").draw(bare, Budget(2e6, 1_000)).faults
    assert unknown.kind == REMARK and "--mid-level-dataset-surplus to 0.0" in unknown.message
    # of 1,195 sequences and a hair more, whole passes leave none over
    tight = {"/data/web": Size(tokens=1.2061e6)}
    (known,) = create("megatron").draw(bare, Budget(2e6, 1_000, sizes=tight)).faults
    assert known.kind == REFUSED
    ample = {f"/data/{name}": Size(tokens=1e9) for name in names}
    assert not create("megatron").draw(bare, Budget(2e6, 1_000, sizes=ample)).faults


def test_a_source_is_prepared_in_whole_passes():
    # (passes * tokens - 1) // sequence, as its sample index counts
    assert length_of_passes(10_000, 1_000, 5) == 9
    assert length_of_passes(10_000, 1_000, 10) == 19
