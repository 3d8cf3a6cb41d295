"""An object of a JSON file, whose values are checked as they are taken."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from mixwright.mixture import Array


class DamageError(Exception):
    """What is wrong, and where in the file."""


class Part:
    """An object of the file, whose values are checked as they are taken."""

    def __init__(self, place: str, content: Any) -> None:
        if not isinstance(content, dict):
            raise DamageError(f"{place or 'the file'} is no object")
        self.place = place
        self.content = content

    def where(self, key: str) -> str:
        """The place of a value."""
        return f"{self.place}.{key}" if self.place else key

    def any(self, key: str) -> Any:
        """A value that may be anything but missing."""
        if key not in self.content:
            raise DamageError(f"{self.where(key)} is missing")
        return self.content[key]

    def part(self, key: str) -> "Part":
        """An object."""
        return Part(self.where(key), self.any(key))

    def part_or_none(self, key: str) -> "Part | None":
        """An object, or nothing."""
        return None if self.any(key) is None else self.part(key)

    def parts(self, key: str, count: int | None = None) -> list["Part"]:
        """A list of objects, `count` of them."""
        values = self.listed(key, count)
        return [Part(f"{self.where(key)}[{i}]", value) for i, value in enumerate(values)]

    def listed(self, key: str, count: int | None = None) -> list[Any]:
        """A list, of `count` values."""
        values = self.any(key)
        if not isinstance(values, list):
            raise DamageError(f"{self.where(key)} is no list")
        if count is not None and len(values) != count:
            raise DamageError(f"{self.where(key)} has {len(values)} entries, not {count}")
        return values

    def text(self, key: str) -> str:
        """A text."""
        value = self.any(key)
        if not isinstance(value, str):
            raise DamageError(f"{self.where(key)} is no text")
        return value

    def texts(self, key: str, count: int | None = None) -> tuple[str, ...]:
        """Names, each once."""
        values = self.listed(key, count)
        if not all(isinstance(value, str) for value in values) or len({*values}) < len(values):
            raise DamageError(f"{self.where(key)} are not names, each once")
        return tuple(values)

    def truth(self, key: str) -> bool:
        """True or false."""
        value = self.any(key)
        if not isinstance(value, bool):
            raise DamageError(f"{self.where(key)} is neither true nor false")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        return number_at(self.where(key), self.any(key))

    def number_or_none(self, key: str) -> float | None:
        """A finite number, or nothing."""
        return None if self.any(key) is None else self.number(key)

    def amount(self, key: str) -> float:
        """A finite number from 0 on."""
        number = self.number(key)
        if number < 0:
            raise DamageError(f"{self.where(key)} is below 0")
        return number

    def amount_or_none(self, key: str) -> float | None:
        """A finite number from 0 on, or nothing."""
        return None if self.any(key) is None else self.amount(key)

    def count(self, key: str) -> int:
        """A whole number from 0 on."""
        number = self.number(key)
        if number < 0 or not number.is_integer():
            raise DamageError(f"{self.where(key)} is no count")
        return int(number)

    def numbers(self, key: str, count: int) -> Array:
        """(count,) finite numbers."""
        values = self.listed(key, count)
        return np.array([number_at(self.where(key), value) for value in values], dtype=np.float64)

    def numbers_or_none(self, key: str, count: int) -> Array | None:
        """(count,) finite numbers, or nothing."""
        return None if self.any(key) is None else self.numbers(key, count)

    def shares(self, key: str, names: Sequence[str]) -> dict[str, float]:
        """Name -> number, of known names."""
        part = self.part(key)
        unknown = sorted({*part.content} - {*names})
        if unknown:
            raise DamageError(f"{part.where(unknown[0])} is no target of it")
        return {name: part.number(name) for name in part.content}


def number_at(where: str, value: Any) -> float:
    """Returns a value of the file that must be a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise DamageError(f"{where} is no number")
    return float(value)
