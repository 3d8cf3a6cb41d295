"""`mixwright design --after`: a further round of mixtures for runs that are trained elsewhere."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mixwright import mixers
from mixwright.designs.elsewhere import MOST_RUNS, Designed, further_ids
from mixwright.designs.read_back import words_to_read
from mixwright.errors import MixwrightError, as_typed, counted
from mixwright.measured.metric_words import words_of_metrics
from mixwright.proposals.fits import Fit
from mixwright.proposals.options import Options
from mixwright.simplex.alike import count_repeated
from mixwright.stages.fit_line import fit_line
from mixwright.stages.mixture_tables import show_shares, write_mixtures
from mixwright.trust.anchored import is_anchored
from mixwright.trust.next_round import MIXER, REFITS, halves, next_round

log = logging.getLogger(__name__)


def write_round(fit: Fit, options: Options, runs: int, to: Path) -> None:
    """Writes the mixtures of a further round, and says which half is what."""
    if not 0 < runs <= MOST_RUNS:
        raise MixwrightError(f"--runs {runs}: give a number from 1 to {MOST_RUNS:,}")
    options.check_units(fit.source)
    goal = options.goal(fit.source)
    # with the settings of the fit, and around the law of smaller models where it lies around one
    law = fit.mixer if fit.name == MIXER else None
    weights = next_round(fit.runs, goal, runs, goal.seed, law=law)
    ids = further_ids((*fit.runs.runs, *fit.source.dropped), runs)
    measured = fit.runs.of_role("swarm").weights
    equal = count_repeated(np.concatenate([measured, weights])) - count_repeated(measured)
    chosen = Designed(fit.domains, ids, weights, repeats=0, moved=False, equal=equal)
    cells = chosen.cells()
    words = [words_to_read(cells, chosen.names), *_options_of(fit)]
    write_mixtures(to, cells, "design")
    show_shares(chosen.names, chosen.weights)
    informative, searched = halves(runs)
    earlier = counted(len(fit.runs.of_role("swarm").runs), "run")
    verb = "teaches" if informative == 1 else "teach"
    log.info(
        "design: %s %s the law most, beside the %s of the fit",
        _span(ids[:informative]),
        verb,
        earlier,
    )
    if searched:
        refits = counted(min(searched, REFITS), "refit")
        near = ids[informative:]
        verb = "lies" if len(near) == 1 else "lie"
        log.info("design: %s %s around the optima of %s", _span(near), verb, refits)
    if equal:
        log.info("design: %d of them stand there before; train these with other seeds", equal)
    for note in options.notes(fit.source):
        log.info("design: %s", note)
    log.info(
        "design: next: train a proxy on each line, write new_losses.csv (the id, then %s), and run"
        " %s; MIXTURES and LOSSES are the tables of the fit%s",
        ", ".join(fit.runs.targets),
        fit_line(["MIXTURES", to], ["LOSSES", "new_losses.csv"], words, fit.name, "NEW_FIT"),
        ", and SMALLER is the fit that it lies around" if is_anchored(fit.mixer) else "",
    )


def _options_of(fit: Fit) -> list[str]:
    """How the fit was made, as it is typed."""
    words = []
    if fit.runs.metrics:
        words.append(words_of_metrics(fit.runs.targets, fit.runs.metrics))
    if fit.source.dropped:
        words.append("--diverged drop")
    if is_anchored(fit.mixer):
        # its settings are those of the smaller fit
        words.append("--around SMALLER")
        return words
    usual = mixers.settings_of(mixers.create(fit.name))
    settings = {}
    for name, value in mixers.settings_of(fit.mixer).items():
        if value != usual[name]:
            settings[name] = value
    if settings:
        words.append(as_typed("--settings", json.dumps(settings)))
    return words


def _span(ids: Sequence[str]) -> str:
    """The first and the last of ids that follow each other."""
    if len(ids) == 1:
        return ids[0]
    return f"{ids[0]} to {ids[-1]}"
