"""Says which files a study wrote for trainers, and what stands in none of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mixwright.proposals.export import FORMATS
from mixwright.proposals.export.blend import FAULTS
from mixwright.report.answer import command, export_line
from mixwright.report.caveats import Caveat
from mixwright.report.frame import bullets, folded, note, part, table, text

# How notes begin that a reader of the report should know.
SERIOUS = ("dropped", *FAULTS)


@dataclass(frozen=True)
class Exported:
    """The trainers' files of a study."""

    # a sentence a file
    lines: tuple[str, ...] = ()
    # of files that leave a source out, or with which something goes wrong
    caveats: tuple[Caveat, ...] = ()


def read_exports(files: Sequence[str]) -> Exported:
    """Reads what was said of each file when it was written.

    Args:
        files: `results/{study}/export/{arm}/{format}{suffix}`, with their notes beside them.
    """
    lines = []
    caveats = []
    for file in files:
        path = Path(file)
        notes = Path(f"{file}.notes.txt").read_text(encoding="utf-8").splitlines()
        serious = [note for note in notes if note.startswith(SERIOUS)]
        purpose = FORMATS[path.stem].purpose
        place = f"export/{path.parent.name}/{path.name}"
        line = f"{path.parent.name} for {path.stem} ({purpose}): {place}"
        if serious:
            line = f"{line}; see the caveats"
            caveats.append(Caveat(f"{place}: {'. '.join(serious)}."))
        lines.append(f"{line}.")
    return Exported(tuple(lines), tuple(caveats))


def exports_section(lines: Sequence[str], file: str) -> str:
    """Returns what hands a mixture to a trainer, as HTML.

    Args:
        lines: of files that the study wrote, a sentence each.
        file: of the mixture, for the line that writes others; empty: there is none.
    """
    content = part("Files that this study wrote", bullets(map(text, lines)) if lines else "")
    if not file:
        return content
    rows = []
    for name, kind in FORMATS.items():
        line = f"<code>{escape(export_line(file, name))}</code>"
        rows.append([escape(name), escape(kind.purpose), f'<span class="words">{line}</span>'])
    formats = table(["format", "trainer", "line"], rows, "Formats of mixwright export")
    reading = note(
        "What a trainer reads of it is printed, with what it would leave out; --sources maps"
        " domains to prepared data, where the trainer names files."
    )
    return (
        f"{content}{command([export_line(file)], 'export')}{reading}"
        f"{folded(f'The line for each of {len(rows)} trainers and formats', formats)}"
    )
