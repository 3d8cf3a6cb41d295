"""What to believe of proxies, from a loss table: how many runs are enough."""

import logging
from pathlib import Path

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.files import write_json

Paths = list[Path]
NONE: Paths = []
log = logging.getLogger(__name__)


def learning_curve(
    mixer: str, mixtures: Paths, losses: Paths, to: Path, realised: Paths = NONE, settings: str = "{}", more: int = 0, seed: int = 0
) -> None:
    """Rank correlation and regret against the number of runs, and whether more runs are worth training."""
    from mixwright.learning_curve import learning_curve as measure
    from mixwright.loss_tables import read_observations

    if more < 0:
        raise MixwrightError(f"--more {more}: runs that could be trained besides; give a number above 0, or 0 for a quarter")
    curve = measure(mixer, mixers.read_settings(settings), read_observations(mixtures, losses, realised), seed=seed)
    log.info("%s, %d runs: %s", mixer, curve.runs, curve.answer(more or None))
    write_json(to, curve.as_json(more or None))
