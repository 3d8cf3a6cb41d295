"""A draft of a study: domains, targets and a goal, proposed from what the user has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.study.draft.columns import Column, columns_of, splitting_column
from mixwright.study.draft.parts import Part, by_value, target, whole
from mixwright.study.draft.peek import Look, look_into
from mixwright.study.draft.unit import TEXT, Survey, Unit
from mixwright.study.draft.vocabulary import COLLECTIONS, SPLITTING

# Training tokens of the goal: of a first look, and the least that teach anything.
GOAL, LEAST_GOAL = 2_000_000, 10_000


@dataclass(frozen=True)
class Draft:
    """All that the study's file will say."""

    domains: list[Part]
    targets: list[Part]
    # whether the targets are the domains' own validation text
    validation: bool
    tokenizer: Path | None
    # what was left out or renamed
    notes: list[str] = field(default_factory=list)

    @property
    def tokens(self) -> int | None:
        """Tokens of all domains, about; None where some domain was not looked into."""
        total = 0
        for part in self.domains:
            if part.tokens is None:
                return None
            total += part.tokens
        return total

    @property
    def goal(self) -> int:
        """Training tokens to begin with: a first run's, or as many as there are where they are few.

        Two digits of them are left.
        """
        total = self.tokens
        if total is None or total >= GOAL:
            return GOAL
        return max(LEAST_GOAL, int(float(f"{total:.1e}")))

    @property
    def has_tokens(self) -> bool:
        """Whether some domain is tokens already, of a tokenizer that the study has to know."""
        sources = [part.settings.get("source") for part in (*self.domains, *self.targets)]
        return "tokens" in sources

    def share(self, part: Part) -> float | None:
        """Returns the part of all tokens that a domain has, from 0 to 1."""
        total = self.tokens
        if not total or part.tokens is None:
            return None
        return part.tokens / total


def propose(survey: Survey) -> Draft:
    """Looks into what a survey lists, and proposes a study of it.

    Raises:
        MixwrightError: there are no two domains.
    """
    notes = list(survey.notes)
    units = len(survey.domains) + len(survey.targets)
    looks = {unit: look_into(unit, units) for unit in survey.domains}
    domains: list[Part] = []
    for unit, look, split in _divided(looks):
        if split is None:
            domains += whole(unit, look, domains, notes)
        else:
            domains += by_value(unit, look, split, notes)
    _refuse_one(domains, notes)
    targets: list[Part] = []
    for unit in survey.targets:
        targets += target(unit, look_into(unit, units), [*domains, *targets], notes)
    validation = not targets
    if validation:
        targets = [Part(domain.name, {}) for domain in domains]
    tokenizer = survey.tokenizers[0] if survey.tokenizers else None
    return Draft(domains, targets, validation, tokenizer, notes)


def _divided(looks: Mapping[Unit, Look]) -> Iterable[tuple[Unit, Look, Column | None]]:
    """The units, and the column whose values are domains: of a unit that stands alone.

    Units that all hold several collections in one column are the parts of one data set.
    """
    columns = {unit: columns_of(look.rows) for unit, look in looks.items()}
    splits: list[Column | None] = []
    only = SPLITTING if len(looks) == 1 else COLLECTIONS
    for unit, look in looks.items():
        splits.append(splitting_column(columns[unit], len(look.rows), only))
    names = {split and split.name for split in splits}
    if None in names or len(names) != 1 or not looks:
        return [(unit, look, None) for unit, look in looks.items()]
    first = next(iter(looks))
    if len(looks) == 1:
        return [(first, looks[first], splits[0])]
    if any(unit.holds != TEXT for unit in looks):
        return [(unit, look, None) for unit, look in looks.items()]
    files = [path for unit in looks for path in unit.files]
    peeks = [peek for look in looks.values() for peek in look.peeks]
    broken: dict[Path, str] = {}
    for look in looks.values():
        broken |= look.broken
    merged = Look(peeks, broken, sum(look.disk for look in looks.values()))
    return [(replace(first, files=tuple(files)), merged, splits[0])]


def _refuse_one(domains: Sequence[Part], notes: Sequence[str]) -> None:
    """A mixture has two domains at least."""
    if len(domains) > 1:
        return
    why = f" ({notes[-1]})" if notes else ""
    if not domains:
        raise MixwrightError(
            f"nothing there holds text{why}; name a folder with a sub-folder or a file a domain"
        )
    remedy = "name more folders, files or data sets, or a folder with a sub-folder a domain"
    if domains[0].settings["source"] == "hub":
        remedy = "name more data sets, or write one domain each `config`, or each value of a column"
    raise MixwrightError(
        f"there is one domain only, {domains[0].name}{why}; a mixture has two or more: {remedy}"
    )
