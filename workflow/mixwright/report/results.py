"""Reads the files of a study by the name of what they hold, for the figures and the report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import read_json

Paths = Path | str | Sequence[Path | str]

OWN = (
    tables.DOMAINS,
    tables.DESIGN,
    tables.LOSSES,
    tables.VALIDATION,
    tables.SCORES,
    tables.DOCUMENTS,
)
OTHERS = (
    tables.TESTED,
    tables.SUBSETS,
    tables.PREDICTIONS,
    tables.LADDER,
)  # of runs measured by others
TABLES = {table.name: table for table in OWN + OTHERS}


def load(
    paths: Mapping[str, Paths], needed: Iterable[str] = (), optional: Iterable[str] | None = None
) -> dict[str, Any]:
    """`study`, `mixtures`, `regions` and `manifests` as JSON, tables checked; names in neither `needed` nor `optional` are left out."""
    given = {name: path for name, path in paths.items() if path}
    for name in needed:
        if name not in given:
            raise MixwrightError(
                f"--{name} is missing; name the file that holds the study's {name}"
            )
    wanted = set(given) if optional is None else {*needed, *optional} & set(given)
    return {name: _reader(name)(given[name]) for name in sorted(wanted)}


def _reader(name: str) -> Callable[[Any], Any]:
    if name == "study":
        return read_json
    if name in ("mixtures", "regions", "manifests"):
        return lambda paths: [
            read_json(path) for path in ([paths] if isinstance(paths, str | Path) else paths)
        ]
    if name in TABLES:
        return lambda paths: tables.read(paths, TABLES[name])
    raise MixwrightError(
        f"{name} is no result of a study; known are study, mixtures, regions, manifests, {', '.join(sorted(TABLES))}"
    )
