"""Reads results of a study by name, for figures and the report; layout.py says where they lie."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import read_json

Paths = Path | str | Sequence[Path | str]
# Files of JSON, each read as a mapping.
Records = Sequence[Mapping[str, Any]]
# Stands for a table that a study does not make.
NO_TABLE = pd.DataFrame()

# Read as JSON: one file, or a list of files.
ONE_FILE = ("study", "backtest", "transfer", "merged", "learning_curve")
SEVERAL_FILES = ("mixtures", "regions", "manifests", "surfaces")
# Read as one table, whatever the number of files.
TABLES = {
    table.name: table
    for table in (
        tables.DOMAINS,
        tables.DESIGN,
        tables.LOSSES,
        tables.VALIDATION,
        tables.FINALS,
        tables.CURVES,
        tables.SCORES,
        tables.SNAPSHOT_SCORES,
        tables.DOCUMENTS,
        tables.TESTED,
        tables.SUBSETS,
        tables.PREDICTIONS,
        tables.LADDER,
        tables.TASK_ANSWERS,
    )
}
TABLES["task_scores"] = tables.SCORES
# of all roles, where `design` holds those of proxies on one mixture
TABLES["trained_runs"] = tables.DESIGN


def load(
    paths: Mapping[str, Paths], needed: Iterable[str] = (), optional: Iterable[str] | None = None
) -> dict[str, Any]:
    """Reads results: tables as checked data frames, all others as JSON.

    Args:
        paths: name of a result -> its file or files; a name with an empty list is left out.
        needed: names that must be there.
        optional: names that may be there; the others are left out. None: all are read.

    Raises:
        MixwrightError: a needed result is missing, or a name is unknown.
    """
    present = {name: files for name, files in paths.items() if files}
    for name in needed:
        if name not in present:
            raise MixwrightError(f"{name} is missing; name the files that hold the study's {name}")
    names = set(present)
    if optional is not None:
        names &= {*needed, *optional}
    return {name: _read(name, present[name]) for name in sorted(names)}


def _read(name: str, files: Paths) -> Any:
    """Reads one result."""
    if name in TABLES:
        return tables.read(files, TABLES[name])
    listed = [files] if isinstance(files, str | Path) else list(files)
    if name in ONE_FILE:
        return read_json(listed[0])
    if name in SEVERAL_FILES:
        return [read_json(path) for path in listed]
    known = ", ".join(sorted([*ONE_FILE, *SEVERAL_FILES, *TABLES]))
    raise MixwrightError(f"{name} is no result of a study; known are {known}")
