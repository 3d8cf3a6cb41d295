"""Tasks of lm-evaluation-harness from local files, and final models small enough to answer them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from transformers import PreTrainedModel

from mixwright.corpus.shards import Examples
from mixwright.corpus.tokenizer import train_bpe
from mixwright.files import write_json
from mixwright.finals.models import build
from mixwright.finals.score import model_losses
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer
from mixwright.study.study import Study

SHAPE = {
    "architecture": "llama",
    "layers": 1,
    "width": 32,
    "heads": 2,
    "hidden": 48,
    "context": 256,
}
# What the mirror's questions look like: columns query, choices and gold.
CHOICES = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{query}}\nAnswer:",
    "doc_to_choice": "choices",
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
LAST_WORD = {
    "output_type": "loglikelihood",
    "doc_to_text": "{{query}}",
    "doc_to_target": "{{' ' + choices[0]}}",
    "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
}
TEXTS = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{query}}",
    "metric_list": [{"metric": "word_perplexity"}, {"metric": "bits_per_byte"}],
}
NOUNS = ("cat", "dog", "tree", "river", "stone", "lamp")


def mirror_targets() -> Path:
    """The targets of the mini-pile in the mirror; without it the test is skipped."""
    mirror = os.environ.get("MIXWRIGHT_MIRROR")
    folder = Path(mirror or "") / "minipile" / "targets"
    if not mirror or not folder.is_dir():
        pytest.skip("needs minipile/targets in the folder that MIXWRIGHT_MIRROR names")
    return folder


def questions(count: int = 12) -> list[dict[str, Any]]:
    """Questions with three answers of different lengths."""
    rows = []
    for number in range(count):
        first, second = NOUNS[number % 6], NOUNS[(number + 2) % 6]
        answers = [f"the {first}", f"a {second} by the {first}", f"{second}, not {first}"]
        rows.append(
            {
                "query": f"Question {number}: what is beside the {second}?",
                "choices": answers,
                "gold": number % 3,
            }
        )
    return rows


def write_task(folder: Path, name: str, data: Path, settings: Mapping[str, Any] = CHOICES) -> None:
    """A task file over a file of data, which is parquet or JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    form = "parquet" if data.suffix == ".parquet" else "json"
    task = {
        "task": name,
        "dataset_path": form,
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task | dict(settings)))


def write_questions(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_final(folder: Path, texts: Sequence[str], seed: int, **shape: Any) -> Path:
    """A folder as train_finals leaves one: a model with random weights, and a tokenizer."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(train_bpe(texts, 400).to_str())
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"},
    )
    encoder, end = open_tokenizer(folder)
    model = build(SHAPE | shape, len(encoder.get_vocab()), end, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.2, generator=generator)
    model.save_pretrained(folder)
    return folder


def own_losses(
    model: PreTrainedModel, rows: Sequence[tuple[Sequence[int], Sequence[int]]], end: int
) -> np.ndarray:
    """Nats of continuations after contexts and the end token, by the scorer of targets."""
    sized = [(context, continuation, 1) for context, continuation in rows]
    context = model.config.max_position_embeddings
    return model_losses(model, {"": Examples.of(sized, end)}, context)[""]


def finals(folders: Mapping[str, Path | None]) -> pd.DataFrame:
    """A FINALS table of mixers with one seed; no folder: the final diverged."""
    rows = []
    for mixer, folder in folders.items():
        row = {"mixer": mixer, "goal": None, "seed": 1, "store_key": mixer, "tokens": 9}
        row |= {"folder": folder and str(folder), "seconds": 1.0, "realised": []}
        row |= {"train_loss": 2.0 if folder else None}
        row |= {"status": None if folder else "diverged", "step": None if folder else 3}
        rows.append(row)
    return pd.DataFrame(rows)


def study(folder: Path, *names: str, processes: int = 1, **settings: Any) -> Study:
    tasks = {"names": list(names), "folders": [str(folder)], "shots": None, "limit": None}
    config = {
        "evaluation": {"tasks": tasks | {"batch": "auto"} | settings},
        "final": {"device": "cpu", "nodes": 1, "processes": processes},
    }
    return Study(config)
