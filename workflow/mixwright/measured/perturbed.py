"""Perturbation runs of others: a base run, and for each domain one with less and one with more."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.learners import PERPLEXITY, Metric, kind
from mixwright.measured.metric_options import NumberError, check_numbers
from mixwright.measured.wide import Wide, read_wide
from mixwright.mixture import Array
from mixwright.observations import Observations

# What stands for the domain in a pattern of run ids.
DOMAIN = "{domain}"


def read_perturbed(
    path: Path,
    settings: Mapping[str, Any],
    targets: Sequence[str],
    metrics: Mapping[str, Metric] | None = None,
) -> Observations:
    """Reads the perturb runs of a wide table of losses or the like, and rebuilds their amounts.

    Args:
        path: a CSV file, a line a run.
        settings: the config's measured.perturb. Run ids name the domain by its patterns `reduced`
            and `increased`, and `factors` say how much of it these runs took.
        targets: the columns to read.
        metrics: target -> what its numbers are; `measure` of the settings where nothing stands.

    Returns:
        The runs, with amounts in tokens and losses as mixers minimise them.

    Raises:
        MixwrightError: a run or a target is not in the table, or a cell is none that the metric can
            have, such as a perplexity under 1.
    """
    of_table = kind(settings["measure"])
    known = metrics or {}
    of_targets = {name: known.get(name, of_table) for name in targets}
    table = read_wide(path)
    base = settings["base"]
    if base not in table.ids:
        raise MixwrightError(
            f"config: measured.perturb.base: {path} has no run {base}; {nearest(base, table.ids)}"
        )
    reduced = _runs_of_domains(table.ids, settings["reduced"])
    increased = _runs_of_domains(table.ids, settings["increased"])
    _check_complete(path, settings, reduced, increased)
    domains = tuple(sorted(reduced))
    less, more = settings["factors"]
    # Run -> (domains,) amounts in those of the base run.
    factors = {base: np.ones(len(domains))}
    for names, factor in ((reduced, less), (increased, more)):
        for i, domain in enumerate(domains):
            factors[names[domain]] = np.ones(len(domains))
            factors[names[domain]][i] = factor
    runs = tuple(sorted(factors))
    rows = [table.ids.index(name) for name in runs]
    amounts = _base_amounts(settings, domains) * np.stack([factors[name] for name in runs])
    columns = tuple(sorted(targets))
    return Observations(
        domains=domains,
        targets=columns,
        runs=runs,
        roles=("perturb",) * len(runs),
        amounts=amounts,
        losses=_losses(table, of_targets, rows),
        metrics=of_targets,
    )


def _runs_of_domains(ids: Sequence[str], pattern: str) -> dict[str, str]:
    """Returns domain -> run whose id follows the pattern."""
    before, after = pattern.split(DOMAIN)
    expression = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    runs = {}
    for name in ids:
        match = expression.fullmatch(name)
        if match:
            runs[match[1]] = name
    return runs


def _check_complete(
    path: Path,
    settings: Mapping[str, Any],
    reduced: Mapping[str, str],
    increased: Mapping[str, str],
) -> None:
    """Refuses a table where a domain has no run with less of it, or none with more."""
    for option, runs in (("reduced", reduced), ("increased", increased)):
        missing = sorted({*reduced, *increased} - set(runs))
        if runs and not missing:
            continue
        name = settings[option]
        if missing:
            name = name.replace(DOMAIN, missing[0])
        raise MixwrightError(f"{path}: no run {name}; add it, or correct measured.perturb.{option}")


def _base_amounts(settings: Mapping[str, Any], domains: Sequence[str]) -> Array:
    """Returns (domains,) tokens of the base run."""
    mixture = settings["mixture"] or dict.fromkeys(domains, 1.0)
    unmatched = sorted(set(mixture) ^ set(domains))
    if unmatched:
        raise MixwrightError(
            f"config: measured.perturb.mixture.{unmatched[0]}: only the mixture or only the runs"
            " name it; name every domain in both"
        )
    weights = np.array([mixture[name] for name in domains])
    return float(settings["tokens"]) * weights / weights.sum()


def _losses(table: Wide, metrics: Mapping[str, Metric], rows: Sequence[int]) -> Array:
    """Returns (rows, targets) what mixers minimise for these rows, targets sorted by name."""
    columns = []
    for name in sorted(metrics):
        if name not in table.columns:
            raise MixwrightError(
                f"config: measured.targets.{name} was not measured in {table.source};"
                f" {nearest(name, table.columns)}"
            )
        values = table.values[:, table.columns.index(name)]
        metric = metrics[name]
        _check(table, name, values, metric)
        minimised = metric.minimised(values)
        columns.append(minimised[rows])
    return np.column_stack(columns)


def _check(table: Wide, name: str, values: Array, metric: Metric) -> None:
    """Refuses numbers that the metric cannot have, and says which key of the study to change."""
    try:
        check_numbers(metric, name, values, table.where)
    except NumberError as error:
        remedy = f"correct it, or measured.targets.{name}.metric"
        if metric.name == PERPLEXITY.name:
            remedy = "set measured.perturb.measure to loss"
        raise MixwrightError(f"{error.problem}; {remedy}") from None
