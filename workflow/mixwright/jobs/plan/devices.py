"""How fast a kind of device is on paper, line by line, each with its source.

A device reaches a share of its peak, and small models reach less of it. The share is a function of
the model's width alone, fitted to published training times (`facts`) for GPUs and to our own
benchmarks for CPU cores. It is right to a factor of about 2, and no closer.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError, closest

TERA = 1e12
GIGA = 1e9
# Of GPUs: share = SCALE x width^POWER, at most MOST; a test fits it to the facts again.
SCALE = 0.049
POWER = 0.28
MOST = 0.6
NARROW = 256  # the narrowest model of the facts
# Of CPU cores: share = width / (width + half), half by the kind of core.
ON_CPU = (
    "share of that by width w: w / (w + half), half 110 with AVX2 and 40 with avx512_bf16, from our"
    " steps of 64 to 256 wide (benchmarks/RESULTS.md, proxies.py of 2026-11-26, and the plan's"
    " entry); scoring reaches twice that, transformers' Trainer (large finals) .8 of it"
)
ON_GPU = (
    "share of that by width w: .049 w^.28, at most .6, the line through 17 published training times"
    " on A100s (RegMix, Pythia, nanoGPT, llm.c, TinyLlama, MosaicML; they differ from it by a"
    " factor of 1.4); our own trainers were not measured on a GPU"
)
# By kind: how much faster operations of scoring are than those of training, which wait for an
# optimizer; and the share that transformers' Trainer has of the packed trainer's speed. Nothing is
# known of either on a GPU.
SCORING = {"cpu": 2.0, "cuda": 1.0}
TRAINER = {"cpu": 0.8, "cuda": 1.0}


@dataclass(frozen=True)
class Device:
    """A kind of device: a GPU, or one core of a CPU."""

    name: str
    title: str
    # cpu or cuda, as the config says it
    kind: str
    # dense FLOP/s of products in the precision that training takes there
    peak: float
    # where the peak is from
    source: str
    # of the same in float32, where that is another number
    float32: float | None = None
    # of a GPU: times the share of an A100
    attained: float = 1.0
    # of a core: the width that reaches half of the peak
    half: float = 110.0
    # a word by which its maker's name of it can be told
    sign: str = ""

    def flops_per_second(
        self, shape: Mapping[str, Any], precision: str, by_transformers: bool
    ) -> float:
        """Returns the operations a second that training a model of a shape reaches.

        Args:
            shape: a resolved study's model shape.
            precision: as in the config; auto is the fastest that the device has.
            by_transformers: whether its Trainer trains it, and not the packed trainer.
        """
        peak = self.peak
        if precision == "float32" and self.float32 is not None:
            peak = self.float32
        trainer = TRAINER[self.kind] if by_transformers else 1.0
        return peak * self.share(shape["width"]) * trainer

    def share(self, width: int) -> float:
        """Returns the share of its peak that a model so wide reaches."""
        if self.kind == "cpu":
            return width / (width + self.half)
        return self.attained * min(MOST, SCALE * width**POWER)


def _data_sheet(name: str, peak: float, text: str, float32: float | None = None) -> Device:
    """A GPU of which its maker's data sheet is all that is known."""
    source = f"NVIDIA's data sheet: {text}"
    return Device(name, name.upper(), "cuda", peak * TERA, source, float32, sign=name)


# H100s reach less of their peak than A100s.
ON_H100 = "; .7 of an A100's share, as MosaicML's table (llm-foundry) and llm.c show"
BF16_DENSE = "bfloat16, dense"

DEVICES = {
    device.name: device
    for device in (
        Device(
            "cpu",
            "CPU core",
            "cpu",
            85 * GIGA,
            "benchmarks/RESULTS.md, proxies.py of 2026-11-26: products reach 80 to 87 GFLOP/s a"
            " core in float32 on an AMD EPYC with AVX2",
        ),
        Device(
            "cpu-bf16",
            "CPU core with avx512_bf16",
            "cpu",
            190 * GIGA,
            "our steps on an AMD EPYC (Zen 5) on 2026-11-29: 97 to 178 GFLOP/s in bfloat16, 51 to"
            " 77 in float32, by shape (benchmarks/RESULTS.md, the plan's entry)",
            float32=85 * GIGA,
            half=40.0,
        ),
        Device(
            "a100",
            "A100",
            "cuda",
            312 * TERA,
            f"NVIDIA's data sheet: 312 TFLOP/s, {BF16_DENSE}",
            float32=19.5 * TERA,
            sign="a100",
        ),
        Device(
            "h100",
            "H100 SXM",
            "cuda",
            989 * TERA,
            f"NVIDIA's data sheet: 989 TFLOP/s, {BF16_DENSE}{ON_H100}",
            float32=67 * TERA,
            attained=0.7,
            sign="h100",
        ),
        Device(
            "h200",
            "H200",
            "cuda",
            989 * TERA,
            f"NVIDIA's data sheet: 989 TFLOP/s, {BF16_DENSE}; taken for an H100",
            float32=67 * TERA,
            attained=0.7,
            sign="h200",
        ),
        Device(
            "b200",
            "B200",
            "cuda",
            2_250 * TERA,
            f"NVIDIA's data sheet: 2,250 TFLOP/s, {BF16_DENSE}; an H100's share is assumed",
            float32=75 * TERA,
            attained=0.7,
            sign="b200",
        ),
        _data_sheet("a10", 125, f"125 TFLOP/s, {BF16_DENSE}", 31.2 * TERA),
        _data_sheet("a30", 165, f"165 TFLOP/s, {BF16_DENSE}", 10.3 * TERA),
        _data_sheet("a40", 150, f"150 TFLOP/s, {BF16_DENSE}", 37.4 * TERA),
        _data_sheet("a6000", 155, f"155 TFLOP/s, {BF16_DENSE}", 38.7 * TERA),
        _data_sheet("l4", 121, f"121 TFLOP/s, {BF16_DENSE}", 30.3 * TERA),
        _data_sheet("l40s", 362, f"362 TFLOP/s, {BF16_DENSE}", 91.6 * TERA),
        _data_sheet("4090", 165, "165 TFLOP/s, bfloat16 with float32 sums, dense", 82.6 * TERA),
        _data_sheet("3090", 71, "71 TFLOP/s, bfloat16 with float32 sums, dense", 35.6 * TERA),
        _data_sheet("v100", 15.7, "15.7 TFLOP/s, float32: it has no bfloat16"),
        _data_sheet("t4", 8.1, "8.1 TFLOP/s, float32: it has no bfloat16"),
    )
}
CPUS = tuple(name for name, device in DEVICES.items() if device.kind == "cpu")
# What is planned for where a study says cuda, and nobody says which.
USUAL = {"cpu": "cpu", "cuda": "a100"}
# where NVIDIA's driver tells the GPUs of a machine
DRIVER = Path("/proc/driver/nvidia/gpus")
MODEL = "Model:"
# They say no more than that it is a GPU.
ANY_GPU = ("cuda", "gpu", "nvidia")


def device_of(name: str, option: str = "--device") -> Device:
    """Returns the device of a name. `option` gave it.

    Raises:
        MixwrightError: there is none of this name.
    """
    device = DEVICES.get(name.lower()) or known_as(name)
    if device is None:
        raise MixwrightError(f"{option} {name} is unknown; {_hint(name.lower())}")
    return device


def _hint(name: str) -> str:
    """What to write in place of an unknown name."""
    names = f"known: {', '.join(DEVICES)}"
    if name in ANY_GPU:
        return f"name the GPU; {names}"
    close = closest(name, list(DEVICES))
    return f"did you mean {close}? {names}" if close else names


def known_as(maker_name: str) -> Device | None:
    """Returns the GPU that its maker calls so, such as `NVIDIA A100-SXM4-80GB`; None: unknown."""
    words = maker_name.lower().replace("-", " ").split()
    for device in DEVICES.values():
        if device.sign and device.sign in words:
            return device
    return None


def gpus(driver: Path = DRIVER) -> list[Device]:
    """Returns the GPUs of this machine that the table knows."""
    known = []
    for information in driver.glob("*/information"):
        with suppress(OSError):
            for line in information.read_text().splitlines():
                if line.startswith(MODEL):
                    known.append(known_as(line.removeprefix(MODEL)))
    return [device for device in known if device is not None]
