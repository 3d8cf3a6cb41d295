"""bootstrap and learning-curve on somebody else's table, as typed."""

import json

import pytest

import own_tables
from mixwright.__main__ import main


@pytest.fixture
def table(tmp_path):
    mixtures, losses = own_tables.write(tmp_path)
    return ["--mixer", "effective-data", "--mixtures", str(mixtures), "--losses", str(losses)]


def test_a_proposal_comes_with_intervals_and_a_verdict(table, tmp_path):
    assert main(["bootstrap", *table, "--cap", "web=0.5", "--draws", "20", "--to", str(tmp_path / "intervals.json")]) == 0
    found = json.loads((tmp_path / "intervals.json").read_text())
    assert found["weights"]["web"] <= 0.5 + 1e-9
    for name, (low, high) in found["intervals"]["weights"].items():
        assert 0 <= low <= high <= 1, name
    assert found["intervals"]["gain"]["low"] <= found["intervals"]["gain"]["high"]
    assert "natural" in found["intervals"]["verdict"]


def test_a_mixer_without_intervals_is_refused_in_one_line(table, tmp_path, capsys):
    table[1] = "mixmin"
    assert main(["bootstrap", *table, "--draws", "20", "--to", str(tmp_path / "intervals.json")]) == 1
    assert capsys.readouterr().err.strip().count("\n") == 0


def test_the_curve_says_whether_more_runs_are_worth_it(table, tmp_path, capsys):
    assert main(["learning-curve", *table, "--to", str(tmp_path / "curve.json")]) == 0
    assert json.loads((tmp_path / "curve.json").read_text())
