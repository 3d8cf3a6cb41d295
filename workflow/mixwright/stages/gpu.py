"""Prints what a GPU was measured to do."""

import time
from collections.abc import Sequence

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mixwright.errors import MixwrightError
from mixwright.jobs.doctor import gpu_check
from mixwright.jobs.doctor.gpu_check import Calibrated, Measured, Plan

# the pack that is also timed without a graph: its kernels take less time than their launches
LAUNCHES = ("tiny", 1)


def check_gpu(plan: Plan | None = None) -> None:
    """Measures the machine's GPU, and prints speeds, memory and the lines to set in a study.

    Raises:
        MixwrightError: torch is missing, or sees no GPU.
    """
    if plan is None:
        reason = gpu_check.obstacle()
        if reason:
            raise MixwrightError(reason)
        plan = Plan()
    began = time.monotonic()
    console = Console(highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 1))
    for name, value in gpu_check.machine_facts(plan.device).items():
        facts.add_row(name, Text(value))
    console.print(facts)
    measured = list(gpu_check.speeds(plan, began))
    console.print(speed_table(measured))
    calibrated = list(gpu_check.calibrations(plan, measured, began))
    for one in calibrated:
        console.print(Text(calibration_line(one)))
    without = gpu_check.pack_speed(plan, *LAUNCHES, graph=False)
    if without.speed:
        rate = f"{without.speed.tokens / 1e6:.3g} M tokens/s"
        console.print(Text(f"{LAUNCHES[0]}, {LAUNCHES[1]} alone without a graph: {rate}"))
    for why, settings in gpu_check.advice([*measured, without], calibrated):
        console.print(Text(f"\n{why}:", style="bold"))
        console.print(Text(yaml.safe_dump(settings, sort_keys=False).rstrip()))


def speed_table(measured: Sequence[Measured]) -> Table:
    """Returns the packs as a table: a row each."""
    table = Table(box=None, padding=(0, 1))
    for heading in ("models like", "side by side", "M tokens/s", "of peak", "GiB", "start s"):
        table.add_column(heading, justify="left" if heading == "models like" else "right")
    for one in measured:
        if one.speed is None:
            table.add_row(one.case, str(one.members), one.reason)
            continue
        share = "" if one.share is None else f"{100 * one.share:.1f} %"
        memory = one.speed.memory_gib
        held = "" if memory is None else f"{memory:.1f}"
        table.add_row(
            one.case,
            str(one.members),
            f"{one.speed.tokens / 1e6:.3g}",
            share,
            held,
            f"{one.speed.start_seconds:.1f}",
        )
    return table


def calibration_line(one: Calibrated) -> str:
    """Returns in words what calibration chooses for a shape."""
    return (
        f"calibration, models like {one.case}: {one.precision}, {one.members} side by side,"
        f" {one.tokens / 1e6:.3g} M tokens/s; the fastest measured has {one.best_members}"
        f" ({100 * one.share:.0f} % of its speed)"
    )
