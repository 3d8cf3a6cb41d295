"""GPUs, whether torch can use them, and where bfloat16 is fast."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mixwright.jobs.doctor.finding import Ask, Finding

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")
LOOK = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count())"
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # of a CPU whose products are fast in it
BFLOAT16_CAPABILITY = 8  # compute capability from which a GPU has it
AMD_DRIVER = Path("/dev/kfd")  # there where AMD's driver serves programs


class Card(NamedTuple):
    """A GPU as nvidia-smi lists it."""

    name: str
    memory_mib: int
    capability: float


def gpus(
    ask: Ask,
    cpu: Path = Path("/proc/cpuinfo"),
    torch: Path | None = None,
    amd: Path = AMD_DRIVER,
) -> Iterator[Finding]:
    """Yields what nvidia-smi sees, what torch was built for and sees, and where bfloat16 is fast.

    Of AMD's GPUs it says that they are there, and that nothing was run on them.

    Args:
        ask: runs a program.
        cpu: the file that describes the processor.
        torch: its version.py; None: that of the installed one.
        amd: the file of AMD's driver.
    """
    cards = _cards(ask(*QUERY) or "")
    has_amd = not cards and amd.exists()
    yield _amd() if has_amd else _gpus(cards)
    yield _torch(ask, torch or _version_file(), bool(cards), has_amd)
    description = cpu.read_text() if cpu.exists() else ""
    yield _bfloat16(cards, description)


def _cards(output: str) -> list[Card]:
    """The cards that QUERY lists; lines of another form are messages."""
    cards = []
    for line in output.splitlines():
        if line.count(", ") != 2:
            continue
        name, memory, capability = line.split(", ")
        if memory.isdigit():
            cards.append(Card(name, int(memory), float(capability)))
    return cards


def _gpus(cards: Sequence[Card]) -> Finding:
    settings = {"resources": {"gpu": len(cards)}}
    if not cards:
        message = "nvidia-smi sees none on this machine: studies with `device: cpu` run here"
        return Finding("GPUs", "note", message, profile="workstation", settings=settings)
    kinds = []
    for (name, memory), number in Counter(card[:2] for card in cards).items():
        kinds.append(f"{number} x {name} ({memory / 1024:.0f} GiB)")
    message = f"{', '.join(kinds)}; without a scheduler each job leases one"
    return Finding("GPUs", "ok", message, profile="workstation", settings=settings)


def _amd() -> Finding:
    message = (
        "of AMD, by ROCm: untested. With torch's build for ROCm, device: cuda names them;"
        " list them in CUDA_VISIBLE_DEVICES, or no job leases one (docs/cluster.md)"
    )
    return Finding("GPUs", "note", message)


def _torch(ask: Ask, file: Path | None, with_gpus: bool, has_amd: bool) -> Finding:
    """What torch was built for; it is imported, which takes seconds, only where there are GPUs."""
    if file is None:
        message = (
            "not installed: nothing can be trained, tables of your own can be fitted; "
            "run `make install`"
        )
        return Finding("torch", "fails", message, needed=True)
    # lines such as `cuda: Optional[str] = '13.0'`
    line = r"^(__version__|cuda|hip)\b.*= '([^']*)'"
    built = dict(re.findall(line, file.read_text(), re.MULTILINE))
    target = "without CUDA"
    if "hip" in built:
        target = f"for ROCm {built['hip']} (untested)"
    elif "cuda" in built:
        target = f"for CUDA {built['cuda']}"
    message = f"{built['__version__']}, built {target}"
    if not (with_gpus or has_amd):
        return Finding("torch", "ok", message)
    wanted, name = ("hip", "ROCm") if has_amd else ("cuda", "CUDA")
    if wanted not in built:
        message += f": the GPUs cannot be used; install the build for your {name} into .venv"
        return Finding("torch", "note", message)
    answer = (ask(sys.executable, "-c", LOOK) or "").split()
    if answer[:1] != ["True"]:
        message += f", but it finds no GPU: is the driver older than its {name}?"
        return Finding("torch", "note", message)
    state = "note" if has_amd else "ok"
    return Finding("torch", state, f"{message}, sees {answer[1]} GPUs")


def _bfloat16(cards: Sequence[Card], cpu: str) -> Finding:
    """Where bfloat16 is fast; `cpu` is the text of /proc/cpuinfo."""
    places = []
    if _flags(cpu) & BFLOAT16_FLAGS:
        places.append("CPU")
    if cards and min(card.capability for card in cards) >= BFLOAT16_CAPABILITY:
        places.append("GPUs")
    if not places:
        return Finding("bfloat16", "note", "emulated here, and slow: keep precision: float32")
    message = f"fast on {' and '.join(places)}: precision: bfloat16 pays there"
    return Finding("bfloat16", "ok", message)


def _flags(cpu: str) -> set[str]:
    """The flags of the first processor."""
    for line in cpu.splitlines():
        if line.lower().startswith(("flags", "features")):
            return set(line.split())
    return set()


def _version_file() -> Path | None:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).with_name("version.py")
