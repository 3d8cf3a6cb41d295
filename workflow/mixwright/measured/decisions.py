"""What a reader decided of the columns of two tables, and what people may decide for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixwright.learners import LOSS, Metric

KEY = "key"
DOMAIN = "domain"
TARGET = "target"
LEFT_OUT = "left out"


@dataclass(frozen=True)
class ColumnOptions:
    """What a person says of the columns of their tables; what nobody says is decided by content."""

    # headings of the domains
    domains: list[str] = field(default_factory=list)
    # headings of the targets
    targets: list[str] = field(default_factory=list)
    # heading of the column that tells the runs apart
    key: str | None = None
    # targets of which more is better
    higher_better: list[str] = field(default_factory=list)
    # UNIT or TARGET=UNIT
    unit: list[str] = field(default_factory=list)
    # TARGET=KIND,questions=N,chance=SHARE
    metric: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether anything is said."""
        lists = (self.domains, self.targets, self.higher_better, self.unit, self.metric)
        return self.key is not None or any(lists)


NOTHING = ColumnOptions()


@dataclass(frozen=True)
class Known:
    """What is known of the tables from elsewhere: a fit, or a study's settings."""

    # the domains there must be; empty: unknown
    domains: tuple[str, ...] = ()
    # target -> what its numbers are
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    # whether columns of which nobody said anything are left out where they are doubtful
    lenient: bool = False


@dataclass(frozen=True)
class Decision:
    """What a column is, and why."""

    # what messages call the table
    source: str
    # heading of the column
    name: str
    # KEY, DOMAIN, TARGET or LEFT_OUT
    role: str
    why: str
    # of a target
    metric: Metric | None = None
    # of a target: the domain whose text it is
    text: str = ""
    # what else to know of it
    note: str = ""

    @property
    def unit(self) -> str:
        """The unit of a target's numbers; a domain's are shares of 1."""
        if self.role == DOMAIN:
            return "share of 1"
        return self.metric.unit if self.metric else ""

    @property
    def reason(self) -> str:
        """Why the column is what it is, whose text it is, and what else to know."""
        parts = [self.why]
        if self.text:
            parts.append(f"its text is {self.text}")
        if self.note:
            parts.append(self.note)
        return "; ".join(parts)

    @property
    def direction(self) -> str:
        """Which way a target's numbers get better."""
        if self.metric is None:
            return ""
        return "higher is better" if self.metric.higher else "lower is better"


def of_role(decisions: Iterable[Decision], role: str) -> list[Decision]:
    """Returns the decisions of one role."""
    return [decision for decision in decisions if decision.role == role]


def briefly(decisions: Iterable[Decision]) -> list[str]:
    """Returns what was decided as a few lines: keys, domains, targets by their kind, the rest."""
    decisions = list(decisions)
    lines = []
    for decision in of_role(decisions, KEY):
        lines.append(f"{decision.source}: runs are told apart by {decision.name}")
    domains = of_role(decisions, DOMAIN)
    if domains:
        names = ", ".join(decision.name for decision in domains)
        lines.append(f"{domains[0].source}: {len(domains)} domains: {names}")
    lines += _targets(of_role(decisions, TARGET))
    for decision in of_role(decisions, LEFT_OUT):
        lines.append(f"{decision.source}: {decision.name} is left out: {decision.why}")
    return lines


def _targets(targets: list[Decision]) -> list[str]:
    """Returns a line for each kind of number, and one for each target whose text is a domain's."""
    by_kind: dict[tuple[str, str], list[Decision]] = {}
    for decision in targets:
        by_kind.setdefault((decision.unit, decision.direction), []).append(decision)
    lines = []
    for (unit, direction), members in by_kind.items():
        names = ", ".join(decision.name for decision in members)
        noun = "target" if len(members) == 1 else "targets"
        kind = f"{unit or LOSS.unit}, {direction}" if unit else direction
        lines.append(f"{members[0].source}: {len(members)} {noun} ({kind}): {names}")
    for decision in targets:
        if decision.note:
            lines.append(f"{decision.source}: {decision.note}")
    pairs = [f"{decision.name} is {decision.text}" for decision in targets if decision.text]
    if pairs:
        lines.append(f"{targets[0].source}: text of a domain by the names: {', '.join(pairs)}")
    return lines
