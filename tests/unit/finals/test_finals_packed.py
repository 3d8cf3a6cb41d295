"""Finals that the packed trainer trains side by side, against the same finals by transformers."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from final_study import OPTIMIZER, SHAPE, study, write_tokenizer
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import alone
from mixwright.finals import packed
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.job import lock_of
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.proxies.wave import Wave
from mixwright.study.study import Study
from shard_files import make_shards

MIXTURE = Mixture(("a", "b", "c"), (0.5, 0.2, 0.3))
ARM = Arm("regmix", 1, MIXTURE)
OTHERS = [
    replace(ARM, seed=2),
    Arm("uniform", 1, Mixture(("a", "b", "c"), (0.3, 0.3, 0.4))),
]
# nats/token, after 50 steps in float32
CLOSE = 1e-4
WIDE = SHAPE | {"width": 64}
SHAPES = {
    "llama": SHAPE,
    "gpt2": SHAPE | {"architecture": "gpt2"},
    "neox": WIDE | {"architecture": "neox"},
    "bert": SHAPE | {"architecture": "bert", "context": 32},
}
RECIPES = {
    "clipped": {"clip": 0.1},
    "warmed-up": {"warmup": 0.2, "weight_decay": 0.1},
    "adamw": {"name": "adamw", "adam_lr": 0.01},
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def masked_shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("masked"), masked=True)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


def train(arms, shards, tokenizer, folder: Path, config: Study, log=lambda line: None):
    to = folder / "finals.parquet"
    train_finals(arms, shards, tokenizer, config, folder / "store", to, log=log)
    return tables.read(to, tables.FINALS)


def weights(finals, number: int = 0) -> dict[str, torch.Tensor]:
    return load_file(Path(finals.folder[number]) / "model.safetensors")


def curve(finals, number: int = 0) -> pd.DataFrame:
    return pd.read_parquet(Path(finals.folder[number]).parent / "curve.parquet")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def both(arms, shards, tokenizer, folder: Path, **final):
    """The tables of the same finals, by both trainers."""
    results = []
    for trainer in ("packed", "transformers"):
        config = study(**final, trainer=trainer)
        if final["shape"]["architecture"] == "bert":
            config = Study({**config.config, "learner": "masked-lm"})
        results.append(train(arms, shards, tokenizer, folder / trainer, config))
    return results


@pytest.mark.parametrize("architecture", SHAPES)
def test_both_trainers_take_the_same_steps(
    architecture, shards, masked_shards, tokenizer, tmp_path
):
    shape = SHAPES[architecture]
    read = masked_shards if architecture == "bert" else shards
    # a bert's sequences are longer: as many steps
    steps = 50 * shape["context"] // SHAPE["context"]
    side_by_side, alone_each = both(
        [ARM, OTHERS[0]], read, tokenizer, tmp_path, steps=steps, shape=shape
    )
    for number in range(2):
        one, other = curve(side_by_side, number), curve(alone_each, number)
        assert len(one) == 50
        assert np.allclose(one.loss, other.loss, atol=CLOSE, rtol=0)
        assert np.array_equal(one.learning_rate, other.learning_rate)
    assert np.allclose(side_by_side.train_loss, alone_each.train_loss, atol=CLOSE, rtol=0)
    assert (side_by_side.tokens == alone_each.tokens).all()
    assert list(side_by_side.realised[0]) == list(alone_each.realised[0])
    one, other = weights(side_by_side), weights(alone_each)
    assert one.keys() == other.keys()
    configs = [Path(table.folder[0], "config.json").read_text() for table in both_of(tmp_path)]
    assert configs[0] == configs[1]


def both_of(folder: Path):
    for trainer in ("packed", "transformers"):
        yield tables.read(folder / trainer / "finals.parquet", tables.FINALS)


@pytest.mark.parametrize("recipe", RECIPES)
def test_both_follow_every_setting_of_the_optimizer(recipe, shards, tokenizer, tmp_path):
    optimizer = OPTIMIZER | RECIPES[recipe]
    plain, _ = both([ARM], shards, tokenizer, tmp_path / "plain", steps=50, shape=SHAPE)
    one, other = both(
        [ARM], shards, tokenizer, tmp_path, steps=50, shape=SHAPE, optimizer=optimizer
    )
    assert np.allclose(curve(one).loss, curve(other).loss, atol=CLOSE, rtol=0)
    # the setting does something
    assert abs(one.train_loss[0] - plain.train_loss[0]) > CLOSE


def test_a_final_is_the_same_alone_and_beside_others(shards, tokenizer, tmp_path):
    config = study(trainer="packed")
    among = train([ARM, *OTHERS], shards, tokenizer, tmp_path / "among", config)
    for number, arm in enumerate([ARM, *OTHERS]):
        lone = train([arm], shards, tokenizer, tmp_path / f"lone{number}", config)
        assert lone.train_loss[0] == among.train_loss[number]
        assert_same(weights(lone), weights(among, number))


def test_a_final_may_end_before_its_first_checkpoint(shards, tokenizer, tmp_path):
    config = study(trainer="packed", checkpoint_steps=500)
    assert train([ARM], shards, tokenizer, tmp_path, config).train_loss[0] < 4.2


def test_models_load_like_any_model(shards, masked_shards, tokenizer, tmp_path):
    finals = train([ARM], shards, tokenizer, tmp_path, study(trainer="packed"))
    model = AutoModelForCausalLM.from_pretrained(finals.folder[0])
    assert model.config.use_cache
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert AutoTokenizer.from_pretrained(finals.folder[0]).convert_ids_to_tokens([1]) == ["w1"]
    config = study(trainer="packed", shape=SHAPES["bert"])
    masked = Study({**config.config, "learner": "masked-lm"})
    finals = train([ARM], masked_shards, tokenizer, tmp_path / "masked", masked)
    model = AutoModelForMaskedLM.from_pretrained(finals.folder[0])
    assert type(model).__name__ == "BertForMaskedLM"


def dying(monkeypatch, at: int, how: int, work) -> int:
    """Runs `work` in a fork that sends itself a signal after step `at`; returns its exit code."""
    advance = Wave.advance

    def step(wave: Wave) -> None:
        advance(wave)
        if wave.step == at:
            os.kill(os.getpid(), how)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            monkeypatch.setattr(Wave, "advance", step)
            work()
            code = 0
        except SystemExit as error:
            code = error.code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_killed_twice_it_goes_on_to_the_same_weights(shards, tokenizer, tmp_path, monkeypatch):
    arms = [ARM, *OTHERS]
    config = study(trainer="packed")
    whole = train(arms, shards, tokenizer, tmp_path / "whole", config)

    def work():
        return train(arms, shards, tokenizer, tmp_path / "killed", config)

    # a checkpoint is saved every fifth step, and at SIGTERM
    assert dying(monkeypatch, 8, signal.SIGKILL, work) == -signal.SIGKILL
    assert dying(monkeypatch, 13, signal.SIGTERM, work) == 143
    steps = []
    advance = Wave.advance
    monkeypatch.setattr(Wave, "advance", lambda wave: steps.append(wave.step) or advance(wave))
    finals = work()
    assert steps == list(range(13, 20))
    for number in range(3):
        assert finals.train_loss[number] == whole.train_loss[number]
        assert_same(weights(finals, number), weights(whole, number))
    assert not list((tmp_path / "killed/store/checkpoints").iterdir())


def test_one_that_diverges_leaves_the_others_alone(shards, tokenizer, tmp_path, monkeypatch):
    """The third arm starts from a weight that is not finite."""
    arms = [ARM, *OTHERS]
    config = study(trainer="packed")
    whole = train(arms, shards, tokenizer, tmp_path / "whole", config)
    first = packed.build_final

    def spoilt(shape, vocabulary, end_token, seed):
        model = first(shape, vocabulary, end_token, seed)
        if seed == 2:
            with torch.no_grad():
                model.model.norm.weight[0] = torch.nan
        return model

    monkeypatch.setattr(packed, "build_final", spoilt)
    lines: list[str] = []
    steps = []
    advance = Wave.advance

    def step(wave: Wave) -> None:
        steps.append(len(wave.members))
        advance(wave)

    monkeypatch.setattr(Wave, "advance", step)
    finals = train(
        arms,
        shards,
        tokenizer,
        tmp_path / "spoilt",
        config,
        log=lambda line: lines.append(str(line)),
    )
    assert finals.status.isna().tolist() == [True, False, True]
    assert finals.status[1] == "diverged" and finals.step[1] == 1
    assert finals.folder.isna().tolist() == [False, True, False]
    for number in (0, 2):
        assert_same(weights(finals, number), weights(whole, number))
    assert sum("diverged: no finite loss at step 1" in line for line in lines) == 1
    # it is not trained to its end
    assert steps == [3] + [2] * 19


def test_equal_arms_train_once_and_refresh_trains_them_once_again(
    shards, tokenizer, tmp_path, monkeypatch
):
    trained = []
    begin = packed.train

    def counted(members, *rest, **named) -> None:
        missing = [member for member in members if member.key not in named["finished"]]
        trained.append(len(missing))
        begin(members, *rest, **named)

    monkeypatch.setattr(packed, "train", counted)
    nearly = Mixture(("a", "b", "c"), (0.5 + 1e-15, 0.2, 0.3))
    arms = [ARM, OTHERS[0], replace(ARM, mixer="uniform", mixture=nearly)]
    finals = train(arms, shards, tokenizer, tmp_path, study(trainer="packed"))
    assert finals.folder[0] == finals.folder[2] != finals.folder[1]
    train(arms, shards, tokenizer, tmp_path, study(trainer="packed"))
    assert trained == [2]
    before = weights(finals)
    again = train(arms, shards, tokenizer, tmp_path, study(store="refresh", trainer="packed"))
    assert trained == [2, 2]
    assert_same(before, weights(again))


def test_a_final_that_another_job_holds_is_waited_for(shards, tokenizer, tmp_path):
    """Two jobs want overlapping finals, in other orders: both end, and nothing is trained twice."""
    config = study(trainer="packed")
    wanted = [[ARM, *OTHERS], [*reversed(OTHERS), ARM]]
    keys = [content_key(arm, shards, tokenizer, config) for arm in wanted[0]]
    children = []
    with alone(lock_of(tmp_path / "store/finals" / max(keys))):
        for number, arms in enumerate(wanted):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    to = tmp_path / f"{number}.parquet"
                    train_finals(
                        arms,
                        shards,
                        tokenizer,
                        config,
                        tmp_path / "store",
                        to,
                        log=lambda line: None,
                    )
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert os.waitpid(children[0], os.WNOHANG) == (0, 0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    one, other = (tables.read(tmp_path / f"{number}.parquet", tables.FINALS) for number in (0, 1))
    assert sorted(one.store_key) == sorted(other.store_key) == sorted(keys)
    # seconds are of one attempt: both tables show the same
    assert sorted(one.seconds) == sorted(other.seconds)


def test_trainers_have_keys_of_their_own(shards, tokenizer):
    by_packed = content_key(ARM, shards, tokenizer, study(trainer="packed"))
    by_transformers = content_key(ARM, shards, tokenizer, study(trainer="transformers"))
    assert by_packed != by_transformers


def test_memory_for_no_final_is_told_with_its_key(shards, tokenizer, tmp_path, monkeypatch):
    def full(wave: Wave) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Wave, "advance", full)
    with pytest.raises(MixwrightError, match=r"final: .* set final\.micro_batch"):
        train([ARM], shards, tokenizer, tmp_path, study(trainer="packed"))
