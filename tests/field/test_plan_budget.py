"""`mixwright plan`: what the runs promise, and what a budget buys."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

import least_study
from mixwright import tables
from mixwright.__main__ import main

STUDY = {**least_study.LEAST, "study": "mine"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a person with a study of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(STUDY))
    return tmp_path


def plan(capsys, *words):
    assert main(["plan", "--configfile", "mine.yaml", *words]) == 0
    return capsys.readouterr().out


def refusal(capsys, *words):
    assert main(["plan", "--configfile", "mine.yaml", *words]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_plan_says_what_its_runs_promise_and_its_sources_say_by_what(home, capsys):
    out = plan(capsys)
    assert "32 runs of 3 domains: expect rank correlation about 0.98, over 0.90" in out
    assert "make demo" not in out
    assert "make demo of 2026-11-26" in plan(capsys, "--sources")


def test_what_a_budget_buys_can_be_written_into_the_study_and_costs_no_more(home, capsys):
    out = plan(capsys, "--budget", "1 CPU-hours")
    bought = re.search(r"buys a swarm of (\d+) proxies of ([\d,]+) tokens each", out)
    runs, tokens = (int(number.replace(",", "")) for number in bought.groups())
    keys = out.split("write into the study:\n")[1].splitlines()[:2]
    changes = yaml.safe_load("\n".join(line.strip() for line in keys))
    assert changes["designs"]["swarm"]["runs"] == runs and changes["proxy"]["tokens"] == tokens
    (home / "mine.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))
    again = plan(capsys)
    hours = sum(_hours(line) for line in again.splitlines()[2:] if line.startswith("  "))
    assert 0.9 < hours < 1.05
    lines = out.splitlines()
    table = lines[next(k for k, line in enumerate(lines) if "for the same" in line) :]
    assert len(table) >= 4
    assert all("what " in line for line in table[2:])


def _hours(line):
    """The hours of one device in a row of the plan's table."""
    row = re.match(r"  (?:corpus|swarm|vertex|perturb|repeat|finals|fits and report) .*", line)
    found = re.search(r"(\d[\d,.]*) (s|min|h)\b", line) if row else None
    if found is None:
        return 0.0
    return float(found[1]) / {"s": 3600, "min": 60, "h": 1}[found[2]]


def test_a_wrong_budget_is_one_line_before_anything_is_printed(home, capsys):
    assert "'40.5 GPU-hours'" in refusal(capsys, "--budget", "forty")
    assert "give --prices" in refusal(capsys, "--budget", "$5")
    line = refusal(capsys, "--budget", "10 EUR", "--prices", "a100=2,currency=USD")
    assert "the prices are in USD" in line


def test_a_budget_that_pays_nothing_useful_says_what_would_do(home, capsys):
    line = refusal(capsys, "--budget", "0.01 CPU-hours")
    assert "pay no useful swarm" in line and "or more" in line


def test_money_is_spent_at_the_prices_of_devices(home, capsys):
    prices = ["--prices", "a100=2,cpu=.05,currency=EUR", "--device", "a100"]
    out = plan(capsys, "--budget", "1 EUR", *prices)
    assert "a budget of 1.00 EUR buys" in out


def test_finished_runs_tell_more_than_tables(home, capsys):
    """A study whose swarm is trained is judged by its own learning curve."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(3), 32)
    losses = 3 + (0.1 + weights @ [0.3, 0.5, 0.2]) ** -0.3 + 0.002 * rng.standard_normal(32)
    design, measured = [], []
    for number, row in enumerate(weights):
        run = f"r{number:02}"
        measured.append((run, "pytests", 10, 1000, losses[number], None, None, None, "ok"))
        for name, weight in zip(("cpp", "prose", "pycode"), row, strict=True):
            design.append((run, "swarm", "tiny", 1000, 0, name, weight))
    folder = home / "results" / "mine"
    for name, table, rows in (
        ("design", tables.DESIGN, design),
        ("losses", tables.LOSSES, measured),
    ):
        (folder / name).mkdir(parents=True)
        frame = pd.DataFrame(rows, columns=table.schema.names[: len(rows[0])])
        tables.write(frame, folder / name / "swarm.parquet", table)
    lines = plan(capsys, "--budget", "1 CPU-hours").splitlines()
    curves = [line for line in lines if "learning curve of 32 finished runs" in line]
    assert len(curves) == 2
    assert curves[0].strip().startswith("32 runs of 3 domains: expect rank correlation about")
