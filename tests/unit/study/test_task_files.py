"""Tasks of the user's own folders, as parsing a study sees them."""

import copy

import pytest
import yaml

import local_tasks
from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS
from mixwright.study.task_files import check_tasks, files_of_tasks, local_names


@pytest.fixture
def folder(tmp_path):
    data = local_tasks.write_questions(tmp_path / "data" / "one.jsonl", local_tasks.questions(3))
    local_tasks.write_task(tmp_path / "tasks", "one", data)
    (tmp_path / "tasks" / "more").mkdir()
    (tmp_path / "tasks" / "more" / "utils.py").write_text("")
    return tmp_path / "tasks"


def test_a_folder_s_files_and_the_data_that_its_tasks_name_are_inputs(folder):
    names = {path.name for path in files_of_tasks([str(folder)])}
    assert names == {"one.yaml", "utils.py", "one.jsonl"}
    assert all(path.is_absolute() for path in files_of_tasks([str(folder)]))


@pytest.mark.parametrize(
    "data_files",
    ["data/*.jsonl", ["data/one.jsonl"], {"test": "data/one.jsonl", "train": ["data/*.jsonl"]}],
)
def test_data_is_named_in_any_form_from_where_the_study_starts(folder, data_files, monkeypatch):
    monkeypatch.chdir(folder.parent)
    content = yaml.safe_load((folder / "one.yaml").read_text())
    content["dataset_kwargs"] = {"data_files": data_files}
    (folder / "one.yaml").write_text(yaml.safe_dump(content))
    assert folder.parent / "data" / "one.jsonl" in files_of_tasks([str(folder)])


def test_functions_and_included_files_of_a_task_are_passed_by(folder):
    text = "include: one.yaml\ntask: two\nprocess_docs: !function utils.clean\n"
    (folder / "two.yaml").write_text(text)
    assert local_names([str(folder)]) == {"one", "two"}


def test_a_data_set_of_a_hub_opens_the_network(folder):
    assert local_names([str(folder)]) == {"one"}
    (folder / "far.yaml").write_text("task: far\ndataset_path: someone/something\n")
    assert local_names([str(folder)]) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: [", "two.yaml is no task file"),
        (
            "task: two\ndataset_path: json\ndataset_kwargs: {data_files: gone.jsonl}\n",
            "two.yaml: no file matches gone.jsonl; correct data_files",
        ),
    ],
)
def test_a_broken_task_file_names_the_fix(folder, text, message):
    (folder / "two.yaml").write_text(text)
    with pytest.raises(MixwrightError, match=message) as refusal:
        files_of_tasks([str(folder)])
    assert "\n" not in str(refusal.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MixwrightError, match="gone is no folder; correct the path"):
        files_of_tasks([str(tmp_path / "gone")])


STUDY = {
    "evaluation": {"tasks": {"names": ["one"], "folders": []}},
    "learner": "causal-lm",
    "goal": {"leave_target_out": False},
}


def test_a_study_of_language_models_may_name_tasks():
    assert STUDY["learner"] in LEARNERS
    check_tasks(STUDY)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("goal", "leave_target_out", True, "leave one of the two out"),
        ("", "learner", "masked-lm", "masked-lm continues no text"),
        ("", "learner", "trees", "trees continues no text"),
        ("evaluation", "tasks", {"names": [], "folders": ["tasks"]}, "no task is named"),
    ],
)
def test_tasks_that_nothing_can_answer_are_refused(section, key, value, message):
    study = copy.deepcopy(STUDY)
    place = study[section] if section else study
    place[key] = value
    with pytest.raises(MixwrightError, match=message):
        check_tasks(study)
