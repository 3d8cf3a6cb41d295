"""Chooses how the proxies of a study are computed on one kind of machine.

The choice is made once, by rules and a few timed steps, and remembered. What of it changes numbers
by rounding (precision, attention, compile, micro_batch) is part of the store's key; no timing is.
"""

import math
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from mixwright.files import read_json, write_json
from mixwright.learners import EXPLICIT_BELOW
from mixwright.mixture import digest
from mixwright.proxies.footprint import CPU_MB, MOST, PIECE_MB, member_mb, packed, parameters
from mixwright.versions import VERSIONS

# settings of a study's proxy that may be "auto"
KEYS = ("precision", "attention", "compile", "micro_batch", "wave")
# CPU-seconds of planned work in one process below which nothing is timed: a timing would cost more
# than it can save.
TIMED = 30.0
# The same for trying the compiler: it takes 10 to 60 s in every job and saves at most a quarter.
COMPILED = 120.0
# FLOP/s of small shapes, by device, for these two questions alone
SPEED = {"cpu": 3e10, "cuda": 1e14}
# A choice replaces the one before it if it takes at most this share of its time.
CLEARLY = 0.95
# flags of /proc/cpuinfo, the fastest hardware first
CPU_FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")

# times a choice: seconds for each token of a member; infinite where memory does not hold it
Seconds = Callable[["Choice"], float]


@dataclass(frozen=True)
class Machine:
    """The properties of a machine that a choice depends on."""

    # its name; timings hold for machines of the same name
    kind: str
    # whether the hardware multiplies bfloat16
    bfloat16: bool
    # whether there is a C++ compiler
    compiler: bool
    # of the device, for one process
    memory_mb: int


@dataclass(frozen=True)
class Choice:
    """How a pack is computed."""

    precision: str = "float32"
    attention: str = "fused"
    compile: bool = False
    # sequences that a member reads at a time
    micro_batch: int = 1
    # members side by side; changes no number
    wave: int = 4

    @property
    def name(self) -> str:
        """The choice in words, for logs and tables of timings."""
        compiled = ", compiled" if self.compile else ""
        return f"{self.precision}, {self.attention} attention{compiled}, {self.wave} side by side"


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
        # four fifths: the rest is for libraries
        memory_mb = gpu.total_memory * 8 // 10 >> 20
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return Machine(kind, bfloat16, compiler, memory_mb)
    model = _cpu_property("model name") or platform.processor()
    flags = _cpu_property("flags").split()
    fastest = platform.machine()
    for flag in CPU_FLAGS:
        if flag in flags:
            fastest = flag
            break
    bfloat16 = "amx_bf16" in flags or "avx512_bf16" in flags
    return Machine(f"{model}, {fastest}", bfloat16, compiler, CPU_MB)


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
    requested = {key: proxy.get(key, "auto") for key in KEYS}
    planned = _planned_seconds(proxy, vocabulary, tokens)
    sizes = {key: proxy[key] for key in ("shape", "batch", "optimizer", "device")}
    sizes["vocabulary"] = vocabulary
    name = digest(
        {
            "machine": asdict(hardware),
            "asked": requested,
            "sizes": sizes,
            "worth": (planned > TIMED, planned > COMPILED),
            "version": VERSIONS["calibrate"],
        }
    )
    path = folder / f"{name}.json" if folder else None
    if path and path.exists():
        return dict(read_json(path))
    choice, reasons = rule_of_thumb(proxy, vocabulary, hardware)
    trials = _Trials(seconds)
    if planned > TIMED:
        compiler_tokens = tokens if hardware.compiler and planned > COMPILED else 0
        choices = _choices(choice, proxy, vocabulary, hardware)
        choice = _timed(choices, requested, compiler_tokens, trials, reasons)
    else:
        reasons["timing"] = (
            f"about {planned:.0f} CPU-s in the largest job: too little to time anything"
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


@dataclass
class _Trials:
    """Times choices, each at most once."""

    seconds: Seconds
    # name of a choice -> seconds for each token of a member; None where memory does not hold it
    timings: dict[str, float | None] = field(default_factory=dict)

    def time_of(self, choice: Choice) -> float:
        if choice.name not in self.timings:
            taken = self.seconds(choice)
            self.timings[choice.name] = taken if math.isfinite(taken) else None
        seconds = self.timings[choice.name]
        if seconds is None:
            return math.inf
        return seconds

    def faster(self, best: Choice, other: Choice) -> Choice:
        """Returns `other` if it is clearly faster, else `best`."""
        if other == best:
            return best
        best_time = self.time_of(best)
        if self.time_of(other) < CLEARLY * best_time:
            return other
        return best


def _choices(
    plain: Choice, proxy: Mapping[str, Any], vocabulary: int, hardware: Machine
) -> list[Choice]:
    """The plain choice, then those of other precisions and attention kernels that may be tried.

    None takes more memory than the plain one, for that is what the jobs ask for: another kernel
    goes with fewer members side by side, or is left out.
    """
    shape = proxy["shape"]
    plain_member = member_mb(shape, vocabulary, plain.micro_batch, plain.attention)
    budget = plain.wave * plain_member
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
        member = member_mb(shape, vocabulary, other.micro_batch, other.attention)
        if other.wave * member <= budget:
            choices.append(other)
    return choices


def _timed(
    choices: Sequence[Choice],
    requested: Mapping[str, Any],
    compiler_tokens: int,
    trials: _Trials,
    reasons: dict[str, str],
) -> Choice:
    """Returns the fastest of the choices, and rewrites `reasons`. The first is the plain one.

    Then it tries one member at a time, then the compiler: for jobs of so many `compiler_tokens`,
    and not for none. What memory does not hold is never faster.
    """
    plain = choices[0]
    best = plain
    for choice in choices:
        best = trials.faster(best, choice)
    if requested["wave"] == "auto" and plain.wave > 1:
        best = trials.faster(best, replace(best, wave=1))
    if requested["compile"] == "auto" and compiler_tokens:
        best = _with_compiler(best, compiler_tokens, trials, reasons)
    if best.name in trials.timings and math.isinf(trials.time_of(best)):
        reasons["timing"] = "nothing timed fits into memory; training goes on with fewer members"
    for key in ("precision", "attention", "wave"):
        if requested[key] != "auto":
            continue
        if getattr(best, key) != getattr(plain, key):
            reasons[key] = "the faster in a few steps"
        else:
            reasons[key] += "; nothing timed was faster"
    return best


def _with_compiler(eager: Choice, tokens: int, trials: _Trials, reasons: dict[str, str]) -> Choice:
    """Returns the choice compiled, if the largest job saves more than compiling takes."""
    compiled = replace(eager, compile=True)
    began = time.process_time()
    try:
        trials.time_of(compiled)
    except Exception as error:
        # Whatever a compiler raises, the eager step still works.
        reasons["compile"] = f"the compiler failed ({error.__class__.__name__})"
        return eager
    cost = time.process_time() - began
    eager_time = trials.time_of(eager)
    if math.isinf(trials.time_of(compiled)):
        reasons["compile"] = "compiled it does not fit into memory"
        return eager
    saved = tokens * (eager_time - trials.time_of(compiled))
    reasons["compile"] = (
        f"compiling takes {cost:.0f} CPU-s and saves {saved:.0f} of about"
        f" {tokens * eager_time:.0f} in the largest job"
    )
    return compiled if saved > cost else eager
