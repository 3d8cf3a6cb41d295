"""The files that a user's own tasks of lm-evaluation-harness are read from, as parsing sees them.

A task is a YAML file (lm-evaluation-harness 0.4.13, docs/task_guide.md). Nothing of the harness is
imported: that takes seconds.
"""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS
from mixwright.sources.places import expanded

KEY = "config: evaluation.tasks.folders"
# Forms of data sets that the library `datasets` reads from files, with no hub.
LOCAL_FORMS = ("arrow", "csv", "json", "parquet", "text")
# Files in a folder of tasks that no task is made of.
ASIDE = ("__pycache__", ".ipynb_checkpoints")


class _Tolerant(yaml.SafeLoader):
    """Reads a task file without the Python functions that it names."""


_Tolerant.add_multi_constructor("!", lambda loader, suffix, node: None)


def check_tasks(study: Mapping[str, Any]) -> None:
    """Checks that the final models of a study can be asked the questions of tasks.

    Raises:
        MixwrightError: they cannot, or folders of tasks stand there without a task's name.
    """
    tasks = study["evaluation"]["tasks"]
    if not tasks["names"]:
        if tasks["folders"]:
            raise MixwrightError(
                f"{KEY}: no task is named, so nothing is asked; list names of tasks in"
                " evaluation.tasks.names"
            )
        return
    learner = LEARNERS[study["learner"]]
    if learner.masked or not learner.sized:
        raise MixwrightError(
            f"config: evaluation.tasks: learner {study['learner']} continues no text, and tasks"
            " ask for continuations; leave evaluation.tasks out"
        )
    if study["goal"]["leave_target_out"]:
        raise MixwrightError(
            "config: evaluation.tasks: with goal.leave_target_out a mixer has a final a target, and"
            " tasks compare one a mixer; leave one of the two out"
        )


def task_folders(folders: Iterable[str]) -> list[Path]:
    """Returns the folders of tasks, with `~` and `$NAME` written out.

    Raises:
        MixwrightError: one is not there.
    """
    places = []
    for name in folders:
        place = Path(expanded(name))
        if not place.is_dir():
            raise MixwrightError(
                f"{KEY}: {place} is no folder; correct the path"
                f" (relative ones start at {Path.cwd()})"
            )
        places.append(place)
    return places


def files_of_tasks(folders: Iterable[str]) -> list[Path]:
    """Returns all files below the folders, and the files of data that their tasks name.

    Relative paths of data start where the study is started, as lm-evaluation-harness reads them.

    Raises:
        MixwrightError: a folder is not there, or a pattern of data matches no file.
    """
    files = _below(folders)
    data: list[Path] = []
    for path in files:
        if path.suffix == ".yaml":
            data += _data_of(path)
    return list(dict.fromkeys(files + data))


def local_names(folders: Iterable[str]) -> set[str]:
    """Returns the names of tasks and groups that need no hub: none where one of the folders' does.

    A group may be of any tasks, so that one data set of a hub is enough to allow the network.
    """
    names: set[str] = set()
    for path in task_files(folders):
        content = _content(path)
        if content.get("dataset_path", LOCAL_FORMS[0]) not in LOCAL_FORMS:
            return set()
        for key in ("task", "group"):
            name = content.get(key)
            if isinstance(name, str):
                names.add(name)
    return names


def task_files(folders: Iterable[str]) -> list[Path]:
    """Returns the task files below the folders, sorted folder by folder; errors as `task_folders`.

    The harness reads files named *.yaml.
    """
    return [path for path in _below(folders) if path.suffix == ".yaml"]


def _below(folders: Iterable[str]) -> list[Path]:
    """All files below the folders that a task may be made of."""
    files: list[Path] = []
    for folder in task_folders(folders):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not set(ASIDE) & set(path.parts):
                files.append(path.absolute())
    return files


def _data_of(path: Path) -> list[Path]:
    """The files of data that a task file names."""
    content = _content(path)
    settings = content.get("dataset_kwargs")
    # a file that another one includes may leave the form to it
    form = content.get("dataset_path")
    if form not in (None, *LOCAL_FORMS) or not isinstance(settings, dict):
        return []
    files: list[Path] = []
    for pattern in _words(settings.get("data_files")):
        if "://" in pattern:
            continue
        # Path.glob takes no absolute pattern.
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not matches:
            raise MixwrightError(
                f"{KEY}: {path}: no file matches {pattern}; correct data_files"
                f" (relative paths start at {Path.cwd()})"
            )
        files.extend(Path(match).absolute() for match in matches)
    return files


def _content(path: Path) -> Mapping[str, Any]:
    """What a task file says; a broken one names the place of its fault."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Tolerant)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise MixwrightError(f"{KEY}: {path} is no task file ({reason}); correct it") from None
    return content if isinstance(content, dict) else {}


def _words(files: Any) -> Iterator[str]:
    """The patterns in `data_files`: one, several, or some of each split."""
    if isinstance(files, str):
        yield files
    elif isinstance(files, Mapping):
        for part in files.values():
            yield from _words(part)
    elif isinstance(files, Sequence):
        for part in files:
            yield from _words(part)
