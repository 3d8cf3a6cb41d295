"""Scores final models on the tasks of lm-evaluation-harness that a study names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright import tables
from mixwright.errors import MixwrightError, counted
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.tasks.answers import Result, pooled, result_of
from mixwright.finals.tasks.catalogue import KEY, Named, open_tasks, set_seeds
from mixwright.progress import Log, say
from mixwright.study.study import Study

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from mixwright.finals.tasks.model import FinalModel

# Draws of questions behind the errors of metrics that are no means (lm_eval: bootstrap_iters).
DRAWS = 1000


@dataclass(frozen=True)
class Answered:
    """What finals reached on the tasks."""

    scores: pd.DataFrame  # rows of tables.SCORES
    answers: pd.DataFrame  # rows of tables.TASK_ANSWERS


def evaluate_tasks(
    finals: pd.DataFrame, study: Study, processes: Processes = ALONE, log: Log = say
) -> Answered:
    """Asks each model of a FINALS table the questions of every task once.

    A final that diverged has no score. A group of tasks that the harness makes one score of has a
    score under its name, and one of each part under `group/part`. Several processes share the
    questions; only the leader returns rows.

    Raises:
        MixwrightError: the harness is not installed, a task cannot be read or answered, or a final
            model is gone.
    """
    settings = study.tasks
    tasks = open_tasks(settings)
    from mixwright.finals.tasks.model import FinalModel

    device = study.final["device"]
    scores: list[dict[str, Any]] = []
    answers: list[pd.DataFrame] = []
    # no folder is a final that diverged
    for folder, arms in finals.groupby("folder", sort=False, dropna=True):
        model = FinalModel(str(folder), device, settings["batch"], processes)
        first = next(arms.itertuples())
        label = f"{first.mixer}, seed {first.seed}"
        for task, result in _results(model, tasks, settings["limit"], label, log):
            for arm in arms.itertuples():
                names = {"mixer": arm.mixer, "seed": arm.seed, "task": task}
                scores += [names | dict(row) for row in result.scores]
                if not result.answers.empty:
                    answers.append(result.answers.assign(**names))
    return Answered(_frame(scores, tables.SCORES), _joined(answers))


def _results(
    model: "FinalModel", tasks: Sequence[Named], limit: int | None, label: str, log: Log
) -> Iterator[tuple[str, Result]]:
    """The results of one model, task by task, each under its name in the tables."""
    leads = model.rank == 0
    for named in tasks:
        parts = {}
        for task in named.parts:
            result = _result(model, task, limit)
            if result:
                parts[task.task_name] = result
        if not leads:
            continue
        if not named.is_group:
            yield from parts.items()
            log(f"{label}: {named.name}: {_words(parts[named.name])}{_cut(model)}")
            continue
        whole = pooled(parts.values(), named.by_size)
        for name, result in parts.items():
            yield f"{named.name}/{name}", result
        if whole:
            yield named.name, whole
            log(f"{label}: {named.name}: {_words(whole)}{_cut(model)}")
        else:
            log(f"{label}: {named.name}: {counted(len(parts), 'task')}, no common metric")


def _result(model: "FinalModel", task: "Task", limit: int | None) -> Result | None:
    """One model's answers to one task; only the leader has the result."""
    from lm_eval.evaluator import evaluate

    name = task.task_name
    questions = len(task.eval_docs) if limit is None else min(limit, len(task.eval_docs))
    if questions < model.world_size:
        raise MixwrightError(
            f"{KEY}: {name} has {counted(questions, 'question')} for {model.world_size}"
            " processes; raise evaluation.tasks.limit, or leave the task out"
        )
    set_seeds()
    model.cut = 0
    try:
        # the harness prints remarks
        with redirect_stdout(StringIO()):
            results = evaluate(model, {"tasks": {name: task}}, limit=limit, bootstrap_iters=DRAWS)
    except (AssertionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise MixwrightError(
            f"{KEY}: {name} cannot be answered ({reason or type(error).__name__});"
            " correct the task, or leave it out"
        ) from error
    if results is None:
        return None
    return result_of(task, results)


def _words(result: Result) -> str:
    """`accuracy_norm 0.2841 ± 0.0093, 2,376 questions`."""
    row: Mapping[str, Any] = result.judged or result.scores[0]
    error = ""
    if row["stderr"] is not None:
        error = f" ± {row['stderr']:.4f}"
    return f"{row['metric']} {row['value']:.4f}{error}, {row['n']:,} questions"


def _cut(model: "FinalModel") -> str:
    """How many texts a model did not read whole, as far as this process has read them."""
    if not model.cut:
        return ""
    return f"; {model.cut:,} texts are longer than the context, and begin later"


def _joined(answers: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not answers:
        return tables.TASK_ANSWERS.schema.empty_table().to_pandas()
    return pd.concat(answers, ignore_index=True)


def _frame(rows: Sequence[Mapping[str, Any]], table: tables.Table) -> pd.DataFrame:
    if not rows:
        return table.schema.empty_table().to_pandas()
    return pd.DataFrame(rows)
