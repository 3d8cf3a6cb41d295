"""Stages of workflow/rules/mixers.smk up to proposals, and the same work on tables of your own: fits and what they predict."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mixwright import mixers
from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from mixwright.mixers.base import Mixer
    from mixwright.proposals.fits import Source
    from mixwright.trust.anchors import AnchorMap

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
    from mixwright.measured.loss_tables import read_observations
    from mixwright.proposals import fits

    fits.check_place(to)
    runs = read_observations(mixtures, losses, realised, loglikelihoods, diverged=diverged)
    fits.Fit.of(runs, mixer, mixers.read_settings(settings)).save(to)


def predict(
    fit: Path, mixtures: Path, to: Path, anchor_mixtures: Paths = NONE, anchor_losses: Paths = NONE
) -> None:
    """Predict the losses of mixtures, as CSV: a line a mixture, a column a target; at the scale of anchor runs where they are given."""
    from mixwright.measured.loss_tables import read_mixtures
    from mixwright.measured.wide import write_wide
    from mixwright.proposals.fits import Fit

    fitted = Fit.load(fit)
    table = read_mixtures(mixtures)
    predicted = fitted.predict(table)
    if anchor_mixtures or anchor_losses:
        level = _anchor_map(fitted.source, fitted.mixer, anchor_mixtures, anchor_losses)
        log.info("%s", level.sentence)
        predicted = level.apply(predicted)
    write_wide(to, table.key, table.ids, fitted.mixer.targets, predicted)


def _anchor_map(source: "Source", mixer: "Mixer", mixtures: Paths, losses: Paths) -> "AnchorMap":
    """From the mixer's predictions of the anchor runs' weights to what was measured at their scale."""
    from mixwright.errors import nearest
    from mixwright.measured.loss_tables import Mixtures, read_observations
    from mixwright.trust.anchors import fit_anchors

    if not (mixtures and losses):
        raise MixwrightError(
            "--anchor-mixtures and --anchor-losses go together; give both or neither"
        )
    anchors = read_observations(mixtures, losses, least=1)
    lacking = [target for target in mixer.targets if target not in anchors.targets]
    if lacking:
        where = ", ".join(map(str, losses))
        raise MixwrightError(
            f"{where}: the anchor runs lack target {lacking[0]} of the fit; measure it, {nearest(lacking[0], anchors.targets)}"
        )
    predicted = mixer.predict(
        source.amounts(
            Mixtures(str(mixtures[0]), "run", anchors.runs, anchors.domains, anchors.weights)
        )
    )
    return fit_anchors(
        mixer.targets,
        predicted,
        anchors.losses[:, [anchors.targets.index(target) for target in mixer.targets]],
    )
