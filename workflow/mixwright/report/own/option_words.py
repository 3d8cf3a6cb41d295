"""Options as they are typed: the line of a command that asks for the same again."""

import re
from collections.abc import Mapping, Sequence

from mixwright.errors import as_typed
from mixwright.proposals.options import Options
from mixwright.simplex.bounds import Bounds

# Columns of a line that a page shows without scrolling.
WIDE = 66


def option_words(options: Options) -> list[str]:
    """Returns the words of goal and bounds behind `mixwright propose --fit FIT`."""
    words: list[str] = []
    if options.targets:
        words += ["--target", *_pairs(options.targets, bare=not options.weighted)]
    for name, values in (
        ("--cap", options.caps),
        ("--floor", options.floors),
        ("--fix", options.fixed),
    ):
        if values:
            words += [name, *_pairs(values)]
    groups = group_words(options)
    if groups:
        words += ["--group", *groups]
    if options.never_worse:
        words += ["--never-worse", *options.never_worse]
    if options.available:
        words += ["--available", *_pairs(options.available)]
    if options.tokens is not None:
        words += ["--tokens", f"{options.tokens:g}"]
    if options.max_epochs is not None:
        words += ["--max-epochs", f"{options.max_epochs:g}"]
    if options.seed:
        words += ["--seed", str(options.seed)]
    return words


def group_words(options: Options, only: str = "") -> list[str]:
    """Returns the limits of sums, such as `code+web<=0.7`.

    Args:
        only: the group that is wanted; empty: all.
    """
    words = []
    for name, group in options.groups.items():
        if only and name != only:
            continue
        members = "+".join(group["domains"])
        words += _limits(members, float(group.get("least", 0.0)), float(group.get("most", 1.0)))
    return words


def bound_words(bounds: Bounds, names: Sequence[str]) -> str:
    """Returns bounds as options for a shell: `--cap web=0.3 --floor wiki=0.1`; empty: none.

    Args:
        names: of the domains.
    """
    words: list[str] = []
    for option, ends, nothing in (("--cap", bounds.upper, 1.0), ("--floor", bounds.lower, 0.0)):
        pairs = {}
        for name, end in zip(names, ends.tolist(), strict=True):
            if end != nothing:
                pairs[name] = end
        if pairs:
            words += [option, *_pairs(pairs)]
    sums = []
    for group in bounds.groups:
        members = "+".join(names[place] for place in group.members)
        sums += _limits(members, group.lower, group.upper)
    if sums:
        words += ["--group", *sums]
    return as_typed(*words)


def line(command: str, *words: str) -> str:
    """Returns a line for a shell: `mixwright COMMAND`, and words that are quoted where they must.

    Args:
        words: what follows the command.
    """
    return as_typed("mixwright", command, *words)


def folded(words: str) -> str:
    """Returns a long line in several that a shell joins: each but the last ends with a backslash.

    It is cut before options alone, so that no quoted word is.
    """
    lines = [""]
    for piece in re.split(r" (?=--)", words):
        if lines[-1] and len(lines[-1]) + len(piece) > WIDE:
            lines.append(f"    {piece}")
        else:
            lines[-1] = f"{lines[-1]} {piece}" if lines[-1] else piece
    return " \\\n".join(lines)


def _limits(members: str, least: float, most: float) -> list[str]:
    """The limits of a sum, each as it is typed."""
    if least == most:
        return [f"{members}={least:g}"]
    words = []
    if least > 0:
        words.append(f"{members}>={least:g}")
    if most < 1:
        words.append(f"{members}<={most:g}")
    return words


def _pairs(values: Mapping[str, float], bare: bool = False) -> Sequence[str]:
    """`NAME=NUMBER` words; names alone where all count alike."""
    if bare and set(values.values()) == {1.0}:
        return list(values)
    return [f"{name}={value:.12g}" for name, value in values.items()]
