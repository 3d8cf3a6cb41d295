"""What a budget buys, in words: the swarm, the keys of the study, and what else it would buy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixwright.jobs.plan.accuracy import expected, of_curve, sentence
from mixwright.jobs.plan.alternatives import Alternative
from mixwright.jobs.plan.budget import RUNGS, Bought
from mixwright.jobs.plan.spending import Spending, Swarm

if TYPE_CHECKING:
    from rich.table import Table

    from mixwright.trust.learning_curve import LearningCurve

# Proxies of fewer tokens a parameter may lie in the noise of their seeds.
SHORT = RUNGS[2].tokens_per_parameter
NOT_KNOWN = "not known"


def promises(
    domains: int, runs: int, curve: "LearningCurve | None" = None, are_drawn: bool = True
) -> list[str]:
    """Returns what so many runs promise: by the study's own finished runs first, then by tables.

    The tables say nothing of runs none of which is drawn: a study lists their mixtures.
    """
    texts = []
    if curve is not None:
        known = of_curve(curve, runs)
        texts.append(sentence(domains, runs, known))
    if are_drawn:
        texts.append(sentence(domains, runs, expected(domains, runs)))
    else:
        unknown = sentence(domains, runs, None)
        texts.append(f"{unknown}: the study lists their mixtures, and the tables are of drawn ones")
    return texts


def sentences(
    spending: Spending, bought: Bought, curve: "LearningCurve | None" = None
) -> list[str]:
    """Returns what a budget buys, how good it is, and what to look at."""
    budget = spending.budget
    domains = spending.domains
    swarm = bought.swarm
    lines = [
        f"a budget of {budget.in_words(budget.amount)} buys {_in_words(spending, swarm)}",
        f"the whole study then takes {budget.in_words(bought.cost)}, of which all but the swarm is"
        f" {budget.in_words(bought.reserved)}; as it is written it takes"
        f" {budget.in_words(spending.as_written)}",
        *promises(domains, spending.in_all(swarm), curve),
    ]
    if swarm.tokens_per_parameter < SHORT:
        lines.append(
            f"under {SHORT:g} tokens a parameter a proxy may lie in the noise of its seed: look at"
            " the signal-to-noise that the report tells"
        )
    if bought.to_spare:
        left = budget.in_words(budget.amount - bought.cost)
        use = "spend what is left on more seeds of the finals (final.seeds)"
        if spending.study.ends_at_proposals:
            use = "keep what is left for the final model"
        lines.append(f"more proxies, or longer ones, are in no table: {use}: {left}")
    return lines


def as_table(spending: Spending, bought: Bought, others: Sequence[Alternative]) -> "Table":
    """Lays out the swarm that is bought, and the others of the same cost."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("for the same", overflow="fold")
    for heading in ("proxies", "tokens each", "a parameter", "cost", "rank"):
        table.add_column(heading, justify="right")
    table.add_column("not known", overflow="fold")
    known = expected(spending.domains, spending.in_all(bought.swarm))
    first = Alternative("as proposed", bought.swarm, bought.cost, known, "")
    for other in (first, *others):
        swarm = other.swarm
        rank = NOT_KNOWN
        if other.expected is not None:
            rank = f"{other.expected.rank:.2f}"
        table.add_row(
            f"{other.what} ({swarm.model.name})",
            str(spending.in_all(swarm)),
            f"{swarm.tokens:,}",
            f"{swarm.tokens_per_parameter:.3g}",
            spending.budget.in_words(other.cost),
            rank,
            other.unknown,
        )
    return table


def _in_words(spending: Spending, swarm: Swarm) -> str:
    runs = spending.in_all(swarm)
    words = (
        f"a swarm of {runs} proxies of {swarm.tokens:,} tokens each ({swarm.model.name},"
        f" {swarm.tokens_per_parameter:.3g} tokens a parameter)"
    )
    if spending.beside:
        words += f", {spending.beside} of them listed or without a domain"
    return words
