"""Change the domains of runs that are there: what stays evidence, and what is to be trained."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mixwright.designs.elsewhere import MOST_RUNS, Designed, further_ids
from mixwright.designs.read_back import words_to_read
from mixwright.designs.surgery import LOST, MOVED, STATES, Surgery
from mixwright.errors import MixwrightError, counted, shortened
from mixwright.files import written
from mixwright.learners import LOSS
from mixwright.measured.decisions import NOTHING, ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.measured.metric_words import words_of_metrics
from mixwright.measured.wide import write_rows, write_wide
from mixwright.mixture import Mixture, natural_weights
from mixwright.observations import Observations
from mixwright.proposals.typed_design import read_limits, read_sizes
from mixwright.proposals.typed_surgery import read_surgery
from mixwright.report.layout import table_paths
from mixwright.simplex.bounds import Bounds
from mixwright.stages.fit_line import fit_line
from mixwright.stages.mixture_tables import write_mixtures
from mixwright.stages.options import NO_WORDS, NONE, Paths
from mixwright.study.study import Study
from mixwright.trust.surgery import ROLES, Evidence, Needed, needed

log = logging.getLogger(__name__)

# Files of the folder.
MIXTURES, LOSSES, TO_TRAIN, RUNS = "mixtures.csv", "losses.csv", "to_train.csv", "runs.csv"
LISTED = "listed.yaml"
# Runs that a line names.
NAMED = 5


def surgery(
    to: Path,
    mixtures: Paths = NONE,
    losses: Paths = NONE,
    study: Path | None = None,
    add: list[str] = NO_WORDS,
    drop: list[str] = NO_WORDS,
    merge: list[str] = NO_WORDS,
    split: list[str] = NO_WORDS,
    runs: int | None = None,
    only_valid: bool = False,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    seed: int = 0,
    diverged: str = "refuse",
    columns: ColumnOptions = NOTHING,
) -> None:
    """Add, drop, merge or split domains of runs that are there, and keep what they tell.

    It writes the runs over the new domains, what each is worth under which assumption, and the few
    mixtures to train. Bounds are those of the new domains.

    Example:
        mixwright surgery --mixtures mixtures.csv --losses losses.csv --drop wiki
            --split code=python:0.7,cpp:0.3 --to changed
    """
    if runs is not None and not 0 <= runs <= MOST_RUNS:
        raise MixwrightError(f"--runs {runs}: give a number from 0 to {MOST_RUNS:,}")
    observations = _observations(mixtures, losses, study, diverged, columns)
    change = read_surgery(observations.domains, add, drop, merge, split)
    plan = _training(study)
    if plan is not None:
        observations = _still_measured(observations, plan, change)
    sizes = read_sizes(change.new, available)
    limits = read_limits(sizes, cap, floor, fix, group, tokens, max_epochs)
    evidence = Evidence.of(observations, change, law=not only_valid)
    middle = change.middle(evidence.before.weights.mean(axis=0))
    if available:
        middle = natural_weights(sizes)
    wanted = needed(evidence, Bounds.of(sizes, **limits), middle, seed, runs)
    chosen = _designed(evidence, wanted)
    words = [words_to_read(_carried(evidence).cells(), chosen.names)]
    if study is not None or columns.say_metrics:
        words.append(words_of_metrics(observations.targets, observations.metrics))
    to.mkdir(parents=True, exist_ok=True)
    _write(to, evidence, chosen)
    if plan is not None:
        _write_listed(to, evidence, chosen)
    elif (to / LISTED).exists():
        log.info("surgery: %s is of an earlier call, remove it", to / LISTED)
    for line in _lines(evidence, wanted):
        log.info("surgery: %s", line)
    following = _next_step(to, len(wanted.weights), observations.targets, words)
    log.info("surgery: %s", following)


def _observations(
    mixtures: Paths, losses: Paths, study: Path | None, diverged: str, columns: ColumnOptions
) -> Observations:
    """The runs of tables, or those of a study's results."""
    if study is None:
        return read_observations(mixtures, losses, diverged=diverged, options=columns)
    if mixtures or losses:
        raise MixwrightError("--study: its tables are those of its results; leave out the others")
    plan = Study.read(study)
    folder = str(study.parent)
    parts = {}
    for table in ("design", "losses"):
        paths = table_paths(plan, folder, table, ROLES)
        parts[table] = [Path(path) for path in paths]
    # the weights as they were designed: by them the store finds a run again
    observations = read_observations(
        parts["design"], parts["losses"], diverged=plan.diverged, chosen=plan.chosen
    )
    return replace(observations, metrics=plan.metrics | dict(observations.metrics))


def _training(study: Path | None) -> Study | None:
    """The study that trains its runs; one of runs that others measured is as tables are."""
    if study is None:
        return None
    plan = Study.read(study)
    return None if plan.measured else plan


def _still_measured(observations: Observations, plan: Study, change: Surgery) -> Observations:
    """The targets that a study of the new domains measures too.

    A study scores its runs on text of each domain: of one that is no more it has none.
    """
    measured = {*plan.config["targets"], *change.untouched}
    places = []
    gone = []
    for place, name in enumerate(observations.targets):
        if name in measured:
            places.append(place)
        else:
            gone.append(name)
    if gone:
        log.info("surgery: losses on the text of %s are left out", shortened(gone, NAMED))
    targets = tuple(observations.targets[place] for place in places)
    losses = observations.losses[:, places]
    return replace(observations, targets=targets, losses=losses)


def _designed(evidence: Evidence, wanted: Needed) -> Designed:
    """The mixtures to train, with ids that no run has."""
    names = evidence.carried.surgery.new
    before = evidence.before
    # a run that was left out still stands in the tables
    dropped = [run for _, run in before.dropped]
    ids = further_ids((*before.runs, *dropped), len(wanted.weights))
    return Designed(names, ids, wanted.weights, repeats=0, moved=False, equal=0)


def _carried(evidence: Evidence) -> Designed:
    """The runs that are evidence, as a table of mixtures."""
    runs = evidence.runs
    return Designed(runs.domains, runs.runs, runs.weights, repeats=0, moved=False, equal=0)


def _write(to: Path, evidence: Evidence, chosen: Designed) -> None:
    """Writes the tables of the folder."""
    runs = evidence.runs
    write_rows(to / MIXTURES, _carried(evidence).cells())
    write_mixtures(to / TO_TRAIN, chosen.cells(), "surgery")
    write_rows(to / RUNS, _worth(evidence))
    write_wide(to / LOSSES, "id", runs.runs, runs.targets, runs.measured)


def _write_listed(to: Path, evidence: Evidence, chosen: Designed) -> None:
    """Writes the mixtures to train as a study lists them, after those that the store has."""
    swarm = np.array([role == "swarm" for role in evidence.before.roles])
    again = evidence.carried.unchanged & swarm
    mixtures = np.concatenate([evidence.carried.weights[again], chosen.weights])
    with written(to / LISTED) as partial, partial.open("w", encoding="utf-8") as file:
        file.write("# The swarm of a study of the new domains: put this file behind its own.\n")
        file.write(f"# The first {int(again.sum())} are runs of before, with their old seeds.\n")
        file.write("designs:\n  swarm: {runs: 0}\n  listed:\n")
        for weights in mixtures:
            mixture = Mixture(chosen.names, weights).as_dict()
            positive = {name: weight for name, weight in mixture.items() if weight > 0}
            file.write(f"    - {json.dumps(positive)}\n")


def _worth(evidence: Evidence) -> list[list[str]]:
    """A line a run: what it is worth, why, how much of its text changes, by how much losses move.

    Losses move in what mixers minimise; a run that is not valid has no moves.
    """
    carried = evidence.carried
    targets = [f"moved {target}" for target in evidence.before.targets]
    rows = [["run", "state", "why", "text_changed", *targets]]
    facts = zip(carried.states, carried.reasons, carried.distance.tolist(), strict=True)
    shifts = evidence.shifts.tolist()
    for name, (state, reason, distance), of_run in zip(
        evidence.before.runs, facts, shifts, strict=True
    ):
        moved = [f"{shift:.6g}" for shift in of_run]
        if state == LOST:
            moved = [""] * len(targets)
        rows.append([name, state, reason, f"{distance:.4f}", *moved])
    return rows


def _lines(evidence: Evidence, wanted: Needed) -> list[str]:
    """What the runs are worth, and which are to be trained."""
    numbers = evidence.counts
    lines = []
    for state in STATES:
        if state in numbers:
            verb = "is" if numbers[state] == 1 else "are"
            why = f": {_moved(evidence)}" if state == MOVED else ""
            lines.append(f"{counted(numbers[state], 'run')} {verb} {state}{why}")
    for assumption, number in evidence.carried.assumed.items():
        verb = "holds" if number == 1 else "hold"
        lines.append(f"{counted(number, 'run')}, moved ones counted in, {verb} {assumption}")
    if evidence.lost:
        lines.append(f"left out: {shortened(evidence.lost, NAMED)}")
    lines.append(
        f"{counted(len(wanted.weights), 'mixture')} to train: the loss of the least certain mixture"
        f" has variance {wanted.carried:.2g} with the runs that are there, {wanted.after:.2g} with"
        f" these too, and had {wanted.before:.2g} before the change; 1 is as much as losses vary"
        " from mixture to mixture"
    )
    if wanted.after > wanted.before:
        lines.append(
            "that is less certain than before the change; --runs with a greater number names more"
        )
    return lines


def _moved(evidence: Evidence) -> str:
    """How far the law moved losses, beside what it misses of the runs that it was fitted to."""
    moved = np.array([state == MOVED for state in evidence.carried.states])
    words = []
    for target, column in zip(evidence.before.targets, evidence.shifts[moved].T, strict=True):
        unit = evidence.before.metrics.get(target, LOSS).minimised_unit
        size = np.abs(column)
        moves = f"{target} by {np.median(size):.2g} and at most {size.max():.2g} {unit}"
        words.append(moves.rstrip())
    return (
        "their losses move by what the law says of other text (median and greatest move):"
        f" {shortened(words, NAMED)}"
    )


def _next_step(to: Path, runs: int, targets: Sequence[str], options: Sequence[str]) -> str:
    """Returns what to do with the folder, in one line."""
    mixtures: list[str | Path] = [to / MIXTURES]
    losses: list[str | Path] = [to / LOSSES]
    if runs:
        mixtures.append(to / TO_TRAIN)
        losses.append("new_losses.csv")
    fit = fit_line(mixtures, losses, options)
    if not runs:
        return f"next: {fit}; --runs 4 names mixtures to check it by"
    return (
        f"next: train a proxy on each line of {to / TO_TRAIN}, write new_losses.csv (the id, then"
        f" {', '.join(targets)}), and run {fit}"
    )
