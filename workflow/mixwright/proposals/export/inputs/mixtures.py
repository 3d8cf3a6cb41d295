"""The mixtures of an order, from files: one mixture, or one a stage."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture
from mixwright.proposals.export.blend import Size
from mixwright.proposals.export.order import Stage
from mixwright.proposals.export.text.content import (
    amount_of,
    check_keys,
    numbers_by_name,
    read_content,
    shares_of,
    text_of,
)

STAGE_KEYS = ("name", "tokens", "mixture")
NO_MIXTURE = "no mixture stands there; give DOMAIN: SHARE"


@dataclass(frozen=True)
class Wanted:
    """What a file of mixtures says."""

    stages: tuple[Stage, ...]
    # domain -> how much there is, as far as the file says it
    sizes: Mapping[str, Size] = field(default_factory=dict)
    # target -> weight of the goal that the mixture is for, as far as the file says it
    objective: Mapping[str, float] = field(default_factory=dict)

    @property
    def domains(self) -> list[str]:
        """Names of the domains of all stages."""
        names: dict[str, None] = {}
        for stage in self.stages:
            names |= dict.fromkeys(stage.mixture.names)
        return list(names)


def read_wanted(path: Path, tokens: float | None) -> Wanted:
    """Reads a mixture, or mixtures by stage, and what else their file says.

    A file is what `mixwright propose` wrote, domain -> share as JSON, YAML or CSV, or `stages:`, a
    list of `name`, `tokens` and `mixture` (domain -> share, or such a file).

    Args:
        path: the file.
        tokens: of the whole training, where the user says them.

    Raises:
        MixwrightError: the file holds no mixture, or stages have no tokens.
    """
    if path.suffix.lower() == ".csv":
        return Wanted((Stage(_of_csv(path), "", tokens),))
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: {NO_MIXTURE}")
    if "stages" in content:
        return Wanted(_staged(path, content["stages"], tokens))
    mixture = _mixture(content.get("weights", content), str(path))
    counts = numbers_by_name(content.get("tokens"), f"{path}: tokens")
    if tokens is None and counts:
        tokens = sum(counts.values())
    epochs = numbers_by_name(content.get("epochs"), f"{path}: epochs")
    objective = numbers_by_name(content.get("objective"), f"{path}: objective")
    stage = Stage(mixture, "", tokens)
    return Wanted((stage,), _sizes_of_proposal(counts, epochs), objective)


def _staged(path: Path, listed: Any, tokens: float | None) -> tuple[Stage, ...]:
    if not isinstance(listed, list) or not listed:
        raise MixwrightError(f"{path}: stages is no list; give each stage its name and mixture")
    stages = []
    for number, entry in enumerate(listed, start=1):
        stages.append(_stage(path, number, entry))
    total = sum(stage.tokens or 0.0 for stage in stages)
    if tokens is not None and not math.isclose(total, tokens, rel_tol=1e-6):
        raise MixwrightError(
            f"{path}: its stages have {total:g} tokens and --tokens says {tokens:g};"
            " leave --tokens away, or correct the stages"
        )
    return tuple(stages)


def _stage(path: Path, number: int, entry: Any) -> Stage:
    """Returns a stage of a list of them; its mixture may be a file beside the list's."""
    where = f"{path}: stage {number}"
    if not isinstance(entry, Mapping):
        raise MixwrightError(f"{where}: give name, tokens and mixture")
    check_keys(entry, STAGE_KEYS, where)
    written = entry.get("mixture")
    if isinstance(written, str):
        mixture = _of_file(path.parent / written)
    else:
        mixture = _mixture(written, where)
    tokens = amount_of(entry.get("tokens"), f"{where}: tokens")
    if not tokens:
        raise MixwrightError(f"{where}: tokens is missing; a stage ends after so many")
    name = entry.get("name") or f"stage {number}"
    return Stage(mixture, str(name), tokens)


def _of_file(path: Path) -> Mixture:
    """Returns the mixture of a file that a stage names."""
    if path.suffix.lower() == ".csv":
        return _of_csv(path)
    content = read_content(path)
    if not isinstance(content, Mapping) or "stages" in content:
        raise MixwrightError(f"{path}: {NO_MIXTURE}")
    return _mixture(content.get("weights", content), str(path))


def _mixture(weights: Any, where: str) -> Mixture:
    if not isinstance(weights, Mapping) or not weights:
        raise MixwrightError(f"{where}: {NO_MIXTURE}")
    numbers = numbers_by_name(weights, where)
    for name in weights:
        if str(name) not in numbers:
            raise MixwrightError(f"{where}: {name} has no share; give a number")
    try:
        return Mixture.of(numbers)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None


def _of_csv(path: Path) -> Mixture:
    """Reads two columns with a heading: domain and share."""
    weights = shares_of(text_of(path), str(path), ("domain", "share"))
    return _mixture(weights, str(path))


def _sizes_of_proposal(counts: Mapping[str, float], epochs: Mapping[str, float]) -> dict[str, Size]:
    """Returns the tokens of domains, from the tokens and passes that a proposal states."""
    sizes = {}
    for name, count in counts.items():
        passes = epochs.get(name)
        if passes and count:
            whole = round(count / passes)
            sizes[name] = Size(tokens=float(whole))
    return sizes
