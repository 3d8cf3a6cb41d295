"""Studies of the house as their first lines say to run them: an overlay after what it lies over."""

import re
from pathlib import Path

from mixwright.study.schema import read_yaml

OVERLAY = re.compile(r"# Overlay on ([\w-]+\.yaml)((?: and [\w-]+\.yaml)*)")


def files_of(path: Path) -> list[Path]:
    """Returns the files that a study is read from, the later ones over the earlier ones."""
    first = path.read_text().partition("\n")[0]
    overlay = OVERLAY.match(first)
    if overlay is None:
        return [path]
    names = [overlay[1], *overlay[2].split(" and ")[1:]]
    return [*(path.with_name(name) for name in names), path]


def study_of(path: Path) -> dict:
    """Returns the settings of a study and of all that it lies over."""
    study: dict = {}
    for file in files_of(path):
        study = over(study, read_yaml(file))
    return study


def over(study: dict, overlay: dict) -> dict:
    """A study with an overlay's values, section by section."""
    inner = {}
    for key, value in overlay.items():
        inner[key] = over(study.get(key, {}), value) if isinstance(value, dict) else value
    return study | inner
