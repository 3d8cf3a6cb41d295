"""What the README draws and names is what there is."""

import re
import subprocess
import sys
from itertools import pairwise

from conftest import HOUSE

README = (HOUSE / "README.md").read_text()
UNDRAWN = {
    "all",
    "harvest_installed",
    "collect_loglikelihoods",
}  # said in words, or there for every rule


def test_the_drawn_graph_is_the_workflow(workshop):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(HOUSE / "Snakefile"),
        "--directory",
        str(workshop.folder),
    ]
    text = subprocess.run(
        [*command, "--rulegraph", "mermaid-js"], capture_output=True, text=True, check=True
    ).stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", text))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", text)}
    drawn = set()
    for line in re.findall(r"^  (\w+(?: --> \w+)+)$", README, re.MULTILINE):
        steps = line.split(" --> ")
        drawn |= set(pairwise(steps))
    assert {edge for edge in drawn if "sources" not in edge} <= edges
    assert {name for edge in drawn for name in edge} - {"sources"} == set(names.values()) - UNDRAWN


def test_every_folder_and_module_the_tree_names_exists():
    tree = README.split("## The tree")[1].split("```")[1]
    for name in re.findall(r"^\s*([\w./]+/)\s", tree, re.MULTILINE):
        assert any(HOUSE.glob(f"**/{name.rstrip('/')}")), name
