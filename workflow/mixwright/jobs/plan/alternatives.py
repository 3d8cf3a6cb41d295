"""What else the same money would buy: swarms of equal cost, with fewer, more or other proxies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mixwright.jobs.plan.accuracy import Expected, expected
from mixwright.jobs.plan.budget import (
    HALVINGS,
    LEAST_RUNS,
    RUNGS,
    Bought,
    as_model,
    by_size,
    rounded,
)
from mixwright.jobs.plan.spending import Model, Spending, Swarm
from mixwright.jobs.resources import vocabulary_of
from mixwright.learners import MASKED
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

# A proxy of fewer tokens a parameter is not worth a line.
LEAST_TOKENS = RUNGS[0].tokens_per_parameter
# Narrower shapes are for tests.
NARROWEST = 64
MOST_TOKENS = 1e15


@dataclass(frozen=True)
class Alternative:
    """A swarm of the same cost, and what is known of it."""

    what: str
    swarm: Swarm
    cost: float
    # of as many runs, whatever their tokens and model are
    expected: Expected | None
    # what no table says of it, in words; empty: the tables say it
    unknown: str


def models_of(study: Study, folder: Path) -> list[Model]:
    """Returns the shapes that the study's proxies can have, its own among them.

    They have its architecture's kind and its vocabulary, and are no larger than the finals where
    there are some, nor narrower than NARROWEST.

    Args:
        study: the study.
        folder: config/models.
    """
    proxy = study.config["proxy"]
    present = as_model(study, proxy["model"], proxy["shape"])
    if proxy.get("init"):
        # a checkpoint has one size
        return [present]
    limit = present.parameters
    if not study.ends_at_proposals:
        final = study.config["final"]
        model = as_model(study, final["model"], final["shape"])
        limit = max(limit, model.parameters)
    models = [present]
    for file in sorted(folder.glob("*.yaml")):
        shape = read_yaml(file)
        if file.stem == present.name or not _fits(study, shape):
            continue
        model = as_model(study, file.stem, shape)
        if model.parameters <= limit:
            models.append(model)
    return models


def _fits(study: Study, shape: Mapping[str, Any]) -> bool:
    """Whether the study's learner and vocabulary allow proxies of a shape."""
    masked = shape["architecture"] in MASKED
    if masked != study.learner.masked:
        return False
    if shape["width"] < NARROWEST:
        return False
    rows = vocabulary_of(study, "proxy")
    its_rows = shape.get("vocabulary", rows)
    return bool(its_rows == rows)


def alternatives(spending: Spending, bought: Bought, models: Sequence[Model]) -> list[Alternative]:
    """Returns swarms of the same cost as what was bought, useless ones left out.

    Args:
        spending: the study and the budget.
        bought: the swarm that the budget pays.
        models: those that proxies could have.
    """
    swarm = bought.swarm
    result = []
    for what, runs, model in _changes(spending, swarm, models):
        start = Swarm(runs, swarm.tokens, model)
        other = _as_dear(spending, start, bought.cost)
        if other is None or other.tokens_per_parameter < LEAST_TOKENS:
            continue
        alternative = Alternative(
            what=what,
            swarm=other,
            cost=spending.cost(other),
            expected=expected(spending.domains, spending.in_all(other)),
            unknown=_unknown(swarm, other),
        )
        result.append(alternative)
    return result


def _unknown(swarm: Swarm, other: Swarm) -> str:
    """What no table says of another swarm, in words."""
    if other.model != swarm.model:
        return "what another size of proxy changes"
    if other.tokens < swarm.tokens:
        return "what its shorter proxies lose"
    return "what its longer proxies add"


def _changes(
    spending: Spending, swarm: Swarm, models: Iterable[Model]
) -> list[tuple[str, int, Model]]:
    """What is changed, in words, the runs to draw and the model of each alternative."""
    runs = spending.in_all(swarm)
    half = runs // 2 - spending.beside
    twice = 2 * runs - spending.beside
    changes = []
    if half >= max(LEAST_RUNS, spending.least_runs):
        changes.append(("half the proxies, longer", half, swarm.model))
    changes.append(("twice the proxies, shorter", twice, swarm.model))
    size = swarm.model.parameters
    sizes = by_size(models)
    smaller = [model for model in sizes if model.parameters < size]
    larger = [model for model in sizes if model.parameters > size]
    for model in smaller[-1:]:
        changes.append(("the next smaller model", swarm.runs, model))
    for model in larger[:1]:
        changes.append(("the next larger model", swarm.runs, model))
    return changes


def _as_dear(spending: Spending, start: Swarm, price: float) -> Swarm | None:
    """The swarm whose tokens make it cost a price, cut to three digits; None: no useful one does.

    A swarm that the study refuses is none.
    """
    low = LEAST_TOKENS * start.model.parameters
    high = float(start.tokens)
    if not spending.costs_at_most(_of_tokens(start, low), price):
        return None
    while spending.costs_at_most(_of_tokens(start, high), price) and high < MOST_TOKENS:
        high *= 2
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if spending.costs_at_most(_of_tokens(start, middle), price):
            low = middle
        else:
            high = middle
    return _of_tokens(start, low)


def _of_tokens(start: Swarm, tokens: float) -> Swarm:
    """The swarm with other tokens."""
    return replace(start, tokens=rounded(tokens))
