"""OLMo-core's rule and files."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order, staged

FOREIGN = """\
sources:
  - source_name: crawl
    target_ratio: 0.75
    paths:
      - pool/crawl/**/*.npy
      - pool/more/**/*.npy
  - source_name: flan
    target_ratio: .25
    max_repetition_ratio: 2
    paths:
      - pool/flan/part-0.npy
"""
# As in the trainer's documents: mixtures inside a mixture.
NESTED = """\
from olmo_core.data.composable import *
mix = MixingInstanceSource.Config(
    source_specs=[
        MixingInstanceSource.Spec.Config(
            source=MixingInstanceSource.Config(
                source_specs=[
                    MixingInstanceSource.Spec.Config(
                        source=instances("fim"), ratio=0.5, label="fim"),
                    MixingInstanceSource.Spec.Config(
                        source=instances("edu"), ratio=1.5, label="edu"),
                ]
            ),
            ratio=0.4,
            label="code",
        ),
        MixingInstanceSource.Spec.Config(source=instances("math"), ratio=0.6, label="math"),
    ],
    num_tokens=30_000_000_000,
)
"""


def yaml_of(sources: list, **keys) -> str:
    return yaml.safe_dump({"source_list": {"sources": sources}, **keys})


def source(name: str, ratio: float, **keys) -> dict:
    return {"source_name": name, "target_ratio": ratio, "paths": [f"/data/{name}"], **keys}


def checked(text: str, budget: Budget):
    trainer = create("olmo-core")
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget), trainer.draw(blend, budget).units


def kinds(stage) -> set[str]:
    return {fault.kind for fault in stage.faults}


def test_the_file_is_the_trainers_data_set():
    wanted = order({"web": 0.6, "code": 0.4})
    first, second = wanted.sources
    second = replace(second, files=("/data/code-0.npy", "/data/code-1.npy"), tokens=3e8)
    text = export(create("olmo-core"), replace(wanted, sources=(first, second))).text
    content = yaml.safe_load(text)
    assert content["requested_tokens"] == 1_000_000_000
    assert content["global_batch_size"] == 1_000
    assert content["source_list"]["sources"] == [
        source("web", 0.6, max_repetition_ratio=1.0) | {"source_name": "/data/web"},
        {
            "source_name": "/data/code",
            "target_ratio": 0.4,
            # 4e8 of 3e8 tokens, to four decimals, upwards
            "max_repetition_ratio": 1.3334,
            "paths": ["/data/code-0.npy", "/data/code-1.npy"],
        },
    ]


def test_small_shares_are_read_to_the_sequence():
    text = export(create("olmo-core"), order()).text
    _, units = checked(text, Budget(1e9, 1_000))
    assert units.tolist() == [600_000, 300_000, 99_900, 80, 20]


def test_what_a_short_training_cannot_read_is_dropped_with_the_remedy():
    result = export(create("olmo-core"), order(tokens=1e7))
    dropped = {drop.source.domain for drop in result.dropped}
    # books are .8 of a sequence, the largest part cut off
    assert dropped == {"laws"}
    assert any("50,000 sequences or more" in note for note in result.notes)


def test_tokens_are_asked_for_in_whole_steps():
    trainer = create("olmo-core", {"global_batch_size": 4_096_000})
    content = yaml.safe_load(export(trainer, order()).text)
    assert content["global_batch_size"] == 4_096_000
    assert content["requested_tokens"] == 244 * 4_096_000


def test_rounding_up_to_a_step_feeds_all_files_alike():
    """A tenth of a step is asked for: nine tenths go to both files in equal parts."""
    sources = [source("web", 0.99), source("laws", 0.01)]
    text = yaml_of(sources, requested_tokens=100_000, global_batch_size=1_000_000)
    stage, units = checked(text, Budget(None, 1_000))
    assert units.tolist() == [99 + 450, 1 + 450]
    assert "changed" in kinds(stage)
    assert any("whole steps" in fault.message for fault in stage.faults)


def test_the_largest_part_cut_off_gets_what_is_missing():
    """.505 and .495 of 10 sequences: 5 and 4, and the tenth goes to the larger part."""
    sources = [source("web", 0.505), source("laws", 0.495)]
    text = yaml_of(sources, requested_tokens=10_000, global_batch_size=1_000)
    _, units = checked(text, Budget(None, 1_000))
    assert units.tolist() == [5, 5]


def test_of_equal_parts_the_last_gets_what_is_missing():
    sources = [source("web", 0.5), source("laws", 0.5)]
    text = yaml_of(sources, requested_tokens=3_000, global_batch_size=1_000)
    _, units = checked(text, Budget(None, 1_000))
    assert units.tolist() == [1, 2]


def test_files_shorter_than_a_sequence_give_nothing():
    sources = [source("web", 0.5), source("laws", 0.5, max_repetition_ratio=9)]
    text = yaml_of(sources, requested_tokens=4_000, global_batch_size=1_000)
    sizes = {"web": Size(1e6), "laws": Size(900)}
    stage, units = checked(text, Budget(None, 1_000, sizes=sizes))
    assert units.tolist() == [4, 0]
    assert any("shorter than a sequence" in fault.message for fault in stage.faults)


def test_tails_of_files_are_lost_to_the_other_sources():
    """Two files of 1.5 sequences give one each, and web gives the third."""
    laws = source("laws", 0.3) | {"paths": ["/l/0", "/l/1"]}
    text = yaml_of([source("web", 0.7), laws], requested_tokens=10_000, global_batch_size=1_000)
    sizes = {"web": Size(1e6), "/l/0": Size(1_500), "/l/1": Size(1_500)}
    _, units = checked(text, Budget(None, 1_000, sizes=sizes))
    assert units.tolist() == [8, 2]


def test_whole_passes_and_a_part_of_one():
    sources = [source("web", 0.5), source("laws", 0.5, max_repetition_ratio=3)]
    text = yaml_of(sources, requested_tokens=10_000, global_batch_size=1_000)
    sizes = {"web": Size(1e6), "laws": Size(2_000)}
    stage, units = checked(text, Budget(None, 1_000, sizes=sizes))
    assert units.tolist() == [5, 5]
    assert stage.lines[1].passes == 2.5
    assert not stage.is_faulty


def test_a_source_that_may_not_repeat_is_refused_with_the_remedy():
    text = yaml_of([source("web", 0.5), source("laws", 0.5)], requested_tokens=10_000)
    stage, _ = checked(text, Budget(None, 1_000, sizes={"laws": Size(2_000)}))
    assert "refused" in kinds(stage)
    assert any("max_repetition_ratio to 2.5" in fault.message for fault in stage.faults)


@pytest.mark.parametrize(
    ("sources", "word"),
    [
        ([source("web", 0.6), source("laws", 0.3)], "sum to 0.9"),
        ([source("web", 1.5), source("laws", -0.5)], "laws has -0.5"),
        ([source("web", 1.0, max_repetitions=2)], "knows no max_repetitions"),
    ],
)
def test_what_the_trainer_refuses_is_said(sources, word):
    stage, _ = checked(yaml_of(sources), Budget(1e6, 1_000))
    assert "refused" in kinds(stage)
    assert any(word in fault.message for fault in stage.faults)


def test_a_batch_that_is_no_whole_sequences_is_refused():
    text = yaml_of([source("web", 1.0)], requested_tokens=10_000, global_batch_size=1_500)
    stage, _ = checked(text, Budget(None, 1_000))
    assert "refused" in kinds(stage)


def test_the_last_of_two_sources_of_a_name_is_read():
    text = yaml_of([source("web", 0.6), source("web", 0.4)], requested_tokens=10_000)
    stage, units = checked(text, Budget(None, 1_000))
    assert units.tolist() == [0, 4]
    assert {"changed", "lost"} <= kinds(stage)


def test_a_longer_training_reads_the_data_set_again():
    text = yaml_of([source("web", 1.0)], requested_tokens=10_000)
    stage, units = checked(text, Budget(25_000, 1_000, sizes={"web": Size(10_000)}))
    assert units.tolist() == [25]
    assert stage.lines[0].passes == 2.5
    assert kinds(stage) == {"remark"}


def test_the_trainers_own_list_of_sources_is_read():
    stage, units = checked(FOREIGN, Budget(4e6, 1_000))
    assert [line.path for line in stage.lines] == ["crawl", "flan"]
    assert units.tolist() == [3_000, 1_000]
    content = yaml.safe_load(
        export(create("olmo-core", {"form": "sources"}), order({"web": 1.0})).text
    )
    assert list(content) == ["sources"]


def test_numbers_as_text_are_taken():
    """PyYAML reads 1e-5 as text, and the trainer makes it a number."""
    text = FOREIGN.replace("0.75", "7.5e-1")
    stage, _ = checked(text, Budget(4e6, 1_000))
    assert stage.lines[0].number == 0.75


@pytest.mark.parametrize(
    "text",
    [
        "sources: []",
        "sources: [1]",
        "sources: [{source_name: a, target_ratio: 1.0}]",
        "sources: [{source_name: a, target_ratio: half, paths: [x]}]",
        "sources: [{target_ratio: 1.0, paths: [x]}]",
        "MixingInstanceSource.Config(source_specs=[])",
        "MixingInstanceSource.Config(source_specs=[MixingInstanceSource.Spec.Config(ratio=x)])",
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE.*; \w"):
        create("olmo-core").read(text, "FILE")


def test_stages_are_documents_that_the_trainer_can_load_one_by_one():
    result = export(create("olmo-core"), staged())
    first, last = yaml.safe_load_all(result.text)
    assert (first["requested_tokens"], last["requested_tokens"]) == (900_000_000, 100_000_000)
    assert "--- # stage: anneal\n" in result.text
    assert [stage.stage for stage in result.accounts] == ["stable", "anneal"]
    with pytest.raises(MixwrightError, match="form dataset"):
        export(create("olmo-core", {"form": "sources"}), staged())


def test_an_unknown_form_is_refused():
    with pytest.raises(MixwrightError, match="composable"):
        export(create("olmo-core", {"form": "yaml"}), order())


def test_composable_samples_whole_sequences():
    result = export(create("olmo-core", {"form": "composable"}), order())
    compile(result.text, "mixture.py", "exec")
    (stage,) = result.accounts
    assert not stage.is_faulty
    (blend,) = create("olmo-core").read(result.text, "FILE")
    units = create("olmo-core").draw(blend, Budget(1e9, 1_000)).units
    assert units == pytest.approx(np.array(list(WEIGHTS.values())) * 1e6, abs=1)


def test_composable_repeats_no_more_than_it_has_to():
    wanted = order({"web": 0.6, "code": 0.4})
    scarce = tuple(replace(source, tokens=3e8) for source in wanted.sources)
    trainer = create("olmo-core", {"form": "composable"})
    result = export(trainer, replace(wanted, sources=scarce))
    assert "max_repetition_factor=2.0," in result.text
    assert "max_repetition_factor=1.3334," in result.text
    assert [line.passes for line in result.accounts[0].lines] == pytest.approx([2, 4 / 3])


def test_composable_stages_are_mixtures_in_turn():
    result = export(create("olmo-core", {"form": "composable"}), staged())
    blends = create("olmo-core").read(result.text, "FILE")
    assert [(blend.name, blend.begins) for blend in blends] == [("stable", 0), ("anneal", 9e8)]
    assert "ShuffleStrategy.intra_source" in result.text


def test_a_ratio_that_is_not_finite_is_no_traceback():
    trainer = create("olmo-core", {"form": "composable"})
    text = export(trainer, order({"web": 0.6, "code": 0.4})).text
    (blend,) = trainer.read(text.replace("ratio=0.4", "ratio=1e400"), "FILE")
    sizes = {"/data/web": Size(1e9), "/data/code": Size(1e9)}
    stage = account(trainer, blend, Budget(1e9, 1_000, sizes=sizes))
    assert stage.is_faulty


def test_composable_without_a_target_shrinks_to_what_the_ratios_allow():
    text = NESTED.replace("num_tokens=30_000_000_000,", "").replace("math", "sums")
    sizes = {"fim": Size(1e6), "edu": Size(1e6), "sums": Size(1e6)}
    trainer = create("olmo-core")
    (blend,) = trainer.read(text, "FILE")
    drawn = trainer.draw(blend, Budget(None, 1_000, sizes=sizes))
    # .6 of the mixture is all there is of sums
    assert drawn.units == pytest.approx(np.array([1, 3, 6]) / 6 * 1e3, abs=1)


def test_composable_target_out_of_reach_is_refused():
    trainer = create("olmo-core")
    (blend,) = trainer.read(NESTED, "FILE")
    stage = account(trainer, blend, Budget(3e10, 8192, sizes={"math": Size(1e9)}))
    assert [line.path for line in stage.lines] == ["fim", "edu", "math"]
    assert [line.number for line in stage.lines] == pytest.approx([0.1, 0.3, 0.6])
    assert any("math would have to be read 18 times" in fault.message for fault in stage.faults)
    assert {"refused", "remark"} == kinds(stage) - {"passes"}


@pytest.mark.parametrize("form", ["dataset", "sources", "composable"])
@pytest.mark.parametrize("name", ["it's", 'a "b"', "a: b", "- a", "1.5", "a\\b", "größe", "a\nb"])
def test_every_form_holds_the_very_name(form, name):
    wanted = order({"web": 0.6, "code": 0.4})
    first, second = wanted.sources
    wanted = replace(wanted, sources=(replace(first, path=name), second))
    trainer = create("olmo-core", {"form": form})
    (blend,) = trainer.read(export(trainer, wanted).text, "FILE")
    assert [entry.path for entry in blend.entries] == [name, "/data/code"]


def test_composable_ratio_of_zero_is_refused():
    trainer = create("olmo-core")
    (blend,) = trainer.read(NESTED.replace("ratio=0.6", "ratio=0"), "FILE")
    assert "refused" in kinds(account(trainer, blend, Budget(3e10, 8192)))
