"""A study small enough to train its finals in a test."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models

from mixwright.files import write_json
from mixwright.study.study import Study
from shard_files import VOCABULARY

SHAPE = {"architecture": "llama", "layers": 1, "width": 32, "heads": 2, "hidden": 48, "context": 16}
OPTIMIZER = {
    "muon_lr": 0.04,
    "adam_lr": 0.02,
    "weight_decay": 0.0,
    "warmup": 0.0,
    "betas": [0.9, 0.95],
    "clip": 1.0,
}
ALONE = {"nodes": 1, "processes": 1, "parallel": "ddp"}
FINAL = {
    "shape": SHAPE,
    "batch": 4,
    "optimizer": OPTIMIZER,
    "device": "cpu",
    "precision": "float32",
    "checkpoint_steps": 5,
    "trainer": "transformers",
} | ALONE


def study(steps: int = 20, store: str = "use", **final: Any) -> Study:
    config = {
        "store": store,
        "goal": {"tokens": steps * FINAL["batch"] * SHAPE["context"]},
        "evaluation": {"final_tokens": 500},
        "final": FINAL | final,
    }
    return Study(config)


def write_tokenizer(folder: Path) -> Path:
    folder.mkdir(parents=True)
    words = {"<|endoftext|>": 0} | {f"w{i}": i for i in range(1, VOCABULARY)}
    Tokenizer(models.WordLevel(words, unk_token="<|endoftext|>")).save(
        str(folder / "tokenizer.json")
    )
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"},
    )
    return folder
