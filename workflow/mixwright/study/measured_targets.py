"""What the numbers of a study's measured targets are, from its section `measured.targets`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import ACCURACY_SETTINGS, PERPLEXITY, Metric, kind, with_setting

Entry = Mapping[str, Any]


def spelled_out(entry: float | Entry) -> dict[str, Any]:
    """Returns the section of a target that a study gave as a section, or as its weight alone."""
    if isinstance(entry, Mapping):
        return dict(entry)
    return {"weight": entry}


def measured_metrics(measured: Mapping[str, Any]) -> dict[str, Metric]:
    """Returns target -> what its numbers are.

    Args:
        measured: the section `measured`, checked against the schema.

    Raises:
        MixwrightError: a target has a setting that its metric does not have.
    """
    metrics: dict[str, Metric] = {}
    of_table = measured.get("perturb", {}).get("measure", "loss")
    for name, entry in measured["targets"].items():
        where = f"config: measured.targets.{name}"
        metrics[name] = _metric_of(where, spelled_out(entry), of_table)
    return metrics


def stated(measured: Mapping[str, Any]) -> frozenset[str]:
    """Returns the targets of which a study says what their numbers are.

    Of the others nothing is known but the default, losses.
    """
    names = []
    for name, entry in measured["targets"].items():
        section = spelled_out(entry)
        is_other = section.get("metric", "loss") != "loss"
        if is_other or section.get("unit") is not None:
            names.append(name)
    return frozenset(names)


def _metric_of(where: str, entry: Entry, of_table: str) -> Metric:
    """The metric of one target; `of_table` is what the table's columns hold."""
    name = entry.get("metric", "loss")
    if name == "loss" and of_table == PERPLEXITY.name:
        name = of_table
    metric = kind(name)
    for setting in ACCURACY_SETTINGS:
        number = entry.get(setting)
        if number is not None:
            metric = with_setting(where, metric, setting, float(number))
    unit = entry.get("unit")
    if unit is None:
        return metric
    if name not in ("loss", "score"):
        raise MixwrightError(
            f"{where}: unit is that of a loss or a score, not of {name}; leave it out"
        )
    return replace(metric, unit=unit)
