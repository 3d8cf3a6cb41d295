"""How the text of a row is made of its columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from mixwright.errors import MixwrightError

# Parts of a template: a brace that is written twice, a column in braces, a brace alone.
PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """How the text of a row is made of its columns."""

    # as the study writes it: a column, or a text with columns in braces
    setting: str
    # the columns, in the order of the text
    names: tuple[str, ...]
    # what stands before each of them, and behind the last
    between: tuple[str, ...]

    @classmethod
    def of(cls, setting: str, where: str) -> Self:
        """Reads a column's name, or a template such as `{title}: {body}`; `{{` is a brace.

        Args:
            setting: what the study says.
            where: the place in the config that a message names.

        Raises:
            MixwrightError: braces are not closed, or hold no name.
        """
        if "{" not in setting and "}" not in setting:
            return cls(setting, (setting,), ("", ""))
        names: list[str] = []
        between = [""]
        end = 0
        for match in PART.finditer(setting):
            between[-1] += setting[end : match.start()]
            end = match.end()
            name = match.group(1)
            if name:
                names.append(name)
                between.append("")
            elif match.group() in ("{{", "}}"):
                between[-1] += match.group()[0]
            else:
                raise MixwrightError(
                    f"{where} is {setting!r}: {match.group()} names no column;"
                    " write {column}, and {{ or }} for a brace"
                )
        if not names:
            raise MixwrightError(
                f"{where} is {setting!r}, which names no column; write one in braces: {{title}}"
            )
        between[-1] += setting[end:]
        return cls(setting, tuple(names), tuple(between))

    @property
    def is_column(self) -> bool:
        """Whether the text is one column as it is."""
        return self.names == (self.setting,)

    def text(self, values: Sequence[str | None]) -> str | None:
        """Returns the text of a row.

        Args:
            values: of the columns; what is null is left out, and no text is left where all are.
        """
        if self.is_column:
            return values[0]
        if all(value is None for value in values):
            return ""
        pieces = [self.between[0]]
        for value, following in zip(values, self.between[1:], strict=True):
            pieces += [value or "", following]
        return "".join(pieces)
