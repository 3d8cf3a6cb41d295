"""Stages of workflow/rules/mixers.smk up to proposals, and the same work on tables of your own: fits and what they predict."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import written

if TYPE_CHECKING:
    from mixwright.calibration import Calibration
    from mixwright.fits import Source
    from mixwright.mixers.protocol import Mixer

Paths = list[Path]
NONE: Paths = []
NO_WORDS: list[str] = []
log = logging.getLogger(__name__)


def fit(
    mixer: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
    loglikelihoods: Paths = NONE,
    settings: str = "{}",
    diverged: str = "refuse",
) -> None:
    """Fit a mixer to measured losses: the study's tables, or your own as CSV."""
    from mixwright import fits
    from mixwright.loss_tables import read_observations

    fits.check_place(to)
    unfitted = mixers.create(mixer, mixers.read_settings(settings))
    seen = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    if lacking := mixers.lacking(mixer, seen.roles):
        raise MixwrightError(f"{mixer}: {lacking}; train them in a study, or fit a mixer that reads a swarm, such as effective-data")
    fitted = unfitted.fit(seen)
    with written(to) as beside:
        fits.save(beside, mixer, fitted, seen)


def predict(fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE) -> None:
    """Predict the losses of mixtures, as CSV: a line a mixture, a column a target; at the scale of anchor runs where they are given."""
    from mixwright import fits
    from mixwright.loss_tables import read_mixtures
    from mixwright.wide import write_wide

    source, mixer = fits.read(fit)
    if not mixers.entry(source.mixer).predicts:
        raise MixwrightError(f"{fit}: {source.mixer} predicts no losses; fit a mixer that does")
    asked = read_mixtures(mixtures)
    predicted = mixer.predict(source.amounts(asked))
    if anchor_mixtures or anchor_losses:
        level = _calibration(source, mixer, anchor_mixtures, anchor_losses)
        log.info("%s", level.sentence)
        predicted = level.apply(predicted)
    write_wide(to, asked.key, asked.ids, mixer.targets, predicted)


def validate(
    study: Path, mixer: str, settings: str, mixtures: Paths, losses: Paths, realised: Paths, loglikelihoods: Paths, to: Path
) -> None:
    """Predict runs that the mixer has not seen, and set prediction beside measurement."""
    from mixwright import tables
    from mixwright.loss_tables import read_observations
    from mixwright.study import Study
    from mixwright.validation import scores, validate

    asked = Study.read(study)
    seen = read_observations(mixtures, losses, realised, loglikelihoods, diverged=asked.diverged)
    folds, seed = asked.config["validation"]["folds"], asked.config["seed"]
    frame = validate(asked.method_name(mixer), json.loads(settings), seen, folds, seed).assign(mixer=mixer)
    tables.write(frame, to, tables.VALIDATION)
    ranks = scores(frame).spearman
    log.info("%s: rank correlation on held-out runs %.2f (mean of %d targets, least %.2f)", mixer, ranks.mean(), len(ranks), ranks.min())


def compare(
    mixtures: Paths,
    losses: Paths,
    mixer: list[str] = NO_WORDS,
    folds: int = 8,
    seed: int = 0,
    settings: str = "{}",
    realised: Paths = NONE,
    loglikelihoods: Paths = NONE,
    diverged: str = "refuse",
    to: Path | None = None,
) -> None:
    """Judge mixers by predictions of held-out runs: the standings at the terminal, scores by target as parquet."""
    from rich.console import Console

    from mixwright import tables
    from mixwright.loss_tables import read_observations
    from mixwright.tournament import as_table, tournament

    seen = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    frame = tournament(seen, mixer, mixers.read_settings(settings), folds, seed)
    if to is not None:
        tables.write(frame, to, tables.TOURNAMENT)
    Console(highlight=False).print(as_table(frame, len(seen.of_role("swarm").runs)))


def _calibration(source: "Source", mixer: "Mixer", mixtures: Paths, losses: Paths) -> "Calibration":
    """From the mixer's predictions of the anchor runs' weights to what was measured at their scale."""
    from mixwright.calibration import calibrate
    from mixwright.errors import nearest
    from mixwright.loss_tables import Mixtures, read_observations

    if not (mixtures and losses):
        raise MixwrightError("--anchor-mixtures and --anchor-losses go together; give both or neither")
    anchors = read_observations(mixtures, losses, least=1)
    lacking = [target for target in mixer.targets if target not in anchors.targets]
    if lacking:
        where = ", ".join(map(str, losses))
        raise MixwrightError(
            f"{where}: the anchor runs lack target {lacking[0]} of the fit; measure it, {nearest(lacking[0], anchors.targets)}"
        )
    predicted = mixer.predict(source.amounts(Mixtures(mixtures[0], "run", anchors.runs, anchors.domains, anchors.weights)))
    return calibrate(mixer.targets, predicted, anchors.losses[:, [anchors.targets.index(target) for target in mixer.targets]])
