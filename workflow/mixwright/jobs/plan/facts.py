"""Published training times on A100s, to which the share of a GPU's peak is fitted.

Each is a shape, tokens a second on one GPU, and where that is published. `mixwright plan --sources`
quotes them; nothing else reads them, and a test fits the share to them again.
"""

from dataclasses import dataclass
from typing import Any

PEAK = 312e12  # FLOP/s of an A100 in bfloat16, dense

PYTHIA = "Pythia, arXiv 2304.01373, GPU-hours for 300 B tokens on A100-40GB"
MOSAIC = "MosaicML, llm-foundry's scripts/train/benchmarking, 8 A100-80GB, context 2,048"


@dataclass(frozen=True)
class Fact:
    """How fast a model was trained on one A100."""

    name: str
    # as in config/models
    shape: dict[str, Any]
    vocabulary: int
    tokens_per_second: float
    source: str


def _gpt(
    layers: int, width: int, context: int = 2048, architecture: str = "neox"
) -> dict[str, Any]:
    """The shape of a model whose MLP is four times as wide as it is."""
    return {
        "architecture": architecture,
        "layers": layers,
        "width": width,
        "hidden": 4 * width,
        "context": context,
    }


def _llama(layers: int, width: int, hidden: int) -> dict[str, Any]:
    return _gpt(layers, width, architecture="llama") | {"hidden": hidden}


def _pythia(name: str, layers: int, width: int, hours: float) -> Fact:
    speed = 300e9 / (hours * 3600)
    return Fact(f"Pythia {name}", _gpt(layers, width), 50_304, speed, f"{PYTHIA}: {hours:,}")


def _mosaic(name: str, layers: int, width: int, speed: float) -> Fact:
    return Fact(f"MPT {name}", _gpt(layers, width), 50_368, speed, f"{MOSAIC}: {speed:,} tokens/s")


FACTS = (
    Fact(
        "RegMix 1M",
        _llama(2, 256, 512),
        50_432,
        1_048_576_000 / 1_200,
        "RegMix, arXiv 2407.01492: about 20 minutes for 1 B tokens",
    ),
    Fact(
        "nanoGPT 124M",
        _gpt(12, 768, 1024, "gpt2"),
        50_304,
        600_000 * 491_520 / 8 / (4 * 86_400),
        "nanoGPT's README: 600,000 steps of 491,520 tokens in about 4 days on 8 A100-40GB",
    ),
    Fact(
        "llm.c 124M",
        _gpt(12, 768, 1024, "gpt2"),
        50_304,
        10e9 / 8 / 5_400,
        "llm.c, discussion 481: 10 B tokens in about 90 minutes on 8 A100-80GB",
    ),
    Fact(
        "TinyLlama 1.1B",
        _llama(22, 2048, 5632),
        32_000,
        24_000,
        "TinyLlama's README: 24,000 tokens/s on an A100-40GB",
    ),
    _pythia("70M", 6, 512, 510),
    _pythia("160M", 12, 768, 1_030),
    _pythia("410M", 24, 1024, 2_540),
    _pythia("1B", 16, 2048, 4_830),
    _pythia("1.4B", 24, 2048, 7_120),
    _pythia("2.8B", 32, 2560, 14_240),
    _pythia("6.9B", 32, 4096, 33_500),
    _mosaic("125M", 12, 768, 142_830),
    _mosaic("350M", 24, 1024, 58_782),
    _mosaic("760M", 24, 1536, 32_434),
    _mosaic("1B", 24, 2048, 20_513),
    _mosaic("3B", 32, 2560, 10_811),
    _mosaic("7B", 32, 4096, 4_641),
)
