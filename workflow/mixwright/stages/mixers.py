"""Stages of workflow/rules/mixers.smk: from losses to proposals."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mixwright import mixers
from mixwright.files import write_json, written
from mixwright.stages.proxies import train_tokens

if TYPE_CHECKING:
    from mixwright.observations import Observations

Paths = list[Path]
NONE: Paths = []
log = logging.getLogger(__name__)


def fit(
    mixer: str, mixtures: Path, losses: Paths, to: Path, realised: Paths = NONE, loglikelihoods: Paths = NONE, settings: str = "{}"
) -> None:
    """Fit a mixer to measured losses."""
    fitted = mixers.create(mixer, json.loads(settings)).fit(observations(mixtures, losses, realised, loglikelihoods))
    with written(to) as beside:
        fitted.save(beside)


def validate(
    study: Path, mixer: str, settings: str, mixtures: Path, losses: Paths, realised: Paths, loglikelihoods: Paths, to: Path
) -> None:
    """Predict runs that the mixer has not seen, and set prediction beside measurement."""
    from mixwright import tables
    from mixwright.files import read_json
    from mixwright.validation import scores, validate

    config = read_json(study)
    seen = observations(mixtures, losses, realised, loglikelihoods)
    frame = validate(mixer, json.loads(settings), seen, config["validation"]["folds"], config["seed"])
    tables.write(frame, to, tables.VALIDATION)
    ranks = scores(frame).spearman
    log.info("%s: rank correlation on held-out runs %.2f (mean of %d targets, least %.2f)", mixer, ranks.mean(), len(ranks), ranks.min())


def propose(study: Path, mixer: str, domains: Path, to: Path, fit: Paths = NONE, settings: str = "{}") -> None:
    """Choose the best mixture inside the study's bounds."""
    from mixwright.study import Study

    goal = Study.read(study).goal(train_tokens(domains))
    chosen = mixers.load(mixer, fit[0]) if fit else mixers.create(mixer, json.loads(settings))
    proposal = chosen.propose(goal)
    for note in proposal.notes:
        log.info("%s: %s", mixer, note)
    write_json(to, proposal.as_json(goal))


def observations(mixtures: Path, losses: Paths, realised: Paths, loglikelihoods: Paths) -> "Observations":
    """The tables' runs, joined by name."""
    from mixwright import tables
    from mixwright.observations import observe

    return observe(
        tables.read(mixtures, tables.DESIGN),
        tables.read(losses, tables.LOSSES),
        tables.read(realised, tables.REALISED) if realised else None,
        tables.read(loglikelihoods, tables.LOGLIKELIHOODS) if loglikelihoods else None,
    )
