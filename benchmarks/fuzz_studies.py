"""Mutations of valid study files: a harmless one changes nothing, a harmful one is one line.

python benchmarks/fuzz_studies.py [MUTATIONS] [SEED]

A mutation is harmless by construction: keys in another order, comments, quotes around text and
numbers, 12.0 for 12. The study is then the same, and so are the names of its runs. Any other
mutation gives a study, or a MixwrightError of one line; never another exception. Those that break
the schema by construction (unknown keys, duplicated keys, wrong types) give an error.

Files are read as the workflow reads them: by Snakemake, then by mixwright.study.config.resolve.
"""

import copy
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from snakemake.common.configfile import load_configfile

from mixwright.errors import MixwrightError
from mixwright.mixture import digest
from mixwright.study.config import resolve
from mixwright.study.study import Study

CONFIG = Path(__file__).parents[1] / "config"
STUDIES = (
    "config.yaml",
    "studies/smoke.yaml",
    "studies/smoke-masked.yaml",
    "studies/minipile.yaml",
)
MEASURED = "studies/regmix_pile.yaml"
TREES = "studies/chemistry.yaml"
# Values that stand where others are wanted.
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2.5,
    1e30,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "no",
    "2M",
    "1e400",
    "nonsense",
    "ünicode",
    "-dash",
    "a/b",
    "..",
    [],
    [1],
    ["a", "b"],
    {},
    {"a": 1},
    {False: 1},
    [[]],
)
KEYS = ("", "no such key", "a/b", "-x", "ü", "x" * 300, "a.b", "web\n", " lead", "store", False, 3)
# Sections whose names are those of tables, which are read in a job.
OPEN = (("measured", "targets"), ("measured", "natural"))
Config = dict[str, Any]
# The path of keys to a value inside a config.
Place = tuple[Any, ...]


def places(config: Any, above: Place = ()) -> Iterator[Place]:
    """Yields the place of every value of a config, sections included."""
    if isinstance(config, dict):
        items = list(config.items())
    elif isinstance(config, list):
        items = list(enumerate(config))
    else:
        return
    for key, value in items:
        yield (*above, key)
        yield from places(value, (*above, key))


def at(config: Any, place: Place) -> Any:
    """Returns the value at a place."""
    for key in place:
        config = config[key]
    return config


def put(config: Config, place: Place, value: Any) -> None:
    """Puts a value at a place."""
    at(config, place[:-1])[place[-1]] = value


def choose(config: Config, dice: random.Random, wanted: Callable[[Any], bool]) -> Place | None:
    """Returns the place of a value of a kind, if there is one."""
    possible = [place for place in places(config) if wanted(at(config, place))]
    return dice.choice(possible) if possible else None


# Harmless


def reorder(config: Config, dice: random.Random) -> str:
    """Every section's keys in another order."""

    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = list(value)
        dice.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    return dump(shuffled(config))


def comment(config: Config, dice: random.Random) -> str:
    """Comments and blank lines between the lines."""
    lines = []
    for line in dump(config).splitlines():
        if dice.random() < 0.3:
            lines.append("  # a comment: with {signs} - and: colons")
        lines.append(line)
    return "\n\n".join(lines) + "\n"


def quote(config: Config, dice: random.Random) -> str:
    """Quotes around every text."""
    return yaml.dump(config, default_style='"', Dumper=_Quoting)


def quote_number(config: Config, dice: random.Random) -> str:
    """A number as text."""
    place = choose(config, dice, lambda value: type(value) in (int, float))
    if place:
        put(config, place, str(at(config, place)))
    return dump(config)


def whole_float(config: Config, dice: random.Random) -> str:
    """12.0 for 12."""
    place = choose(config, dice, lambda value: type(value) is int)
    if place:
        put(config, place, float(at(config, place)))
    return dump(config)


def exponent(config: Config, dice: random.Random) -> str:
    """2e4 for 20000, which YAML takes for text."""
    place = choose(config, dice, lambda value: type(value) is int and value % 10 == 0 < value)
    if place:
        put(config, place, f"{at(config, place) // 10}e1")
    return dump(config).replace("'", "")


def as_json(config: Config, dice: random.Random) -> str:
    """JSON, with tabs."""
    return json.dumps(config, indent="\t")


def default_said(config: Config, dice: random.Random) -> str:
    """An empty section that could be left out."""
    section = dice.choice(["validation", "designs", "corpus", "evaluation", "trees"])
    if "measured" in config and section != "validation":
        section = "validation"
    config.setdefault(section, None)
    return dump(config)


# Harmful by construction


def unknown_key(config: Config, dice: random.Random) -> str:
    """A key that no section has."""
    sections = [()]
    for place in places(config):
        if isinstance(at(config, place), dict) and place not in OPEN:
            sections.append(place)
    at(config, dice.choice(sections))["no such key"] = 1
    return dump(config)


def duplicate(config: Config, dice: random.Random) -> str:
    """A line that stands twice."""
    lines = dump(config).splitlines()
    top = [number for number, line in enumerate(lines) if line[0] not in " -" and "[" not in line]
    number = dice.choice(top)
    name = lines[number].split(":")[0]
    return "\n".join([*lines, f"{name}: 1"]) + "\n"


def wrong_type(config: Config, dice: random.Random) -> str:
    """A list for a section."""
    section = choose(config, dice, lambda value: isinstance(value, dict))
    put(config, section or ("study",), ["a list"])
    return dump(config)


def text_for_number(config: Config, dice: random.Random) -> str:
    """A word for a number."""
    place = choose(config, dice, lambda value: type(value) in (int, float))
    put(config, place or ("seed",), "several")
    return dump(config)


def norwegian(config: Config, dice: random.Random) -> str:
    """A name that YAML takes for false."""
    place = choose(config, dice, lambda value: isinstance(value, dict)) or ()
    at(config, place)[False] = {}
    return dump(config).replace("false: {}", "no: {}")


# Whatever comes of it


def any_value(config: Config, dice: random.Random) -> str:
    """Another value in some place."""
    place = dice.choice(list(places(config)))
    put(config, place, copy.deepcopy(dice.choice(VALUES)))
    return dump(config)


def drop(config: Config, dice: random.Random) -> str:
    """A value less."""
    place = dice.choice(list(places(config)))
    del at(config, place[:-1])[place[-1]]
    return dump(config)


def rename(config: Config, dice: random.Random) -> str:
    """Another name for a key."""
    place = dice.choice([place for place in places(config) if isinstance(place[-1], str)])
    section = at(config, place[:-1])
    value = section.pop(place[-1])
    name = dice.choice(KEYS)
    if dice.random() < 0.5:
        letters = list(place[-1])
        letters.insert(dice.randrange(len(letters) + 1), dice.choice("aeiou-_. 7"))
        name = "".join(letters)
    section[name] = value
    return dump(config)


def move(config: Config, dice: random.Random) -> str:
    """A value in another section."""
    place = dice.choice(list(places(config)))
    value = at(config, place)
    del at(config, place[:-1])[place[-1]]
    section = choose(config, dice, lambda value: isinstance(value, dict)) or ()
    at(config, section)[place[-1]] = value
    return dump(config)


def cut_text(config: Config, dice: random.Random) -> str:
    """A file that ends early."""
    text = dump(config)
    return text[: dice.randrange(1, len(text))]


HARMLESS = (
    reorder,
    comment,
    quote,
    quote_number,
    whole_float,
    exponent,
    as_json,
    default_said,
)
HARMFUL = (unknown_key, duplicate, wrong_type, text_for_number, norwegian)
OTHER = (any_value, any_value, any_value, drop, rename, rename, move, cut_text)


class _Dumper(yaml.SafeDumper):
    """Writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Quoting(_Dumper):
    """Quotes text, and leaves numbers, switches and nulls as they are."""

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        if not tag.endswith(":str"):
            style = ""
        return super().represent_scalar(tag, value, style if tag.endswith(":str") else "")

    def serialize_node(self, node: Any, parent: Any, index: Any) -> None:
        if isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":str"):
            node.style = None
        super().serialize_node(node, parent, index)


def dump(config: Any) -> str:
    """Returns a config as YAML."""
    return yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def result_of(path: Path) -> tuple[Config, str]:
    """Returns the study of a file and the hash of its runs' and finals' names, as the workflow."""
    study = Study(resolve(load_configfile(path), CONFIG, [path]))
    names = {role: [run.name for run in runs] for role, runs in study.runs.items()}
    plan = [names, list(study.final_packs) if "measured" not in study.config else [], study.arms]
    return study.config, digest(plan)


def snakemakes(error: Exception) -> bool:
    """Whether Snakemake refused the file before this project saw it."""
    return type(error).__name__ == "WorkflowError"


def fuzz(mutations: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Returns how many mutations ended how, and one line a failure."""
    dice = random.Random(seed)
    counts: Counter[str] = Counter()
    failures: list[str] = []
    files = [*STUDIES, MEASURED, TREES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        valid = {}
        for file in files:
            config = yaml.safe_load((CONFIG / file).read_text())
            path.write_text(dump(config))
            valid[file] = (config, result_of(path))
        for number in range(mutations):
            file = dice.choice(files)
            config, expected = valid[file]
            group = dice.choice((HARMLESS, HARMFUL, OTHER))
            mutation = dice.choice(group)
            text = mutation(copy.deepcopy(config), dice)
            path.write_text(text, encoding="utf-8")
            ending, line = _ending(path, expected, group)
            counts[f"{_group_name(group)}: {ending}"] += 1
            if ending == "WRONG":
                failures.append(f"{number} {file} {mutation.__name__}: {line}")
    return counts, failures


def _group_name(group: tuple[Any, ...]) -> str:
    return {HARMLESS: "harmless", HARMFUL: "harmful"}.get(group, "other")


def _ending(path: Path, expected: tuple[Config, str], group: tuple[Any, ...]) -> tuple[str, str]:
    """How a mutation ended, and the line that it gave."""
    try:
        outcome = result_of(path)
    except MixwrightError as error:
        line = str(error)
        if group == HARMLESS or "\n" in line or not line.strip():
            return "WRONG", line
        return "one line", line
    except Exception as error:
        if snakemakes(error) and group != HARMLESS:
            return "refused by Snakemake", str(error)
        return "WRONG", f"{type(error).__name__}: {error}"
    if group == HARMLESS:
        same = outcome == expected
        return ("the same study", "") if same else ("WRONG", "another study")
    if group == HARMFUL:
        return "WRONG", "taken without a word"
    return "the same study" if outcome == expected else "another study", ""


def main(mutations: int = 2000, seed: int = 0) -> None:
    """Prints counts and failures; exits with 1 where there is a failure."""
    counts, failures = fuzz(mutations, seed)
    print(f"{mutations} mutations, seed {seed}")
    for ending, count in sorted(counts.items()):
        print(f"{count:6} {ending}")
    for failure in failures:
        print(failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
