"""Combinations of models, tokens and learning rates that `transfer` asks for."""

import pytest

from least_study import study
from mixwright.errors import MixwrightError


def plain(**section):
    return study(transfer={"mixtures": 6, **section}, designs={"swarm": {"runs": 16}})


def test_the_old_keys_name_the_runs_as_ever():
    old = plain(model="small", tokens=204_800)
    lists = plain(models=["small"], tokens=[204_800], rates=[1])
    assert [run.name for run in old.runs["transfer"]] == [
        run.name for run in lists.runs["transfer"]
    ]
    assert old.packs.keys() == lists.packs.keys() and len(old.runs["transfer"]) == 6
    # what a study.json of an earlier version holds
    section = {key: old.config["transfer"][key] for key in ("model", "shape", "tokens", "mixtures")}
    earlier = type(old)({**old.config, "transfer": section})
    assert earlier.runs == old.runs and earlier.packs == old.packs


def test_every_combination_is_trained_and_the_own_size_at_every_other_rate():
    planned = plain(models=["small"], rates=[0.3, 1, 3])
    own, tokens = planned.proxy["model"], planned.proxy["tokens"]
    combinations = planned.config["transfer"]["combinations"]
    assert [(part["model"], part["rate"]) for part in combinations] == [
        (own, 0.3),
        (own, 3),
        ("small", 0.3),
        ("small", 1),
        ("small", 3),
    ]
    runs = planned.runs["transfer"]
    assert len(runs) == 5 * 6 == len({run.name for run in runs})
    assert {part["tokens"] for part in combinations} == {tokens}
    swarm = planned.runs["swarm"][:6]
    for start in range(0, 30, 6):
        alike = runs[start : start + 6]
        assert [run.parameters for run in alike] == [run.parameters for run in swarm]
        assert [run.seed for run in alike] == [run.seed for run in swarm]


def test_a_pack_and_a_batch_have_one_shape_and_one_recipe():
    planned = plain(models=["small"], rates=[1, 3])
    rates = set()
    usual = planned.proxy["optimizer"]
    for pack, runs in planned.packs.items():
        if runs[0].role != "transfer":
            continue
        of_pack = planned.of_pack(pack)
        assert {run.model for run in runs} == {of_pack.proxy["model"]}
        assert len({run.context for run in runs}) == 1
        optimizer = of_pack.proxy["optimizer"]
        rate = optimizer["adam_lr"] / usual["adam_lr"]
        assert optimizer["muon_lr"] / usual["muon_lr"] == pytest.approx(rate)
        rates.add((of_pack.proxy["model"], round(rate, 6)))
    assert rates == {(planned.proxy["model"], 3), ("small", 1), ("small", 3)}
    for packs in planned.batches_of(["transfer"]):
        contexts = set()
        for pack in planned.batches[packs]:
            contexts |= {run.context for run in planned.packs[pack]}
        assert len(contexts) == 1


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"model": "small", "models": ["small"]}, "leave model out"),
        ({"rates": [1]}, "nothing differs"),
        ({"models": ["smal"]}, "smal is unknown"),
        ({"models": ["small"], "rates": [0]}, "rates"),
    ],
)
def test_what_says_nothing_is_refused(section, words):
    with pytest.raises(MixwrightError, match=words):
        plain(**section)
