"""What a study took: models, tokens, operations and time, and what more of it would take."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright.errors import MixwrightError, counted, quantity
from mixwright.files import read_json
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.plan.work import FINALS, works
from mixwright.report.frame import note, table, text
from mixwright.report.proposed import listed
from mixwright.study.study import Study

MINUTE, HOUR = 60.0, 3600.0
ROLES = {
    "swarm": "proxies on sampled mixtures (swarm)",
    "vertex": "proxies on one domain each (vertex)",
    "perturb": "proxies with one domain more or less (perturb)",
    "repeat": "proxies that repeat one mixture (repeat)",
    "transfer": "proxies at another model size (transfer)",
    "doremi": "a reference and a proxy that learns weights (doremi)",
    "odm": "a proxy that learns weights (odm)",
    "fastmix": "a proxy that learns weights (fastmix)",
    FINALS: "final models",
}


ROUNDS = (
    "The mixtures of a further round follow from what the rounds before measured: half of them"
    " teach the effective-data law most, half lie around the optima of its refits."
)


@dataclass(frozen=True)
class Spent:
    """What one stage of a study took."""

    stage: str  # a role of proxies, or finals
    models: int
    tokens: int  # training tokens of all of them; 0 where models have none
    flops: float | None  # operations to train and score them; None: unknown
    seconds: float | None  # of all jobs, one after the other; None: nothing recorded it
    rounds: tuple[int, ...] = ()  # models of each round, where there were several

    @property
    def words(self) -> str:
        """The stage in words, with its rounds."""
        name = ROLES.get(self.stage, self.stage)
        if not self.rounds:
            return name
        sizes = listed([str(size) for size in self.rounds])
        return f"{name}, in {len(self.rounds)} rounds of {sizes}"

    def as_json(self) -> dict[str, Any]:
        """Returns what two runs of a study have in common of it: no time."""
        content = asdict(self)
        del content["seconds"]
        if not self.rounds:
            del content["rounds"]
        return content


def spent(
    study: Study, beats: Mapping[str, Mapping[str, Any]], finals: pd.DataFrame | None
) -> "tuple[Spent, ...]":
    """Returns what each stage took, in the study's order.

    Operations are computed from the models' shapes. Seconds are those that training jobs recorded;
    what was there from an earlier study took none.

    Args:
        study: the study.
        beats: pack -> what its job recorded, as `recorded` returns it.
        finals: a FINALS table.
    """
    seconds: dict[str, float] = {}
    for pack, runs in study.packs.items():
        beat = beats.get(pack, {})
        if beat.get("state") == "finished":
            role = runs[0].role
            seconds[role] = seconds.get(role, 0.0) + beat["updated"] - beat["started"]
    trained = None
    if finals is not None and len(finals):
        # equal mixtures are trained once
        trained = finals.drop_duplicates("store_key")
        seconds[FINALS] = float(trained.seconds.sum())
    rows = []
    for work in works(study):
        if not work.runs:
            continue
        models = work.runs
        if work.stage == FINALS and trained is not None:
            models = len(trained)
        share = models / work.runs
        row = Spent(
            stage=work.stage,
            models=models,
            tokens=round(work.tokens * share) if study.learner.sized else 0,
            flops=work.flops * share or None,
            seconds=seconds.get(work.stage),
            rounds=_rounds(study, work.stage),
        )
        rows.append(row)
    return tuple(rows)


def _rounds(study: Study, role: str) -> tuple[int, ...]:
    """Runs of each round of a role; nothing where it has one."""
    tables = study.tables_of_role(role)
    if len(tables) < 2:
        return ()
    return tuple(len(study.tables[table]) for table in tables)


def took_json(rows: Sequence[Spent]) -> dict[str, float]:
    """Returns stage -> seconds that its jobs took: all of a summary that differs by run alone."""
    seconds = {}
    for row in rows:
        if row.seconds is not None:
            seconds[row.stage] = row.seconds
    return seconds


def trained_on(study: Study, beats: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns the machines and days of the training jobs, for a page's provenance.

    Args:
        study: the study.
        beats: pack -> what its job recorded.
    """
    machines = sorted({str(beat["host"]) for beat in beats.values() if beat.get("host")})
    ends = [float(beat["updated"]) for beat in beats.values() if beat.get("updated")]
    devices = []
    for part in ("proxy", "final"):
        device = study.config.get(part, {}).get("device")
        if device and device not in devices:
            devices.append(str(device))
    facts = {}
    if devices:
        facts["device"] = ", ".join(devices)
    if machines:
        facts["machines"] = ", ".join(machines)
    if ends:
        first, last = [date.fromtimestamp(end).isoformat() for end in (min(ends), max(ends))]
        facts["proxies trained on"] = first if first == last else f"{first} to {last}"
    return facts


def recorded(study: Study, folder: Path) -> dict[str, dict[str, Any]]:
    """Returns pack -> what its training job recorded while it ran; those without are left out.

    Args:
        study: the study.
        folder: its results folder.
    """
    beats = {}
    for pack in study.packs:
        path = path_of(folder, pack)
        if not path.exists():
            continue
        try:
            beats[pack] = read_json(path)
        except MixwrightError:
            # a job is writing it
            continue
    return beats


def cost_section(study_seeds: int, rows: tuple[Spent, ...]) -> str:
    """Returns the section as HTML; empty where nothing was trained.

    Args:
        study_seeds: seeds of the final models.
        rows: what `spent` returns.
    """
    if not rows:
        return ""
    lines = []
    for row in rows:
        lines.append(
            [
                escape(row.words),
                f"{row.models:,}",
                quantity(row.tokens) if row.tokens else "–",
                "–" if row.flops is None else f"{row.flops:.1e}".replace("e+", "e"),
                "not recorded" if row.seconds is None else duration(row.seconds),
            ]
        )
    heads = ["stage", "models", "training tokens", "operations", "time of jobs"]
    reading = [
        "Operations are those of training and scoring, computed from the models' shapes."
        " Time is from the start to the end of each training job, added up; jobs that run side by"
        " side take less. Models that an earlier study had trained take none."
    ]
    if any(row.rounds for row in rows):
        reading.append(ROUNDS)
    reading += more(study_seeds, rows)
    return table(heads, lines, "What was trained, and what it took") + note(text(" ".join(reading)))


def more(seeds: int, rows: tuple[Spent, ...]) -> list[str]:
    """Returns what one more seed and a rerun would take, a sentence each."""
    sentences = []
    for row in rows:
        if row.stage != FINALS or not seeds:
            continue
        words = f"One more seed trains {counted(round(row.models / seeds), 'final model')}"
        if row.tokens:
            words += f" on {quantity(row.tokens / seeds)} tokens in all"
        if row.seconds:
            words += f", about {duration(row.seconds / seeds)} of jobs at the speed of these"
        sentences.append(f"{words}.")
    sentences.append(
        "Run again without a change, the study trains nothing: finished models are taken from the"
        " store of results."
    )
    return sentences


def duration(seconds: float) -> str:
    """Returns seconds in a unit that people read: `42 s`, `3.5 min`, `2.1 h`."""
    if seconds >= HOUR:
        return f"{seconds / HOUR:.3g} h"
    if seconds >= MINUTE:
        return f"{seconds / MINUTE:.3g} min"
    return f"{seconds:.2g} s"
