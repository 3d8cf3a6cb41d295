"""A checkpoint goes on where it stood: as proxies, as a final, by its own configuration."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM

from final_study import FINAL, study, write_tokenizer
from mixwright import tables
from mixwright.corpus.allocation import Schedule
from mixwright.errors import MixwrightError
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.models import build, build_final
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.proxies.init import checkpoint_print, init_of
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.models.transformer import hf_state_dict
from mixwright.proxies.pack import train_pack
from mixwright.proxies.start import start_of
from mixwright.proxies.train import Member, train
from mixwright.proxies.wave import Wave
from mixwright.study.configurations import read_configuration, shape_of
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import VOCABULARY, examples, make_shards
from small_packs import SETTINGS
from study_runs import STUDY

MIXTURE = Mixture(("a", "b", "c"), (0.5, 0.2, 0.3))
ARM = Arm("regmix", 1, MIXTURE)
# Steps that each checkpoint was trained for.
STEPS = {"llama": 200, "gpt2": 60, "neox": 60}
SHAPE = Shape(layers=2, width=48, heads=3, hidden=64, context=16, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture(scope="module", params=STEPS)
def checkpoint(request, shards, tmp_path_factory) -> Path:
    """A model of the packed trainer, saved by transformers."""
    shape = replace(SHAPE, architecture=request.param, epsilon=1e-4)
    results = []
    train(
        [Member("one", MIXTURE, STEPS[request.param], seed=3)],
        shape,
        shards,
        settings=SETTINGS,
        targets={"held": examples(2)},
        likelihoods={},
        on_finished=lambda member, result: results.append(result),
    )
    model = build(asdict(shape), VOCABULARY, end_token=0, seed=0)
    model.load_state_dict(hf_state_dict(results[0].weights, 0, shape))
    folder = tmp_path_factory.mktemp(request.param) / "checkpoint"
    model.save_pretrained(folder)
    return folder


def proxies(checkpoint: Path) -> Study:
    """A study whose proxies start from a checkpoint."""
    shape = shape_of(read_configuration(checkpoint, "test"), "test")
    return Study(
        STUDY
        | {
            "proxy": STUDY["proxy"]
            | {"init": str(checkpoint), "shape": shape, "model": "checkpoint"},
            "corpus": {},
        }
    )


def loss_by_transformers(checkpoint: Path, shards, seed: int, batch: int) -> float:
    """The loss of the checkpoint on the first batch of a run, by transformers alone."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    schedule = Schedule.of(MIXTURE.weights, shards, SHAPE.context, batch, seed)
    tokens = torch.from_numpy(schedule.read(np.arange(batch)))
    with torch.no_grad():
        logits = model(input_ids=tokens[:, :-1]).logits
    return cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).item()


def test_proxies_go_on_at_the_loss_of_transformers(checkpoint, shards):
    asked = proxies(checkpoint)
    shape = Shape.of(asked.proxy["shape"], VOCABULARY)
    assert shape.norm_epsilon == 1e-4
    members = [Member("one", MIXTURE, 5, seed=1), Member("other", MIXTURE, 5, seed=2)]
    settings = replace(SETTINGS, keeps_losses=True)
    wave = Wave(members, shape, shards, settings, first=start_of(asked, shape))
    for tensor in wave.parameters.values():
        # seeds change the order of data alone
        assert torch.equal(tensor[0], tensor[1])
    wave.advance()
    for member, losses in zip(members, wave.losses, strict=True):
        theirs = loss_by_transformers(checkpoint, shards, member.seed, SETTINGS.batch)
        assert losses[0].item() == pytest.approx(theirs, abs=1e-5)
    assert not torch.equal(wave.parameters["attention"][0], wave.parameters["attention"][1])


@pytest.mark.parametrize("trainer", ["packed", "transformers"])
def test_a_final_goes_on_at_the_loss_of_transformers(
    trainer, checkpoint, shards, tokenizer, tmp_path
):
    shape = shape_of(read_configuration(checkpoint, "test"), "test")
    asked = study(steps=1, init=str(checkpoint), shape=shape, trainer=trainer)
    train_finals(
        [ARM],
        shards,
        tokenizer,
        asked,
        tmp_path / "store",
        tmp_path / "finals.parquet",
        log=lambda line: None,
    )
    final = tables.read(tmp_path / "finals.parquet", tables.FINALS)
    theirs = loss_by_transformers(checkpoint, shards, ARM.seed, FINAL["batch"])
    assert final.train_loss[0] == pytest.approx(theirs, abs=1e-5)
    trained = AutoConfig.from_pretrained(final.folder[0])
    assert trained.model_type == AutoConfig.from_pretrained(checkpoint).model_type


def test_a_trained_checkpoint_knows_more_than_a_new_model(checkpoint, shards):
    """Else the tests above would say little."""
    loss = loss_by_transformers(checkpoint, shards, 1, 4)
    assert loss < np.log(VOCABULARY) - 0.05


def test_another_checkpoint_in_its_place_trains_again(checkpoint, shards, tmp_path):
    place = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, place)
    asked = proxies(place)

    def train_all() -> list[str]:
        train_pack(
            RUNS,
            mixtures(),
            shards,
            {"held": examples(2)},
            asked,
            tmp_path / "store",
            tmp_path / "pack.parquet",
            log=lambda line: None,
        )
        return pq.read_table(tmp_path / "pack.parquet")["store_key"].to_pylist()

    before = train_all()
    assert train_all() == before
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    assert init_of(proxies(moved)) == init_of(asked)
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    with torch.no_grad():
        next(model.parameters())[0] += 1
    model.save_pretrained(place)
    checkpoint_print.cache_clear()
    assert not set(train_all()) & set(before)


def test_the_key_of_a_final_holds_what_it_starts_from(checkpoint, shards, tokenizer, tmp_path):
    shape = shape_of(read_configuration(checkpoint, "test"), "test")
    place = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, place)

    def key(**final) -> str:
        checkpoint_print.cache_clear()
        return content_key(ARM, shards, tokenizer, study(shape=shape, **final))

    keys = [key(), key(init=str(place)), key(**{"from": str(place)})]
    assert len(set(keys)) == 3
    assert key(init=str(checkpoint)) == keys[1]
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | {"initializer_range": 0.5}))
    assert key(**{"from": str(place)}) != keys[2]
    assert key(init=str(place)) != keys[1]


QWEN = {
    "model_type": "qwen2",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "vocab_size": VOCABULARY,
    "attention_dropout": 0.5,
}


def test_a_final_of_any_configuration_is_trained(shards, tokenizer, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(QWEN))
    shape = shape_of(read_configuration(config, "test"), "test")
    assert shape["architecture"] == "transformers"
    shape["context"] = 16
    asked = study(steps=40, shape=shape, **{"from": str(config)})
    model = build_final(asked.final, VOCABULARY, 0, 3)
    again, other = (build_final(asked.final, VOCABULARY, 0, seed) for seed in (3, 4))
    weights, same, others = (
        one.state_dict()["model.layers.0.mlp.up_proj.weight"] for one in (model, again, other)
    )
    assert torch.equal(weights, same)
    assert not torch.equal(weights, others)
    tokens = torch.randint(VOCABULARY, (2, 16), generator=torch.Generator().manual_seed(0))
    model.train()
    # no dropout: two passes in training agree
    assert torch.equal(model(input_ids=tokens).logits, model(input_ids=tokens).logits)
    train_finals(
        [ARM],
        shards,
        tokenizer,
        asked,
        tmp_path / "store",
        tmp_path / "finals.parquet",
        log=lambda line: None,
    )
    final = tables.read(tmp_path / "finals.parquet", tables.FINALS)
    assert type(AutoModelForCausalLM.from_pretrained(final.folder[0])).__name__.startswith("Qwen2")
    assert final.train_loss[0] < np.log(VOCABULARY) - 0.2


ENCODER = {
    "model_type": "roberta",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "max_position_embeddings": 66,
    "vocab_size": VOCABULARY,
}


def test_a_model_that_sees_later_tokens_is_refused(tmp_path):
    """transformers gives RoBERTa a head for the next token, and it would copy the answer."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(ENCODER))
    shape = shape_of(read_configuration(config, "test"), "test")
    assert shape["architecture"] == "transformers"
    final = study(shape=shape, **{"from": str(config)}).final
    with pytest.raises(MixwrightError, match="sees the tokens that it is to predict"):
        build_final(final, VOCABULARY, 0, 1)
    config.write_text(json.dumps(ENCODER | {"is_decoder": True}))
    build_final(final, VOCABULARY, 0, 1)


def test_a_packed_configuration_starts_as_proxies_do(checkpoint):
    shape = shape_of(read_configuration(checkpoint, "test"), "test")
    final = FINAL | {"shape": shape, "from": str(checkpoint)}
    ours = build(shape, VOCABULARY, end_token=0, seed=5).state_dict()
    theirs = build_final(final, VOCABULARY, 0, 5).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_checkpoint_of_too_few_tokens_is_refused(checkpoint):
    shape = shape_of(read_configuration(checkpoint, "test"), "test")
    final = FINAL | {"shape": shape, "init": str(checkpoint)}
    with pytest.raises(MixwrightError, match="its vocabulary is 64, the tokenizer knows 65"):
        build_final(final, VOCABULARY + 1, 0, 0)


def test_half_a_checkpoint_is_refused(checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    place = tmp_path / "half"
    shutil.copytree(checkpoint, place)
    tensors = load_file(place / "model.safetensors")
    lost = sorted(tensors)[-1]
    del tensors[lost]
    save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})
    asked = proxies(place)
    shape = Shape.of(asked.proxy["shape"], VOCABULARY)
    start = start_of(asked, shape)
    with pytest.raises(
        MixwrightError, match=r"^proxy.init: \S+/half: its files lack \S+ \(\d weights"
    ):
        start([Member("one", MIXTURE, 5, seed=1)])


def test_the_hub_cache_is_looked_into(checkpoint, tmp_path, monkeypatch):
    snapshot = tmp_path / "hub/models--org--tiny/snapshots/abc"
    shutil.copytree(checkpoint, snapshot)
    references = tmp_path / "hub/models--org--tiny/refs"
    references.mkdir()
    (references / "main").write_text("abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    checkpoint_print.cache_clear()
    assert checkpoint_print("org/tiny", "proxy.init") == checkpoint_print(
        str(checkpoint), "proxy.init"
    )
    final = FINAL | {"shape": shape_of(read_configuration(checkpoint, ""), ""), "init": "org/tiny"}
    assert build_final(final, VOCABULARY, 0, 0).num_parameters() > 0


def test_a_name_that_nobody_has_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    def refuse(name: str, **_) -> str:
        raise OSError(f"no such model: {name}\nmore")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    for weights in (True, False):
        checkpoint_print.cache_clear()
        with pytest.raises(MixwrightError, match=r"org/none is no folder, and the hub .*fetch the"):
            checkpoint_print("org/none", "final.init", weights)


def test_what_the_hub_gives_is_fetched(checkpoint, tmp_path, monkeypatch):
    """The hub's library is stood in for: it puts the files where the cache has them."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    fetched = []

    def give(name: str, allow_patterns: list[str]) -> str:
        fetched.append(allow_patterns)
        snapshot = tmp_path / "models--org--tiny/snapshots/abc"
        references = tmp_path / "models--org--tiny/refs"
        for pattern in allow_patterns:
            for path in checkpoint.glob(pattern):
                snapshot.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, snapshot)
        references.mkdir(exist_ok=True)
        (references / "main").write_text("abc")
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", give)
    checkpoint_print.cache_clear()
    expected = checkpoint_print(str(checkpoint), "final.from", weights=False)
    assert checkpoint_print("org/tiny", "final.from", weights=False) == expected
    # the configuration is there now, the weights are not
    expected = checkpoint_print(str(checkpoint), "proxy.init")
    assert checkpoint_print("org/tiny", "proxy.init") == expected
    assert fetched == [["*.json"], ["*.json", "*.safetensors"]]
