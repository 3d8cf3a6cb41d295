"""The smallest study that parses, and how tests change it."""

import copy
from collections.abc import Mapping
from pathlib import Path

from mixwright.mixture import Domain
from mixwright.study.config import resolve
from mixwright.study.study import Study

HOUSE = Path(__file__).parents[2]
CONFIG = HOUSE / "config"


LEAST = {
    "study": "least",
    "domains": {name: {"source": "installed"} for name in ("cpp", "prose", "pycode")},
    "targets": {"pytests": {"source": "installed"}},
    "mixers": {name: {} for name in ("regmix", "mixmin", "autoscale", "uniform")},
    "final": {"per_job": 4},
}


def study(**changes) -> Study:
    config = copy.deepcopy(LEAST)
    for key, value in changes.items():
        config[key] = {**config.get(key, {}), **value} if isinstance(value, dict) else value
    return Study(resolve(config, CONFIG))


def names(asked: Study, role: str) -> list[str]:
    return [run.name for run in asked.runs[role]]


def domains_of(tokens: Mapping[str, int]) -> tuple[Domain, ...]:
    """Domains with so many training tokens."""
    return tuple(Domain(name, int(count)) for name, count in tokens.items())
