"""What a budget buys: a swarm that it pays, that grows with it, and what else is as dear."""

import itertools
import subprocess
import sys

import pytest
import yaml

import least_study
from least_study import CONFIG
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.alternatives import LEAST_TOKENS, alternatives, models_of
from mixwright.jobs.plan.budget import (
    RUNGS,
    as_model,
    buy,
    climbed,
    rounded,
)
from mixwright.jobs.plan.estimate import estimate, hardware_of
from mixwright.jobs.plan.money import Budget, read_budget
from mixwright.jobs.plan.purchase import as_table, sentences
from mixwright.jobs.plan.spending import Spending, Swarm
from mixwright.stages.plan import plan
from mixwright.study.config import resolve
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

MODELS = CONFIG / "models"
HOURS = "CPU-hours"


def bought(amount, study=None, unit=HOURS, device=None, **prices):
    study = study or least_study.study()
    spending = Spending(study, hardware_of(study, device), Budget(amount, unit, prices))
    models = models_of(study, MODELS)
    return spending, models, buy(spending, models)


@pytest.mark.parametrize("amount", [0.2, 0.3, 0.5, 1, 2, 5, 10])
def test_the_budget_pays_the_whole_study_with_what_it_buys(amount):
    spending, _, result = bought(amount)
    changed = result.swarm.of(spending.study)
    assert len(changed.runs["swarm"]) == result.swarm.runs
    known = estimate(changed, spending.hardware)
    assert spending.budget.cost(known) == result.cost <= amount
    assert len(changed.final_packs) == len(spending.study.final_packs)
    # as much as whole runs and three digits let it
    assert result.cost > 0.93 * amount


def test_more_money_buys_no_fewer_and_no_shorter_proxies_of_a_model():
    sizes = {}
    for amount in (0.2, 0.3, 0.5, 1, 2, 4, 8):
        swarm = bought(amount)[2].swarm
        sizes.setdefault(swarm.model.name, []).append((swarm.runs, swarm.tokens))
    for runs_and_tokens in sizes.values():
        runs, tokens = zip(*runs_and_tokens, strict=True)
        assert list(runs) == sorted(runs) and list(tokens) == sorted(tokens)
    assert next(iter(sizes)) == "tiny"


def test_what_is_left_over_buys_a_larger_model_and_is_said_at_the_end_of_the_ladder():
    spending, _, result = bought(100)
    assert result.swarm.model.name == "small" and result.to_spare
    assert result.swarm.runs == 128
    assert result.swarm.tokens_per_parameter == pytest.approx(20, rel=0.01)
    assert "seeds of the finals (final.seeds): " in sentences(spending, result)[-1]


def test_a_study_without_finals_is_told_of_no_seeds_of_finals():
    study = least_study.study(finals="none")
    spending, _, result = bought(100, study)
    lines = sentences(spending, result)
    assert result.to_spare and "keep what is left for the final model" in lines[-1]
    assert not any("final.seeds" in line for line in lines)
    written = estimate(study, spending.hardware)
    cost = spending.budget.in_words(spending.budget.cost(written))
    assert f"as it is written it takes {cost}" in lines[1]


def test_the_finals_come_first():
    few = bought(1)[2].swarm
    many = least_study.study(final={"seeds": [1, 2, 3, 4, 5, 6]})
    fewer = bought(1, many)[2]
    assert (fewer.swarm.runs, fewer.swarm.tokens) < (few.runs, few.tokens)
    whole = estimate(fewer.swarm.of(many), hardware_of(many))
    others = [part.hours for part in whole.parts if part.stage != "swarm"]
    assert fewer.reserved == pytest.approx(sum(others))


def test_a_budget_that_pays_no_useful_swarm_is_refused_with_what_would_do():
    with pytest.raises(MixwrightError, match=r"pay no useful swarm") as refused:
        bought(0.01)
    text = str(refused.value)
    assert "\n" not in text and "final.seeds" in text
    enough = float(text.partition("; give ")[2].partition(" ")[0])
    spending, _, result = bought(enough * 1.01)
    swarm = result.swarm
    first = climbed(spending, swarm.model, 0.0)
    assert swarm.runs == first.runs == 10


@pytest.mark.parametrize("amount", [102.4, 0.18861, 1234.5, 0.0712, 12.0, 7.001])
def test_what_is_told_to_be_enough_is(amount):
    for unit in ("GPU-hours", "money"):
        told = Budget(amount, unit, {"a100": 1.0}).enough(amount)
        again = read_budget(told, {"a100": 1.0})
        assert amount <= again.amount <= max(1.011 * amount, amount + 0.01)


def test_a_study_without_a_swarm_has_nothing_to_buy():
    study = least_study.study(mixers={"uniform": {}})
    config = {**study.config, "mixers": {"natural": {}, "uniform": {}}}
    with pytest.raises(MixwrightError, match="trains no swarm"):
        bought(10, Study(config))


def test_trees_have_no_swarm_to_buy_and_nothing_is_printed_before_that(capsys):
    with pytest.raises(MixwrightError, match="trains no swarm of language models"):
        plan(configfile=[CONFIG / "studies" / "chemistry.yaml"], budget="2 CPU-hours")
    assert not capsys.readouterr().out


def test_hours_of_the_wrong_device_are_refused():
    with pytest.raises(MixwrightError, match="planned for cpu; give CPU-hours"):
        bought(10, unit="GPU-hours")
    assert bought(1, unit="GPU-hours", device="a100")[2].cost <= 1


def test_money_counts_every_device_at_its_price():
    result = bought(3, unit="money", device="a100", a100=2.0, cpu=0.1)[2]
    hours = result.estimate.device_hours
    assert result.cost == pytest.approx(2.0 * hours["a100"] + 0.1 * hours["cpu"])
    with pytest.raises(MixwrightError, match="an hour of cpu has no price; add cpu=PRICE"):
        bought(3, unit="money", device="a100", a100=2.0)


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("40 GPU-hours", 40, "GPU-hours"),
        ("200 cpu-hours", 200, "CPU-hours"),
        ("1,000 core hours", 1000, "CPU-hours"),
        ("2.5gpu-hours", 2.5, "GPU-hours"),
        ("$500", 500, "money"),
        ("500 EUR", 500, "money"),
        ("1e3 USD", 1000, "money"),
        ("40 GPUh", 40, "GPU-hours"),
        ("40 cpu hrs", 40, "CPU-hours"),
        ("500€", 500, "money"),
        ("1,234.5 EUR", 1234.5, "money"),
    ],
)
def test_budgets_are_read_as_people_write_them(text, amount, unit):
    budget = read_budget(text, {"a100": 2.0})
    assert (budget.amount, budget.unit) == (amount, unit)


@pytest.mark.parametrize(
    "text",
    [
        *("", "40", "GPU-hours", "-3 GPU-hours", "0 CPU-hours", "4 TPU-hours", "$5 EUR", "1.2.3 $"),
        # a decimal comma is no thousands, and another unit is no currency
        *("40,5 GPU-hours", "1.000,5 EUR", "2 days", "40h", "40 GPU-minutes", "3 FLOP", "5 euros"),
    ],
)
def test_other_words_are_no_budget(text):
    with pytest.raises(MixwrightError, match="write a number above 0 of GPU-hours"):
        read_budget(text, {"a100": 2.0})


def test_money_needs_prices_in_its_own_currency():
    with pytest.raises(MixwrightError, match="give --prices"):
        read_budget("$500", {})
    with pytest.raises(MixwrightError, match="the prices are in EUR"):
        read_budget("$500", {"a100": 2.0}, "EUR")
    assert read_budget("500 EUR", {"a100": 2.0}, "EUR").in_words(3) == "3.00 EUR"
    assert read_budget("500 credits", {"a100": 2.0}, "credits").in_words(3) == "3.00 credits"


def test_what_is_as_dear_costs_as_much_and_is_useful():
    spending, models, result = bought(2)
    others = alternatives(spending, result, models)
    assert len(others) >= 3
    for other in others:
        assert 0.97 * result.cost < other.cost <= result.cost
        assert spending.cost(other.swarm) == other.cost
        assert other.swarm.tokens_per_parameter >= LEAST_TOKENS
    half, twice = others[0], others[1]
    assert half.swarm.runs == result.swarm.runs // 2 and half.swarm.tokens > result.swarm.tokens
    assert twice.swarm.runs == 2 * result.swarm.runs and twice.swarm.tokens < result.swarm.tokens
    assert half.expected.rank < twice.expected.rank
    assert "longer" in half.unknown and "shorter" in twice.unknown


def test_every_alternative_says_what_is_not_known():
    spending, models, result = bought(2)
    others = alternatives(spending, result, models)
    table = as_table(spending, result, others)
    assert table.row_count == 1 + len(others)
    assert all(other.unknown for other in others)


def test_models_have_the_vocabulary_and_the_kind_of_the_study():
    names = {model.name for model in models_of(least_study.study(), MODELS)}
    # the finals are small; micro is for tests, proxy-1m and pythia have vocabularies of their own
    assert names == {"tiny", "small"}
    masked = Study(resolve(read_yaml(CONFIG / "studies" / "smoke-masked.yaml"), CONFIG))
    shapes = [model.shape["architecture"] for model in models_of(masked, MODELS)]
    assert set(shapes) == {"bert"}


def test_the_keys_give_the_study_the_swarm_that_was_bought():
    spending, _, result = bought(1)
    study = spending.study
    changes = yaml.safe_load("\n".join(result.swarm.keys(study)))
    again = least_study.study(**changes)
    assert [run.name for run in again.runs["swarm"]] == [
        run.name for run in result.swarm.of(study).runs["swarm"]
    ]


def test_an_informative_swarm_gets_as_many_candidates_as_it_has_runs():
    study = least_study.study(designs={"swarm": {"method": "informative", "candidates": 40}})
    model = as_model(study, "tiny", study.config["proxy"]["shape"])
    swarm = Swarm(64, 100_000, model)
    assert swarm.keys(study)[0] == "designs: {swarm: {runs: 64, candidates: 64}}"
    assert len(swarm.of(study).runs["swarm"]) == 64


def test_the_ladder_never_falls():
    spending, models, _ = bought(1)
    model = models[0]
    swarms = [climbed(spending, model, step / 10) for step in range(10 * (len(RUNGS) - 1) + 1)]
    for before, after in itertools.pairwise(swarms):
        assert before.runs <= after.runs and before.tokens <= after.tokens


def test_tokens_are_cut_to_three_digits():
    assert [rounded(x) for x in (1, 99.9, 1234, 999_999)] == [1, 99, 1230, 999_000]


def test_a_budget_is_spent_without_heavy_imports():
    program = (
        "import sys, mixwright.jobs.plan.purchase, mixwright.jobs.plan.alternatives;"
        "heavy = {'scipy', 'pandas', 'pyarrow', 'torch', 'rich', 'lightgbm'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
