"""Fit a mixer and predict losses: a stage of workflow/rules/mixers.smk, and tables of your own."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixwright import mixers
from mixwright.corpus.counts import train_domains
from mixwright.errors import MixwrightError, counted
from mixwright.learners import LOSS
from mixwright.measured.decisions import NOTHING, ColumnOptions, Decision, Known
from mixwright.measured.headings import paired
from mixwright.measured.loss_tables import (
    Mixtures,
    read_decisions,
    read_mixtures,
    read_observations,
)
from mixwright.measured.wide import write_wide
from mixwright.mixers.laws.effective_data import EffectiveData
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit, check_place
from mixwright.stages.options import NONE, Paths
from mixwright.study.anchoring import ENOUGH, anchor_place, anchor_words
from mixwright.study.study import Study
from mixwright.trust.anchored import FEW, anchored
from mixwright.trust.anchors import AnchorMap, check_units, fit_anchors, remedy_of_lacking
from mixwright.trust.doubts import doubts
from mixwright.trust.surface.building import DRAWS, surface_of
from mixwright.trust.surface.reading import open_fit
from mixwright.trust.surface.record import write as write_surface
from mixwright.trust.surface.surface import Surface

# Columns of a line where no terminal says how many there are.
WIDE = 200
log = logging.getLogger(__name__)


def read_runs(
    mixtures: Paths,
    losses: Paths,
    columns: ColumnOptions = NOTHING,
    explain: bool = False,
) -> None:
    """Show how your own CSV tables are understood: what each column is, and in which unit.

    With --explain it says why. Nothing is fitted.

    Example:
        mixwright read-runs --mixtures mixtures.csv --losses losses.csv --explain
    """
    reading, runs = read_decisions(mixtures, losses, columns)
    console = Console(highlight=False)
    if not console.is_terminal:
        # A file has no width that lines must fit.
        console = Console(highlight=False, width=WIDE)
    console.print(_as_table(reading.decisions, explain))
    log.info(
        "%d runs, %d domains, %d targets", len(runs.runs), len(runs.domains), len(runs.targets)
    )


def _as_table(decisions: Sequence[Decision], explain: bool) -> Table:
    """Returns a line a column: its table, its role, its unit, which way is better, and why."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    headings = ["table", "column", "role", "unit", "direction"]
    if explain:
        headings.append("why")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for decision in decisions:
        cells = [Path(decision.source).name, decision.name, decision.role]
        cells += [decision.unit, decision.direction]
        if explain:
            cells.append(decision.reason)
        table.add_row(*map(escape, cells))
    return table


def fit_mixer(
    mixer: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
    loglikelihoods: Paths = NONE,
    settings: str = "{}",
    diverged: str = "refuse",
    study: Path | None = None,
    around: Path | None = None,
    anchors: Paths = NONE,
    columns: ColumnOptions = NOTHING,
) -> None:
    """Fit a mixer to measured losses: your own CSV tables, or the tables of a study.

    `mixwright fit` is short for `mixwright fit-mixer`. With --study the fit knows what the study's
    targets measure. `mixwright propose` starts from the goal and the limits of the study whose
    results hold a fit. With --around the tables are a few runs of larger models, fitted around a
    fit to smaller ones. --anchors are such runs of a study.

    Example:
        mixwright fit --mixer effective-data --mixtures mixtures.csv --losses losses.csv --to fit
    """
    check_place(to)
    plan = None if study is None else Study.read(study)
    smaller = None if around is None else Fit.load(around)
    known = Known()
    if smaller is not None:
        known = Known(smaller.domains, dict(smaller.source.metrics), lenient=True)
    observations = read_observations(
        mixtures,
        losses,
        realised,
        loglikelihoods,
        diverged=diverged,
        options=columns,
        known=known,
        chosen=plan.chosen if plan else {},
    )
    if smaller is not None:
        _fit_around(smaller, mixer, observations).save(to)
        return
    if plan is not None:
        observations = replace(observations, metrics=plan.metrics | dict(observations.metrics))
    fit = Fit.of(observations, mixer, mixers.read_settings(settings))
    if plan is not None and anchors:
        fit = _anchored_in_study(plan, fit, anchors)
    fit.save(to)


def _anchored_in_study(plan: Study, smaller: Fit, anchors: Paths) -> Fit:
    """The fit to a study's runs of a larger size; the smaller fit where too few are left.

    Args:
        anchors: the tables DESIGN, LOSSES and REALISED of the role transfer.
    """
    design, losses, realised = anchors
    runs = read_observations(
        [design], [losses], [realised], diverged=plan.diverged, chosen=plan.chosen
    )
    place = anchor_place(plan.config)
    at_place = [plan.combination_of(run) == place for run in runs.runs]
    larger = runs.only(np.flatnonzero(at_place))
    number = len(larger.runs)
    words = f"{counted(number, 'run')} of {anchor_words(plan.config)}"
    if number < ENOUGH:
        log.warning("%s are left: the fit stays that of the swarm", words)
        return smaller
    log.info("fitted to %s, around the law of the swarm", words)
    # the law's mixers read the role swarm
    larger = replace(
        larger,
        roles=("swarm",) * number,
        metrics=plan.metrics | dict(larger.metrics),
    )
    return anchored(smaller, larger)


def _fit_around(smaller: Fit, mixer: str, observations: Observations) -> Fit:
    """The fit to a few runs of larger models; says where they are few to choose by."""
    if mixer != EffectiveData.name:
        raise MixwrightError(f"--around: only {EffectiveData.name} begins from another fit's law")
    fitted = anchored(smaller, observations)
    runs = len(observations.runs)
    if runs <= FEW:
        log.info(
            "%d runs tell levels: with %d or fewer the proposal of the smaller models' fit was as"
            " good or better",
            runs,
            FEW,
        )
    return fitted


def predict(
    fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE
) -> None:
    """Predict the losses of new mixtures, as CSV: one line a mixture, one column a target.

    The fit may be a surface that another team wrote. A few anchor runs at a larger scale move the
    predictions to that scale.

    Example:
        mixwright predict --fit fit --mixtures new.csv --to predicted.csv
    """
    fitted = open_fit(fit)
    requested = read_mixtures(mixtures, domains=fitted.domains)
    predicted = fitted.predict_minimised(requested)
    amounts = fitted.source.amounts(requested)
    weights = amounts / amounts.sum(axis=1, keepdims=True)
    for doubt in _doubts(fitted, weights):
        log.info("%s: %s", fitted.name, doubt)
    if anchor_mixtures or anchor_losses:
        anchors = _anchor_map(fitted, anchor_mixtures, anchor_losses)
        log.info("%s", anchors.sentence)
        predicted = anchors.apply(predicted)
    in_units = fitted.source.measured(predicted)
    write_wide(to, requested.key, requested.ids, fitted.mixer.targets, in_units)


def surface(
    fit: Path,
    to: Path,
    study: Path | None = None,
    domains: Path | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> None:
    """Write the response surface of a fit, one JSON file to hand to another team.

    It holds the law, its refits, what the runs cover, and the goal. docs/surface.md explains it,
    with programs that evaluate it without mixwright.

    Example:
        mixwright surface --fit fit --to surface.json
    """
    goal = None
    plan = None
    if study is None and domains is not None:
        raise MixwrightError("--domains belong to a study; give --study too, or neither")
    if study is not None:
        plan = Study.read(study)
        goal = plan.goal(train_domains(domains or study.parent / "domains.parquet"))
    fitted = Fit.load(fit)
    made = surface_of(fitted, goal, draws, seed)
    if plan is not None and (plan.measured or not plan.learner.sized):
        made = made.without_tokens()
    write_surface(made, to)
    if made.stands_for:
        log.info("%s has no formula: the surface is the %s law's", made.name, made.law)


def _doubts(fitted: Fit | Surface, weights: Array) -> tuple[str, ...]:
    """Reasons to doubt what is predicted of weights (mixtures, domains), a sentence each."""
    if isinstance(fitted, Surface):
        return fitted.doubts(weights)
    runs = replace(fitted.runs, metrics=fitted.source.metrics)
    each = {target: (target,) for target in fitted.mixer.targets}
    return doubts(fitted.mixer, runs, weights, each)


def _anchor_map(fitted: Fit | Surface, mixtures: Paths, losses: Paths) -> AnchorMap:
    """Compares the mixer's predictions of the anchor runs with their losses, target by target."""
    if not (mixtures and losses):
        raise MixwrightError(
            "--anchor-mixtures and --anchor-losses go together; give both or neither"
        )
    mixer = fitted.mixer
    metrics = dict.fromkeys(mixer.targets, LOSS) | dict(fitted.source.metrics)
    known = Known(fitted.domains, metrics, lenient=True)
    anchors = read_observations(mixtures, losses, least=1, known=known)
    names = paired(anchors.targets, mixer.targets)
    meant = [names.get(name) for name in anchors.targets]
    for target in mixer.targets:
        if target not in meant:
            files = ", ".join(map(str, losses))
            others = [name for name in anchors.targets if name not in names]
            raise MixwrightError(
                f"{files}: the anchor runs lack target {target} of the fit;"
                f" {remedy_of_lacking(target, others)}"
            )
    trained = Mixtures(str(mixtures[0]), "run", anchors.runs, anchors.domains, anchors.weights)
    predicted = mixer.predict(fitted.source.amounts(trained))
    columns = [meant.index(target) for target in mixer.targets]
    measured = anchors.losses[:, columns]
    check_units(mixer.targets, predicted, measured, fitted.source.metrics)
    return fit_anchors(mixer.targets, predicted, measured, fitted.source.metrics)
