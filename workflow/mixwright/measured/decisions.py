"""What a reader decided of the columns of two tables, and what people may decide for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixwright.errors import counted, shortened
from mixwright.learners import Metric

KEY = "key"
DOMAIN = "domain"
TARGET = "target"
LEFT_OUT = "left out"
# Columns that a line names.
LISTED = 12


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
    def say_metrics(self) -> bool:
        """Whether it is said what numbers of targets are."""
        return any((self.higher_better, self.unit, self.metric))

    @property
    def any(self) -> bool:
        """Whether anything is said."""
        named = any((self.domains, self.targets))
        return self.key is not None or named or self.say_metrics


NOTHING = ColumnOptions()


@dataclass(frozen=True)
class Known:
    """What is known of the tables from elsewhere: a fit, or a study's settings."""

    # the domains there must be; empty: unknown
    domains: tuple[str, ...] = ()
    # target -> what its numbers are
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    # targets that there must be, whatever their headings say
    named: tuple[str, ...] = ()
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
    keys = _names(of_role(decisions, KEY))
    if keys:
        different = list(dict.fromkeys(keys))
        lines.append(f"runs are told apart by {' and '.join(different)}")
    domains = of_role(decisions, DOMAIN)
    if domains:
        source = domains[0].source
        names = ", ".join(_names(domains))
        lines.append(f"{source}: {len(domains)} domains: {names}")
    targets = of_role(decisions, TARGET)
    lines += _kinds(targets)
    lines += _notes(targets)
    lines += _left_out(of_role(decisions, LEFT_OUT))
    return lines


def _names(decisions: Iterable[Decision]) -> list[str]:
    return [decision.name for decision in decisions]


def _kinds(targets: list[Decision]) -> list[str]:
    """Returns a line for each kind of number, with its targets."""
    by_kind: dict[str, list[Decision]] = {}
    for decision in targets:
        kind = decision.direction
        if decision.unit:
            kind = f"{decision.unit}, {kind}"
        by_kind.setdefault(kind, []).append(decision)
    lines = []
    for kind, members in by_kind.items():
        source = members[0].source
        names = ", ".join(_names(members))
        number = counted(len(members), "target")
        lines.append(f"{source}: {number} ({kind}): {names}")
    return lines


def _notes(targets: list[Decision]) -> list[str]:
    """Returns what else there is to know of targets, and which have the text of a domain."""
    lines = []
    pairs = []
    for decision in targets:
        if decision.note:
            lines.append(f"{decision.source}: {decision.note}")
        if decision.text:
            pairs.append(f"{decision.name} is {decision.text}")
    if pairs:
        source = targets[0].source
        listed = ", ".join(pairs)
        lines.append(f"{source}: text of a domain by the names: {listed}")
    return lines


def _left_out(decisions: list[Decision]) -> list[str]:
    """Returns a line for each table and reason, with the columns; of many the first."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for decision in decisions:
        reason = (decision.source, decision.why)
        names = by_reason.setdefault(reason, [])
        names.append(decision.name)
    lines = []
    for (source, why), names in by_reason.items():
        verb = "is" if len(names) == 1 else "are"
        listed = shortened(names, LISTED)
        lines.append(f"{source}: {listed} {verb} left out: {why}")
    return lines
