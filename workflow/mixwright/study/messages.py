"""One line for each mistake that the schema knows of: where, what, and what to write instead."""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from mixwright.errors import MixwrightError, closest
from mixwright.sources import SEVERAL
from mixwright.study.schema import Schema, did_you_mean, follow, keys

# How alike the name of a key in another section must be to be offered, from 0 to 1.
ALIKE_ELSEWHERE = 0.8
# A pattern of the schema -> the remedy.
PATTERNS = {
    "^https://": "write an address that begins with https://",
    "^[0-9a-f]{64}$": "write the 64 hex digits that sha256sum says",
}
# Most characters of a value that a message shows.
SHOWN = 60
# A type of JSON schema, as a person says it.
WORDS = {"object": "section", "array": "list", "null": "null (nothing)"}
# A sign after a number -> the power of ten that it stands for.
POWERS = {"%": -2, "k": 3, "m": 6, "b": 9, "g": 9, "t": 12}
# 20,000 and 1,234.5; 0,5 has a decimal comma.
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(?![\d,])")
# A rule of the schema -> the remedy; {} is the rule's number.
REMEDIES = {
    "minimum": "give {} or more",
    "maximum": "give {} or less",
    "exclusiveMinimum": "give more than {}",
    "exclusiveMaximum": "give less than {}",
    "minItems": "give {} or more",
    "maxItems": "give {} at most",
    "minProperties": "name {} or more",
    "minLength": "write something there",
    "maxLength": "shorten it to {} characters",
    "uniqueItems": "list each once",
    "pattern": "correct it",
}
NAME_RULE = (
    "a name has letters a to z, digits, dots, dashes and underscores, begins with a letter or"
    " digit and has 100 characters at most; rename it"
)


def check_against(study: Mapping[str, Any], schema: Schema, where: str = "") -> None:
    """Checks a study, or the section of it that `where` names, with its defaults.

    Raises:
        MixwrightError: the first mistake in the order of the keys, in one line.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(study), key=_path)
    if errors:
        raise MixwrightError(f"config: {where}{_message(errors[0], schema)}")


def _path(error: ValidationError) -> list[str]:
    return [str(part) for part in error.absolute_path]


def _message(error: ValidationError, schema: Schema) -> str:
    where = ".".join(_path(error))
    prefix = f"{where}." if where else ""
    value = error.instance
    if error.validator == "additionalProperties":
        return _unknown_key(error, prefix, schema)
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in value)
        return f"{prefix}{missing} is missing; give it{_takes(error, missing, schema)}"
    if "propertyNames" in error.absolute_schema_path:
        return f"{prefix}{_shown(value)}: {NAME_RULE}"
    if error.validator == "anyOf":
        inside = _inside(error)
        if inside is not None:
            return _message(inside, schema)
        hint = _number_hint(value)
        if isinstance(value, list):
            hint = ", its names in quotes where YAML reads them as no or as numbers"
        return f"{where} is {_shown(value)}; it takes {error.schema['title']}{hint}"
    if error.validator == "enum":
        choices = [str(choice) for choice in error.validator_value]
        hint = did_you_mean(str(value), choices)
        listed = " or ".join(choices)
        return f"{where} is {_shown(value)}{hint}; it takes {listed}"
    if error.validator == "type":
        return _wrong_type(where, value, error.validator_value)
    if where == "study" and error.validator in ("pattern", "maxLength"):
        return f"study: {_shown(value)} does not match what a name may be; {NAME_RULE}"
    return _broken_rule(error, where or "the study")


def _inside(error: ValidationError) -> ValidationError | None:
    """The mistake in the one alternative that takes values of this type.

    It is None where no alternative does, or several do. A word in a list of names is none: what
    YAML reads as something else is answered with all that the key takes.
    """
    others = set()
    first: dict[Any, ValidationError] = {}
    for part in error.context:
        alternative = part.schema_path[0]
        first.setdefault(alternative, part)
        if not part.path and part.validator in ("type", "const", "enum"):
            others.add(alternative)
    fitting = [part for alternative, part in first.items() if alternative not in others]
    if len(fitting) != 1:
        return None
    inside = fitting[0]
    is_name = inside.validator == "type" and inside.validator_value == "string"
    return None if is_name else inside


def _wrong_type(where: str, value: Any, wanted: str | list[str]) -> str:
    types = [wanted] if isinstance(wanted, str) else wanted
    words = " or ".join(types)
    if value is None:
        names = " or ".join(WORDS.get(type_, type_) for type_ in types)
        article = "an" if names[0] in "aeiou" else "a"
        return f"{where} is empty; give it {article} {names}, or leave the key out"
    kind = type(value).__name__
    message = f"{where} is {_shown(value)}, a {kind}; it takes a value of type {words}"
    if "string" in types and not isinstance(value, dict | list):
        return f"{message}: write it in quotes (YAML reads no, yes, numbers and dates as such)"
    if isinstance(value, str) and {"integer", "number"} & set(types):
        return message + (_number_hint(value) or ": a number in digits")
    if types == ["object"]:
        return f"{message}: a section, one `name: value` a line"
    if "array" in types:
        example = f"[{value}]" if isinstance(value, str) else "[a, b]"
        return f"{message}: a list, {example}"
    return message


def _number_hint(text: Any) -> str:
    """What to write for `2M`, `20,000` and `50%`; nothing for what is no number."""
    if not isinstance(text, str):
        return ""
    bare = text.strip().replace(" ", "").replace("_", "")
    if THOUSANDS.match(bare):
        bare = bare.replace(",", "")
    else:
        bare = bare.replace(",", ".")
    power = POWERS.get(bare[-1:].lower())
    digits = bare[:-1] if power else bare
    if not digits.replace(".", "", 1).isascii() or not digits.replace(".", "", 1).isdecimal():
        return ""
    # Whole numbers as such: 2.5M is 2500000.
    value = float(digits) * 10 ** (power or 0)
    return f": write {value:.0f}" if value.is_integer() else f": write {value!r}"


def _broken_rule(error: ValidationError, where: str) -> str:
    first_line = error.message.splitlines()[0]
    if error.validator == "minProperties":
        first_line = "the section is empty" if not error.instance else "too few names"
    if error.validator == "pattern":
        first_line = f"{_shown(error.instance)} does not match {error.validator_value}"
    remedy = REMEDIES.get(str(error.validator), "correct it").format(error.validator_value)
    remedy = PATTERNS.get(str(error.validator_value), remedy)
    return f"{where}: {first_line[:200]}; {remedy}"


def _shown(value: Any) -> str:
    """A value in a message: its first characters."""
    text = repr(value)
    if len(text) > SHOWN:
        return f"{text[:SHOWN]}..."
    return text


def _takes(error: ValidationError, name: str, schema: Schema) -> str:
    """What a missing key takes, where it is one of a few words."""
    child = follow(error.schema.get("properties", {}).get(name, {}), schema)
    if "enum" not in child:
        return ""
    choices = [str(choice) for choice in child["enum"] if choice != SEVERAL]
    takes = f" ({' or '.join(choices)})"
    if SEVERAL in child["enum"]:
        takes += ", or list several under sources"
    return takes


def _unknown_key(error: ValidationError, prefix: str, schema: Schema) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = next(name for name in error.instance if name not in known)
    near = closest(unknown, known)
    names = [f"{prefix}{near}"] if near else []
    elsewhere = _elsewhere(unknown, schema)
    # A key that stands in no section may belong to one that has its very name.
    same = [dotted for dotted in elsewhere if dotted.endswith(f".{unknown}")]
    if not names:
        names = elsewhere
    elif not prefix:
        names += same
    if names:
        hint = f"did you mean {' or '.join(names)}?"
    else:
        listed = ", ".join(known) or "nothing"
        hint = f"known here: {listed}"
    return f"{prefix}{_plain(unknown)} is unknown; {hint}"


def _plain(name: str) -> str:
    """A key in a message: as it is, or quoted where it would break the line."""
    if name.isprintable() and name.strip() == name and 0 < len(name) <= SHOWN:
        return name
    return _shown(name)


def _elsewhere(name: str, schema: Schema) -> list[str]:
    """The dotted keys of other sections that end with this name, or with one much like it."""
    by_last_word: dict[str, list[str]] = {}
    for dotted, _ in keys(schema):
        last_word = dotted.rsplit(".", 1)[-1]
        by_last_word.setdefault(last_word, []).append(dotted)
    close = closest(name, by_last_word, ALIKE_ELSEWHERE)
    return by_last_word[close] if close else []
