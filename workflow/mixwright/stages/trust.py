"""What to believe of proxies and mixers, from a loss table: intervals of a proposal, and how many runs are enough."""

import json
import logging
from pathlib import Path

from mixwright.files import write_json

Paths = list[Path]
NONE: Paths = []
NO_WORDS: list[str] = []
log = logging.getLogger(__name__)


def bootstrap(
    mixer: str,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    target: list[str] = NO_WORDS,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    never_worse: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    draws: int = 200,
    seed: int = 0,
    realised: Paths = NONE,
    settings: str = "{}",
) -> None:
    """Propose a mixture with intervals on its weights, its losses and its gain over natural, and say whether the gain is clear."""
    from mixwright.bootstrap import bootstrap as measure
    from mixwright.bootstrap import check, with_intervals
    from mixwright.fits import Source
    from mixwright.goals import read_options
    from mixwright.loss_tables import read_observations

    check(mixer, draws)
    seen = read_observations(mixtures, losses, realised)
    source = Source.of(mixer, seen, seen.targets)
    asked = read_options(source, target, cap, floor, available, tokens, max_epochs, seed, group, fix, never_worse)
    goal = asked.goal(source)
    found = measure(mixer, json.loads(settings), seen, goal, draws, seed)
    log.info("%s: predicted %s", mixer, found.verdict)
    write_json(to, asked.record(source, goal, with_intervals(found.proposal, found)))


def learning_curve(
    mixer: str, mixtures: Paths, losses: Paths, to: Path, realised: Paths = NONE, settings: str = "{}", more: int = 0, seed: int = 0
) -> None:
    """Rank correlation and regret against the number of runs, and whether more runs are worth training."""
    from mixwright.learning_curve import learning_curve as measure
    from mixwright.loss_tables import read_observations

    curve = measure(mixer, json.loads(settings), read_observations(mixtures, losses, realised), seed=seed)
    log.info("%s, %d runs: %s", mixer, curve.runs, curve.answer(more or None))
    write_json(to, curve.as_json(more or None))
