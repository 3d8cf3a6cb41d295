"""A run and the smallest resolved study it can belong to."""

from typing import Any

from mixwright.mixture import Run

RUN = Run(
    role="swarm",
    model="nano",
    tokens=1024,
    steps=8,
    seed=0,
    kind="swarm",
    parameters={},
    row=0,
    context="c",
)

STUDY: dict[str, Any] = {
    "seed": 0,
    "corpus": {},
    "tokenizer": {},
    "domains": {"a": {}, "b": {}, "c": {}},
    "targets": {"held": {"source": "files", "weight": 1.0}, "b": {"weight": 1.0}},
    "proxy": {
        "model": "nano",
        "shape": {
            "architecture": "llama",
            "layers": 1,
            "width": 16,
            "heads": 2,
            "hidden": 24,
            "context": 32,
        },
        "tokens": 1024,
        "batch": 4,
        "optimizer": {
            "muon_lr": 0.04,
            "adam_lr": 0.02,
            "weight_decay": 0.0,
            "warmup": 0.0,
            "betas": [0.9, 0.95],
            "clip": 1.0,
        },
        "per_job": 16,
        "wave": 4,
        "device": "cpu",
        "precision": "float32",
        "attention": "fused",
        "compile": False,
        "micro_batch": 4,
        "checkpoint_seconds": 60,
    },
    "evaluation": {
        "tokens": 100,
        "steps": 2,
        "example_tokens": 20,
        "examples": 3,
        "likelihood": "answer",
    },
    "store": "use",
}
