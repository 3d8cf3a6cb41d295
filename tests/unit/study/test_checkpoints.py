"""Studies that start from checkpoints, as far as they are known before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from least_study import study
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.plan import plan_of
from mixwright.jobs.resources import final_minutes, memory_mb
from mixwright.report.start_caveats import of_checkpoints
from mixwright.study.checkpoints import inputs
from mixwright.study.configurations import differences, shape_of
from mixwright.study.study import Study

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "vocab_size": 300,
    "rms_norm_eps": 1e-5,
}
GPT2: dict[str, Any] = {
    "model_type": "gpt2",
    "n_embd": 64,
    "n_layer": 3,
    "n_head": 4,
    "n_positions": 128,
    "n_inner": None,
    "vocab_size": 300,
}
# As GPT-NeoX's models stand on the hub.
NEOX: dict[str, Any] = {
    "model_type": "gpt_neox",
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "vocab_size": 300,
    "hidden_act": "gelu",
    "rotary_pct": 0.25,
    "rotary_emb_base": 10000,
    "use_parallel_residual": True,
    "layer_norm_eps": 1e-5,
    "tie_word_embeddings": False,
}
SIZES = {"layers": 3, "width": 64, "heads": 4, "context": 128, "vocabulary": 300}
WORDS = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"<end>": 0, "a": 1}}}


def write(folder: Path, configuration: dict[str, Any], tokenizer: Any = None) -> Path:
    """A model folder whose weights are one small file of zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(configuration))
    head = json.dumps({"x": {"dtype": "F32", "shape": [5, 7], "data_offsets": [0, 140]}}).encode()
    content = len(head).to_bytes(8, "little") + head + bytes(140)
    (folder / "model.safetensors").write_bytes(content)
    if tokenizer:
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<end>"}))
    return folder


@pytest.fixture
def llama(tmp_path) -> Path:
    return write(tmp_path / "tiny-llama", LLAMA, WORDS)


def from_checkpoint(folder: Path, **changes: Any) -> Study:
    """A study whose proxies start from a folder that holds its tokenizer."""
    proxy = {"init": str(folder), **changes.pop("proxy", {})}
    return study(tokenizer={"folder": str(folder)}, proxy=proxy, **changes)


@pytest.mark.parametrize(
    ("configuration", "shape"),
    [
        (LLAMA, SIZES | {"architecture": "llama", "hidden": 96}),
        (GPT2, SIZES | {"architecture": "gpt2", "hidden": 256}),
        (NEOX, SIZES | {"architecture": "neox", "hidden": 256}),
        (
            LLAMA | {"rms_norm_eps": 1e-6, "rope_theta": 5e5, "tie_word_embeddings": True},
            SIZES
            | {
                "architecture": "llama",
                "hidden": 96,
                "epsilon": 1e-6,
                "theta": 5e5,
                "tied": True,
            },
        ),
        (
            LLAMA | {"num_key_value_heads": 2},
            SIZES | {"architecture": "transformers", "hidden": 96},
        ),
        (LLAMA | {"model_type": "qwen2"}, SIZES | {"architecture": "transformers", "hidden": 96}),
    ],
)
def test_shapes_of_configurations(configuration, shape):
    assert shape_of(configuration, "x") == shape


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (LLAMA, []),
        (LLAMA | {"num_key_value_heads": 2}, ["grouped keys (2 for 4 heads)"]),
        (LLAMA | {"head_dim": 32}, ["head_dim 32 in place of 16"]),
        (LLAMA | {"hidden_act": "gelu"}, ["hidden_act gelu"]),
        (LLAMA | {"attention_bias": True}, ["attention_bias True"]),
        (LLAMA | {"mlp_bias": True}, ["mlp_bias True"]),
        (
            LLAMA | {"rope_scaling": {"type": "linear", "factor": 2.0}},
            ["positions of rope type linear"],
        ),
        (
            LLAMA | {"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5}},
            ["positions of rope type llama3"],
        ),
        (GPT2, []),
        (GPT2 | {"activation_function": "relu"}, ["activation_function relu"]),
        (GPT2 | {"scale_attn_weights": False}, ["scale_attn_weights False"]),
        (
            GPT2 | {"scale_attn_by_inverse_layer_idx": True},
            ["scale_attn_by_inverse_layer_idx True"],
        ),
        (NEOX, []),
        (NEOX | {"rotary_pct": 1.0}, ["positions that turn 1 of a head"]),
        (NEOX | {"use_parallel_residual": False}, ["use_parallel_residual False"]),
        (NEOX | {"hidden_act": "gelu_fast"}, ["hidden_act gelu_fast"]),
        (NEOX | {"num_attention_heads": 16}, ["16 heads in a width of 64"]),
        (LLAMA | {"model_type": "mistral"}, ["model_type mistral"]),
    ],
)
def test_what_the_packed_trainer_does_not_compute_is_named(configuration, words):
    assert differences(configuration, "x") == words


def test_a_checkpoint_gives_the_proxies_their_shape_and_name(llama):
    asked = from_checkpoint(llama)
    assert asked.proxy["shape"] == SIZES | {"architecture": "llama", "hidden": 96}
    assert asked.proxy["model"] == "tiny-llama"
    assert {run.model for run in asked.runs["swarm"]} == {"tiny-llama"}
    files = {"config.json", "model.safetensors"}
    assert {path.name for path in inputs(asked.config, "proxy")} == files
    assert inputs(asked.config, "final") == []
    assert plan_of(asked)


def test_runs_are_named_by_what_they_start_from(llama, tmp_path):
    other = write(tmp_path / "other", LLAMA, WORDS)
    names = []
    for folder in (llama, other):
        asked = study(tokenizer={"folder": str(llama)}, proxy={"init": str(folder)})
        names.append({run.name for run in asked.runs["swarm"]})
    assert not names[0] & names[1]


def test_a_model_of_equal_sizes_may_shorten_the_context(llama, monkeypatch, tmp_path):
    from mixwright.study import config

    models = tmp_path / "models"
    models.mkdir()
    shape = "architecture: llama\nlayers: {}\nwidth: 64\nheads: 4\nhidden: 96\ncontext: {}\n"
    for name, numbers in {"short": (3, 32), "long": (3, 256), "deep": (4, 128)}.items():
        (models / f"{name}.yaml").write_text(shape.format(*numbers))
    named = config.shape
    monkeypatch.setattr(
        config,
        "shape",
        lambda model, folder, part: named(model, models if part == "proxy" else folder, part),
    )
    assert from_checkpoint(llama, proxy={"model": "short"}).proxy["shape"]["context"] == 32
    with pytest.raises(MixwrightError, match=r"proxy.model: a context of 256 .* reads \(128\)"):
        from_checkpoint(llama, proxy={"model": "long"})
    with pytest.raises(MixwrightError, match="its layers is 3, the model's shape says 4"):
        from_checkpoint(llama, proxy={"model": "deep"})


def test_learned_positions_stay_where_the_context_is_shorter(tmp_path):
    folder = write(tmp_path / "gpt2", GPT2)
    final = {"from": str(folder), "context": 32}
    asked = study(final=final, tokenizer={"vocabulary": 300})
    assert asked.final["shape"]["context"] == 32
    assert asked.final["shape"]["positions"] == 128
    assert asked.final_tokens % 32 == 0
    with pytest.raises(MixwrightError, match=r"final.context: a context of 129 tokens is more"):
        study(final=final | {"context": 129}, tokenizer={"vocabulary": 300})


def test_a_final_of_any_architecture_is_planned(tmp_path):
    folder = write(tmp_path / "qwen", LLAMA | {"model_type": "qwen2"}, WORDS)
    asked = study(tokenizer={"folder": str(folder)}, final={"init": str(folder)})
    shape = asked.final["shape"]
    # as many as the weights' file says
    assert shape["parameters"] == 35
    assert shape["architecture"] == "transformers"
    assert memory_mb(asked, "final", 1) > 0
    assert final_minutes(asked, 10_000) > 0
    assert plan_of(asked)
    alone = study(final={"from": str(folder / "config.json")}, tokenizer={"vocabulary": 300})
    assert "parameters" not in alone.final["shape"]
    assert [path.name for path in inputs(alone.config, "final")] == ["config.json"]
    assert plan_of(alone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer": {"folder": None}}, "proxy.init: a checkpoint knows the tokens of its own"),
        ({"final": {"context": 8}}, "final.context says nothing of a shape of config/models"),
        (
            {"final": {"init": "here", "from": "here"}},
            "final.from says nothing beside final.init",
        ),
        (
            {"transfer": {"model": "micro"}},
            "a model of another size cannot start from the checkpoint of proxy.init",
        ),
        ({"goal": {"seen": {"proes": 5}}}, "goal.seen.proes is not a domain; did you mean prose"),
        ({"proxy": {"init": "nowhere"}}, "nowhere is no folder, and no model of the hub that was"),
        ({"proxy": {"init": "empty"}}, "empty holds no config.json; name a folder that"),
        ({"proxy": {"init": "grouped"}}, r"has no grouped keys \(2 for 4 heads\); start proxies"),
        ({"proxy": {"init": "sizeless"}}, "says nothing of num_hidden_layers, vocab_size, which"),
        ({"proxy": {"init": "other"}}, "is another tokenizer than .*; set tokenizer.folder to "),
        ({"proxy": {"init": "broken"}}, "config.json: not JSON"),
    ],
)
def test_what_does_not_agree_is_refused(llama, changes, message):
    here = llama.parent
    for name in ("nowhere", "here"):
        assert not (here / name).exists()
    (here / "empty").mkdir()
    write(here / "grouped", LLAMA | {"num_key_value_heads": 2})
    sizeless = {
        key: value for key, value in LLAMA.items() if key not in ("num_hidden_layers", "vocab_size")
    }
    write(here / "sizeless", sizeless)
    write(here / "other", LLAMA, WORDS | {"normalizer": {"type": "Lowercase"}})
    write(here / "broken", LLAMA)
    (here / "broken/config.json").write_text("{")
    if "init" in changes.get("proxy", {}):
        changes = {"proxy": {"init": str(here / changes["proxy"]["init"])}}
    changes = {"tokenizer": {"folder": str(llama)}, "proxy": {"init": str(llama)}} | changes
    with pytest.raises(MixwrightError, match=message) as error:
        study(**changes)
    assert "\n" not in str(error.value)


def test_settings_of_calls_make_no_other_tokenizer(llama, tmp_path):
    called = WORDS | {"truncation": {"max_length": 4}, "padding": None}
    folder = write(tmp_path / "called", LLAMA, called)
    asked = study(tokenizer={"folder": str(llama)}, proxy={"init": str(folder)})
    assert asked.proxy["init"] == str(folder)


def test_seen_needs_a_checkpoint_and_counts_in_natural(llama):
    with pytest.raises(MixwrightError, match="no model starts from one"):
        study(goal={"seen": {"prose": 5}})
    silent = from_checkpoint(llama)
    (words,) = of_checkpoints(silent)
    assert "nothing of what the checkpoint has read before; goal.seen states that" in words
    stated = from_checkpoint(llama, goal={"seen": {"prose": 3_000_000}})
    (words,) = of_checkpoints(stated)
    assert "(prose 3 M), beside the sources. Passes count the sources alone." in words
    assert of_checkpoints(study()) == []
    # what was read before changes no run's name
    assert stated.runs["swarm"] == silent.runs["swarm"]


def test_a_model_that_was_fetched_is_looked_up(llama, monkeypatch, tmp_path):
    snapshot = tmp_path / "hub/models--org--tiny/snapshots/abc"
    write(snapshot, LLAMA, WORDS)
    references = snapshot.parents[1] / "refs"
    references.mkdir()
    (references / "main").write_text("abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    asked = study(tokenizer={"folder": str(llama)}, proxy={"init": "org/tiny"})
    assert asked.proxy["model"] == "tiny"
    assert asked.proxy["shape"]["width"] == 64
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    with pytest.raises(MixwrightError, match="or name a shape of its sizes"):
        study(tokenizer={"folder": str(llama)}, proxy={"init": "org/tiny"})
    named = study(tokenizer={"folder": str(llama)}, proxy={"init": "org/tiny", "model": "micro"})
    assert named.proxy["shape"]["width"] == 32
    assert inputs(named.config, "proxy") == []


def test_a_folder_without_weights_can_be_looked_at_alone(llama):
    (llama / "model.safetensors").unlink()
    asked = from_checkpoint(llama)
    with pytest.raises(MixwrightError, match=r"holds no weights \(\*.safetensors\)"):
        inputs(asked.config, "proxy")
