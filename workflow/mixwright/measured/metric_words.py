"""What a table's numbers are, as the options that say it: the inverse of `metric_options`."""

from collections.abc import Mapping, Sequence

from mixwright.errors import as_typed
from mixwright.learners import LOSS, Metric
from mixwright.measured.metric_options import METRIC, UNIT

# Mixers minimise a probability as they do a share of right answers; no option names it.
AS_IF = {"probability": "accuracy"}


def words_of_metrics(targets: Sequence[str], metrics: Mapping[str, Metric]) -> str:
    """Returns the options by which the numbers of targets are read as what they are.

    Args:
        targets: headings of a table.
        metrics: target -> what its numbers are; losses in nats/token where nothing is said.
    """
    units: list[str] = []
    kinds: list[str] = []
    for name in targets:
        metric = metrics.get(name, LOSS)
        if metric.name == LOSS.name:
            units.append(f"{name}={metric.unit or LOSS.unit}")
        else:
            kind = AS_IF.get(metric.name, metric.name)
            kinds.append(f"{name}={kind}{_settings(metric)}")
    if not kinds and all(metrics.get(name, LOSS) == LOSS for name in targets):
        units = [LOSS.unit]
    words: list[str] = []
    for option, values in ((UNIT, units), (METRIC, kinds)):
        if values:
            words += [option, *values]
    return as_typed(*words)


def _settings(metric: Metric) -> str:
    """Questions, chance and whole of an accuracy, as far as they are known."""
    settings = ""
    if metric.questions is not None:
        settings += f",questions={metric.questions}"
    if metric.chance is not None:
        settings += f",chance={metric.chance!r}"
    if metric.name == "accuracy" and metric.whole != 1:
        settings += f",whole={metric.whole!r}"
    return settings
