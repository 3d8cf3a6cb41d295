"""What a study may say of trainers' files."""

import subprocess
import sys

import pytest

import published_runs
from least_study import CONFIG, HOUSE, study
from mixwright.errors import MixwrightError
from mixwright.proposals.export import FORMATS
from mixwright.proposals.export.inputs.planned import check_exports, export_settings
from mixwright.study.config import resolve
from mixwright.study.study import Study


def measured(folder, **changes) -> Study:
    return Study(resolve(published_runs.write(folder) | changes, CONFIG))


def test_a_list_and_empty_settings_are_short_for_a_mapping():
    assert study(export=["megatron", "hf"]).exports == {"megatron": {}, "hf": {}}
    assert study(export={"formats": ["megatron"]}).exports == {"megatron": {}}
    assert study(export={"formats": {"megatron": None}}).exports == {"megatron": {}}
    assert study().exports == {}


@pytest.mark.parametrize(
    "section", ["megatron", {"formats": []}, {"format": ["hf"]}, ["hf", 1], {"formats": {"hf": 1}}]
)
def test_other_forms_are_refused(section):
    with pytest.raises(MixwrightError, match="export"):
        study(export=section)


def test_a_study_that_names_no_format_is_hashed_as_before():
    assert "export" not in study().config


def test_settings_that_change_a_file_are_those_of_its_format():
    plan = study(export={"formats": {"megatron": {"form": "json"}, "hf": {}}, "sequence": 64})
    settings = export_settings(plan, "megatron")
    assert settings["settings"] == {"form": "json"}
    assert settings["sequence"] == 64
    assert settings["tokens"] == plan.final_tokens
    more = study(export={"formats": {"megatron": {"form": "json"}}, "sequence": 64})
    assert export_settings(more, "megatron") == settings


def test_measured_runs_have_shares_but_no_counts(tmp_path):
    check_exports(measured(tmp_path, export=["megatron", "json"]))
    rows = measured(tmp_path, export=["hf"])
    with pytest.raises(MixwrightError, match=r"export.formats.hf: it draws rows"):
        check_exports(rows)
    sources = tmp_path / "map.yaml"
    sources.write_text("web: {tokens: 10, rows: 2}\ncode: {tokens: 10}\n")
    with pytest.raises(MixwrightError, match="`rows:` of every source"):
        check_exports(rows, [sources])
    sources.write_text("web: {tokens: 10, rows: 2}\ncode: {tokens: 10, rows: 3}\n")
    check_exports(rows, [sources])
    packed = {"formats": ["hf"], "packed": True}
    check_exports(measured(tmp_path, export=packed))


def test_a_wrong_value_is_told_when_the_study_is_parsed():
    wrong = study(export={"formats": {"levanter": {"mixture_block_size": "abc"}}})
    message = r"export.formats: levanter: mixture_block_size is 'abc'; give a whole number"
    with pytest.raises(MixwrightError, match=message):
        check_exports(wrong)


def test_trees_have_no_text():
    domain = {"source": "table", "table": "t", "label": "a"}
    tables = {"t": {"file": "t.csv", "labels": ["a", "b"], "features": ["f"]}}
    trees = {"learner": "trees", "tables": tables, "targets": {"a": {}}, "export": ["json"]}
    domains = {"a": domain, "b": domain | {"label": "b"}}
    plan = Study(resolve({"study": "t", "domains": domains} | trees, CONFIG))
    with pytest.raises(MixwrightError, match="a study of trees"):
        check_exports(plan)


def test_checking_every_format_imports_nothing_heavy():
    names = [name for name in FORMATS if name]
    program = f"""
import sys
from pathlib import Path
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study
from mixwright.proposals.export.inputs.planned import check_exports
content = read_yaml(Path("config/config.yaml")) | {{"export": {names!r}}}
check_exports(Study(resolve(content, Path("config"))))
slow_to_import = {{
    "torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow", "matplotlib"
}}
heavy = slow_to_import & set(sys.modules)
assert not heavy, heavy
"""
    environment = {"PYTHONPATH": str(HOUSE / "workflow")}
    subprocess.run([sys.executable, "-c", program], cwd=HOUSE, env=environment, check=True)
