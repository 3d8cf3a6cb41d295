"""Fit a mixer and predict losses: a stage of workflow/rules/mixers.smk, and tables of your own."""

import logging
from pathlib import Path

from mixwright import mixers
from mixwright.errors import MixwrightError, nearest
from mixwright.files import written
from mixwright.measured.loss_tables import Mixtures, read_mixtures, read_observations
from mixwright.measured.wide import write_wide
from mixwright.mixers.base import Mixer
from mixwright.proposals import fits
from mixwright.stages.options import NONE, Paths
from mixwright.trust.anchors import Calibration, calibrate

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
) -> None:
    """Fit a mixer to measured losses: your own CSV tables, or the tables of a study.

    `mixwright fit` is short for `mixwright fit-mixer`.

    Example:
        mixwright fit --mixer effective-data --mixtures mixtures.csv --losses losses.csv --to fit
    """
    fits.check_place(to)
    unfitted = mixers.create(mixer, mixers.read_settings(settings))
    observations = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    missing = mixers.lacking(mixer, observations.roles)
    if missing:
        raise MixwrightError(
            f"{mixer}: {missing}; train them in a study, or fit a mixer that reads a swarm, "
            "such as effective-data"
        )
    fitted = unfitted.fit(observations)
    with written(to) as partial:
        fits.save(partial, mixer, fitted, observations)


def predict(
    fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE
) -> None:
    """Predict the losses of new mixtures, as CSV: one line a mixture, one column a target.

    A few anchor runs at a larger scale move the predictions to that scale.

    Example:
        mixwright predict --fit fit --mixtures new.csv --to predicted.csv
    """
    source, mixer = fits.read(fit)
    if not mixers.entry(source.mixer).predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    requested = read_mixtures(mixtures)
    predicted = mixer.predict(source.amounts(requested))
    if anchor_mixtures or anchor_losses:
        calibration = _calibration(source, mixer, anchor_mixtures, anchor_losses)
        log.info("%s", calibration.sentence)
        predicted = calibration.apply(predicted)
    write_wide(to, requested.key, requested.ids, mixer.targets, predicted)


def _calibration(source: fits.Source, mixer: Mixer, mixtures: Paths, losses: Paths) -> Calibration:
    """Compares the mixer's predictions of the anchor runs with their losses, target by target."""
    if not (mixtures and losses):
        raise MixwrightError(
            "--anchor-mixtures and --anchor-losses go together; give both or neither"
        )
    anchors = read_observations(mixtures, losses, least=1)
    for target in mixer.targets:
        if target not in anchors.targets:
            files = ", ".join(map(str, losses))
            raise MixwrightError(
                f"{files}: the anchor runs lack target {target} of the fit; "
                f"measure it, {nearest(target, anchors.targets)}"
            )
    trained = Mixtures(mixtures[0], "run", anchors.runs, anchors.domains, anchors.weights)
    predicted = mixer.predict(source.amounts(trained))
    columns = [anchors.targets.index(target) for target in mixer.targets]
    return calibrate(mixer.targets, predicted, anchors.losses[:, columns])
