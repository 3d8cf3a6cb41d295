"""Fit a mixer and predict losses: a stage of workflow/rules/mixers.smk, and tables of your own."""

import logging
from dataclasses import replace
from pathlib import Path

from mixwright import mixers
from mixwright.errors import MixwrightError, nearest
from mixwright.measured.loss_tables import Mixtures, read_mixtures, read_observations
from mixwright.measured.metrics import with_metrics
from mixwright.measured.wide import write_wide
from mixwright.proposals.fits import Fit, check_place
from mixwright.stages.options import NONE, Paths
from mixwright.study.study import Study
from mixwright.trust.anchors import AnchorMap, fit_anchors

log = logging.getLogger(__name__)


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
) -> None:
    """Fit a mixer to measured losses: your own CSV tables, or the tables of a study.

    `mixwright fit` is short for `mixwright fit-mixer`. With --study the fit knows the study's goal
    and what its targets measure, so that `mixwright propose` starts from there.

    Example:
        mixwright fit --mixer effective-data --mixtures mixtures.csv --losses losses.csv --to fit
    """
    check_place(to)
    observations = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    goal = None
    if study is not None:
        plan = Study.read(study)
        goal = plan.target_weights
        observations = replace(observations, metrics=plan.metrics)
    Fit.of(observations, mixer, mixers.read_settings(settings), goal).save(to)


def predict(
    fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE
) -> None:
    """Predict the losses of new mixtures, as CSV: one line a mixture, one column a target.

    A few anchor runs at a larger scale move the predictions to that scale.

    Example:
        mixwright predict --fit fit --mixtures new.csv --to predicted.csv
    """
    fitted = Fit.load(fit)
    requested = read_mixtures(mixtures)
    predicted = fitted.predict_minimised(requested)
    if anchor_mixtures or anchor_losses:
        anchors = _anchor_map(fitted, anchor_mixtures, anchor_losses)
        log.info("%s", anchors.sentence)
        predicted = anchors.apply(predicted)
    in_units = fitted.source.measured(predicted)
    write_wide(to, requested.key, requested.ids, fitted.mixer.targets, in_units)


def _anchor_map(fitted: Fit, mixtures: Paths, losses: Paths) -> AnchorMap:
    """Compares the mixer's predictions of the anchor runs with their losses, target by target."""
    if not (mixtures and losses):
        raise MixwrightError(
            "--anchor-mixtures and --anchor-losses go together; give both or neither"
        )
    anchors = read_observations(mixtures, losses, least=1)
    anchors = with_metrics(anchors, fitted.source.metrics)
    mixer = fitted.mixer
    for target in mixer.targets:
        if target not in anchors.targets:
            files = ", ".join(map(str, losses))
            raise MixwrightError(
                f"{files}: the anchor runs lack target {target} of the fit; "
                f"measure it, {nearest(target, anchors.targets)}"
            )
    trained = Mixtures(str(mixtures[0]), "run", anchors.runs, anchors.domains, anchors.weights)
    predicted = mixer.predict(fitted.source.amounts(trained))
    columns = [anchors.targets.index(target) for target in mixer.targets]
    return fit_anchors(
        mixer.targets,
        predicted,
        anchors.losses[:, columns],
        fitted.source.metrics,
    )
