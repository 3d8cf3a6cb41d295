"""Merged proxies: parameters, losses and their order."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture
from mixwright.proxies.measurements import Measurements
from mixwright.proxies.merged import merge, merged_losses
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.models.transformer import initial, stack
from mixwright.proxies.pack import train_pack
from mixwright.proxies.weights import Weights
from mixwright.proxies.work import Work
from mixwright.report.evidence import merged_part
from mixwright.study.study import Study
from mixwright.trust.merged import MEAN, compare
from pack_runs import RUN
from shard_files import examples, make_shards
from small_packs import SHAPE
from study_runs import STUDY


def test_a_corner_is_its_member_and_the_middle_the_mean():
    members = stack([initial(SHAPE, seed) for seed in range(3)])
    mixtures = np.array([[0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    merged = merge(members, mixtures)
    for name, tensor in members.items():
        assert merged[name].shape == (2, *tensor.shape[1:])
        assert torch.allclose(merged[name][0], tensor[1])
        assert torch.allclose(merged[name][1], tensor.mean(0), atol=1e-6)


def test_the_losses_at_corners_are_those_of_the_trained_runs(tmp_path):
    runs = [replace(RUN, role="vertex", row=row) for row in range(3)]
    mixtures = {
        run.name: Mixture(tuple("abc"), weights)
        for run, weights in zip(runs, np.eye(3), strict=True)
    }
    shards = make_shards(tmp_path / "shards")
    study = Study(STUDY | {"targets": {"held": {"source": "files", "weight": 1.0}}})
    text = {"held": examples(2, seed=9)}
    store = tmp_path / "store"
    train_pack(runs, mixtures, shards, text, study, store, tmp_path / "pack.parquet")
    work = Work.of(runs, mixtures, shards, text, study)
    keys = list(work.keys.values())
    losses = merged_losses(work, Weights(store), keys, np.eye(3))
    assert losses.shape == (3, len(work.targets))
    shape = Shape.of(STUDY["proxy"]["shape"], shards[0].vocabulary, "fused")
    assert Weights(store).get(keys[0], shape) is not None
    for row, key in enumerate(keys):
        stored = work.texts.of(Measurements(store).get(key))
        scored = -stored["held"].sum() / work.targets["held"].scored_tokens.sum()
        assert losses[row, list(work.targets).index("held")] == pytest.approx(scored, rel=1e-5)
    with pytest.raises(MixwrightError, match="no weights of gone"):
        merged_losses(work, Weights(store), ["gone", *keys[1:]], np.eye(3))


def test_the_order_of_merged_losses_is_compared_with_the_trained():
    rng = np.random.default_rng(0)
    trained = rng.normal(3, 0.1, (20, 2))
    alike = compare(("x", "y"), trained + 0.5, trained, {"x": 1.0})
    assert alike.ranks[MEAN].value == pytest.approx(1.0) and alike.regret == 0.0
    assert alike.excess == pytest.approx(0.5)
    assert alike.spread == pytest.approx(np.ptp(trained[:, 0]))
    assert alike.verdict.startswith("merged and trained proxies order mixtures alike")
    noise = compare(("x", "y"), rng.normal(3, 0.1, (20, 2)), trained, {"x": 1.0})
    assert noise.verdict.startswith("not shown") and noise.regret > 0
    assert noise.chance == pytest.approx(trained[:, 0].mean() - trained[:, 0].min())
    near = compare(("x", "y"), trained + rng.normal(0, 0.08, (20, 2)), trained, {"x": 1.0})
    assert near.verdict.startswith("merged proxies order mixtures in part")
    with pytest.raises(MixwrightError, match="rank nothing"):
        compare(("x",), trained[:3, :1], trained[:3, :1], {"x": 1.0})


def test_the_page_says_the_order_the_cost_and_where_the_runs_began():
    rng = np.random.default_rng(1)
    trained = rng.normal(3, 0.1, (20, 2))
    result = compare(("x", "y"), trained + 0.25, trained, {"x": 1.0})
    page = merged_part(result.as_json(), ["x"])
    assert "order mixtures alike" in page and "+0.250 nats/token" in page
    assert "no checkpoint was trained before" in page
    # a text that is no target of the goal has no row
    assert ">x<" in page and ">y<" not in page
    started = replace(result, start="gpt2", left_out=2)
    page = merged_part(started.as_json(), ["x"])
    assert "at the checkpoint gpt2" in page and "2 runs of the swarm diverged" in page
    assert merged_part({}, ["x"]) == ""
