"""A study whose finals answer tasks: which jobs it has, and what a change of a task costs."""

import os
from collections import Counter

import pytest

import local_tasks
from mixwright.jobs.plan.work import works
from mixwright.study.config import resolve
from mixwright.study.study import Study
from workshop import HOUSE, changed, without

ASKING = {"evaluate_tasks", "summarise", "all"}


@pytest.fixture
def with_tasks(workshop, smoke):
    """The small study with three mixers and one task, and the task's file and data."""
    data = local_tasks.write_questions(workshop.folder / "one.jsonl", local_tasks.questions())
    local_tasks.write_task(workshop.folder / "tasks", "one", data)
    local_tasks.write_task(workshop.folder / "tasks", "two", data)
    study = without(smoke, "joint", "autoscale", "regmix", "regmix-linear", "mixmin")
    tasks = {"names": ["one"], "folders": ["tasks"]}
    return changed(study, "final.per_job", 2) | {
        "evaluation": smoke["evaluation"] | {"tasks": tasks}
    }


def test_a_pack_of_finals_is_one_job_and_the_plan_counts_it(workshop, with_tasks, monkeypatch):
    listed = workshop.jobs(with_tasks)
    assert listed["evaluate_tasks"] == listed["evaluate_finals"] > 1
    monkeypatch.chdir(workshop.folder)
    study = Study(resolve(with_tasks, HOUSE / "config"))
    planned: Counter[str] = Counter()
    for work in works(study, set(), figures=listed["draw_figure"]):
        planned.update(work.jobs)
    assert planned["evaluate_tasks"] == listed["evaluate_tasks"]
    assert "evaluate_tasks" not in workshop.jobs(changed(with_tasks, "evaluation.tasks", {}))


def test_a_change_of_a_task_asks_again_and_trains_nothing(workshop, with_tasks):
    workshop.pretend(with_tasks)
    assert workshop.jobs(with_tasks) == {}
    for key, value in (("names", ["one", "two"]), ("shots", 2), ("limit", 5)):
        jobs = workshop.jobs(changed(with_tasks, f"evaluation.tasks.{key}", value))
        assert "evaluate_tasks" in jobs and set(jobs) <= ASKING, key
    # the page names all settings; no question is with_tasks again
    jobs = workshop.jobs(changed(with_tasks, "evaluation.tasks.batch", 2))
    assert set(jobs) <= {"summarise", "all"}
    data = workshop.folder / "one.jsonl"
    before = data.stat().st_mtime
    local_tasks.write_questions(data, local_tasks.questions(3))
    os.utime(data, (before, before))
    jobs = workshop.jobs(with_tasks)
    assert "evaluate_tasks" in jobs and set(jobs) <= ASKING


def test_a_study_without_its_tasks_can_be_looked_at(workshop, with_tasks):
    done = workshop.snakemake(
        changed(with_tasks, "evaluation.tasks.folders", ["gone"]), "--dry-run"
    )
    assert done.returncode == 0
    assert "evaluation.tasks.folders" in done.stderr and "is no folder" in done.stderr
