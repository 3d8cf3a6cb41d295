"""What a study asks of trained models, whose weights it keeps, and which job scores proxies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.mixture import Run, digest
from mixwright.study.material import Material
from mixwright.study.task_files import files_of_tasks
from mixwright.versions import VERSIONS

# Settings of `evaluation` that concern finals alone.
FINAL_SCORING = ("final_tokens", "tasks")
# Settings of tasks that change no answer.
TASKS_ASIDE = ("batch",)
# Packs that are scored by one job: together so many runs at most.
BATCH_RUNS = 64


@dataclass(frozen=True)
class Scoring(Material):
    """A resolved config as scoring sees it."""

    @property
    def scoring(self) -> str:
        """The hash of what proxies are scored on, and how."""
        evaluation = {}
        for key, value in self.evaluation.items():
            if key not in FINAL_SCORING:
                evaluation[key] = value
        targets = sorted(self.config["targets"])
        return digest({"evaluation": evaluation, "targets": targets})

    @property
    def recorded(self) -> dict[str, Any]:
        """What is measured of a run of trees while it grows; its key holds that."""
        return {"targets": sorted(self.config["targets"]), "version": VERSIONS["record"]}

    @property
    def diverged(self) -> str:
        """What mixers do with runs that diverged: refuse or drop."""
        return str(self.config.get("diverged", "refuse"))

    def keeps_weights(self, role: str) -> bool:
        """Returns whether the weights of a role's runs stay in the store.

        Trees have none: all that is asked of them is measured when they grow.
        """
        if not self.learner.sized:
            return False
        if role == "doremi":
            # its reference is read again while it trains
            return True
        keep = self.proxy.get("keep", "all")
        return keep == "all" or (keep == "vertices" and role == "vertex")

    def trains_by_scored(self, role: str) -> bool:
        """Returns whether a role's runs are trained again for other texts to score."""
        return not self.keeps_weights(role) or role == "fastmix"

    @property
    def tasks(self) -> Mapping[str, Any]:
        """The section `evaluation.tasks`; empty where it names no task."""
        section = self.config.get("evaluation", {}).get("tasks", {})
        if not section.get("names"):
            return {}
        return dict(section)

    @property
    def task_spec(self) -> dict[str, Any]:
        """What answers to tasks depend on, beside the files of tasks; empty without tasks."""
        return {key: value for key, value in self.tasks.items() if key not in TASKS_ASIDE}

    def task_files(self) -> list[Path]:
        """Returns the files that the tasks of the study's own folders are read from.

        Raises:
            MixwrightError: a folder, or a file that a task names, is not there.
        """
        return files_of_tasks(self.tasks.get("folders", ()))


def batched(packs: Mapping[str, Sequence[Run]]) -> dict[str, tuple[str, ...]]:
    """Returns batch name -> its packs: consecutive ones of a table, together BATCH_RUNS at most.

    Packs of one batch have one context, and so models of one shape. A swarm that grows leaves its
    full batches as they are.
    """
    batches: list[list[str]] = []
    sizes: list[int] = []
    kind = ("", "")
    for pack, runs in packs.items():
        is_full = not batches or sizes[-1] + len(runs) > BATCH_RUNS
        if is_full or (runs[0].table, runs[0].context) != kind:
            batches.append([])
            sizes.append(0)
        batches[-1].append(pack)
        sizes[-1] += len(runs)
        kind = (runs[0].table, runs[0].context)
    return {digest(batch): tuple(batch) for batch in batches}
