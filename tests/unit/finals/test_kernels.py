"""What changes how a final is computed, and not what it learns."""

import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from final_study import FINAL, study, write_tokenizer
from mixwright.errors import MixwrightError
from mixwright.finals import loop, processes
from mixwright.finals.fsdp import reduced_in_float32
from mixwright.finals.kernels import compile_blocks, set_attention
from mixwright.finals.models import build
from shard_files import END, VOCABULARY, make_shards
from trained_finals import curve, folder_of, train


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_final_learns_the_same_and_is_stored_as_any_other(shards, tokenizer, tmp_path):
    train(shards, tokenizer, tmp_path / "plain", study(steps=6))
    train(shards, tokenizer, tmp_path / "compiled", study(steps=6, compile=True))
    plain, compiled = (curve(tmp_path / name).loss for name in ("plain", "compiled"))
    assert np.allclose(plain, compiled, atol=1e-4)
    model = AutoModelForCausalLM.from_pretrained(folder_of(tmp_path / "compiled") / "model")
    uncompiled = AutoModelForCausalLM.from_pretrained(folder_of(tmp_path / "plain") / "model")
    assert model.state_dict().keys() == uncompiled.state_dict().keys()


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "neox", "bert"])
def test_blocks_are_compiled_in_place(architecture, monkeypatch):
    shape = FINAL["shape"] | {"architecture": architecture, "layers": 2}
    model = build(shape, VOCABULARY, END, 1)
    names = list(model.state_dict())
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    compile_blocks(model)
    assert len(compiled) >= 2 and list(model.state_dict()) == names
    assert not any(module is model for module in compiled)


def test_an_attention_that_a_model_lacks_is_told_in_one_line():
    model = build(FINAL["shape"], VOCABULARY, END, 1)
    with pytest.raises(MixwrightError, match=r"final\.attention: flash_attention_2: .*; take e"):
        set_attention(model, "flash_attention_2")


def test_settings_reach_the_trainer(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    cpu = loop._arguments(FINAL, 2000, 1, tmp_path)
    assert cpu.dataloader_num_workers == 0 and cpu.logging_steps == 200
    assert cpu.save_strategy == "steps" and not cpu.activation_checkpointing
    gpu = loop._arguments(FINAL | {"device": "cuda"}, 2000, 1, tmp_path)
    assert gpu.dataloader_num_workers == 2 and gpu.dataloader_pin_memory
    other = {"workers": 5, "track": "wandb", "checkpoint_minutes": 3.0}
    args = loop._arguments(FINAL | other | {"activation_checkpointing": True}, 2000, 1, tmp_path)
    assert args.dataloader_num_workers == 5 and args.logging_steps == 2
    assert args.save_strategy == "no" and args.activation_checkpointing
    # trackers are told which folder is theirs; Trainer makes none of its own
    assert args.report_to == []


def test_gradients_of_slices_are_summed_in_float32(tmp_path, monkeypatch):
    assert reduced_in_float32("float32") is None
    policy = reduced_in_float32("bfloat16")
    assert policy.param_dtype == torch.bfloat16 and policy.reduce_dtype == torch.float32
    assert policy.output_dtype is None  # a loss is not rounded


def test_each_process_takes_the_gpu_of_its_number_before_they_meet(monkeypatch):
    taken = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "8")
    met = []

    def meet(backend, **rest):
        met.append((backend, rest, taken[:]))

    monkeypatch.setattr(torch.distributed, "init_process_group", meet)
    monkeypatch.setattr(torch.distributed, "new_group", lambda **rest: None)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 7)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    final = FINAL | {"device": "cuda", "nodes": 2, "processes": 4}
    with processes.joined(final) as together:
        assert together.rank == 7
    ((backend, rest, before),) = met
    assert backend == "cuda:nccl,cpu:gloo" and rest["device_id"] == torch.device("cuda", 3)
    assert before == [3]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with (
        pytest.raises(MixwrightError, match="process 4 of this machine finds 2 GPUs in sight"),
        processes.joined(final),
    ):
        pass
