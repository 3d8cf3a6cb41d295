"""The laws of the house that a machine can check."""

import ast
import importlib
import importlib.util
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
    """No rule has retries, a group, `run:` or a checkpoint.

    Retries in a rule are obeyed twice. A group asks for all its GPUs at once. `run:` parses the
    workflow again. A checkpoint hides the DAG.
    """
    text = path.read_text()
    assert not re.findall(r"^\s*(?:retries|group|run)\s*:|^checkpoint\s", text, re.MULTILINE)
    assert (
        "{input.packs" not in text
    )  # 131,071 bytes is the longest command line, and packs come by the thousand
    if path.name != "common.smk":
        assert not re.findall(r"^\s*def\s", text, re.MULTILINE)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_a_rule_logs_names_its_environment_and_is_short(path):
    for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
        name = rule.split(":")[0]
        body = rule.split("\nrule ")[0].rstrip()
        if name in ("all", "proposals", "figures"):
            continue
        assert "    log:" in body and "    conda:" in body, name
        assert len(body.splitlines()) <= 32, name


def test_parsing_a_study_imports_nothing_heavy():
    program = """
import sys
import tomllib
from pathlib import Path
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study
import mixwright.sources.files.local, mixwright.sources.installed, mixwright.sources.table
import mixwright.report.figures, mixwright.jobs.resources, mixwright.mixers, mixwright.versions
study = Study(resolve(read_yaml(Path("config/config.yaml")), Path("config")))
assert study.packs and study.final_packs
slow_to_import = {
    "torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow", "matplotlib"
}
heavy = slow_to_import & set(sys.modules)
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
slow_to_import = {
    "torch", "transformers", "datasets", "lightgbm", "pandas", "scipy", "pyarrow", "matplotlib",
    "numpy"
}
heavy = slow_to_import & set(sys.modules)
assert not heavy, heavy
"""
    run([sys.executable, "-c", program])


@pytest.mark.parametrize("path", sorted(HOUSE.glob("envs/*.yaml")), ids=lambda path: path.name)
def test_conda_environments_repeat_the_constraints(path):
    pins = dict(line.split("==") for line in (HOUSE / "constraints.txt").read_text().split())
    packages = next(
        entry["pip"]
        for entry in yaml.safe_load(path.read_text())["dependencies"]
        if isinstance(entry, dict)
    )
    assert packages
    for package in packages:
        name, _, version = package.partition("==")
        assert pins[name] == version, package


def test_every_dependency_is_pinned():
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    wanted = [
        name
        for names in (project["dependencies"], *project["optional-dependencies"].values())
        for name in names
    ]
    pinned = {
        line.split("==")[0].lower() for line in (HOUSE / "constraints.txt").read_text().split()
    }
    assert {re.split(r"[<>=\[]", name)[0] for name in wanted} - {"mixwright"} <= pinned


def test_importing_the_package_imports_nothing_heavy():
    """The functions for Python are there, and what they need is read on their first use."""
    program = """
import sys
import mixwright
assert "propose" in dir(mixwright) and mixwright.__version__
heavy = {"numpy", "pandas", "scipy", "torch", "mixwright.face"} & set(sys.modules)
assert not heavy, heavy
"""
    run([sys.executable, "-c", program])


WITHOUT_TORCH = {"mixture", "goal", "observations", "simplex", "numerics", "designs", "mixers"}
# What `import mixwright` offers comes from one module, which it reads on first use only.
ENTRANCE = ("", "face")
UPWARD: dict[tuple[str, str], str] = {}


def test_every_import_points_up_the_list_of_rooms():
    floor = {}
    for number, rooms in enumerate(rooms_in_order()):
        for room in rooms:
            floor[room] = number
    modules = {module_of(path): path for path in LIBRARY}
    assert {name.split(".")[0] or "__init__" for name in modules} == set(floor)
    upward = set()
    for name, path in modules.items():
        for imported in imports(path, modules):
            if (
                floor[(imported or "__init__").split(".")[0]]
                > floor[(name or "__init__").split(".")[0]]
            ):
                upward.add((name, imported))
    assert upward == {ENTRANCE, *UPWARD}


def rooms_in_order() -> list[list[str]]:
    """The lines of the list of rooms in docs/architecture.md, each with the rooms it names."""
    page = (HOUSE / "docs" / "architecture.md").read_text()
    block = page.split("## The rooms")[1].split("```")[1]
    return [re.split(r"\s{2,}", line)[0].split() for line in block.strip().splitlines()]


def test_no_module_imports_itself_by_way_of_others():
    """Imports inside functions count too: a circle of modules is one module in several files."""
    modules = {module_of(path): path for path in LIBRARY}
    graph = {name: imports(path, modules) for name, path in modules.items()}
    circles = {name for name in graph if name in reachable(name, graph)}
    assert not circles


def test_the_top_of_the_package_is_small():
    top = [
        path
        for path in (HOUSE / "workflow" / "mixwright").iterdir()
        # py.typed is an empty mark for type checkers, no door
        if path.name != "py.typed" and not path.name.startswith("__pycache__")
    ]
    assert sum(path.is_file() for path in top) <= 12 and sum(path.is_dir() for path in top) <= 16


def test_no_module_of_the_library_imports_what_it_must_not():
    """Nothing imports snakemake; no mixer and no noun imports torch."""
    for path in LIBRARY:
        roots = {name.split(".")[0] for name in imported_names(path)}
        assert "snakemake" not in roots, path
        if module_of(path).split(".")[0] in WITHOUT_TORCH:
            assert not roots & {"torch", "transformers"}, path


def test_make_without_a_target_lists_every_target():
    text = (HOUSE / "Makefile").read_text()
    assert ".DEFAULT_GOAL := help" in text
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()
    assert re.findall(r"^([a-z-]+):.* ## [^ ].*$", text, re.MULTILINE) == targets


def module_of(path: Path) -> str:
    parts = path.relative_to(HOUSE / "workflow" / "mixwright").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("folder", ["trainers", "cluster"])
def test_what_seldom_run_tests_import_is_there(folder):
    """`make test` does not run these tests: a function that moved would be missed late."""
    for path in sorted((HOUSE / "tests" / folder).glob("test_*.py")):
        for name in imported_names(path):
            module, _, attribute = name.rpartition(".")
            if module.startswith("mixwright"):
                owner = importlib.import_module(module)
                known = hasattr(owner, attribute)
                if hasattr(owner, "__path__"):
                    known = known or importlib.util.find_spec(name) is not None
                assert known, f"{path.name} imports {name}"


def imports(path: Path, modules: dict[str, Path]) -> set[str]:
    """Modules of the library that `path` imports, inside functions too."""
    names = {
        name.removeprefix("mixwright").removeprefix(".")
        for name in imported_names(path)
        if name.split(".")[0] == "mixwright"
    }
    return {name if name in modules else name.rpartition(".")[0] for name in names}


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    """All that `start` imports, directly or not."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def imported_names(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        cwd=HOUSE,
        env={"PYTHONPATH": str(HOUSE / "workflow"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
