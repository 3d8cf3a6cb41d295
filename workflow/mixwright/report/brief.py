"""The summary of a study in ten lines: the answer, how sure, what it costs, what to distrust."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import as_typed, counted

if TYPE_CHECKING:
    from rich.console import Console

Record = Mapping[str, Any]
LINES = 10
# Columns of a line: a wide terminal is no reason for long lines.
COLUMNS = 100
# The most lines of the headline, and of anything else.
HEADLINE, OTHER = 3, 2
SENTENCE = re.compile(r"(?<=[.!?]) ")
REMARK = re.compile(r" \([^()]*\)")
CUT = " ..."


@dataclass(frozen=True)
class Statement:
    """Something to say, where it stands among the lines, and how it looks."""

    text: str
    # the smaller, the further up
    place: int
    style: str = ""
    mark: str = ""


# with its lines
Shown = tuple[Statement, list[str]]


def print_brief(summary: Record, path: Path, console: "Console | None" = None) -> None:
    """Prints ten lines at most of a summary, in 80 columns or wider.

    Args:
        summary: the content of a `summary.json`.
        path: where it lies.
        console: where to print; the terminal if None.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    for line, style in brief(summary, path, console.width):
        console.print(Text(line, style=style), soft_wrap=True)


def brief(summary: Record, path: Path, width: int) -> list[tuple[str, str]]:
    """Returns the lines, each with its style.

    What matters most is said first, as long as there are lines; it stands in the page's order.

    Args:
        summary: the content of a `summary.json`.
        path: where it lies.
        width: columns of the terminal.
    """
    width = min(width, COLUMNS)
    where = list(_where(summary, path))
    shown = _fitted(list(_by_weight(summary)), width, LINES - len(where))
    shown.sort(key=lambda pair: pair[0].place)
    content = []
    for statement, lines in shown:
        content += [(line, statement.style) for line in lines]
    unsaid = _serious(summary)[_serious_in(shown) :]
    if unsaid:
        page, style = where[0]
        where[0] = (f"{page} ({counted(len(unsaid), 'more serious caveat')} there)", style)
    return content + where


def _fitted(statements: Sequence[Statement], width: int, left: int) -> list[Shown]:
    """The first statements, each in a few lines; lines that are left go to those that were cut."""
    shown: list[Shown] = []
    for statement in statements:
        most = OTHER if shown else HEADLINE
        lines = wrapped(statement, width, min(most, left)) if left else []
        if lines:
            shown.append((statement, lines))
        left -= len(lines)
    for place, (statement, lines) in enumerate(shown):
        longer = wrapped(statement, width, len(lines) + left)
        left -= len(longer) - len(lines)
        shown[place] = (statement, longer)
    return shown


def _by_weight(summary: Record) -> Iterator[Statement]:
    """What there is to say, the most important first."""
    answer = summary.get("answer") or {}
    sure = list(answer.get("sure") or summary["detail"])
    serious = [caveat["text"] for caveat in _serious(summary)]
    yield Statement(answer.get("headline") or summary["headline"], 0, "bold")
    for text in serious[:1]:
        yield Statement(text, 3, "yellow", "! ")
    for text in sure[:1]:
        yield Statement(text, 1)
    for text in reversed(answer.get("costs", ())):
        # what is lost outside the goal is what a reader expects least
        yield Statement(text, 2)
    for text in serious[1:]:
        yield Statement(text, 3, "yellow", "! ")
    if not answer.get("weights"):
        # nothing to copy: what would settle it
        for text in summary.get("next", ())[:1]:
            yield Statement(text, 5)
    for text in sure[1:]:
        yield Statement(text, 1)
    if not serious:
        for caveat in summary.get("caveats", ())[:1]:
            yield Statement(caveat["text"], 4, "dim", "- ")


def _where(summary: Record, path: Path) -> Iterator[tuple[str, str]]:
    """Where the page, the file to use and the rest of the summary are."""
    page = path.with_suffix(".html")
    if page.exists():
        yield f"page: {page}", ""
    file = _file(summary, path)
    if file:
        yield f"mixture: {file}", ""
    yield f"more: mixwright show --full --summary {as_typed(path)}", "dim"


def _file(summary: Record, path: Path) -> str:
    """The file of the mixture to use, as it is found from here; empty where there is none."""
    answer = summary.get("answer") or {}
    name = f"{answer.get('arm') or summary.get('chosen', '')}.json"
    if answer.get("file"):
        name = Path(answer["file"]).name
    beside = path.parent.parent / "mixtures" / name
    if beside.is_file():
        return str(beside)
    return str(answer.get("file", ""))


def _serious(summary: Record) -> list[Record]:
    return [caveat for caveat in summary.get("caveats", ()) if caveat["serious"]]


def _serious_in(shown: Sequence[Shown]) -> int:
    """How many serious caveats are among what is shown."""
    return sum(statement.mark == "! " for statement, _ in shown)


def wrapped(statement: Statement, width: int, most: int) -> list[str]:
    """Returns a statement in so many lines at most.

    Of what is too long, remarks in parentheses are left out first, then sentences, then words.

    Args:
        statement: what to say.
        width: columns of a line.
        most: lines, one or more.
    """
    wrapper = textwrap.TextWrapper(
        width=width,
        initial_indent=statement.mark,
        subsequent_indent=" " * len(statement.mark),
        break_on_hyphens=False,
    )
    lines = wrapper.wrap(statement.text)
    if len(lines) <= most:
        return lines
    short = REMARK.sub("", statement.text)
    sentences = SENTENCE.split(short)
    for number in range(len(sentences), 0, -1):
        text = " ".join(sentences[:number])
        if number < len(sentences):
            text = text.rstrip(".") + CUT
        lines = wrapper.wrap(text)
        if len(lines) <= most:
            return lines
    wrapper.max_lines, wrapper.placeholder = most, CUT
    return wrapper.wrap(short)
