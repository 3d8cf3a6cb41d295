"""Chooses how the proxies of a study are computed on one kind of machine.

The choice is made once, by rules and a few timed steps, and remembered. What of it changes numbers
by rounding (precision, attention, compile, micro_batch) is part of the store's key; no timing is.
"""

import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from mixwright.files import read_json, write_json
from mixwright.learners import EXPLICIT_BELOW
from mixwright.mixture import digest
from mixwright.proxies.footprint import (
    CPU_MB,
    MOST,
    PIECE_MB,
    member_mb,
    members_budget_mb,
    packed,
    parameters,
    wave_mb,
)
from mixwright.proxies.trials import Choice, Seconds, Trials, chosen_on_cpu, chosen_on_gpu
from mixwright.versions import VERSIONS

# settings of a study's proxy that may be "auto"
KEYS = ("precision", "attention", "compile", "micro_batch", "wave")
# CPU-seconds of planned work in one process below which nothing is timed: a timing would cost more
# than it can save.
TIMED = 30.0
# The same for trying the compiler: it takes 10 to 60 s in every job and saves at most a quarter.
COMPILED = 120.0
# FLOP/s of small shapes, by device, for these two questions alone; of a GPU a guess
SPEED = {"cpu": 3e10, "cuda": 1e13}
# Of the timings of a GPU: raise it where they are taken in another way, and they are taken again.
GPU_TIMINGS = 1
# Beginnings of the names of AMD's GPUs that multiply bfloat16: MI100 and later, RDNA 3 and later.
BFLOAT16_AMD = ("gfx908", "gfx90a", "gfx94", "gfx95", "gfx11", "gfx12")
# flags of /proc/cpuinfo, the fastest hardware first
CPU_FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that a choice depends on."""

    # its name; timings hold for machines of the same name
    kind: str
    # whether the hardware multiplies bfloat16
    bfloat16: bool
    # whether there is a C++ compiler
    compiler: bool
    # of the device, for the members of one process
    memory_mb: int


def machine(device: str) -> Machine:
    """Returns the properties of this machine; `device` is cpu or cuda.

    Raises:
        MixwrightError: torch finds no GPU, and cuda is asked for.
    """
    compiler = bool(shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++"))
    if device == "cuda":
        # Here, so that a CPU's choice imports no torch.
        import torch

        from mixwright.proxies.device import prepare

        prepare(device)
        gpu = torch.cuda.get_device_properties(0)
        kind = f"{gpu.name}, torch {torch.__version__}"
        # Not by the shards' size: another sample must not time, and maybe choose, anew.
        memory_mb = members_budget_mb(gpu.total_memory / 2**20)
        return Machine(kind, multiplies_bfloat16(gpu), compiler, memory_mb)
    model = _cpu_property("model name") or platform.processor()
    flags = _cpu_property("flags").split()
    fastest = platform.machine()
    for flag in CPU_FLAGS:
        if flag in flags:
            fastest = flag
            break
    bfloat16 = "amx_bf16" in flags or "avx512_bf16" in flags
    return Machine(f"{model}, {fastest}", bfloat16, compiler, CPU_MB)


def multiplies_bfloat16(gpu: Any) -> bool:
    """Returns whether a GPU's hardware multiplies bfloat16; emulation is slower than float32.

    torch answers yes for every GPU of AMD, so its names are looked at. That has run on none.

    Args:
        gpu: What torch.cuda.get_device_properties returns.
    """
    import torch

    # NVIDIA's GPUs have that name too in some versions of torch, or none.
    architecture = str(getattr(gpu, "gcnArchName", ""))
    if architecture.startswith("gfx"):
        return architecture.startswith(BFLOAT16_AMD)
    # from a compute capability of 8 on
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _cpu_property(name: str) -> str:
    """Returns one line of /proc/cpuinfo; empty where the system has none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return ""
    match = re.search(rf"^{name}\s*: (.*)$", path.read_text(), re.MULTILINE)
    return match[1] if match else ""


def calibrate(
    proxy: Mapping[str, Any],
    vocabulary: int,
    tokens: int,
    hardware: Machine,
    seconds: Seconds,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Returns the choice for a study's proxies, the reasons for it, and the timings behind them.

    Args:
        proxy: The proxy section of a resolved study.
        vocabulary: Tokens that the tokenizer knows.
        tokens: Training tokens of the largest pack.
        hardware: The machine to choose for.
        seconds: Times a choice.
        folder: Remembers choices, by machine kind and by all that they depend on, so that the
            noise of a timing never changes one.
    """
    on_gpu = proxy["device"] != "cpu"
    requested = {key: proxy.get(key, "auto") for key in KEYS}
    planned = _planned_seconds(proxy, vocabulary, tokens)
    sizes = {key: proxy[key] for key in ("shape", "batch", "optimizer", "device")}
    sizes["vocabulary"] = vocabulary
    content = {
        "machine": asdict(hardware),
        "asked": requested,
        "sizes": sizes,
        "worth": (planned > TIMED, planned > COMPILED),
        "version": VERSIONS["calibrate"],
    }
    if on_gpu:
        content |= {"timings": GPU_TIMINGS, "graph": proxy.get("graph", "auto")}
    name = digest(content)
    path = folder / f"{name}.json" if folder else None
    if path and path.exists():
        return dict(read_json(path))
    choice, reasons = rule_of_thumb(proxy, vocabulary, hardware)
    trials = Trials(seconds)
    if planned > TIMED:
        compiler_tokens = tokens if hardware.compiler and planned > COMPILED else 0
        choices = _choices(choice, proxy, vocabulary, hardware)
        choose = chosen_on_gpu if on_gpu else chosen_on_cpu
        choice = choose(choices, requested, compiler_tokens, trials, reasons)
    else:
        unit = "s" if on_gpu else "CPU-s"
        reasons["timing"] = (
            f"about {planned:.0f} {unit} in the largest job: too little to time anything"
        )
    calibration = {
        "machine": hardware.kind,
        "asked": requested,
        "choices": asdict(choice),
        "reasons": reasons,
        "seconds": trials.timings,
    }
    if path:
        write_json(path, calibration)
    return calibration


def _planned_seconds(proxy: Mapping[str, Any], vocabulary: int, tokens: int) -> float:
    """Returns a rough number of seconds to train on so many tokens: 6 FLOP a weight and token."""
    # The embedding is looked up, and multiplies nothing.
    looked_up = vocabulary * proxy["shape"]["width"]
    multiplied = parameters(proxy["shape"], vocabulary) - looked_up
    return 6 * multiplied * tokens / SPEED[proxy["device"]]


def rule_of_thumb(
    proxy: Mapping[str, Any], vocabulary: int, hardware: Machine
) -> tuple[Choice, dict[str, str]]:
    """Returns what is fast without timing, and the reason for each setting.

    A setting that the config fixes is obeyed.
    """
    device = proxy["device"]
    batch = proxy["batch"]
    reasons = {}
    fixed = {}
    for key in KEYS:
        if proxy.get(key, "auto") != "auto":
            fixed[key] = proxy[key]
    if hardware.bfloat16:
        precision = "bfloat16"
        reasons["precision"] = "the hardware multiplies bfloat16"
    else:
        precision = "float32"
        reasons["precision"] = "no hardware for bfloat16"
    if device == "cpu" and proxy["shape"]["context"] < EXPLICIT_BELOW:
        attention = "explicit"
        reasons["attention"] = (
            f"explicit products are faster on a CPU below context {EXPLICIT_BELOW}"
        )
    else:
        attention = "fused"
        reasons["attention"] = "torch's fused kernel"
    reasons["compile"] = "eager: no graph to compile"
    kernel = fixed.get("attention", attention)
    micro_batch, wave = packed(proxy, vocabulary, hardware.memory_mb, kernel)
    reasons["micro_batch"] = "all of a step fits"
    if micro_batch < batch:
        reasons["micro_batch"] = f"activations of {PIECE_MB[device]} MB a member"
    reasons["wave"] = "what memory holds" if wave < MOST[device] else "more gain nothing"
    choice = Choice(precision, attention, False, micro_batch, wave)
    settings = fixed | {"micro_batch": micro_batch}
    return replace(choice, **settings), reasons | dict.fromkeys(fixed, "fixed in the config")


def _choices(
    plain: Choice, proxy: Mapping[str, Any], vocabulary: int, hardware: Machine
) -> list[Choice]:
    """The plain choice, then those of other precisions and attention kernels that may be tried.

    On a CPU none takes more memory than the plain one, for that is what the jobs ask for: another
    kernel goes with fewer members side by side, or is left out. On a GPU its memory is the limit.
    """
    device = proxy["device"]
    shape = proxy["shape"]
    budget: float = hardware.memory_mb
    if device == "cpu":
        budget = plain.wave * member_mb(shape, vocabulary, plain.micro_batch, plain.attention)
    precisions = [plain.precision]
    if proxy.get("precision", "auto") == "auto" and hardware.bfloat16:
        precisions = ["float32", "bfloat16"]
    kernels = [plain.attention]
    if proxy.get("attention", "auto") == "auto":
        kernels = ["fused", "explicit"]
    choices = [plain]
    for precision, kernel in product(precisions, kernels):
        other = replace(plain, precision=precision)
        if kernel != plain.attention:
            micro_batch, wave = packed(proxy, vocabulary, budget, kernel)
            other = Choice(precision, kernel, plain.compile, micro_batch, wave)
        sizes = (other.micro_batch, other.wave, other.attention)
        if other not in choices and wave_mb(shape, vocabulary, *sizes, device) <= budget:
            choices.append(other)
    return choices
