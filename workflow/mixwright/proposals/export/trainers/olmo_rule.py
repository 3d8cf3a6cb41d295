"""What OLMo-core takes of each file of a source mixture.

Read in ai2-olmo-core 3.0.0: olmo_core/data/source_mixture.py (SourceMixtureDatasetConfig.build).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import Blend, Budget, Entry

# Tokens of a source whose size nobody knows: more than any training reads.
PLENTY = 2**52


@dataclass
class Part:
    """A file of which a part is taken."""

    # place of its entry
    owner: int
    # sequences of the file
    have: int
    # sequences that are taken
    taken: int
    # what was wanted of one more sequence, and cut off
    cut: float

    @property
    def room(self) -> int:
        """Sequences that are left in the file."""
        return self.have - self.taken


def tokens_of_files(entry: Entry, budget: Budget) -> list[int]:
    """Returns the tokens of the files of an entry.

    Where sizes of single files are unknown, all are taken for equally long.
    """
    files = entry.files or (entry.path,)
    counts = []
    for file in files:
        tokens = _tokens(file, budget)
        if tokens is None:
            return _alike(entry, budget, len(files))
        counts.append(tokens)
    return counts


def _alike(entry: Entry, budget: Budget, files: int) -> list[int]:
    """Returns the tokens of each of `files` files that are equally long."""
    tokens = _tokens(entry.path, budget)
    if tokens is None:
        tokens = PLENTY
    short, longer = divmod(tokens, files)
    counts = [short] * files
    for place in range(longer):
        counts[place] += 1
    return counts


def _tokens(path: str, budget: Budget) -> int | None:
    size = budget.sizes.get(path)
    if size is None or size.tokens is None:
        return None
    return int(size.tokens)


def tokens_of_sequences(entry: Entry, budget: Budget) -> int:
    """Returns the tokens of the whole sequences in the files of a source."""
    sequence = budget.sequence or 1
    total = 0
    for count in tokens_of_files(entry, budget):
        whole = count // sequence
        total += whole * sequence
    return total


def passes(wanted: int, tokens: int) -> tuple[int, float]:
    """Returns the whole passes over a source, and the part of one pass that is left to read."""
    if tokens == 0:
        return 0, 0.0
    ratio = wanted / tokens
    if ratio <= 1:
        return 0, ratio
    whole = math.floor(ratio)
    return whole, ratio - whole


def sequences_taken(blend: Blend, budget: Budget, requested: int, batch: int) -> Array:
    """Returns (entries,) sequences that the data set holds of each source.

    Each file gives whole sequences alone. What is then missing goes to files that have more: first
    the same number to each, whatever the shares, then one each by the largest part cut off.

    Args:
        blend: the entries, with their target ratios.
        budget: tokens of a sequence, and what there is of each source.
        requested: tokens of the data set.
        batch: tokens of a step.
    """
    sequence = budget.sequence or 1
    parts: list[Part] = []
    in_whole_passes = np.zeros(len(blend.entries))
    for place, entry in enumerate(blend.entries):
        files = tokens_of_files(entry, budget)
        wanted = int(requested * entry.number)
        whole, rest = passes(wanted, sum(files))
        for count in files:
            have = count // sequence
            in_whole_passes[place] += whole * have
            # A pass that is whole leaves nothing to be taken in part.
            if whole == 0 or rest > 0:
                tokens = math.ceil(count * rest)
                parts.append(_part(place, have, tokens, sequence))
    steps = math.ceil(requested / batch)
    sequences_a_step = batch // sequence
    missing = steps * sequences_a_step
    missing -= int(in_whole_passes.sum())
    _fill(parts, missing)
    taken = in_whole_passes
    for part in parts:
        taken[part.owner] += part.taken
    return taken


def _part(
    owner: int,
    have: int,
    tokens: int,
    sequence: int,
) -> Part:
    """Returns the part of a file of `have` sequences of which `tokens` are wanted."""
    wanted, rest = divmod(tokens, sequence)
    if wanted >= have:
        return Part(owner, have, have, 0.0)
    cut = rest / sequence
    return Part(owner, have, wanted, cut)


def _fill(parts: Sequence[Part], wanted: int) -> None:
    """Adds sequences until the files give `wanted` of them, as far as they have more."""
    missing = wanted - _taken(parts)
    usable = _with_room(parts)
    if missing <= 0 or not usable:
        return
    alike = missing // len(usable)
    for part in usable:
        part.taken += min(alike, part.room)
    missing = wanted - _taken(parts)
    # Of equal parts the trainer takes the last.
    last_first = _with_room(usable)[::-1]
    last_first.sort(key=_cut, reverse=True)
    for part in last_first[:missing]:
        part.taken += 1


def _taken(parts: Sequence[Part]) -> int:
    return sum(part.taken for part in parts)


def _with_room(parts: Sequence[Part]) -> list[Part]:
    return [part for part in parts if part.room > 0]


def _cut(part: Part) -> float:
    return part.cut


def repetition_that_covers(wanted: int, tokens: float | None) -> float:
    """Returns the least `max_repetition_ratio`, to four decimals, that gives `wanted` tokens.

    Args:
        wanted: tokens of the source that are trained on.
        tokens: of the source; None where nobody knows.
    """
    if not tokens or wanted <= tokens:
        return 1.0
    times = wanted / tokens
    ratio = math.ceil(times * 1e4) / 1e4
    # The trainer rounds the product down to whole tokens.
    if int(tokens * ratio) < wanted:
        ratio = round(ratio + 1e-4, 4)
    return ratio


def times_read(units: Array, budget: Budget) -> float:
    """Returns how often the training reads what is drawn; 1 where that is unknown or nearly so.

    Args:
        units: (entries,) sequences of the data set.
        budget: tokens of the training, and of a sequence.
    """
    tokens = units.sum() * (budget.sequence or 1)
    if budget.tokens is None or tokens == 0:
        return 1.0
    times = float(budget.tokens / tokens)
    if abs(times - 1) < 0.01:
        return 1.0
    return times


def in_turn(
    blends: Sequence[Blend],
    names: Sequence[str],
    tokens: str,
) -> tuple[Blend, ...]:
    """Returns blends as stages in turn, each with its name and the tokens before it.

    Args:
        blends: one a stage.
        names: of the stages; as many as there are stages, or they are numbered.
        tokens: key of the settings that holds the tokens of a stage.
    """
    result = []
    begins = 0.0
    for place, blend in enumerate(blends):
        name = f"stage {place + 1}"
        if len(names) == len(blends):
            name = names[place]
        result.append(replace(blend, name=name, begins=begins))
        begins += blend.settings[tokens] or 0
    return tuple(result)
