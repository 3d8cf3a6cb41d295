"""What goes wrong with a trainer's file: stage by stage, over all stages, and beside counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mixwright.errors import MixwrightError
from mixwright.proposals.export.account import (
    MOST_PASSES,
    Account,
    Line,
    account,
    any_faulty,
    often_read,
    with_remarks,
)
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import ENDS, PASSES, Blend, Budget, Fault
from mixwright.proposals.export.checks.matching import (
    requested_of,
    sizes_of_entries,
    unused_sizes,
    with_differences,
)
from mixwright.proposals.export.order import Source, Stage


@dataclass(frozen=True)
class Plan:
    """The training that a file is for."""

    # None where nobody said
    tokens: float | None = None
    sequence: int | None = None
    # whether rows hold one sequence each
    packed: bool = False
    # how much there is of each source
    sources: tuple[Source, ...] = ()
    # the mixtures that were wanted, one a stage; empty: nobody said
    stages: tuple[Stage, ...] = ()
    most_passes: float = MOST_PASSES


@dataclass(frozen=True)
class Check:
    """What a trainer reads by a file, and what goes wrong."""

    # one a stage
    blends: tuple[Blend, ...]
    budgets: tuple[Budget, ...]
    accounts: tuple[Account, ...]
    # of all stages together
    faults: tuple[Fault, ...]

    @property
    def is_faulty(self) -> bool:
        """Whether something goes wrong that is more than a remark."""
        return any_faulty(self.faults) or any(stage.is_faulty for stage in self.accounts)

    @property
    def has_passes(self) -> bool:
        """Whether it is known how often every source is read."""
        for stage in self.accounts:
            for line in stage.lines:
                if line.passes is None:
                    return False
        return True


def check(trainer: Format, blends: Sequence[Blend], plan: Plan) -> Check:
    """Returns what a trainer reads by the blends of a file, and what goes wrong.

    Raises:
        MixwrightError: the mixture that was wanted has another number of stages.
    """
    if plan.stages and len(plan.stages) != len(blends):
        raise MixwrightError(
            f"--mixture has {len(plan.stages)} stages and the file {len(blends)};"
            " give `stages:`, one for each of the file"
        )
    budgets = []
    accounts = []
    blends = _begun(blends, plan.sequence)
    for place, blend in enumerate(blends):
        tokens, faults = _stage_tokens(blends, place, plan.tokens)
        sizes = sizes_of_entries(blend, plan.sources)
        budget = Budget(tokens, plan.sequence, plan.packed, sizes)
        blend = replace(blend, faults=(*blend.faults, *faults))
        unit = trainer.unit_of(blend.settings)
        of_stage = _account(trainer, blend, budget, plan, place)
        accounts.append(with_remarks(of_stage, unit, budget, plan.most_passes))
        budgets.append(budget)
    overall = _over_stages(accounts, plan.most_passes)
    return Check(
        blends=tuple(blends),
        budgets=tuple(budgets),
        accounts=tuple(accounts),
        faults=(*unused_sizes(blends, plan.sources), *_new(overall, accounts)),
    )


def _account(
    trainer: Format,
    blend: Blend,
    budget: Budget,
    plan: Plan,
    place: int,
) -> Account:
    """Returns the account of a stage, beside its mixture where one was wanted."""
    if not plan.stages:
        return account(trainer, blend, budget, most_passes=plan.most_passes)
    requested = requested_of(blend, plan.stages[place].mixture, plan.sources)
    blend = replace(blend, faults=(*blend.faults, *requested.faults))
    shares = requested.shares.tolist()
    return with_differences(
        account(
            trainer,
            blend,
            budget,
            shares,
            plan.most_passes,
        )
    )


def _begun(blends: Sequence[Blend], sequence: int | None) -> list[Blend]:
    """Returns the blends with the tokens before each; --sequence says what the file does not."""
    if sequence is None or any(blend.begins for blend in blends):
        return list(blends)
    begun = []
    for blend in blends:
        begins = float(blend.sequences_before * sequence)
        begun.append(replace(blend, begins=begins))
    return begun


def _stage_tokens(
    blends: Sequence[Blend], place: int, total: float | None
) -> tuple[float | None, list[Fault]]:
    """Returns the tokens of a stage, from where it and the next one begin.

    They are None where nobody knows them, or the training ends before the stage.
    """
    begins = blends[place].begins
    if len(blends) > 1 and not any(blend.begins for blend in blends):
        return None, []
    ends = total
    for later in blends[place + 1 :]:
        if later.begins > begins:
            ends = later.begins
            break
    if total is not None and begins >= total:
        message = f"{blends[place].name} begins at {begins:,.0f} tokens"
        message = f"{message}, and the training ends at {total:,.0f}: it is never reached"
        return None, [Fault(ENDS, f"{message}; raise --tokens, or let it begin sooner")]
    if ends is None:
        return None, []
    if total is not None:
        ends = min(ends, total)
    return ends - begins, []


def _over_stages(accounts: Sequence[Account], most_passes: float) -> list[Fault]:
    """Faults of passes over all stages; none where there is one stage."""
    if len(accounts) < 2:
        return []
    lines: list[Line] = []
    for stage in accounts:
        lines += stage.lines
    return often_read(lines, most_passes)


def _new(overall: Sequence[Fault], accounts: Sequence[Account]) -> list[Fault]:
    """Faults of all stages together, of sources with which no stage alone goes wrong."""
    often = set()
    for stage in accounts:
        for fault in stage.faults:
            if fault.kind == PASSES:
                often.add(fault.message.partition(" is read")[0])
    faults = []
    for fault in overall:
        path = fault.message.partition(" is read")[0]
        if path not in often:
            faults.append(replace(fault, message=f"over all stages, {fault.message}"))
    return faults
