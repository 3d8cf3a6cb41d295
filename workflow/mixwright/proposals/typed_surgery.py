"""Operations on domains, from the words that `mixwright surgery` takes."""

from collections.abc import Sequence

from mixwright.designs.surgery import Add, Drop, Merge, Operation, Split, Surgery
from mixwright.errors import MixwrightError
from mixwright.measured.headings import match_name
from mixwright.proposals import typed


def read_surgery(
    domains: Sequence[str],
    add: Sequence[str],
    drop: Sequence[str],
    merge: Sequence[str],
    split: Sequence[str],
) -> Surgery:
    """Returns the surgery that words ask for; a short form of a domain is enough.

    Args:
        domains: those of the runs.
        add: names of new domains.
        drop: names of domains that go.
        merge: `NEW=A:SHARE,B:SHARE` words.
        split: `OLD=NEW:SHARE,NEW:SHARE` words.

    Raises:
        MixwrightError: a word cannot be read, or the operations do not go together.
    """
    operations: list[Operation] = []
    for name in drop:
        operations.append(Drop(match_name(name, domains)))
    for word in merge:
        name, parts = _parts("--merge", word)
        full = {match_name(part, domains): share for part, share in parts.items()}
        operations.append(Merge(_heading("--merge", name), full))
    for word in split:
        name, parts = _parts("--split", word)
        named = {_heading("--split", part): share for part, share in parts.items()}
        operations.append(Split(match_name(name, domains), named))
    for name in add:
        operations.append(Add(_heading("--add", name)))
    return Surgery.of(domains, operations)


def _parts(option: str, word: str) -> tuple[str, dict[str, float]]:
    """The name before the equals sign, and part -> share behind it."""
    name, _, listed = word.partition("=")
    parts: dict[str, float] = {}
    for item in listed.split(","):
        part, _, share = item.rpartition(":")
        if not name or not part or not typed.is_number(share, 1.0) or part in parts:
            raise MixwrightError(
                f"{option} {word}: write NAME=PART:SHARE,PART:SHARE; the shares sum to 1"
            )
        parts[part] = float(share)
    return name, parts


def _heading(option: str, name: str) -> str:
    """A name for a new domain; one that cannot head a column is refused."""
    if not name or name != name.strip() or not name.isprintable():
        raise MixwrightError(
            f"{option} {name!r}: this cannot head a column;"
            " a name has letters, and no space at its ends"
        )
    return name
