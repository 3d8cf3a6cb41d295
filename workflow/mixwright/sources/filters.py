"""The rows of a data set that a study wants."""

from collections.abc import Mapping
from typing import Any

# Values that a message lists.
LISTED = 10


class Filter:
    """The rows that a study wants of a data set: those with certain values in certain columns."""

    def __init__(self, where: Mapping[str, Any] | None) -> None:
        """Wants every row where `where` is None.

        Args:
            where: column -> its value, or a list of values; all columns must match.
        """
        self._wanted: dict[str, list[Any]] = {}
        for column, values in (where or {}).items():
            self._wanted[column] = list(values) if isinstance(values, list) else [values]
        # Column -> values of it that a row had: those that are wanted, and some others.
        self._met: dict[str, dict[tuple[str, Any], None]] = {name: {} for name in self._wanted}

    @property
    def names(self) -> list[str]:
        """The columns that are looked at."""
        return list(self._wanted)

    def passes(self, row: Mapping[str, Any]) -> bool:
        """Returns whether a row is wanted."""
        passes = True
        for column, wanted in self._wanted.items():
            value = row.get(column)
            matches = any(_same(value, other) for other in wanted)
            passes = passes and matches
            met = self._met[column]
            if (matches or len(met) <= LISTED) and not isinstance(value, list | dict):
                met[_key(value)] = None
        return passes

    def lacking(self, where: str) -> str:
        """Returns what to say of values that no row has, with those that rows have; "" for none."""
        for column, wanted in self._wanted.items():
            met = self._met[column]
            for value in wanted:
                if _key(value) not in met:
                    listed = sorted(str(other) for _, other in met)
                    more = ", ..." if len(listed) > LISTED else ""
                    return (
                        f"{where}: no row has {column} {value};"
                        f" set `where` to some of {', '.join(listed[:LISTED])}{more}"
                    )
        return ""


def _same(value: Any, other: Any) -> bool:
    """Whether two values are equal; true is not 1."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _key(value: Any) -> tuple[str, Any]:
    """A value that is told from an equal one of another kind."""
    kind = "number" if isinstance(value, int | float) else ""
    return ("bool" if isinstance(value, bool) else kind, value)
