"""GPUs, whether torch can use them, and bfloat16."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from mixwright.jobs.doctor.finding import Finding, Run

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")
LOOK = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count())"
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # flags of a CPU whose products are fast in it


def gpus(
    run: Run, cpu: Path = Path("/proc/cpuinfo"), torch: Path | None = None
) -> Iterator[Finding]:
    """What nvidia-smi sees, what torch was built for and sees, and where bfloat16 is fast. `torch` is its version.py."""
    cards = _cards(run(*QUERY) or "")
    yield _seen(cards)
    yield _torch(run, torch or _version_file(), bool(cards))
    yield _bfloat16(cards, cpu.read_text() if cpu.exists() else "")


def _cards(said: str) -> list[tuple[str, int, float]]:
    """(name, MiB, compute capability) a card."""
    rows = (line.split(", ") for line in said.splitlines() if line.count(", ") == 2)
    return [
        (name, int(size), float(capability)) for name, size, capability in rows if size.isdigit()
    ]


def _seen(cards: list[tuple[str, int, float]]) -> Finding:
    settings = {"resources": {"gpu": len(cards)}}
    if not cards:
        told = "nvidia-smi sees none on this machine: studies with `device: cpu` run here"
        return Finding("GPUs", "note", told, profile="workstation", settings=settings)
    kinds = ", ".join(
        f"{count} x {name} ({size / 1024:.0f} GiB)"
        for (name, size), count in Counter(card[:2] for card in cards).items()
    )
    told = f"{kinds}; without a scheduler each job leases one"
    return Finding("GPUs", "ok", told, profile="workstation", settings=settings)


def _torch(run: Run, file: Path | None, cards: bool) -> Finding:
    """Without importing it where no GPU asks for that: the import takes seconds."""
    if file is None:
        told = "not installed: nothing can be trained, tables of your own can be fitted; run `make install`"
        return Finding("torch", "fails", told, needed=True)
    built = dict(re.findall(r"^(__version__|cuda)\b.*= '([^']*)'", file.read_text(), re.MULTILINE))
    told = f"{built['__version__']}, built {'for CUDA ' + built['cuda'] if 'cuda' in built else 'without CUDA'}"
    if not cards:
        return Finding("torch", "ok", told)
    if "cuda" not in built:
        return Finding(
            "torch",
            "note",
            f"{told}: the GPUs cannot be used; install the build for your CUDA into .venv",
        )
    sees = (run(sys.executable, "-c", LOOK) or "").split()
    if sees[:1] != ["True"]:
        return Finding(
            "torch", "note", f"{told}, but it finds no GPU: is the driver older than its CUDA?"
        )
    return Finding("torch", "ok", f"{told}, sees {sees[1]} GPUs")


def _bfloat16(cards: list[tuple[str, int, float]], cpu: str) -> Finding:
    flags = set(
        next(
            (line for line in cpu.splitlines() if line.lower().startswith(("flags", "features"))),
            "",
        ).split()
    )
    where = (["CPU"] if flags & BFLOAT16 else []) + (
        ["GPUs"] if cards and min(card[2] for card in cards) >= 8 else []
    )
    if where:
        return Finding(
            "bfloat16", "ok", f"fast on {' and '.join(where)}: precision: bfloat16 pays there"
        )
    return Finding("bfloat16", "note", "emulated here, and slow: keep precision: float32")


def _version_file() -> Path | None:
    found = find_spec("torch")
    return Path(found.origin).with_name("version.py") if found and found.origin else None
