"""Files of Megatron-LM that anybody wrote: arguments of a script, a file of words, JSON of splits.

The grammar is in megatron.py. Nothing is run: of a script, the words after the option are read, and
plain variables.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import CHANGED, REFUSED, REMARK, Blend, Fault
from mixwright.proposals.export.text.yaml_source import json_content
from mixwright.proposals.export.trainers.megatron_index import BY_LENGTH
from mixwright.proposals.export.trainers.megatron_words import blend_of_words

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)(\[@\])?\}?")
OPTIONS = ("--data-path", "--train-data-path")
SPLITS = ("train", "valid", "test")
# Words of Python that no list of paths has.
NO_PATHS = ("=", "import", "def")
# Other names of the split valid, which NeMo Automodel takes.
ALIASES = ("validation", "valid", "val", "dev")


def blend_of_arguments(text: str, where: str) -> Blend:
    """Returns the blend of a script, or of a file for --data-args-path.

    Raises:
        MixwrightError: no list of sources stands there.
    """
    words = _words_of_shell(text, where)
    variables = _variables(words)
    options = [option for option in OPTIONS if option in words]
    if options:
        option = options[0]
        values = _values(words, option, variables)
        return blend_of_words(values, where, _surplus(words), _conflicts(words, option))
    for value in variables.values():
        if len(value) > 1:
            return blend_of_words(value, where)
    blend = blend_of_words(text.split(), where, faults=_faults_of_file(text))
    if BY_LENGTH in blend.settings:
        _refuse_other_files([entry.path for entry in blend.entries], where)
    return blend


def _refuse_other_files(words: Sequence[str], where: str) -> None:
    """Refuses YAML and Python: every word of them would be a path without a weight.

    Raises:
        MixwrightError: a word is none of a list of paths.
    """
    for word in words:
        if word in NO_PATHS or word.endswith(":") or word.startswith(("[", "{", "(")):
            raise MixwrightError(
                f"{where}: {word!r} is no path: the file is no list of weights and paths;"
                " name its own --format, or write them in turn"
            )


def _words_of_shell(text: str, where: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    try:
        return shlex.split("\n".join(lines).replace("\\\n", " "))
    except ValueError as error:
        raise MixwrightError(f"{where}: {error}; close the quote") from None


def _variables(words: Sequence[str]) -> dict[str, list[str]]:
    """Returns name -> words of the variables that a script sets."""
    variables = {}
    for word in words:
        assignment = ASSIGNMENT.fullmatch(word)
        if assignment is not None:
            variables[assignment[1]] = assignment[2].split()
    return variables


def _values(words: Sequence[str], option: str, variables: Mapping[str, list[str]]) -> list[str]:
    """Returns the words after an option, up to the next option or the end of an array."""
    values: list[str] = []
    for word in words[words.index(option) + 1 :]:
        if word.startswith("--") or word == ")":
            break
        variable = VARIABLE.fullmatch(word)
        if variable is not None and variable[1] in variables:
            values += variables[variable[1]]
        else:
            values.append(word)
    return values


def _surplus(words: Sequence[str]) -> dict[str, Any]:
    option = "--mid-level-dataset-surplus"
    if option not in words[:-1]:
        return {}
    try:
        return {"surplus": float(words[words.index(option) + 1])}
    except ValueError:
        return {}


def _conflicts(words: Sequence[str], option: str) -> list[Fault]:
    """Returns what is wrong with the options that stand together."""
    faults = []
    if option == "--data-path":
        if "--data-args-path" in words:
            message = "--data-path and --data-args-path stand together: Megatron stops; drop one"
            faults.append(Fault(REFUSED, message))
        for other in ("--train-data-path", "--per-split-data-args-path"):
            if other in words:
                message = f"{other} is not read, for --data-path stands there; drop one"
                faults.append(Fault(CHANGED, message))
        if "--split" not in words:
            message = "without --split 3.1 % of every source are left to validation and test"
            faults.append(Fault(REMARK, message))
    elif "--split" in words:
        message = "--split and --train-data-path stand together: Megatron stops; drop --split"
        faults.append(Fault(REFUSED, message))
    return faults


def _faults_of_file(text: str) -> list[Fault]:
    """Returns what is wrong with a file for --data-args-path: it is split at white space alone."""
    faults = [
        Fault(REMARK, "a file for --data-args-path needs --split beside it: else Megatron stops")
    ]
    marks = [mark for mark in ("#", '"', "'", "\\") if mark in text]
    if marks:
        message = (
            f"{' '.join(marks)} stands there: a file for --data-args-path has no comments and no"
            " quotes, every word is read as it is; write weights and paths alone"
        )
        faults.append(Fault(CHANGED, message))
    return faults


def blend_of_json(text: str, where: str, automodel: bool) -> Blend:
    """Returns the blend of the split train, with what is wrong with the others.

    Args:
        text: of the file.
        where: what messages call it.
        automodel: whether NeMo Automodel reads it; else Megatron does.

    Raises:
        MixwrightError: it is no JSON, or train names no source.
    """
    content = json_content(text, where)
    faults: list[Fault] = []
    train = content
    if isinstance(content, Mapping):
        faults = _of_automodel(content) if automodel else _of_megatron(content)
        train = content.get("train")
    elif not automodel:
        message = "Megatron-LM wants the keys train, valid and test; NeMo Automodel takes the list"
        faults.append(Fault(REFUSED, message))
    if isinstance(train, str):
        if automodel:
            message = "train is one text, of which Automodel takes each letter; write a list"
            faults.append(Fault(REFUSED, message))
        train = train.split()
    if not isinstance(train, list) or not train:
        raise MixwrightError(f"{where}: train names no source; give weights and paths in turn")
    return blend_of_words(train, where, faults=faults)


def _of_megatron(content: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for split in SPLITS:
        if split not in content:
            message = f"the key {split} is missing; Megatron wants train, valid and test"
            aliases = [alias for alias in ALIASES if alias in content]
            if split == "valid" and aliases:
                message = f"{message} ({aliases[0]} is a name of NeMo Automodel)"
            faults.append(Fault(REFUSED, message))
        elif content[split] is not None and not content[split]:
            message = f"{split} is empty, and Megatron stops at it; write null for no such split"
            faults.append(Fault(REFUSED, message))
    return faults


def _of_automodel(content: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for split, value in content.items():
        if split not in ("train", "test", *ALIASES):
            message = f"{split} is no split of NeMo Automodel, and is not read"
            faults.append(Fault(REMARK, message))
        elif not value:
            message = f"{split} names no source, and NeMo Automodel stops at it; leave the key out"
            faults.append(Fault(REFUSED, message))
    return faults
