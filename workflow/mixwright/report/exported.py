"""Says which files a study wrote for trainers, and what stands in none of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixwright.proposals.export import FORMATS
from mixwright.proposals.export.blend import FAULTS
from mixwright.report.caveats import Caveat
from mixwright.report.frame import bullets, text

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


def exports_section(lines: Sequence[str]) -> str:
    """Returns the list of the files as HTML; empty where there are none."""
    return bullets(map(text, lines)) if lines else ""
