"""How fast the GPU of this machine trains proxies, and which settings a study should have there.

Torch is imported by what measures, and not before somebody asks.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError
from mixwright.jobs.doctor.finding import Ask, output_of
from mixwright.jobs.plan.devices import known_as
from mixwright.jobs.plan.flops import training_flops
from mixwright.progress import say
from mixwright.proxies.speed.cases import SHAPES

if TYPE_CHECKING:
    from mixwright.proxies.speed.measure import Speed

# (shape, models side by side): what is worth most first, and last what memory may not hold
CASES = (
    ("RegMix", 16),
    ("8 k vocabulary", 16),
    ("tiny", 64),
    ("RegMix", 1),
    ("tiny", 1),
    ("RegMix", 4),
    ("8 k vocabulary", 64),
    ("tiny", 16),
    ("RegMix", 64),
)
# the shapes that calibration is asked for
CALIBRATED = ("RegMix", "tiny")
# tokens of a job for which calibration times all that it can choose from
TOKENS = 10**9
# A choice is as good as another one down to this share of its speed.
CLOSE = 0.95
DRIVER = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
# seconds after which no pack is begun, and no calibration
PACKS_UNTIL = 90.0
CALIBRATIONS_UNTIL = 130.0


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    device: str = "cuda"
    # (shape, models side by side)
    cases: Sequence[tuple[str, int]] = CASES
    # name -> sizes
    shapes: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: SHAPES)
    calibrated: Sequence[str] = CALIBRATED
    # seconds of each measurement, beside its start
    seconds: float = 2.0
    # sequences of a step
    batch: int = 8
    # Settings of the section `proxy` that are fixed: a compiler takes a minute for each shape.
    fixed: Mapping[str, Any] = field(default_factory=lambda: {"compile": False})
    packs_until: float = PACKS_UNTIL
    calibrations_until: float = CALIBRATIONS_UNTIL


@dataclass(frozen=True)
class Measured:
    """One pack, or why it has no speed."""

    case: str
    members: int
    speed: "Speed | None"
    # the share of the device's peak on paper; None where the peak is not known
    share: float | None = None
    graph: bool = True
    reason: str = ""


@dataclass(frozen=True)
class Calibrated:
    """What calibration chooses for a shape, beside the fastest pack that was measured."""

    case: str
    members: int
    precision: str
    # tokens a second of the choice, by training
    tokens: float
    # tokens a second of the fastest pack, and its members
    best: float
    best_members: int
    # what calibration itself timed: name of a choice -> seconds for each token of a member
    timings: Mapping[str, float | None]

    @property
    def share(self) -> float:
        """The speed of the choice as a share of the best one; the choice may be the best."""
        return self.tokens / max(self.tokens, self.best)


def obstacle() -> str:
    """Returns why nothing can be measured on a GPU here; empty where it can."""
    if find_spec("torch") is None:
        return "torch is not installed, so no GPU can be measured; run `make install`"
    import torch

    if torch.cuda.is_available():
        return ""
    built = f"torch {torch.__version__}"
    return f"{built} sees no GPU here; `mixwright doctor` says what the machine has"


def machine_facts(device: str = "cuda", ask: Ask = output_of) -> dict[str, str]:
    """Returns what the machine is: card, driver, torch, CUDA, triton, bfloat16; by name.

    Args:
        device: cpu or cuda.
        ask: runs a program.
    """
    import torch

    from mixwright.proxies.tuning import machine

    hardware = machine(device)
    facts = {
        "device": hardware.kind,
        "memory for members": f"{hardware.memory_mb / 1024:.0f} GiB",
        "bfloat16": "in hardware" if hardware.bfloat16 else "none in hardware",
        "torch": torch.__version__,
        "CUDA": str(torch.version.cuda or torch.version.hip or "none"),
        "triton": _triton(),
        "driver": (ask(*DRIVER) or "none").strip().partition("\n")[0],
    }
    if device == "cuda":
        major, minor = torch.cuda.get_device_capability()
        facts["capability"] = f"{major}.{minor}"
        card = known_as(torch.cuda.get_device_name())
        facts["peak on paper"] = f"{card.peak / 1e12:.0f} TFLOP/s" if card else "not in the table"
    return facts


def _triton() -> str:
    if find_spec("triton") is None:
        return "none"
    import triton

    return str(triton.__version__)


def share_of_peak(shape: Mapping[str, Any], tokens: float, device: str) -> float | None:
    """Returns the share of the device's peak that so many tokens a second are.

    None where the device is a CPU, or a card that the table of devices lacks.
    """
    if device != "cuda":
        return None
    import torch

    card = known_as(torch.cuda.get_device_name())
    if card is None:
        return None
    return training_flops(shape, shape["vocabulary"]) * tokens / card.peak


def speeds(plan: Plan, began: float) -> Iterator[Measured]:
    """Yields the speed of each pack of the plan, as it is measured.

    What memory does not hold has a reason in place of a speed, and so has what would begin late.

    Args:
        plan: what is measured.
        began: when the check began, by the monotonic clock.
    """
    for case, members in plan.cases:
        if time.monotonic() - began > plan.packs_until:
            yield Measured(case, members, None, reason="no time left")
        else:
            yield pack_speed(plan, case, members)


def pack_speed(plan: Plan, case: str, members: int, graph: bool = True, **fixed: Any) -> Measured:
    """Returns the speed of one pack.

    Args:
        plan: what is measured.
        case: name of the shape.
        members: models side by side.
        graph: False: without a graph of its step.
        fixed: settings of the section `proxy`, beside those that the plan fixes.
    """
    from mixwright.proxies.speed.made_up import write_shards
    from mixwright.proxies.speed.measure import speed

    shape = plan.shapes[case]
    say(f"{case}, {members} side by side{'' if graph else ', without a graph'}")
    with TemporaryDirectory() as folder:
        shards = write_shards(Path(folder), shape["vocabulary"])
        try:
            result = speed(
                shape,
                shards,
                members,
                plan.device,
                seconds=plan.seconds,
                batch=plan.batch,
                graph=graph,
                **{**plan.fixed, **fixed},
            )
        except MixwrightError as error:
            return Measured(case, members, None, graph=graph, reason=str(error))
    share = share_of_peak(shape, result.tokens, plan.device)
    return Measured(case, members, result, share, graph)


def calibrations(plan: Plan, measured: Sequence[Measured], began: float) -> Iterator[Calibrated]:
    """Yields what calibration chooses for shapes of the plan, beside what was measured.

    A choice that was not measured is measured now. What would begin late is left out.

    Args:
        plan: what is measured.
        measured: packs.
        began: when the check began, by the monotonic clock.
    """
    from mixwright.proxies.speed.measure import calibrated

    for case in plan.calibrated:
        if time.monotonic() - began > plan.calibrations_until:
            return
        say(f"calibration of {case}")
        result = calibrated(plan.shapes[case], plan.device, TOKENS, plan.batch, **plan.fixed)
        choice = {key: result["choices"][key] for key in ("precision", "attention", "compile")}
        members = result["choices"]["wave"]
        tokens = {}
        for pack in measured:
            if pack.case == case and pack.speed and pack.graph:
                tokens[pack.members] = pack.speed.tokens
        if not _was_measured(measured, case, members, choice):
            of_choice = pack_speed(plan, case, members, **choice)
            tokens[members] = of_choice.speed.tokens if of_choice.speed else 0.0
        best = max(tokens, key=lambda count: tokens[count])
        yield Calibrated(
            case,
            members,
            choice["precision"],
            tokens[members],
            tokens[best],
            best,
            result["seconds"],
        )


def _was_measured(
    measured: Sequence[Measured], case: str, members: int, choice: Mapping[str, Any]
) -> bool:
    """Whether a pack of so many members was measured as calibration would compute it."""
    for pack in measured:
        if pack.speed is None or not pack.graph or (pack.case, pack.members) != (case, members):
            continue
        computed = pack.speed.choice
        if all(getattr(computed, key) == value for key, value in choice.items()):
            return True
    return False


def advice(
    measured: Sequence[Measured], calibrated: Sequence[Calibrated]
) -> list[tuple[str, dict[str, Any]]]:
    """Returns what should be set in a study: why, and the keys to write; the first is for all.

    Args:
        measured: packs, with a graph and without one.
        calibrated: what calibration chooses.
    """
    settings: dict[str, Any] = {"proxy": {"device": "cuda"}, "final": {"device": "cuda"}}
    lines = [("training takes the GPU where a study says so", settings)]
    for choice in calibrated:
        if choice.share < CLOSE:
            slower = 100 * (1 - choice.share)
            why = (
                f"models like {choice.case}: calibration takes {choice.members} side by side,"
                f" which is {slower:.0f} % slower than {choice.best_members}"
            )
            lines.append((why, {"proxy": {"wave": choice.best_members}}))
    eager = {(one.case, one.members): one.speed for one in measured if not one.graph}
    for one in measured:
        other = eager.get((one.case, one.members))
        if one.graph and one.speed and other and one.speed.tokens < CLOSE * other.tokens:
            why = f"models like {one.case}: a step is faster without a graph"
            lines.append((why, {"proxy": {"graph": False}}))
    return lines
