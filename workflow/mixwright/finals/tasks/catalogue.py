"""Opens the tasks that a study names: the harness's own, and those of the user's folders."""

import logging
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixwright.errors import MixwrightError, closest
from mixwright.study.task_files import LOCAL_FORMS, local_names, task_folders

if TYPE_CHECKING:
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager

KEY = "evaluation.tasks"
# lm_eval.defaults.DEFAULT_OTHER_SEED: which examples are shown before a question
SEED = 1234
# The harness's bars and its remarks give way to our lines, and data sets are not counted abroad.
QUIET = {"TQDM_DISABLE": "1", "HF_UPDATE_DOWNLOAD_COUNTS": "0"}
# Variables that keep the libraries of Hugging Face from the network.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


@dataclass(frozen=True)
class Named:
    """What a name of a study stands for: one task, or a group whose parts make one score."""

    name: str
    parts: tuple["Task", ...]
    is_group: bool = False
    # whether each question counts alike, and not each part
    by_size: bool = True


def be_quiet() -> None:
    """Turns the harness's bars off; before torch is imported, for its bars look here once."""
    os.environ.update(QUIET)


def open_tasks(settings: Mapping[str, Any]) -> list[Named]:
    """Returns the tasks that the section `evaluation.tasks` names, with their questions read.

    A group without a score of its own, and a tag, stand for their tasks.

    Raises:
        MixwrightError: the harness is not installed, a name is unknown, a data set cannot be
            read, or a task runs code that a model writes.
    """
    _check_installed()
    be_quiet()
    manager = _manager(settings)
    chosen: dict[str, Named] = {}
    for name in settings["names"]:
        for task in _named(name, manager):
            chosen[task.name] = task
    for named in chosen.values():
        for task in named.parts:
            _check(task)
            _set_shots(task, settings["shots"])
    return list(chosen.values())


def set_seeds() -> None:
    """Seeds what the harness draws from: a task may use any of the global generators."""
    import torch

    random.seed(0)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


def _check_installed() -> None:
    if find_spec("lm_eval") is None:
        raise MixwrightError(
            f"{KEY}: lm-evaluation-harness is not installed; pip install 'mixwright[tasks]',"
            " or run with --use-conda"
        )


def _manager(settings: Mapping[str, Any]) -> "TaskManager":
    """The index of tasks: of the user's folders alone where they have all names.

    The harness's own index has thousands of files, and its tasks need a hub. Without it the
    network is closed, which has to be said before the libraries are imported.
    """
    local = set(settings["names"]) <= local_names(settings["folders"])
    if local:
        for name in OFFLINE:
            os.environ.setdefault(name, "1")
    from datasets import disable_progress_bars
    from lm_eval.tasks import TaskManager

    disable_progress_bars()
    logging.getLogger("lm_eval").setLevel(logging.CRITICAL)
    folders: list[str | Path] = list(task_folders(settings["folders"]))
    return TaskManager(include_path=folders, include_defaults=not local)


def _named(name: str, manager: "TaskManager") -> list[Named]:
    """What one name stands for."""
    if name not in manager.task_index:
        close = closest(name, manager.task_index)
        hint = f"; did you mean {close}?" if close else ""
        raise MixwrightError(
            f"{KEY}.names: no task is called {name}{hint}; `lm-eval ls tasks` lists the harness's,"
            " and your own stand in files of evaluation.tasks.folders"
        )
    try:
        loaded = manager.load([name])
    except Exception as error:
        # Data sets, hubs and tasks' own code raise anything.
        raise _unread(name, manager, error) from None
    group = loaded["groups"].get(name)
    tasks = loaded["tasks"]
    if group is None or not group.has_aggregation:
        return [Named(each, (task,)) for each, task in tasks.items()]
    by_size = all(metric.weight_by_size for metric in group.aggregate_metric_list)
    return [Named(name, tuple(tasks.values()), True, by_size)]


def _unread(name: str, manager: "TaskManager", error: Exception) -> MixwrightError:
    """A data set that cannot be read, with the remedy, in one line."""
    entry = manager.task_index[name]
    source = (entry.cfg or {}).get("dataset_path")
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    if source in LOCAL_FORMS:
        remedy = f"correct {entry.yaml_path}"
    else:
        remedy = (
            "a data set of a hub needs the network once: run this job where there is one, or set"
            " HF_HOME to a cache that holds it; or write a task of local files"
        )
    return MixwrightError(f"{KEY}: {name} cannot be read ({reason[:300]}); {remedy}")


def _check(task: "Task") -> None:
    """Refuses what only a person may allow, and what no final model can do."""
    name = task.task_name
    if getattr(task, "UNSAFE_CODE", False):
        raise MixwrightError(
            f"{KEY}.names: {name} runs code that a model writes, and here nothing does;"
            " leave it out"
        )
    if getattr(task, "MULTIMODAL", False):
        raise MixwrightError(
            f"{KEY}.names: {name} needs images or sound, and finals read text; leave it out"
        )


def _set_shots(task: "Task", shots: int | None) -> None:
    """Sets how many examples a question is shown, as lm_eval.evaluator.simple_evaluate does.

    A task that says 0 keeps it.
    """
    stated = task.get_config("num_fewshot")
    if shots is not None and stated != 0:
        task.set_config(key="num_fewshot", value=shots)
    elif stated is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=SEED)
