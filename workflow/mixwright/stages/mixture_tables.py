"""Tables of mixtures to train, as commands write them."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from mixwright.measured.wide import write_rows

log = logging.getLogger(__name__)


def write_mixtures(path: Path, rows: Iterable[Sequence[str]], command: str) -> None:
    """Writes mixtures to train, and says where other ones stood there.

    Args:
        rows: cells, headings first.
        command: the one that speaks.
    """
    if write_rows(path, rows):
        log.info(
            "%s: lines that %s held are gone; losses of their ids are not of these mixtures",
            command,
            path,
        )
