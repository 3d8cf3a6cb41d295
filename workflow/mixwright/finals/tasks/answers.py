"""What lm-evaluation-harness says of one task, as rows of scores and of answers."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mixwright.numerics.ratio import ratio

if TYPE_CHECKING:
    from lm_eval.api.task import Task

Record = Mapping[str, Any]

# The harness's names of metrics that proxies have too. Its acc_norm is by characters of an answer.
NAMES = {"acc": "accuracy", "acc_norm": "accuracy_norm"}
# A task is judged by the first of them that it has; else by its first metric that is a mean.
PREFERRED = ("acc_norm", "acc", "bits_per_byte")
# Metrics of whole texts, whose values are (log-likelihood in nats, words or bytes): the unit that
# one nat of loss is divided by. They are judged by the loss, whose mean has an error.
OF_TEXTS = {"word_perplexity": 1.0, "byte_perplexity": 1.0, "bits_per_byte": math.log(2)}
LOGLIKELIHOOD = "loglikelihood"
# of the harness's filters, the one that changes nothing
NO_FILTER = "none"


@dataclass(frozen=True)
class Result:
    """What one final reached on one task."""

    # without mixer, seed and task: rows of tables.SCORES
    scores: tuple[Record, ...]
    # likewise of tables.TASK_ANSWERS; empty where no metric of the task is a mean over questions
    answers: pd.DataFrame

    @property
    def judged(self) -> Record | None:
        """The score that the task is judged by."""
        if self.answers.empty:
            return None
        metric = self.answers.metric.iloc[0]
        return next(row for row in self.scores if row["metric"] == metric)


@dataclass(frozen=True)
class _Judged:
    """A metric as a mean over questions."""

    metric: str
    higher: bool
    values: Sequence[float]  # (questions,)
    weights: Sequence[float]  # (questions,)


def result_of(task: "Task", results: Record) -> Result:
    """Returns the scores and answers of a task, from what lm_eval.evaluator.evaluate returns."""
    name = task.task_name
    higher = results["higher_is_better"].get(name, {})
    size = results["n-samples"][name]["effective"]
    scores = list(_scores(results["results"][name], higher, size))
    samples = _first_filter(results["samples"][name])
    right = []
    for sample in samples:
        right.append(_right(task, sample))
    if None not in right:
        equal = [1.0] * len(right)
        scores.append(_mean(LOGLIKELIHOOD, True, right, equal))
    judged = _judged(task, samples, higher)
    if judged is None:
        return Result(tuple(scores), pd.DataFrame())
    # the harness gives means over words or bytes no error
    scores = [row for row in scores if row["metric"] != judged.metric]
    scores.append(_mean(judged.metric, judged.higher, judged.values, judged.weights))
    columns = {
        "example": [sample["doc_id"] for sample in samples],
        "metric": judged.metric,
        "value": judged.values,
        "weight": judged.weights,
        "loglikelihood": right,
    }
    return Result(tuple(scores), pd.DataFrame(columns))


def _first_filter(samples: Sequence[Record]) -> list[Record]:
    """The answers as the first filter leaves them, in the order of the questions."""
    first = samples[0]["filter"]
    filtered = [sample for sample in samples if sample["filter"] == first]
    return sorted(filtered, key=lambda sample: sample["doc_id"])


def pooled(parts: Iterable[Result], by_size: bool) -> Result | None:
    """Returns a group's result: that of all questions of its parts.

    None where the parts are judged by different metrics, or one is not.

    Args:
        parts: the results of its tasks.
        by_size: whether each question counts alike, and not each part.
    """
    frames = []
    metrics = set()
    for result in parts:
        judged = result.judged
        if judged is None:
            return None
        metrics.add((judged["metric"], judged["higher"]))
        frame = result.answers
        if not by_size:
            share = frame.weight / frame.weight.sum()
            frame = frame.assign(weight=share)
        frames.append(frame)
    if len(metrics) != 1:
        return None
    answers = pd.concat(frames, ignore_index=True)
    answers["example"] = np.arange(len(answers))
    metric, higher = metrics.pop()
    scores = [_mean(metric, higher, answers.value, answers.weight)]
    if answers.loglikelihood.notna().all():
        row = _mean(LOGLIKELIHOOD, True, answers.loglikelihood, answers.weight)
        scores.append(row)
    return Result(tuple(scores), answers)


def _scores(values: Record, higher: Mapping[str, bool], size: int) -> Iterator[Record]:
    """The harness's own numbers, such as `acc,none` and `acc_stderr,none`."""
    for key, value in values.items():
        metric, _, chosen = key.partition(",")
        if not chosen or metric.endswith("_stderr"):
            continue
        error = values.get(f"{metric}_stderr,{chosen}")
        if not isinstance(error, float):
            error = None
        direction = higher.get(metric)
        yield {
            "metric": _name(metric, chosen),
            "value": float(value),
            "stderr": error,
            "n": size,
            "higher": None if direction is None else int(direction),
        }


def _judged(task: "Task", samples: Sequence[Record], higher: Mapping[str, bool]) -> _Judged | None:
    """The metric that a task is judged by, question by question; None: it has no mean."""
    metrics = samples[0]["metrics"]
    order = [metric for metric in PREFERRED if metric in metrics]
    for metric in dict.fromkeys([*order, *metrics]):
        if metric not in higher or higher[metric] is None:
            continue
        values: list[Any] = [sample.get(metric) for sample in samples]
        name = _name(metric, samples[0]["filter"])
        if metric in OF_TEXTS:
            return _of_texts(metric, values)
        if not all(np.isscalar(value) for value in values):
            continue
        equal = [1.0] * len(values)
        if metric == "perplexity":
            losses = [-float(value) for value in values]
            return _Judged(f"log_{name}", False, losses, equal)
        if _is_mean(task, metric):
            numbers = [float(value) for value in values]
            return _Judged(name, higher[metric], numbers, equal)
    return None


def _of_texts(metric: str, values: Sequence[tuple[float, int]]) -> _Judged:
    """A metric of whole texts as a mean over their words or bytes: nats, or bits."""
    unit = OF_TEXTS[metric]
    losses = []
    weights = []
    for loglikelihood, size in values:
        losses.append(-loglikelihood / unit / size)
        weights.append(float(size))
    name = metric
    if unit == 1.0:
        name = f"log_{metric}"
    return _Judged(name, False, losses, weights)


def _is_mean(task: "Task", metric: str) -> bool:
    """Whether the harness averages the metric over questions."""
    from lm_eval.api.metrics import mean

    return task.aggregation().get(metric, mean) is mean


def _right(task: "Task", sample: Record) -> float | None:
    """The log-likelihood of the right answer, in nats, where a question has one."""
    answers = sample["filtered_resps"]
    if task.OUTPUT_TYPE == "loglikelihood":
        return float(answers[0][0])
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    right = sample["target"]
    if task.multiple_input:
        right = task.doc_to_text(sample["doc"])
    if isinstance(right, str):
        choices = task.doc_to_choice(sample["doc"])
        right = choices.index(right) if right in choices else None
    if not isinstance(right, int) or not 0 <= right < len(answers):
        return None
    return float(answers[right][0])


def _mean(metric: str, higher: bool, values: Any, weights: Any) -> Record:
    """The row of a weighted mean over questions."""
    sizes = np.asarray(weights, float)
    value, error = ratio(np.asarray(values, float) * sizes, sizes)
    return {
        "metric": metric,
        "value": value,
        "stderr": error if math.isfinite(error) else None,
        "n": len(sizes),
        "higher": int(higher),
    }


def _name(metric: str, chosen: str) -> str:
    """A metric's name in our tables, with the harness's filter where there is one."""
    name = NAMES.get(metric, metric)
    return name if chosen == NO_FILTER else f"{name},{chosen}"
