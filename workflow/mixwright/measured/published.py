"""Mixtures that others published, from the files they are in."""

import csv
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.headings import SEPARATORS
from mixwright.measured.sums import MOST_ROUNDED
from mixwright.mixture import Array

log = logging.getLogger(__name__)
# A line such as `  train_pile_cc: 0.87`.
ENTRY = re.compile(r"\s+['\"]?([\w./-]+)['\"]?\s*:\s*([\d.eE+-]+)\s*")


def read_published(files: Mapping[str, Path], domains: Sequence[str]) -> dict[str, Array]:
    """Reads mixtures: YAML with weights under `train`, or CSV with a column of the mixture's name.

    A name in a file stands for the longest domain that it ends with, after a mark such as _ or /.
    A domain that no name stands for has weight 0.

    Args:
        files: mixture -> its file.

    Returns:
        mixture -> (domains,) weights.

    Raises:
        MixwrightError: a file holds no such mixture, or a name stands for no domain.
    """
    mixtures = {}
    for name, path in files.items():
        mixtures[name] = _over_domains(name, path, _read(name, path), domains)
    return mixtures


def _read(name: str, path: Path) -> dict[str, float]:
    """Returns the weights of a mixture by the names that its file uses."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise MixwrightError(
            f"{path}: not readable as text; fetch the mixture {name} again, or correct the path"
        ) from None
    weights = _column(name, text) if path.suffix == ".csv" else _under_train(text)
    if not weights:
        raise MixwrightError(
            f"{path}: no mixture {name}; a CSV has a column `domain` and one of that name,"
            " a YAML weights under `train`"
        )
    return weights


def _column(name: str, text: str) -> dict[str, float]:
    weights = {}
    for row in csv.DictReader(text.splitlines()):
        if "domain" in row and name in row:
            weights[row["domain"]] = float(row[name])
    return weights


def _under_train(text: str) -> dict[str, float]:
    """Reads line by line: published trainer configs are not always YAML to the last line."""
    section = ""
    weights = {}
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line)
        if entry and section == "train":
            weights[entry[1]] = float(entry[2])
        elif line[:1].strip():
            section = line.strip().removesuffix(":")
    return weights


def _over_domains(
    mixture: str, path: Path, shares: Mapping[str, float], domains: Sequence[str]
) -> Array:
    """Returns (domains,) weights that sum to 1."""
    weights = np.zeros(len(domains))
    for name, share in shares.items():
        domain = _domain_of(name, domains)
        if domain is None:
            raise MixwrightError(
                f"{path}: {name} is no domain of the measured runs; {nearest(name, domains)}"
            )
        weights[domains.index(domain)] += share
    total = weights.sum()
    if (weights < 0).any() or not total > 0:
        raise MixwrightError(
            f"{path}: the weights of {mixture} are no mixture;"
            " give numbers from 0 on, one of them above"
        )
    if abs(total - 1) > MOST_ROUNDED:
        log.info(
            "%s: the weights of %s sum to %.3f; divided by it, as trainers that draw by them do",
            path,
            mixture,
            total,
        )
    return weights / total


def _domain_of(name: str, domains: Sequence[str]) -> str | None:
    """Returns the longest domain that a name ends with, after a mark."""
    longest: str | None = None
    for domain in domains:
        ends = name.endswith(tuple(mark + domain for mark in SEPARATORS))
        if name != domain and not ends:
            continue
        if longest is None or len(domain) > len(longest):
            longest = domain
    return longest
