"""The laws of the house that a machine can check."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

HOUSE = Path(__file__).parents[2]
RULES = sorted([HOUSE / "Snakefile", *HOUSE.glob("workflow/rules/*.smk")])
LIBRARY = sorted(HOUSE.glob("workflow/mixwright/**/*.py"))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_use_nothing_that_breaks_on_clusters(path):
    """retries in a rule are obeyed twice, groups ask for all GPUs at once, run: parses the workflow again, a checkpoint hides the DAG."""
    text = path.read_text()
    assert not re.findall(r"^\s*(?:retries|group|run)\s*:|^checkpoint\s", text, re.MULTILINE)
    assert "{input.packs" not in text  # 131,071 bytes is the longest command line, and packs come by the thousand
    if path.name != "common.smk":
        assert not re.findall(r"^\s*def\s", text, re.MULTILINE)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_a_rule_logs_names_its_environment_and_is_short(path):
    for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
        name = rule.split(":")[0]
        body = rule.split("\nrule ")[0].rstrip()
        if name == "all":
            continue
        assert "    log:" in body and "    conda:" in body, name
        assert len(body.splitlines()) <= 32, name


def test_parsing_a_study_imports_nothing_heavy():
    program = """
import sys
import tomllib
from pathlib import Path
from mixwright.config import read_yaml, resolve
from mixwright.study import Study
import mixwright.corpus.sources, mixwright.figures, mixwright.resources, mixwright.mixers, mixwright.versions
study = Study(resolve(read_yaml(Path("config/config.yaml")), Path("config")))
assert study.packs and study.final_packs
heavy = {"torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    run([sys.executable, "-c", program])


def test_help_imports_nothing_heavy():
    program = """
import sys
import tomllib
from mixwright.__main__ import parser
text = parser().format_help()
assert "train-proxies" in text and "propose" in text
heavy = {"torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow", "matplotlib", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    run([sys.executable, "-c", program])


def test_the_package_lists_every_folder_of_the_library():
    listed = re.search(r"packages = \[(.*?)\]\n\n\[tool.setuptools.dynamic", (HOUSE / "pyproject.toml").read_text(), re.DOTALL)
    assert listed
    folders = {".".join(path.parent.relative_to(HOUSE / "workflow").parts) for path in LIBRARY}
    assert set(re.findall(r'"([\w.]+)"', listed[1])) == folders


@pytest.mark.parametrize("path", sorted(HOUSE.glob("envs/*.yaml")), ids=lambda path: path.name)
def test_conda_environments_repeat_the_constraints(path):
    pins = dict(line.split("==") for line in (HOUSE / "constraints.txt").read_text().split())
    packages = next(entry["pip"] for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, dict))
    assert packages
    for package in packages:
        name, _, version = package.partition("==")
        assert pins[name] == version, package


def test_every_dependency_is_pinned():
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    wanted = [name for names in (project["dependencies"], *project["optional-dependencies"].values()) for name in names]
    pinned = {line.split("==")[0].lower() for line in (HOUSE / "constraints.txt").read_text().split()}
    assert {re.split(r"[<>=\[]", name)[0] for name in wanted} - {"mixwright"} <= pinned


def test_imports_point_one_way():
    """simplex, tables <- mixture <- designs <- mixers <- validation; nothing in the library imports snakemake, no mixer torch."""
    for path in LIBRARY:
        for module in imported(path):
            assert not module.startswith("snakemake"), path
            if "mixers" in path.parts or path.name in ("simplex.py", "mixture.py", "validation.py", "observations.py"):
                assert module.split(".")[0] not in ("torch", "transformers"), path
            if path.name in ("mixture.py", "tables.py"):
                assert not module.startswith(("mixwright.mixers", "mixwright.designs", "mixwright.study")), path
            if "mixers" in path.parts:
                assert not module.startswith(("mixwright.validation", "mixwright.study", "mixwright.learners")), path


def imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=HOUSE, env={"PYTHONPATH": str(HOUSE / "workflow"), "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
