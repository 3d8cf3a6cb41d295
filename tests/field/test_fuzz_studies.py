"""Mutations of the project's own study files: harmless ones change nothing, others are one line."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[2] / "benchmarks" / "fuzz_studies.py"


def test_mutated_studies_are_the_same_study_or_one_line():
    specification = importlib.util.spec_from_file_location("fuzz_studies", PATH)
    fuzz_studies = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(fuzz_studies)
    counts, failures = fuzz_studies.fuzz(150, seed=14)
    assert failures == []
    assert counts["harmless: the same study"] > 30 and counts["harmful: one line"] > 30
