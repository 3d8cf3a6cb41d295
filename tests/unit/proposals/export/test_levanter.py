"""Levanter's rule and files."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import Blend, Budget, Size
from mixwright.proposals.export.checks.checking import Plan, check
from mixwright.proposals.export.exporting import export
from mixwright.proposals.export.order import Order, Stage
from mixwright.proposals.export.trainers.levanter_block import (
    LARGEST,
    Schedule,
    block_that_keeps,
    start_near,
)
from orders import WEIGHTS, order, staged

NAMES = ("web", "code", "wiki", "books", "laws")
FOREIGN = """\
data:
  tokenizer: gpt2
  components:
    owt:
      source: {type: url, train_urls: ["gs://b/owt-{1..9}.jsonl.gz"]}
    wikitext:
      source: {type: hf, id: dlwh/wikitext_103_detokenized}
    heldout: {cache_dir: gs://b/heldout}
  train_weights: {wikitext: 0.4, owt: 1.6, heldout: 0}
  mixture_block_size: 100
model: {type: llama, max_seq_len: 1000}
trainer: {train_batch_size: 10}
"""


def section(weights, **keys) -> str:
    data = {"components": {name: {} for name in NAMES}, "train_weights": weights, **keys}
    return yaml.safe_dump({"data": data}, sort_keys=False)


def checked(text: str, budget: Budget | None = None):
    budget = budget or Budget()
    trainer = create("levanter")
    (blend,) = trainer.read(text, "FILE")
    return account(trainer, blend, budget), trainer.draw(blend, budget).units


def messages(stage) -> str:
    return "\n".join(f"{fault.kind}: {fault.message}" for fault in stage.faults)


@pytest.mark.parametrize(
    ("block", "counts"),
    [
        (2_048, [1_230, 614, 204, 0, 0]),
        (49_152, [29_494, 14_745, 4_910, 3, 0]),
        (65_535, [39_323, 19_660, 6_546, 5, 1]),
    ],
)
def test_a_block_rounds_down_and_gives_the_rest_to_the_largest(block, counts):
    _, units = checked(section(WEIGHTS, mixture_block_size=block), Budget(block * 1e3, 1_000))
    assert units.tolist() == counts


def test_the_largest_is_the_first_of_equal_counts():
    """.3001 is larger than .3, and both get 3 of 10: the first gets the rest."""
    _, units = checked(
        section({"web": 0.3, "code": 0.3001, "wiki": 0.3999}, mixture_block_size=10),
        Budget(1e4, 1_000),
    )
    assert units.tolist() == [4, 3, 3]


def test_without_a_block_the_default_loses_small_sources():
    stage, _ = checked(section(WEIGHTS))
    assert stage.is_faulty
    text = messages(stage)
    assert "lost: books (8e-05) is never read: a block of 2,048 sequences, the default, " in text
    assert "set mixture_block_size to 12,500 or more" in text
    assert "set mixture_block_size to 50,000 or more" in text
    stage, _ = checked(section(WEIGHTS, mixture_block_size=2_048))
    assert "the default" not in messages(stage)


def test_the_export_names_the_smallest_block_that_keeps_all():
    result = export(create("levanter"), order())
    data = yaml.safe_load(result.text)["data"]
    # of 50,000 the last one gets a sequence by the last digit of its weight
    assert data["mixture_block_size"] == 50_001
    assert not result.dropped
    shares = [line.share for line in result.accounts[0].lines]
    assert shares == pytest.approx(list(WEIGHTS.values()), rel=1e-3)
    assert "smallest that keeps every share to within 0.1%" in result.text
    assert data["components"]["/data/web"] == {"cache_dir": "/data/web"}


def test_the_users_block_wins_and_what_it_loses_is_dropped_with_the_remedy():
    result = export(create("levanter", {"mixture_block_size": 20_000}), order())
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert any("mixture_block_size of 50,000 or more" in note for note in result.notes)
    assert "mixture_block_size: 20000\n" in result.text


def test_a_share_that_no_block_holds_is_dropped_by_name():
    wanted = order({"web": 0.7, "code": 0.299986, "laws": 0.000014})
    result = export(create("levanter"), wanted)
    assert [drop.source.domain for drop in result.dropped] == ["laws"]
    assert any("65,535 sequences at most" in note for note in result.notes)
    # what is left decides the block
    assert yaml.safe_load(result.text)["data"]["mixture_block_size"] < 3_000


def test_where_no_block_keeps_all_the_nearest_is_taken_and_said():
    weights = {f"d{place}": 1.9 / LARGEST - place * 1e-7 for place in range(30)}
    weights["web"] = 1 - sum(weights.values())
    wanted = order(weights, tokens=1e12)
    result = export(create("levanter"), wanted)
    assert not result.dropped
    assert "Of all blocks it keeps the shares best: the worst is off by" in result.text


@pytest.mark.parametrize("seed", range(5))
def test_the_block_is_the_smallest_of_all_by_trying_each(seed):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(6, 0.3))
    shares = shares[shares > 1e-3] / shares[shares > 1e-3].sum()
    block = block_that_keeps([shares], Schedule())
    for candidate in range(2_048, block + 1):
        counts = np.floor(shares * candidate * (1 - 1e-9))
        counts[counts.argmax()] += candidate - counts.sum()
        near = np.abs(counts / candidate - shares) <= 0.001 * shares
        assert near.all() == (candidate == block)


def test_a_short_training_takes_a_short_block():
    assert block_that_keeps([np.array([0.5, 0.5])], Schedule((), 300.0)) == 300
    stage, _ = checked(section(WEIGHTS, mixture_block_size=50_000), Budget(1e7, 1_000))
    assert "changed: laws: 0.2 of its sequences" in messages(stage)


def test_the_rest_of_many_small_sources_swells_the_largest():
    weights = {f"d{place}": 1.0 for place in range(1_500)}
    text = yaml.safe_dump({"data": {"train_weights": weights, "components": weights}})
    stage, units = checked(text, Budget(2_048e3, 1_000))
    assert units[:2].tolist() == [549, 1]
    assert "changed: d0: the numbers say 0.000667, and 0.268 is read" in messages(stage)


def test_stages_begin_at_a_step_and_at_a_block():
    result = export(create("levanter", {"train_batch_size": 64}), staged())
    content = yaml.safe_load(result.text)
    (first, _), (step, last) = content["data"]["train_weights"]
    batch = content["trainer"]["train_batch_size"]
    block = content["data"]["mixture_block_size"]
    assert (first, batch, content["train_seq_len"]) == (0, 64, 1_000)
    assert step * batch % block == 0
    assert step * batch == pytest.approx(900_000, abs=5_000)
    assert set(last) == {"/data/web", "/data/code", "/data/wiki"}
    blends = create("levanter").read(result.text, "FILE")
    assert [blend.begins for blend in blends] == [0, step * batch * 1_000]
    assert not [fault for blend in blends for fault in blend.faults]
    assert not result.dropped or all(drop.share == 0 for drop in result.dropped)


def test_a_stage_that_begins_elsewhere_is_told():
    """Of steps of 512 and blocks, the nearest start is 3.2 M tokens off: 3 % of the anneal."""
    _, last = export(create("levanter"), staged()).accounts
    (remark,) = [fault for fault in last.faults if "begins after" in fault.message]
    assert remark.kind == "remark"
    assert remark.message.startswith("anneal begins after 9.03168e+08 tokens, and 9e+08 was asked")
    settings = {"mixture_block_size": 40_000, "train_batch_size": 3_000}
    _, last = export(create("levanter", settings), staged()).accounts
    (fault,) = [fault for fault in last.faults if "begins after" in fault.message]
    assert fault.kind == "changed"
    assert "begins after 9.6e+08 tokens, and 9e+08 was asked" in fault.message


def test_a_stage_after_the_end_is_told_where_the_command_says_the_sequence():
    """The file counts steps, and need not say how long a sequence is."""
    stages = [[0, {"a": 0.9, "b": 0.1}], [2_048, {"a": 0.5, "b": 0.5}]]
    data = {"components": {"a": {}, "b": {}}, "train_weights": stages}
    trainer = create("levanter")
    blends = trainer.read(yaml.safe_dump({"data": data}), "FILE")
    step = 512 * 1_000
    late = check(trainer, blends, Plan(tokens=2_000.0 * step, sequence=1_000))
    assert "it is never reached" in messages(late.accounts[1])
    whole = check(trainer, blends, Plan(tokens=3_000.0 * step, sequence=1_000))
    assert not whole.is_faulty
    assert [budget.tokens for budget in whole.budgets] == [2_048.0 * step, 952.0 * step]


def test_stages_too_short_for_a_block_are_refused():
    trainer = create("levanter", {"mixture_block_size": 60_000})
    half = Stage(order({"web": 1.0}).stages[0].mixture, "b", 1e6)
    wanted = order({"web": 1.0})
    stages = tuple(replace(half, name=name) for name in "abc")
    wanted = Order(stages, wanted.sources, wanted.sequence)
    with pytest.raises(MixwrightError, match="begin with the stage before"):
        export(trainer, wanted)
    with pytest.raises(MixwrightError, match="--sequence"):
        export(trainer, replace(wanted, sequence=None))


def test_starts_are_near():
    assert start_near(10_000, 48, 64) == 192 * 52
    assert start_near(1, 48, 64) == 192


def test_what_others_wrote_is_read():
    trainer = create("levanter")
    (blend,) = trainer.read(FOREIGN, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [
        ("owt", 1.6),
        ("wikitext", 0.4),
        ("heldout", 0.0),
    ]
    stage, units = checked(FOREIGN, Budget(1e6, 1_000))
    assert units.tolist() == [800, 200, 0]
    # a weight of 0 is for evaluation, and no fault
    assert not stage.is_faulty


def test_steps_are_counted_in_sequences_of_the_schedule():
    """Ten steps of 10 sequences, then steps of 20: step 15 begins after 200."""
    stages = "[[0, {owt: 1}], [15, {wikitext: '1e-1', owt: 0.9}]]"
    text = FOREIGN.replace("{wikitext: 0.4, owt: 1.6, heldout: 0}", stages)
    text = text.replace(
        "train_batch_size: 10",
        "train_batch_size: [{start: 0, value: 10}, {start: 10, value: 20}]",
    )
    trainer = create("levanter")
    blends = trainer.read(text, "FILE")
    assert [blend.begins for blend in blends] == [0, 200_000]
    whole = check(trainer, blends, Plan(tokens=5e5))
    assert [budget.tokens for budget in whole.budgets] == [2e5, 3e5]
    short = check(trainer, blends, Plan(tokens=1e5))
    assert [budget.tokens for budget in short.budgets] == [1e5, None]
    assert "never reached" in short.accounts[1].faults[0].message
    assert not [fault for blend in blends for fault in blend.faults]
    assert [blend.name for blend in blends] == ["from step 0", "from step 15"]


@pytest.mark.parametrize(
    ("stages", "word"),
    [
        ("[[0, {owt: 1}], [15, {owt: 1}]]", "at sequence 150 "),
        ("[[10, {owt: 1}]]", "first stage begins at 0"),
        ("[[0, {owt: 1}], [20, {owt: 1}], [10, {owt: 1}]]", "sort the stages"),
        ("[[0, {owt: 1, laws: 1}]]", "laws is in train_weights and not in components"),
    ],
)
def test_stages_that_the_trainer_refuses_are_told(stages, word):
    text = FOREIGN.replace("{wikitext: 0.4, owt: 1.6, heldout: 0}", stages)
    faults = [fault for blend in create("levanter").read(text, "FILE") for fault in blend.faults]
    assert [fault.kind for fault in faults] == ["refused"]
    assert word in faults[0].message


@pytest.mark.parametrize(
    ("weights", "keys", "word"),
    [
        ({"web": 1, "code": -1}, {}, "code has -1"),
        ({"web": 0}, {}, "sum to 0"),
        ({"web": 1}, {"mixture_block_size": 65_536}, "65,536"),
        ({"web": 1}, {"stop_strategy": "stop"}, "restart, first_exhausted"),
        ({"web": 1}, {"experiment_budget": 2, "target_budget": 1}, "exchange them"),
        ({"web": 1}, {"experiment_budget": 1, "max_train_batches": {"web": 1}}, "leave one"),
    ],
)
def test_what_the_trainer_refuses_is_said(weights, keys, word):
    stage, _ = checked(section(weights, **keys))
    assert "refused" in {fault.kind for fault in stage.faults}
    assert word in messages(stage)


def test_simulated_epochs_are_remarked():
    text = section({"web": 1}, experiment_budget=10, target_budget=1_000, mixture_block_size=10)
    stage, _ = checked(text, Budget(1e4, 1_000))
    assert not stage.is_faulty
    assert "remark: experiment_budget and target_budget cut every source to 0.01" in messages(stage)


def test_the_end_of_a_source():
    sizes = {"web": Size(8e5), "code": Size(1e5)}
    budget = Budget(1e6, 1_000, sizes=sizes)
    weights = {"web": 0.5, "code": 0.5}
    stage, _ = checked(section(weights, mixture_block_size=10), budget)
    assert stage.lines[1].passes == 5
    assert not stage.is_faulty
    stage, _ = checked(
        section(weights, mixture_block_size=10, stop_strategy="first_exhausted"), budget
    )
    assert "ends: the training ends at 20.0% of its tokens, when code" in messages(stage)
    stage, _ = checked(
        section(weights, mixture_block_size=10, stop_strategy="all_exhausted"),
        replace(budget, tokens=2e6),
    )
    assert "ends: the training ends at 80.0% of its tokens, when every" in messages(stage)


def test_components_alone_weigh_the_same():
    text = yaml.safe_dump({"components": {"a": {}, "b": {}}})
    stage, units = checked(text)
    assert units.tolist() == [0.5, 0.5]
    assert "remark: no train_weights" in messages(stage)


def test_older_keys_are_read_and_refused():
    text = FOREIGN.replace("components:", "configs:")
    stage, _ = checked(text)
    assert "refused: the key configs is called components" in messages(stage)
    assert stage.lines[0].path == "owt"
    stage, _ = checked("train_weights: {a: 1}")
    assert "no components" in messages(stage)


@pytest.mark.parametrize(
    "text",
    [
        "data: 1",
        "data: {components: [a]}",
        "data: {components: {a: {}}, train_weights: half}",
        "data: {components: {a: {}}, train_weights: {a: half}}",
        "data: {components: {a: {}}, train_weights: [[0]]}",
        "data: {components: {a: {}}, train_weights: [[0, {}]]}",
        "data: {components: {a: {}}, train_weights: [[x, {a: 1}]]}",
        "data: {components: {a: {}}, train_weights: [[0, {a: 1}]]}\ntrainer: 1",
        "data: !include mixture.yaml",
        "a: 1\n---\nb: 2",
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(text):
    with pytest.raises(MixwrightError, match=r"^FILE.*; \w"):
        create("levanter").read(text, "FILE")


def test_a_blend_without_settings_is_of_the_default_block():
    from mixwright.proposals.export.blend import Entry

    blend = Blend((Entry("a", 1.0), Entry("b", 1e-4)))
    assert create("levanter").draw(blend, Budget()).units.tolist() == [1, 0]
