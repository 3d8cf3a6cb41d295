"""Compares the mixtures on tasks of lm-evaluation-harness, which no mixture was chosen by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

import pandas as pd

from mixwright.learners import Metric
from mixwright.numerics.ratio import ratio
from mixwright.report.cells import compared
from mixwright.report.comparison import Comparison
from mixwright.report.frame import note, table, text
from mixwright.report.mixture_words import mixture_of
from mixwright.trust.intervals import REFERENCE, Difference

LOGLIKELIHOOD = Metric("loglikelihood", "log-likelihood", "nats", higher=True)
TITLES = {"accuracy": "accuracy", "accuracy_norm": "normalised accuracy"}
# between a group of tasks and its part
PART = "/"


@dataclass(frozen=True)
class TaskCell:
    """One mixture on one task."""

    value: float  # mean over the seeds
    error: float  # standard error over the questions
    against: Difference  # from natural


@dataclass(frozen=True)
class TaskRow:
    """All mixtures on one task, by one metric."""

    task: str
    metric: Metric
    questions: int
    cells: Mapping[str, TaskCell]  # mixer -> cell, sorted by name


def by_task(scores: pd.DataFrame, answers: pd.DataFrame) -> tuple[TaskRow, ...]:
    """Compares all mixtures with natural on one task at a time, paired over seeds and questions.

    A task has a row of the metric that it is judged by, and where its questions have right answers
    one of their log-likelihood. Parts of a group of tasks have none.

    Args:
        scores: a SCORES table of tasks.
        answers: a TASK_ANSWERS table.
    """
    rows = []
    for name, part in answers.groupby("task"):
        task = str(name)
        if PART in task:
            continue
        rows.append(_row(task, _metric(task, part, scores), part))
        if part.loglikelihood.notna().all():
            likelihoods = part.assign(value=part.loglikelihood)
            rows.append(_row(task, LOGLIKELIHOOD, likelihoods))
    return tuple(rows)


def sentences_of(rows: Sequence[TaskRow], mixer: str) -> tuple[str, ...]:
    """Returns how the mixture of a mixer does on the tasks, in a sentence; none for natural."""
    verdicts: dict[str, list[str]] = {}
    for row in rows:
        if row.metric is LOGLIKELIHOOD or mixer not in row.cells or mixer == REFERENCE:
            continue
        verdict = row.cells[mixer].against.verdict
        verdicts.setdefault(verdict, []).append(row.task)
    if not verdicts:
        return ()
    parts = []
    for verdict, tasks in verdicts.items():
        parts.append(f"{_relation(verdict)} on {', '.join(tasks)}")
    start = f"On tasks, which it was not chosen by, {mixture_of(mixer)} is"
    return (f"{start} {'; '.join(parts)}.",)


def tasks_section(rows: Sequence[TaskRow], mixers: Sequence[str]) -> str:
    """Returns the section of tasks: a row a task and metric, a column a mixer.

    It is empty where the study names no task.
    """
    if not rows:
        return ""
    heads = ["task", "metric", "questions", *map(escape, mixers)]
    lines = []
    for row in rows:
        cells = [escape(row.task), escape(row.metric.title), f"{row.questions:,}"]
        for mixer in mixers:
            cells.append(_html(row.cells.get(mixer)))
        lines.append(cells)
    reading = (
        "Means over the seeds with their standard error over the questions, and below them the"
        " 95% interval of the difference from natural, paired over seeds and questions; each"
        " interval is for one comparison alone. Log-likelihoods are"
        " those of right answers, in nats a question. No mixture was chosen by a task."
    )
    caption = "Tasks that no mixture was chosen by, and how each mixer's final models do"
    return table(heads, lines, caption) + note(text(reading))


def _relation(verdict: str) -> str:
    """A verdict before `on some tasks`."""
    words = {
        "better": "better than natural",
        "worse": "worse than natural",
        "identical": "natural itself",
        "undecided": "not yet compared with natural (one seed)",
    }
    return words.get(verdict, "not distinguishable from natural")


def _html(cell: TaskCell | None) -> str:
    """What stands in a cell; a dash where the mixer has no final."""
    if cell is None:
        return "–"
    value = f"{cell.value:.3f} ± {cell.error:.3f}".replace("-", "−")
    return compared(value, cell.against)


def _metric(task: str, answers: pd.DataFrame, scores: pd.DataFrame) -> Metric:
    """What a task is judged by."""
    name = str(answers.metric.iloc[0])
    of_task = (scores.task == task) & (scores.metric == name)
    higher = bool(scores[of_task].higher.iloc[0])
    return Metric(name, TITLES.get(name, name.replace("_", " ")), "", higher)


def _row(task: str, metric: Metric, answers: pd.DataFrame) -> TaskRow:
    """One task by one metric; `answers` are its questions, with the metric as their value."""
    sums = answers.assign(total=answers.value * answers.weight)
    of_finals = sums.groupby(["mixer", "seed"])[["total", "weight"]].sum()
    values = (of_finals.total / of_finals.weight).unstack("seed")
    # as documents have losses over tokens, questions have values over weights
    documents = sums[["mixer", "seed", "task", "example"]].assign(
        loglikelihood=sums.total, scored_tokens=sums.weight
    )
    comparison = Comparison(values, {task: 1.0}, documents, metric, marks=_marks(answers))
    means = comparison.means
    cells = {}
    for name in sorted(map(str, means.index)):
        gap = comparison.difference(name)
        if gap.identical and not _same(answers, name):
            # as many right answers, by other answers
            gap = replace(gap, identical=False)
        cells[name] = TaskCell(float(means[name]), _error(sums, name), gap)
    return TaskRow(task, metric, int(answers.example.nunique()), cells)


def _marks(answers: pd.DataFrame) -> pd.DataFrame | None:
    """Mixer by seed, numbers that only equal models share; None where no answer has a likelihood.

    Models of which as many questions are right are not one model.
    """
    if answers.loglikelihood.isna().any():
        return None
    return answers.groupby(["mixer", "seed"]).loglikelihood.sum().unstack("seed")


def _same(answers: pd.DataFrame, mixer: str) -> bool:
    """Whether the finals of a mixer answer every question as natural's do."""
    column = "value"
    if answers.loglikelihood.notna().all():
        column = "loglikelihood"
    wide = answers.pivot(index=["seed", "example"], columns="mixer", values=column).dropna()
    return bool((wide[mixer] == wide[REFERENCE]).all())


def _error(sums: pd.DataFrame, mixer: str) -> float:
    """Standard error over questions of a mixer's mean over its seeds."""
    rows = sums[sums.mixer == mixer].groupby("example")[["total", "weight"]].mean()
    _, error = ratio(rows.total.to_numpy(), rows.weight.to_numpy())
    return error
