"""`mixwright design --sizes`: which mixtures to train at which model size."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mixwright.designs.elsewhere import DIGITS, Designed, Wanted, candidates_of
from mixwright.designs.read_back import words_to_read
from mixwright.designs.sizes import Size, choose_sizes
from mixwright.errors import MixwrightError, as_typed, counted
from mixwright.mixers.laws.mixer import LEAST
from mixwright.proposals import typed
from mixwright.stages.fit_line import fit_line
from mixwright.stages.mixture_tables import write_mixtures
from mixwright.trust.anchored import FEW

log = logging.getLogger(__name__)


def read_costs(words: Sequence[str]) -> tuple[Size, ...]:
    """Returns sizes of `NAME=COST` words, the cheapest first; the dearest is the target size.

    Raises:
        MixwrightError: a word is wrong, a name cannot be a part of a file's name, or there are
            fewer than two sizes.
    """
    for word in words:
        if "," in word:
            apart = as_typed("--sizes", *word.split(","))
            raise MixwrightError(f"--sizes {word}: write spaces between sizes: {apart}")
    names = [word.rpartition("=")[0] for word in words]
    costs = typed.numbers("--sizes", words, names)
    for name in names:
        if not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
            raise MixwrightError(
                f"--sizes {name}: it names a file; write letters, digits, points, - and _ alone"
            )
    if len(costs) < 2:
        raise MixwrightError("--sizes: name two sizes or more, such as small=1 large=16")
    ordered = sorted(costs.items(), key=lambda item: item[1])
    return tuple(Size(name, cost) for name, cost in ordered)


def write_sized(wanted: Wanted, sizes: Sequence[Size], to: Path) -> None:
    """Writes a table of mixtures a size beside `to`, and says how many each has.

    All runs cost as much as `wanted.runs` of the cheapest size.
    """
    tables = sized_designs(wanted, sizes)
    for table, size in zip(tables, sizes, strict=True):
        if table.ids:
            write_mixtures(path_of(to, size), table.cells(), "design")
    words = ""
    for table in tables:
        if not words and table.ids:
            words = words_to_read(table.cells(), table.names)
    for domain in wanted.domains:
        if domain.tokens == 0:
            log.info("design: %s has no tokens and so no weight", domain.name)
    for note in sized_notes(tables, sizes, to, words):
        log.info("design: %s", note)


def sized_designs(wanted: Wanted, sizes: Sequence[Size]) -> list[Designed]:
    """Returns a table of mixtures for each size, the cheapest size first.

    All runs cost as much as `wanted.runs` of the cheapest size.
    """
    candidates = candidates_of(wanted)
    names = [domain.name for domain in wanted.domains]
    order = [sorted(names).index(name) for name in names]
    costs = [size.cost for size in sizes]
    choices = choose_sizes(candidates, costs, wanted.runs * costs[0])
    tables = []
    for place, size in enumerate(sizes):
        mixtures = [choice.mixture for choice in choices if choice.size == place]
        ids = []
        for number in range(len(mixtures)):
            ids.append(f"{size.name}-{str(number + 1).zfill(DIGITS)}")
        weights = candidates[mixtures][:, order]
        table = Designed(tuple(names), tuple(ids), weights, repeats=0, moved=False, equal=0)
        tables.append(table)
    return tables


def path_of(to: Path, size: Size) -> Path:
    """Returns the file of a size: `mixtures-large.csv` for `mixtures.csv` and size large."""
    return to.with_name(f"{to.stem}-{size.name}{to.suffix}")


def sized_notes(
    tables: Sequence[Designed], sizes: Sequence[Size], to: Path, words: str = ""
) -> list[str]:
    """Returns what was chosen for each size, and what to do with it.

    Args:
        words: options with which the tables are read as they were meant.
    """
    notes = []
    for table, size in zip(tables, sizes, strict=True):
        number = len(table.ids)
        line = f"{counted(number, 'mixture')} at {size.name}, for {number * size.cost:g} in all"
        path = path_of(to, size)
        if number:
            line += f": {path}"
        elif path.exists():
            line += f"; {path} is of an earlier call, remove it"
        notes.append(line)
    target = sizes[-1].name
    number = len(tables[-1].ids)
    if not number:
        notes.append(
            f"no run of {target} is worth its cost in so small a budget: raise --runs, or design"
            " for one size without --sizes"
        )
        return notes
    if number <= FEW:
        notes.append(
            f"{counted(number, 'run')} of {target} tell levels: with {FEW} or fewer the proposal of"
            " the smaller models' fit was as good or better; --runs counts what all may cost"
        )
    notes.append(_next_step(tables, sizes, to, words))
    return notes


def _next_step(tables: Sequence[Designed], sizes: Sequence[Size], to: Path, words: str) -> str:
    """Returns what to do with the tables: each size is fitted around the size before it.

    Too few runs of the dearest size for a fit move the predictions of the size before.
    """
    lines = []
    losses = []
    place = ""
    for table, size in zip(tables, sizes, strict=True):
        measured = f"losses-{size.name}.csv"
        mixtures = path_of(to, size)
        around = as_typed("--around", place) if place else ""
        if len(table.ids) >= LEAST:
            place = f"fit-{size.name}"
            losses.append(measured)
            lines.append(fit_line([mixtures], [measured], [words, around], to=place))
        elif place and size == sizes[-1]:
            anchors = as_typed("--anchor-mixtures", mixtures, "--anchor-losses", measured)
            losses.append(measured)
            lines.append(
                f"mixwright predict --fit {place} --mixtures MIXTURES {anchors} --to predicted.csv"
            )
    if not lines:
        return f"a fit takes {LEAST} runs of a size, and none has so many: raise --runs"
    return (
        f"next: train a proxy on each line at its size, write {' and '.join(losses)} (the id, then"
        f" a column a target), and run {', then '.join(lines)}"
    )
