"""Show what a fit of own tables says: as a page, and as figures."""

import logging
from pathlib import Path

from mixwright.files import write_json
from mixwright.proposals.typed_limits import UNLIMITED, LimitOptions
from mixwright.report.own.drawn import draw_all, report_undrawn, write_page
from mixwright.report.own.gathering import gather
from mixwright.report.own.page import Place
from mixwright.stages.options import NO_WORDS
from mixwright.trust import bootstrap
from mixwright.trust.surface.reading import open_fit

log = logging.getLogger(__name__)


def page(
    fit: Path,
    to: Path,
    mixture: Path | None = None,
    target: list[str] = NO_WORDS,
    limits: LimitOptions = UNLIMITED,
    draws: int = bootstrap.DRAWS,
) -> None:
    """Write what a fit says as one page: the answer, how sure it is, and a place to try mixtures.

    The page needs no other file and no network. Its options are those of propose. With --mixture
    the proposal is written too, as propose writes it.

    Example:
        mixwright page --fit fit --target prose=2 questions --cap web=0.5
            --mixture mixture.json --to page.html
    """
    fitted = open_fit(fit)
    result = gather(fitted, limits.options(fitted.source, target), draws)
    if mixture is not None:
        write_json(mixture, dict(result.record))
    beside = "" if mixture is None else str(mixture)
    place = Place(str(fit), str(to), beside)
    write_page(result, place)
    log.info("%s: open it in a browser", to)


def figures(
    fit: Path,
    to: Path,
    target: list[str] = NO_WORDS,
    limits: LimitOptions = UNLIMITED,
    draws: int = bootstrap.DRAWS,
) -> None:
    """Draw the figures of a fit, each as .svg, .png and .pdf, with its numbers as .csv.

    Figures that do not apply to the fit are named with the reason.

    Example:
        mixwright figures --fit fit --target prose=2 questions --cap web=0.5 --to figures
    """
    fitted = open_fit(fit)
    result = gather(fitted, limits.options(fitted.source, target), draws)
    report_undrawn(draw_all(result, to))
