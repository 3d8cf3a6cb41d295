"""Which swarm a budget pays: how many proxies, how long each, and of which size.

The rest of the study comes first: corpus, other runs, finals and fits as the study has them. What
is left goes into the swarm by a ladder of RUNGS. The first is the least useful swarm. A budget
that pays more climbs: runs a domain and tokens a parameter grow together, then runs to 128, then
tokens. A larger model is taken where the whole ladder is paid of it, a smaller one where the
first rung is not.

Why these rungs. Runs a domain: what `accuracy` records. 128 runs rank RegMix's published tables as
512 do, to .001. A quarter of a token a parameter: the shortest proxies that ranked well here, the
demo's (.27, rank correlation .96) and minipile-2cores' (.24, .94), see benchmarks/RESULTS.md. 20
tokens a parameter: where a model is trained compute-optimally (arXiv 2203.15556); RegMix's own
proxies have 39 (arXiv 2407.01492). Nobody recorded how ranks depend on the tokens of a proxy.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.jobs.plan.estimate import Estimate
from mixwright.jobs.plan.spending import Model, Spending, Swarm
from mixwright.jobs.resources import vocabulary_of
from mixwright.proxies.footprint import parameters
from mixwright.study.study import Study

# Halvings of the ladder: enough for whole runs and three digits of tokens.
HALVINGS = 24
# No smaller swarm is bought, whatever mixtures a study lists beside it.
LEAST_RUNS = 10
# Tokens are told to three digits.
DIGITS = 3


@dataclass(frozen=True)
class Rung:
    """A swarm, relative to the domains and the model; a study may need more runs."""

    runs_per_domain: float
    # at least, whatever the domains are
    least_runs: int
    tokens_per_parameter: float


RUNGS = (
    Rung(3, LEAST_RUNS, 0.25),
    Rung(4, 24, 1.0),
    Rung(8, 24, 10.0),
    Rung(8, 128, 10.0),
    Rung(8, 128, 20.0),
)


# The height of the last rung.
TOP = len(RUNGS) - 1.0


@dataclass(frozen=True)
class Bought:
    """A swarm that a budget pays, and what it costs."""

    swarm: Swarm
    # of the whole study with it
    estimate: Estimate
    cost: float
    # of all but the swarm, as the study has it
    reserved: float
    # whether the budget would pay more than the ladder's end
    to_spare: bool


def buy(spending: Spending, models: Sequence[Model]) -> Bought:
    """Returns the swarm of the ladder that a budget pays.

    Args:
        spending: the study and the budget.
        models: those that proxies could have, the study's own among them.

    Raises:
        MixwrightError: the study trains no swarm, it refuses the least one, or the budget pays no
            useful one.
    """
    study = spending.study
    check_swarm(study)
    spending.budget.check(spending.hardware)
    name = study.config["proxy"]["model"]
    sizes = by_size(models)
    is_larger = True
    for model in reversed(sizes):
        if model.name == name:
            is_larger = False
        # of a larger one the whole ladder has to be paid
        height = TOP if is_larger else 0.0
        swarm = climbed(spending, model, height)
        if spending.pays(swarm):
            highest = _highest(spending, model)
            return _bought(spending, highest)
    least = climbed(spending, sizes[0], 0.0)
    raise MixwrightError(_refusal(spending, least))


def by_size(models: Iterable[Model]) -> list[Model]:
    """Returns the models, the smallest first."""
    return sorted(models, key=lambda model: model.parameters)


def climbed(spending: Spending, model: Model, height: float) -> Swarm:
    """Returns the swarm at a height of the ladder, from 0 to TOP.

    Between two rungs runs and tokens grow by equal factors.
    """
    swarms = []
    for rung in RUNGS:
        swarm = _swarm_at(spending, model, rung)
        swarms.append(swarm)
    before = min(int(height), len(RUNGS) - 2)
    share = height - before
    first = swarms[before]
    second = swarms[before + 1]
    runs = _between(
        first.runs,
        second.runs,
        share,
    )
    tokens = _between(
        first.tokens,
        second.tokens,
        share,
    )
    whole = math.floor(runs)
    return Swarm(whole, rounded(tokens), model)


def _between(first: float, second: float, share: float) -> float:
    """A share of the way, in logarithms; exact at both ends."""
    if share == 1.0:
        return second
    factor = second / first
    return float(first * factor**share)


def rounded(tokens: float) -> int:
    """Returns tokens cut to three digits."""
    whole = max(1, int(tokens))
    digits = len(str(whole))
    surplus = max(0, digits - DIGITS)
    unit = 10**surplus
    units = whole // unit
    return units * unit


def as_model(study: Study, name: str, shape: Mapping[str, Any]) -> Model:
    """Returns a model of a shape, its parameters counted with the study's vocabulary."""
    rows = vocabulary_of(study, "proxy")
    return Model(name, shape, int(parameters(shape, rows)))


def check_swarm(study: Study) -> None:
    """Refuses a study without a swarm to buy.

    Raises:
        MixwrightError: it trains no language models, or no swarm of them.
    """
    if study.measured or not study.learner.sized or "swarm" not in study.runs:
        raise MixwrightError(
            "--budget: this study trains no swarm of language models; leave --budget out"
        )


def _swarm_at(spending: Spending, model: Model, rung: Rung) -> Swarm:
    by_domains = math.ceil(rung.runs_per_domain * spending.domains)
    runs = max(rung.least_runs, by_domains, spending.least_runs)
    tokens = rung.tokens_per_parameter * model.parameters
    return Swarm(runs, rounded(tokens), model)


def _highest(spending: Spending, model: Model) -> Swarm:
    """The highest swarm of a model that the budget pays; the first rung is paid."""
    low = 0.0
    high = TOP
    last = climbed(spending, model, high)
    if spending.pays(last):
        return last
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        swarm = climbed(spending, model, middle)
        if spending.pays(swarm):
            low = middle
        else:
            high = middle
    return climbed(spending, model, low)


def _bought(spending: Spending, swarm: Swarm) -> Bought:
    last = climbed(spending, swarm.model, TOP)
    return Bought(
        swarm=swarm,
        estimate=spending.estimate(swarm),
        cost=spending.cost(swarm),
        reserved=spending.reserved(swarm),
        to_spare=swarm == last,
    )


def _refusal(spending: Spending, least: Swarm) -> str:
    """Why a budget buys nothing, in one line."""
    budget = spending.budget
    needed = spending.cost(least)
    rest = spending.reserved(least)
    remedy = f"give {budget.enough(needed)} or more"
    if not spending.study.ends_at_proposals:
        remedy += ", take fewer or shorter finals (final.seeds, goal.tokens), or finals: none"
    runs = spending.in_all(least)
    proxies = f"{runs} proxies of {least.tokens:,} tokens ({least.model.name})"
    return (
        f"--budget: {budget.in_words(budget.amount)} pay no useful swarm:"
        f" {proxies} take {budget.in_words(needed - rest)},"
        f" and the rest of the study {budget.in_words(rest)};"
        f" {remedy}"
    )
