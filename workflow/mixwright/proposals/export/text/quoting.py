"""Names and paths of any characters in the files of trainers: quoted, or refused."""

import json
import re
import shlex
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import yaml

from mixwright.errors import MixwrightError

CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")


def commented(lines: Sequence[str], prefix: str) -> str:
    """Returns lines of comment; line ends and control characters in them are written as escapes."""
    result = []
    for line in lines:
        result.append(f"{prefix}{CONTROL.sub(_escaped, line)}\n")
    return "".join(result)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def refuse(name: str, characters: str, where: str, reason: str) -> None:
    """Refuses a name with one of these characters, or a control character.

    Args:
        name: a name or path.
        characters: that the trainer takes for something else.
        where: the format.
        reason: what the trainer does with them.

    Raises:
        MixwrightError: the name has one.
    """
    for character in [*characters, *CONTROL.findall(name)]:
        if character in name:
            shown = json.dumps(character)
            raise MixwrightError(
                f"{where}: {json.dumps(name, ensure_ascii=False)} has {shown}, and {reason};"
                " give the source another path in --sources"
            )


def shell_word(word: str) -> str:
    """Returns a word that a POSIX shell reads as it is."""
    return shlex.quote(word)


def python_text(value: str) -> str:
    """Returns a literal of Python."""
    return repr(value)


def yaml_text(value: Any) -> str:
    """Returns a block of YAML; keys keep their order, numbers every digit, text its characters."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1_000_000)
    # PyYAML writes this line end as it stands, and reads a space
    if "\x85" in text:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=1_000_000)
    return text


def number_text(number: float) -> str:
    """Returns a number with all its digits, without an exponent."""
    plain = f"{number:.17g}"
    if float(f"{number:.12g}") == number:
        plain = f"{number:.12g}"
    if "e" not in plain:
        return plain
    return format(Decimal(repr(number)), "f")
