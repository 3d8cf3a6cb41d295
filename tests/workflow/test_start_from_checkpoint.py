"""A study whose proxies and finals start from a checkpoint, through the real workflow."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from workshop import Workshop

VOCABULARY = 300
STUDY: dict[str, Any] = {
    "study": "continued",
    "domains": {
        "web": {"source": "files", "files": "web.jsonl"},
        "code": {"source": "files", "files": "code.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "tokenizer": {"folder": "checkpoint"},
    "proxy": {"init": "checkpoint", "tokens": 4096, "batch": 4},
    "designs": {"swarm": {"runs": 10}, "repeat": {"runs": 2}},
    "evaluation": {"tokens": 512, "steps": 1, "final_tokens": 512},
    "final": {"init": "checkpoint", "context": 32, "batch": 4, "seeds": [1], "per_job": 4},
    "mixers": {"natural": {}, "uniform": {}},
    "merged": {},
    "goal": {"tokens": 2048, "seen": {"web": 500_000}},
}


def texts(name: str, count: int) -> list[str]:
    source = random.Random(name)
    words = [f"{name}{''.join(source.choices('aeioulnrst', k=4))}" for _ in range(200)]
    return [" ".join(source.choices(words, k=source.randint(20, 80))) for _ in range(count)]


def write_checkpoint(folder: Path, seed: int) -> None:
    """A Llama of random weights; its tokenizer is that of the texts."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        rms_norm_eps=1e-6,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("continued"))
    folder = workshop.folder
    everything = []
    for name, count in {"web": 150, "code": 120, "held": 20}.items():
        written = texts(name, count)
        everything += written
        lines = [json.dumps({"text": text}) for text in written]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    write_checkpoint(folder / "checkpoint", seed=0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 4,
        special_tokens=["<end>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(everything, trainer)
    tokenizer.save(str(folder / "checkpoint/tokenizer.json"))
    settings = {"eos_token": "<end>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "checkpoint/tokenizer_config.json").write_text(json.dumps(settings))
    workshop.run(STUDY)
    return workshop


def test_proxies_and_finals_have_the_shape_of_the_checkpoint(finished):
    results = finished.folder / "results/continued"
    study = json.loads((results / "study.json").read_text())
    assert study["proxy"]["shape"]["epsilon"] == 1e-6
    assert study["proxy"]["model"] == "checkpoint"
    assert study["final"]["shape"]["context"] == 32
    (finals,) = (results / "finals").glob("*.parquet")
    for row in pq.read_table(finals).to_pylist():
        model = AutoModelForCausalLM.from_pretrained(finished.folder / row["folder"])
        assert model.config.rms_norm_eps == 1e-6
        assert model.config.max_position_embeddings == 64


def test_merged_proxies_begin_at_the_checkpoint(finished):
    merged = json.loads((finished.folder / "results/continued/merged.json").read_text())
    assert merged["start"] == "checkpoint" and merged["runs"] == 10
    report = (finished.folder / "results/continued/report/summary.html").read_text()
    assert "Merged proxies" in report


def test_natural_counts_what_the_checkpoint_has_read(finished):
    results = finished.folder / "results/continued"
    rows = pq.read_table(results / "domains.parquet").to_pylist()
    sizes = {}
    for row in rows:
        if row["split"] == "train":
            sizes[row["domain"]] = row["source_tokens"] + row["read_before"]
    natural = json.loads((results / "mixtures/natural.json").read_text())["weights"]
    assert natural["web"] == pytest.approx(sizes["web"] / sum(sizes.values()))
    report = (results / "report/summary.html").read_text()
    assert "goal.seen says it has read before (web 500 k), beside the sources" in report


def test_a_finished_study_has_nothing_to_do_until_its_checkpoint_changes(finished):
    assert finished.jobs(STUDY) == {}
    write_checkpoint(finished.folder / "checkpoint", seed=1)
    jobs = finished.jobs(STUDY)
    assert {"calibrate", "train_proxies", "train_finals"} <= set(jobs)
    assert not {"tokenize_part", "clean_part", "count_domains"} & set(jobs)
