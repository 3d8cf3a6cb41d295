"""The plan of a study: what it takes in all, and what is still to be done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mixwright.jobs.plan.devices import gpus
from mixwright.jobs.plan.estimate import Estimate, estimate, hardware_of
from mixwright.jobs.plan.here import core, cores, finished, holds_earlier_results
from mixwright.jobs.plan.jobs import USUAL_FIGURES
from mixwright.jobs.plan.space import Space, space_of
from mixwright.jobs.plan.speeds import with_measurements
from mixwright.study.study import Study


@dataclass(frozen=True)
class Plan:
    """What a study takes on some hardware."""

    study: Study
    in_all: Estimate
    # without what is done
    to_go: Estimate
    space: Space
    # whether which GPU trains is a guess
    guessed: bool = False
    # whether the store has results of an earlier version alone, which nothing finds
    unread: bool = False

    @property
    def devices(self) -> str:
        """How many of which device train, in words."""
        hardware = self.in_all.hardware
        words = {}
        for device in hardware.devices.values():
            number = hardware.numbers[device.kind]
            plural = "" if number == 1 else "s"
            first, *rest = device.title.split(" with ")
            words[device.name] = " with ".join([f"{number} {first}{plural}", *rest])
        return " and ".join(words.values())


def plan_of(
    study: Study,
    root: Path = Path("results"),
    device: str | None = None,
    number: int | None = None,
    jobs_at_once: Mapping[str, int] | None = None,
    figures: int = USUAL_FIGURES,
    aside: Iterable[str] = (),
) -> Plan:
    """Returns the plan of a study on this machine, or on devices that are named.

    Args:
        study: the study.
        root: the folder of all results.
        device: name of the device that trains; None: what the study says.
        number: how many of it; None: those of this machine.
        jobs_at_once: kind of device -> how many work at once, where a run was told.
        figures: how many the study draws.
        aside: names of packs that are not asked for now.

    Raises:
        MixwrightError: there is no such device.
    """
    usual = {"cpu": core()}
    cards = gpus()
    if cards:
        usual["cuda"] = cards[0]
    hardware = hardware_of(study, device, number, cores(), max(len(cards), 1), usual)
    if number is None:
        hardware = hardware.with_numbers(jobs_at_once or {})
    hardware = with_measurements(hardware, study, root)
    done = finished(study, root / study.name).union(aside)
    return Plan(
        study,
        estimate(study, hardware, figures=figures),
        estimate(study, hardware, done, figures),
        space_of(study),
        guessed=device is None and not cards,
        unread=holds_earlier_results(root / "store"),
    )
