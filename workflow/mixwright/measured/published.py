"""Mixtures that others published, from the files they stand in."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.mixture import Array
from mixwright.wide import ROUNDING, short_names

ENTRY = re.compile(r"\s+['\"]?([\w./-]+)['\"]?\s*:\s*([\d.eE+-]+)\s*")


def read_published(files: Mapping[str, Path], domains: Sequence[str]) -> dict[str, Array]:
    """Name -> weights (domains,) of the mixture that its file holds: YAML with weights under `train`, or a CSV with a column of the name.

    Domains are matched by what is left of their names without the words they have in common, as in tables of runs; one that a file does
    not name has weight 0.
    """
    found = {name: _read(name, path) for name, path in files.items()}
    every = sorted({domain for weights in found.values() for domain in weights})
    short = dict(zip(every, short_names(every), strict=True))
    return {name: _ordered(files[name], {short[domain]: w for domain, w in weights.items()}, domains) for name, weights in found.items()}


def _read(name: str, path: Path) -> dict[str, float]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise MixwrightError(f"{path}: not readable as text; fetch the mixture {name} again, or correct the path") from None
    weights = _column(name, text) if path.suffix == ".csv" else _under_train(text)
    if not weights:
        raise MixwrightError(f"{path}: no mixture {name}; a CSV has a column `domain` and one of that name, a YAML weights under `train`")
    return weights


def _column(name: str, text: str) -> dict[str, float]:
    rows = list(csv.DictReader(text.splitlines()))
    return {row["domain"]: float(row[name]) for row in rows} if rows and {"domain", name} <= set(rows[0]) else {}


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


def _ordered(path: Path, weights: Mapping[str, float], domains: Sequence[str]) -> Array:
    for name in weights:
        if name not in domains:
            raise MixwrightError(f"{path}: {name} is no domain of the measured runs; {nearest(name, domains)}")
    found = np.array([weights.get(name, 0.0) for name in domains])
    if (found < 0).any() or abs(found.sum() - 1) > ROUNDING:
        raise MixwrightError(f"{path}: the weights sum to {found.sum():.4g}, not to 1 within {ROUNDING}; correct or complete them")
    return found / found.sum()
