"""`mixwright plan`: what the runs promise, and what a budget buys."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml

import least_study
from mixwright import tables
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.alternatives import alternatives, models_of
from mixwright.jobs.plan.budget import buy
from mixwright.jobs.plan.estimate import estimate, hardware_of
from mixwright.jobs.plan.money import Budget
from mixwright.jobs.plan.spending import Spending
from mixwright.study.study import Study

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


TRANSFER = {
    "models": ["small", "tiny"],
    "tokens": [40_000, 80_000],
    "rates": [0.3, 1, 3],
    "mixtures": 24,
}
ROUNDS = {"swarm": {"runs": 48, "rounds": 2}}
LISTED = [{"cpp": 0.5, "prose": 0.5}, {"cpp": 0.2, "pycode": 0.8}]
STUDIES = {
    "transfer beside rounds": ({"designs": ROUNDS, "transfer": TRANSFER}, 2),
    "transfer of one round": ({"designs": {"swarm": {"runs": 48}}, "transfer": TRANSFER}, 0.8),
    "transfer at the proxies' length": (
        {"designs": ROUNDS, "transfer": {"model": "small", "rates": [0.3, 1], "mixtures": 20}},
        2,
    ),
    "rounds": ({"designs": {"swarm": {"runs": 24, "rounds": 2}}}, 0.5),
    "three rounds": ({"designs": {"swarm": {"runs": 60, "rounds": 3}}}, 0.5),
    "mixtures of one's own": (
        {"designs": {"swarm": {"runs": 24}, "leave_one_out": {}, "listed": LISTED}},
        0.5,
    ),
    "a look every 38 steps": ({"mixers": {"fastmix": {"every": 38}}}, 1),
}


def written(changes):
    """The study of a person who writes these keys over each other."""
    proxy = {"tokens": 40_000, "model": "tiny"}
    mixers = {"effective-data": {}, "uniform": {}}
    sections = {"proxy": proxy, "mixers": mixers}
    for change in changes:
        for name, section in change.items():
            sections[name] = {**sections.get(name, {}), **section}
            if name == "designs" and "swarm" in section and change is not changes[0]:
                first = changes[0].get("designs", {}).get("swarm", {})
                sections[name]["swarm"] = {**first, **section["swarm"]}
    return least_study.study(**sections)


@pytest.mark.parametrize("name", STUDIES)
def test_the_study_takes_every_swarm_that_it_is_offered_at_the_cost_that_is_named(name):
    changes, amount = STUDIES[name]
    study = written([changes])
    spending = Spending(study, hardware_of(study), Budget(amount, "CPU-hours", {}))
    models = models_of(study, least_study.CONFIG / "models")
    bought = buy(spending, models)
    offers = [(bought.swarm, bought.cost)]
    for other in alternatives(spending, bought, models):
        offers.append((other.swarm, other.cost))
    for swarm, cost in offers:
        keys = yaml.safe_load("\n".join(swarm.keys(study)))
        again = written([changes, keys])
        for section in ("designs", "proxy", "transfer", "evaluation"):
            assert again.config.get(section) == swarm.of(study).config.get(section)
        assert len(again.runs["swarm"]) == spending.in_all(swarm)
        assert spending.budget.cost(estimate(again, spending.hardware)) == pytest.approx(cost)
    reserved = [part.hours for part in bought.estimate.parts if part.stage != "swarm"]
    assert bought.reserved == pytest.approx(sum(reserved))


def test_the_count_and_the_promise_are_those_of_the_whole_swarm(home, capsys):
    designs = STUDIES["mixtures of one's own"][0]["designs"]
    (home / "mine.yaml").write_text(yaml.safe_dump({**STUDY, "designs": designs}))
    out = plan(capsys, "--budget", "1 CPU-hours")
    runs = int(re.search(r"buys a swarm of (\d+) proxies", out)[1])
    drawn = int(re.search(r"swarm: \{runs: (\d+)\}", out)[1])
    assert runs == drawn + 6 and "6 of them listed or without a domain" in out
    assert f"\n{runs} runs of 3 domains: expect rank correlation" in out


def test_nothing_is_promised_of_mixtures_that_the_study_lists(home, capsys):
    listed = [{"cpp": k / 10, "prose": 1 - k / 10} for k in range(11)]
    designs = {"swarm": {"runs": 0}, "listed": listed}
    mixers = {"effective-data": {}}
    (home / "mine.yaml").write_text(yaml.safe_dump(STUDY | {"designs": designs, "mixers": mixers}))
    out = plan(capsys, "--sources")
    assert "designs.swarm.method" not in out and "expect rank correlation" not in out
    assert "11 runs of 3 domains: what rank correlation to expect is not known: the study" in out
    assert "make demo" not in out


def test_a_study_that_was_resolved_before_keeps_the_combinations_that_it_has():
    config = written([STUDIES["transfer beside rounds"][0]]).config
    section = {key: value for key, value in config["transfer"].items() if key != "written"}
    study = Study({**config, "transfer": section})
    spending = Spending(study, hardware_of(study), Budget(2, "CPU-hours", {}))
    bought = buy(spending, models_of(study, least_study.CONFIG / "models"))
    assert bought.swarm.of(study).config["transfer"] == section
    assert bought.swarm.runs >= 47


def test_a_swarm_that_the_study_refuses_at_any_price_is_refused_in_the_study_s_words():
    looks = {"proxy": {"tokens": 400_000}, "mixers": {"fastmix": {"every": 300}}}
    study = written([looks])
    spending = Spending(study, hardware_of(study), Budget(1, "CPU-hours", {}))
    with pytest.raises(MixwrightError, match="which would never look at a gradient; lower it"):
        buy(spending, models_of(study, least_study.CONFIG / "models"))
