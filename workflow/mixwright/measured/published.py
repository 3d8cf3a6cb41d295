"""Mixtures that others published, from the files they stand in."""

import csv
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.wide import ROUNDING, SEPARATORS
from mixwright.mixture import Array

log = logging.getLogger(__name__)
ENTRY = re.compile(r"\s+['\"]?([\w./-]+)['\"]?\s*:\s*([\d.eE+-]+)\s*")


def read_published(files: Mapping[str, Path], domains: Sequence[str]) -> dict[str, Array]:
    """Name -> weights (domains,) of the mixture that its file holds: YAML with weights under `train`, or a CSV with a column of the name.

    A name there stands for the longest domain that it ends with, after a mark such as _ or /; a domain without a name has weight 0.
    """
    return {name: _ordered(name, path, _read(name, path), domains) for name, path in files.items()}


def _read(name: str, path: Path) -> dict[str, float]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise MixwrightError(
            f"{path}: not readable as text; fetch the mixture {name} again, or correct the path"
        ) from None
    weights = _column(name, text) if path.suffix == ".csv" else _under_train(text)
    if not weights:
        raise MixwrightError(
            f"{path}: no mixture {name}; a CSV has a column `domain` and one of that name, a YAML weights under `train`"
        )
    return weights


def _column(name: str, text: str) -> dict[str, float]:
    rows = list(csv.DictReader(text.splitlines()))
    return (
        {row["domain"]: float(row[name]) for row in rows}
        if rows and {"domain", name} <= set(rows[0])
        else {}
    )


def _under_train(text: str) -> dict[str, float]:
    """Line by line: published trainer configs are not always YAML to the last line."""
    section, weights = "", {}
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line)
        if entry and section == "train":
            weights[entry[1]] = float(entry[2])
        elif line[:1].strip():
            section = line.strip().removesuffix(":")
    return weights


def _ordered(
    mixture: str, path: Path, weights: Mapping[str, float], domains: Sequence[str]
) -> Array:
    found = np.zeros(len(domains))
    for name, weight in weights.items():
        meant = [
            domain
            for domain in domains
            if name == domain or name.endswith(tuple(mark + domain for mark in SEPARATORS))
        ]
        if not meant:
            raise MixwrightError(
                f"{path}: {name} is no domain of the measured runs; {nearest(name, domains)}"
            )
        found[domains.index(max(meant, key=len))] += weight
    if (found < 0).any() or not found.sum() > 0:
        raise MixwrightError(
            f"{path}: the weights of {mixture} are no mixture; give numbers from 0 on, one of them above"
        )
    if abs(found.sum() - 1) > ROUNDING:
        log.info(
            "%s: the weights of %s sum to %.3f; divided by it, as a trainer does that draws by them",
            path,
            mixture,
            found.sum(),
        )
    return found / found.sum()
