"""Stages of workflow/rules/proxies.smk: from a design to losses."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixwright.progress import Log
    from mixwright.study.study import Study


def list_texts(shards: list[Path], targets: list[Path], domains: Path, to: Path) -> None:
    """Write down what proxies learn from and are scored on, for all training jobs at once."""
    from mixwright.files import write_json

    write_json(
        to,
        {
            "shards": [str(path) for path in shards],
            "targets": [str(path) for path in targets],
            "domains": str(domains),
        },
    )


def calibrate(study: Path, texts: Path, store: Path, to: Path) -> None:
    """Add to what is listed how proxies are computed on this kind of machine: precision, attention, compiler, members side by side."""
    from functools import partial

    from mixwright.errors import MixwrightError
    from mixwright.files import read_json, write_json
    from mixwright.jobs.lease import hold_gpu
    from mixwright.progress import say
    from mixwright.proxies.timing import seconds_of
    from mixwright.proxies.tuning import calibrate, machine
    from mixwright.study.study import Study

    asked = Study.read(study)
    proxy, listed = asked.config["proxy"], read_json(texts)
    if not (shards := listed["shards"]):
        raise MixwrightError(f"{texts}: no shards are listed; list the texts again")
    hold_gpu(proxy)
    vocabulary = read_json(Path(shards[0]) / "manifest.json")["vocabulary"]
    largest = max(sum(run.tokens for run in runs) for runs in asked.packs.values())
    found = calibrate(
        proxy,
        vocabulary,
        largest,
        machine(proxy["device"]),
        partial(seconds_of, proxy, vocabulary),
        store / "calibrations",
    )
    write_json(to, listed | found)
    for key, reason in found["reasons"].items():
        say(f"{key} {found['choices'][key]}: {reason}" if key in found["choices"] else reason)


def train_proxies(study: Path, pack: str, texts: Path, store: Path, to: Path) -> None:
    """Train the runs of one pack and write what they measured."""
    from mixwright.corpus.shards import Examples, train_domains
    from mixwright.designs.resolve import resolve_mixtures
    from mixwright.files import alone, read_json
    from mixwright.jobs.heartbeat import beating, path_of
    from mixwright.jobs.lease import hold_gpu
    from mixwright.study.study import Study

    asked, listed = Study.read(study), read_json(texts)
    runs = asked.packs[pack]
    # Jobs outlive a driver that was killed: the next driver's job of the same pack waits for them, and finds their results.
    with (
        alone(store / "checkpoints" / f"{pack}.lock"),
        beating(path_of(study.parent, pack), len(runs)) as log,
    ):
        hold_gpu(asked.config["proxy"])  # one that waits for the pack holds no device
        if "choices" in listed:
            asked = _calibrated(asked, listed, log)
        asked.learner.function("train_pack")(
            runs,
            resolve_mixtures(runs, asked.goal(train_domains(Path(listed["domains"]))).domains),
            [asked.learner.function("open_domain")(Path(folder)) for folder in listed["shards"]],
            {Path(path).stem: Examples.load(path) for path in listed["targets"]},
            asked.of_role(runs[0].role),  # by role: a calibrated study calls its packs otherwise
            store,
            to,
            log,
        )


def _calibrated(asked: "Study", made: Mapping[str, Any], log: "Log") -> "Study":
    """The study as the calibration has it computed, as far as this machine can."""
    from mixwright.proxies.tuning import kept_here, machine

    choices, lines = kept_here(
        made["choices"], made["asked"], machine(asked.config["proxy"]["device"])
    )
    for line in lines:
        log(line)
    return asked.calibrated(choices)


def collect_losses(study: Path, role: str, packs: Path, losses: Path, realised: Path) -> None:
    """Gather the losses and realised counts of a role's packs into long tables."""
    from mixwright import tables
    from mixwright.proxies.collect import collect

    files = _packs_of(study, role, packs)
    tables.write(collect(files, "losses"), losses, tables.LOSSES)
    tables.write(collect(files, "realised"), realised, tables.REALISED)


def collect_loglikelihoods(study: Path, role: str, packs: Path, to: Path) -> None:
    """Gather the per-example log-likelihoods of a role's packs into a long table."""
    from mixwright import tables
    from mixwright.proxies.collect import collect

    tables.write(
        collect(_packs_of(study, role, packs), "loglikelihoods"), to, tables.LOGLIKELIHOODS
    )


def _packs_of(study: Path, role: str, folder: Path) -> list[Path]:
    """The result files of a role; thousands of them are too long for a command line."""
    from mixwright.study.study import Study

    return [folder / f"{pack}.parquet" for pack in Study.read(study).packs_of([role])]
