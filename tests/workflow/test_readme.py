"""What the pages of documentation draw and name is what there is."""

import re
import subprocess
import sys
from itertools import pairwise

from workshop import HOUSE

ARCHITECTURE = (HOUSE / "docs" / "architecture.md").read_text()
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
    for line in re.findall(r"^  (\w+(?: --> \w+)+)$", ARCHITECTURE, re.MULTILINE):
        steps = line.split(" --> ")
        drawn |= set(pairwise(steps))
    assert {edge for edge in drawn if "sources" not in edge} <= edges
    assert {name for edge in drawn for name in edge} - {"sources"} == set(names.values()) - UNDRAWN


def test_every_folder_that_the_tree_names_exists():
    tree = ARCHITECTURE.split("## The tree")[1].split("```")[1]
    names = re.findall(r"^([\w./]+)\s", tree, re.MULTILINE)
    assert len(names) >= 14
    for name in names:
        assert (HOUSE / name).exists(), name


def test_every_link_between_pages_leads_somewhere():
    pages = [HOUSE / "README.md", HOUSE / "CONTRIBUTING.md", *HOUSE.glob("docs/**/*.md")]
    links = 0
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target:
                links += 1
                assert (page.parent / target).exists(), f"{page}: {target}"
    assert links > 100
