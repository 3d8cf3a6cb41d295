"""learning-curve on somebody else's table, as typed."""

import json

import pytest

import own_tables
from mixwright.__main__ import main


@pytest.fixture
def table(tmp_path):
    mixtures, losses = own_tables.write(tmp_path)
    return ["--mixer", "effective-data", "--mixtures", str(mixtures), "--losses", str(losses)]


def test_the_curve_says_whether_more_runs_are_worth_it(table, tmp_path, capsys):
    assert main(["learning-curve", *table, "--to", str(tmp_path / "curve.json")]) == 0
    assert json.loads((tmp_path / "curve.json").read_text())
