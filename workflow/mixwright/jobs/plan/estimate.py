"""What a study takes on some devices: hours of each stage, and how long it takes in all.

    seconds = starts and text + operations / (share of the peak x peak)

Stages follow each other: corpus, all proxies, finals, fits. Within one, jobs run side by side, as
many as there are devices, and none ends before its longest job.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from mixwright.errors import counted
from mixwright.jobs.plan.devices import NARROW, SCORING, USUAL, Device, device_of
from mixwright.jobs.plan.jobs import USUAL_FIGURES
from mixwright.jobs.plan.work import CORPUS, FINALS, FITS, TREES_SECONDS, Work, works
from mixwright.study.study import Study

HOUR = 3600.0
# how far the truth may be off, as a factor
MEASURED = 1.3
TABULATED = 2.0


@dataclass(frozen=True)
class Measurement:
    """How fast models were trained on a device, against what the table says of them."""

    # times the table's speed
    times: float
    # the study whose jobs told it
    study: str


@dataclass(frozen=True)
class Hardware:
    """What a study is computed on."""

    # section of the config -> its device
    devices: Mapping[str, Device]
    # how many of each kind work at once: cpu, cuda
    numbers: Mapping[str, int]
    # section of the config -> what was measured there
    measured: Mapping[str, Measurement] = field(default_factory=dict)

    def with_numbers(self, numbers: Mapping[str, int]) -> "Hardware":
        """Returns the hardware with other numbers of some kinds of devices."""
        return replace(self, numbers={**self.numbers, **numbers})


@dataclass(frozen=True)
class Part:
    """One stage on its device."""

    work: Work
    # empty: cores of a CPU
    device: str
    # of a device, all jobs together
    hours: float
    # until the stage's last job has ended, if nothing else runs
    longest_hours: float
    # where the throughput is from, in words
    source: str
    measured: bool

    @property
    def stage(self) -> str:
        """corpus, a role of runs, finals, or fits and report."""
        return self.work.stage


@dataclass(frozen=True)
class Estimate:
    """What a study, or the rest of one, takes."""

    parts: tuple[Part, ...]
    hardware: Hardware

    @property
    def runs(self) -> int:
        """Models that are trained."""
        return sum(part.work.runs for part in self.parts)

    @property
    def tokens(self) -> int:
        """Training tokens of all of them."""
        return sum(part.work.tokens for part in self.parts)

    @property
    def flops(self) -> float:
        """Operations of training and scoring."""
        return sum(part.work.flops for part in self.parts)

    @property
    def device_hours(self) -> dict[str, float]:
        """Device -> hours of all its jobs; a core of a CPU is a device."""
        hours: dict[str, float] = {}
        for part in self.parts:
            hours[part.device] = hours.get(part.device, 0.0) + part.hours
        return hours

    @property
    def wall_hours(self) -> float:
        """Hours from start to end, with as many devices as the hardware has."""
        proxies = []
        others = 0.0
        for part in self.parts:
            if part.work.section == "proxy":
                proxies.append(part)
            else:
                others += self._wall([part])
        return others + self._wall(proxies)

    @property
    def widths_from_table(self) -> tuple[int, ...]:
        """Widths of the models whose speed on a GPU is from the table."""
        widths = []
        for part in self.parts:
            work = part.work
            if part.measured or not work.flops:
                continue
            if self.hardware.devices[work.section].kind == "cuda":
                widths.append(int(work.shape["width"]))
        return tuple(widths)

    @property
    def factor(self) -> float | None:
        """The truth may be so many times as much, or as little.

        It is None where models are narrower than any that the table knows on a GPU: they keep it
        waiting, and nobody has told how long.
        """
        if min(self.widths_from_table, default=NARROW) < NARROW:
            return None
        trained = [part for part in self.parts if part.work.flops]
        if trained and max(trained, key=lambda part: part.hours).measured:
            return MEASURED
        return TABULATED

    def _wall(self, parts: Sequence[Part]) -> float:
        """Hours of parts whose jobs run side by side on devices of one kind."""
        if not parts:
            return 0.0
        section = parts[0].work.section
        kind = self.hardware.devices[section].kind if section else "cpu"
        hours = sum(part.hours for part in parts) / self.hardware.numbers[kind]
        return max(hours, *(part.longest_hours for part in parts))


def hardware_of(
    study: Study,
    device: str | None = None,
    number: int | None = None,
    cores: int = 1,
    gpus: int = 1,
    usual: Mapping[str, Device] | None = None,
) -> Hardware:
    """Returns what a study is computed on.

    Args:
        study: the study.
        device: name of the device that trains; None: what the study's sections say.
        number: how many of it; of GPUs where some train there. None: all that this machine has.
        cores: cores of this machine.
        gpus: its GPUs, or those that a scheduler gives.
        usual: kind -> the device that cpu and cuda stand for here.

    Raises:
        MixwrightError: there is no such device.
    """
    known = {kind: device_of(name) for kind, name in USUAL.items()} | dict(usual or {})
    devices = {}
    for section in ("proxy", "final"):
        kind = study.config.get(section, {}).get("device", "cpu")
        devices[section] = device_of(device) if device else known[kind]
    if study.ends_at_proposals:
        # no final is trained, whatever its section says
        devices["final"] = devices["proxy"]
    numbers = {"cpu": cores, "cuda": gpus}
    if number is not None:
        kinds = {trained_on.kind for trained_on in devices.values()}
        # of both kinds it counts GPUs: the cores are this machine's
        counts = "cuda" if "cuda" in kinds else "cpu"
        numbers[counts] = number
    return Hardware(devices, numbers)


def estimate(
    study: Study,
    hardware: Hardware,
    finished: Set[str] = frozenset(),
    figures: int = USUAL_FIGURES,
) -> Estimate:
    """Returns what a study takes.

    Args:
        study: the study.
        hardware: what it is computed on.
        finished: what is done and costs nothing, as `works` takes it.
        figures: how many the study draws.
    """
    parts = [_part(work, hardware) for work in works(study, finished, figures)]
    return Estimate(tuple(parts), hardware)


def training_hours(work: Work, device: Device, times: float = 1.0) -> float:
    """Returns device-hours to train and score by the table, without starts of jobs.

    Args:
        work: what is trained.
        device: on what.
        times: how many times the table's speed was measured. A final is scored by another job, of
            which no speed is told.
    """
    speed = device.flops_per_second(work.shape, work.precision, work.by_transformers)
    scored = speed * SCORING[device.kind]
    if work.section == "proxy":
        scored *= times
    seconds = work.training / (speed * times) + work.scoring / scored
    return seconds / HOUR


def _part(work: Work, hardware: Hardware) -> Part:
    besides = work.seconds / HOUR
    if not work.section:
        device = hardware.devices["proxy"]
        name = device.name if device.kind == "cpu" else "cpu"
        return Part(work, name, besides, 0.0, "", True)
    device = hardware.devices[work.section]
    if not work.flops:
        source = f"tabulated: {TREES_SECONDS:g} s a model"
        return Part(work, device.name, besides, 0.0, source, False)
    measurement = hardware.measured.get(work.section)
    times = 1.0 if measurement is None else measurement.times
    trained = training_hours(work, device, times)
    source = f"tabulated: {device.share(work.shape['width']):.0%} of a peak"
    if measurement is not None:
        source = f"measured in {measurement.study}"
    return Part(
        work,
        device.name,
        besides + trained,
        trained * work.longest / work.each,
        source,
        measurement is not None,
    )


def in_words(part: Part) -> str:
    """Returns what a part consists of, such as `32 runs`."""
    if part.stage in (CORPUS, FITS):
        return counted(sum(part.work.jobs.values()), "job")
    if part.stage == FINALS:
        return counted(part.work.runs, "final")
    return counted(part.work.runs, "run")
