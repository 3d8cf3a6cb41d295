"""The command that drafts a study from what a user has."""

from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mixwright.errors import MixwrightError, as_typed, counted
from mixwright.files import written
from mixwright.study.config import resolve
from mixwright.study.draft.parts import Part
from mixwright.study.draft.proposal import Draft, propose
from mixwright.study.draft.tree import endings
from mixwright.study.draft.unit import one_line, valid_name
from mixwright.study.draft.walk import survey_of
from mixwright.study.draft.words import named
from mixwright.study.draft.writing import bytes_text, count_text, study_file
from mixwright.study.schema import read_yaml

# Of the repository: the schema of a study and the shapes of models.
CONFIG = Path(__file__).parents[3] / "config"
# Notes that are printed; all of them stand in the file.
MOST_NOTES = 8


def init(sources: list[str], to: Path = Path("study.yaml"), force: bool = False) -> None:
    """Draft a study from folders, files or data sets, as a commented file that can be run.

    A sub-folder is a domain; so are files whose names begin alike (web-00001.jsonl, web-00002...).
    Folders and files called targets, eval, test, validation and the like are targets. One data set
    with a column such as meta.redpajama_set_name becomes a domain a value. A few rows are read,
    and nothing is asked.

    Example:
        mixwright init data/ --to mine.yaml
    """
    if to.exists() and not force:
        raise MixwrightError(f"{to}: there is one already; add --force, or name another with --to")
    if not (CONFIG / "schema.yaml").is_file():
        raise MixwrightError(
            f"{CONFIG}: no schema of studies there; run init from a clone of the repository"
        )
    survey = survey_of(named(sources))
    if not (survey.domains or survey.targets):
        why = f": {survey.notes[0]}" if survey.notes else ""
        where = ", ".join(sources)
        raise MixwrightError(f"{where}: nothing to read{why}; init looks for {endings()}")
    draft = propose(survey)
    schema = read_yaml(CONFIG / "schema.yaml")
    mixers = schema["properties"]["mixers"]["default"]
    file = one_line(as_typed(to))
    text = study_file(draft, valid_name(to.stem, [], "mine"), file, mixers)
    with written(to) as partial:
        partial.write_text(text, encoding="utf-8")
    _show(draft)
    _check(text, to)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"\n{to} is written. Look through it, then:"))
    console.print(Text(f"  snakemake -n --configfile {file}"))


def _check(text: str, to: Path) -> None:
    """Reads the study as the workflow will."""
    try:
        resolve(yaml.safe_load(text), CONFIG, [to])
    except MixwrightError as error:
        raise MixwrightError(f"{to} is written, and needs your hand: {error}") from None


def _show(draft: Draft) -> None:
    """Prints the domains, the targets and what was left out."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("domain", "files", "on disk", "tokens, about", "natural", "text"):
        table.add_column(heading, justify="left" if heading in ("domain", "text") else "right")
    for part in draft.domains:
        table.add_row(*map(Text, _cells(draft, part)))
    console.print(table)
    if draft.validation:
        line = (
            "targets: the domains' own validation text; held-out targets are better, see the file"
        )
    else:
        line = f"targets: {', '.join(map(_target, draft.targets))}"
    console.print(Text(line))
    for note in draft.notes[:MOST_NOTES]:
        console.print(Text(f"note: {one_line(note)}"))
    more = len(draft.notes) - MOST_NOTES
    if more > 0:
        console.print(Text(f"{counted(more, 'more note')} in the file"))


def _cells(draft: Draft, part: Part) -> list[str]:
    """The row of a domain; an empty cell is what was not looked into."""
    share = draft.share(part)
    return [
        part.name,
        str(part.files or ""),
        bytes_text(part.disk) if part.disk else "",
        "" if part.tokens is None else count_text(part.tokens),
        "" if share is None else f"{share:.1%}",
        part.column,
    ]


def _target(part: Part) -> str:
    if part.settings["source"] == "tokens":
        return f"{part.name} (tokens)"
    kind = "questions" if "query" in part.settings else "text"
    return f"{part.name} ({kind}: {part.column})"
