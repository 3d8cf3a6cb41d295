"""How the proxies of a study are computed on one kind of machine: chosen once, by rules and by a few timed steps, and kept.

What of the choice changes numbers by rounding (precision, attention, compile, micro_batch) is part of the store's key; no timing is.
"""

import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from mixwright.files import read_json, write_json
from mixwright.learners import EXPLICIT_BELOW
from mixwright.mixture import digest
from mixwright.proxies.footprint import CPU_MB, MOST, PIECE_MB, activation_mb, member_mb, parameters
from mixwright.versions import VERSIONS

KEYS = ("precision", "attention", "compile", "micro_batch", "wave")
TIMED = 30.0  # CPU-seconds of planned work in one process under which nothing is timed: a timing costs more than it can save
COMPILED = 120.0  # the same for trying the compiler, which takes 10 to 60 s, saves at most a quarter, and is run by every job
SPEED = {"cpu": 3e10, "cuda": 1e14}  # FLOP/s of small shapes, for these two questions alone
CLEARLY = 0.95  # what is chosen over the plain way takes at most this share of its time

Seconds = Callable[["Choice"], float]  # of one token of a member


@dataclass(frozen=True)
class Machine:
    """What counts of a machine."""

    kind: str  # what timings hold for
    bfloat16: bool
    compiler: bool
    memory_mb: int  # of the device, for one process


@dataclass(frozen=True)
class Choice:
    """How a pack is computed."""

    precision: str = "float32"
    attention: str = "fused"
    compile: bool = False
    micro_batch: int = 1  # sequences of a member at a time
    wave: int = 4  # members side by side; changes no number

    @property
    def name(self) -> str:
        """In words, for logs and tables of timings."""
        return f"{self.precision}, {self.attention} attention{', compiled' * self.compile}, {self.wave} side by side"


def machine(device: str) -> Machine:
    """This one."""
    compiler = bool(shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++"))
    if device == "cuda":
        import torch

        found = torch.cuda.get_device_properties(0)
        kind = f"{found.name}, torch {torch.__version__}"
        return Machine(
            kind, torch.cuda.is_bf16_supported(), compiler, found.total_memory * 8 // 10 >> 20
        )
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model, flags = (
        re.search(rf"^{name}\s*: (.*)$", cpu, re.MULTILINE) for name in ("model name", "flags")
    )
    known = set(flags[1].split()) if flags else set()
    widest = next(
        (name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in known),
        platform.machine(),
    )
    kind = f"{model[1] if model else platform.processor()}, {widest}"
    return Machine(kind, bool({"amx_bf16", "avx512_bf16"} & known), compiler, CPU_MB)


def calibrate(
    proxy: Mapping[str, Any],
    vocabulary: int,
    tokens: int,
    here: Machine,
    seconds: Seconds,
    kept: Path | None = None,
) -> dict[str, Any]:
    """The choice for a resolved study's `proxy`, whose largest pack trains on `tokens`: its reasons, and the timings they rest on.

    A folder `kept` remembers it by machine kind and by all that was asked, so that no timing's noise ever changes it.
    """
    asked = {key: proxy.get(key, "auto") for key in KEYS}
    looked_up = vocabulary * proxy["shape"]["width"]  # the embedding, which multiplies nothing
    planned = (
        6 * (parameters(proxy["shape"], vocabulary) - looked_up) * tokens / SPEED[proxy["device"]]
    )
    sizes = {key: proxy[key] for key in ("shape", "batch", "optimizer", "device")} | {
        "vocabulary": vocabulary
    }
    worth = (planned > TIMED, planned > COMPILED)
    name = digest(
        {
            "machine": asdict(here),
            "asked": asked,
            "sizes": sizes,
            "worth": worth,
            "version": VERSIONS["calibrate"],
        }
    )
    path = kept / f"{name}.json" if kept else None
    if path and path.exists():
        return dict(read_json(path))
    plain, reasons = rule_of_thumb(proxy, vocabulary, here)
    choice, timings = (
        (plain, {})
        if not worth[0]
        else _timed(plain, asked, tokens if worth[1] else 0, here, seconds, reasons)
    )
    if not worth[0]:
        reasons["timing"] = (
            f"about {planned:.0f} CPU-s in the largest job: too little to time anything"
        )
    found = {
        "machine": here.kind,
        "asked": asked,
        "choices": asdict(choice),
        "reasons": reasons,
        "seconds": timings,
    }
    if path:
        write_json(path, found)
    return found


def rule_of_thumb(
    proxy: Mapping[str, Any], vocabulary: int, here: Machine
) -> tuple[Choice, dict[str, str]]:
    """What is known to be fast without timing, and why; what the config fixes is kept."""
    shape, device = proxy["shape"], proxy["device"]
    fixed = {key: proxy[key] for key in KEYS if proxy.get(key, "auto") != "auto"}
    precision = "bfloat16" if here.bfloat16 else "float32"
    precision = fixed.get("precision", precision)
    explicit = device == "cpu" and shape["context"] < EXPLICIT_BELOW
    micro = max(1, min(proxy["batch"], int(PIECE_MB[device] // activation_mb(shape, 1))))
    micro = min(proxy["batch"], fixed.get("micro_batch", micro))
    wave = max(1, min(MOST[device], int(here.memory_mb // member_mb(shape, vocabulary, micro))))
    thumb = Choice(precision, "explicit" if explicit else "fused", False, micro, wave)
    reasons = {
        "precision": "the hardware multiplies bfloat16"
        if here.bfloat16
        else "no hardware for bfloat16",
        "attention": f"explicit products are faster on a CPU below context {EXPLICIT_BELOW}"
        if explicit
        else "torch's fused kernel",
        "compile": "eager: no graph to compile",
        "micro_batch": "all of a step fits"
        if micro == proxy["batch"]
        else f"activations of {PIECE_MB[device]} MB a member",
        "wave": "what memory holds" if wave < MOST[device] else "more gain nothing",
    }
    return replace(thumb, **fixed | {"micro_batch": micro}), reasons | dict.fromkeys(
        fixed, "fixed in the config"
    )


def _timed(
    plain: Choice,
    asked: Mapping[str, Any],
    tokens: int,
    here: Machine,
    seconds: Seconds,
    reasons: dict[str, str],
) -> tuple[Choice, dict[str, float]]:
    """The fastest of what may be chosen: precision and attention, members side by side, and for many `tokens` the compiler."""
    timings: dict[str, float] = {}

    def faster(best: Choice, other: Choice) -> Choice:
        if other == best:
            return best
        for choice in (best, other):
            if choice.name not in timings:
                timings[choice.name] = seconds(choice)
        return other if timings[other.name] < CLEARLY * timings[best.name] else best

    best = plain
    precisions = (
        ["float32", "bfloat16"]
        if asked["precision"] == "auto" and here.bfloat16
        else [plain.precision]
    )
    kernels = ["fused", "explicit"] if asked["attention"] == "auto" else [plain.attention]
    for precision, attention in product(precisions, kernels):
        best = faster(best, replace(plain, precision=precision, attention=attention))
    if asked["wave"] == "auto" and plain.wave > 1:
        best = faster(best, replace(best, wave=1))
    if asked["compile"] == "auto" and here.compiler and tokens:
        best = _compiled(best, tokens, seconds, timings, reasons)
    for key in ("precision", "attention", "wave"):
        if asked[key] == "auto":
            moved = getattr(best, key) != getattr(plain, key)
            reasons[key] = (
                "the faster in a few steps"
                if moved
                else f"{reasons[key]}; nothing timed was faster"
            )
    return best, timings


def _compiled(
    best: Choice, tokens: int, seconds: Seconds, timings: dict[str, float], reasons: dict[str, str]
) -> Choice:
    """Whether compiling pays: its own time, against what it saves in the largest job."""
    import time

    began, other = time.process_time(), replace(best, compile=True)
    try:
        timings[other.name] = seconds(other)
    except Exception as error:  # whatever the compiler says: the eager step is there
        reasons["compile"] = f"the compiler failed ({error.__class__.__name__})"
        return best
    cost, eager = time.process_time() - began, timings.setdefault(best.name, seconds(best))
    saved = tokens * (eager - timings[other.name])
    reasons["compile"] = (
        f"compiling takes {cost:.0f} CPU-s and saves {saved:.0f} of about {tokens * eager:.0f} in the largest job"
    )
    return other if saved > cost else best


def kept_here(
    choice: Mapping[str, Any], asked: Mapping[str, Any], here: Machine
) -> tuple[dict[str, Any], list[str]]:
    """The choice as far as this machine can keep it, and what is said of the rest; what the config fixes in words is obeyed."""
    kept, lines = dict(choice), []
    if kept["compile"] and not here.compiler:
        kept["compile"] = False
        lines.append(
            "calibration: compiled where it was made, no C++ compiler here; going on without"
        )
    if (
        kept["precision"] == "bfloat16"
        and not here.bfloat16
        and asked.get("precision", "auto") == "auto"
    ):
        kept["precision"] = "float32"
        lines.append(
            "calibration: bfloat16 where it was made, no hardware for it here; going on in float32"
        )
    return kept, lines
