"""Which columns that some of several tables lack would count: those are refused by name."""

import logging
from collections.abc import Collection

import numpy as np

from mixwright.errors import MixwrightError, as_typed, shortened
from mixwright.measured.cells import Cells, numbers_of
from mixwright.measured.decisions import ColumnOptions, Known
from mixwright.measured.domains import choose_domains
from mixwright.measured.headings import is_identity, no_domain, no_target
from mixwright.measured.keys import choose_keys
from mixwright.measured.stacked import Stack
from mixwright.measured.targets import Context, choose_targets
from mixwright.mixture import Array

# Columns that a line names.
LISTED = 12
NO_HEADING = "the column without a heading"
log = logging.getLogger(__name__)


def check_counted(mixtures: Stack, losses: Stack, options: ColumnOptions, known: Known) -> None:
    """Refuses columns that some tables lack where they are domains or targets in those that have.

    The others are left out, and said.

    Raises:
        MixwrightError: it names the column and both tables.
    """
    if mixtures.is_partial:
        _check_domains(mixtures, options, known)
    if losses.is_partial:
        _check_targets(mixtures, losses, options, known)
    for stack in (mixtures, losses):
        for part in stack.parts:
            names = stack.alone(part)
            if names:
                listed = shortened([name or NO_HEADING for name in names], LISTED)
                log.info("%s: left out, for not all tables have it: %s", part.source, listed)


def _check_domains(mixtures: Stack, options: ColumnOptions, known: Known) -> None:
    """Refuses a domain that not all tables of mixtures have."""
    for part in mixtures.parts:
        alone = mixtures.alone(part)
        if not alone:
            continue
        if options.key in alone:
            raise mixtures.refuse(part, str(options.key))
        try:
            domains = choose_domains(part, options.domains, known.domains, options.key)
        except MixwrightError:
            # which columns are domains is open in this table alone
            for name in _numeric(part, alone):
                if not no_domain(name):
                    raise mixtures.refuse(part, name) from None
            continue
        for column in domains.columns:
            if column.heading in alone:
                raise mixtures.refuse(part, column.heading, ", 0 where a run had none of a domain")


def _numeric(part: Cells, names: Collection[str]) -> list[str]:
    """Those of these headings under which there are numbers."""
    columns = [column for column in part.columns if column.heading in names]
    return [column.heading for column in columns if column.heading and column.is_numeric]


def _check_targets(mixtures: Stack, losses: Stack, options: ColumnOptions, known: Known) -> None:
    """Refuses a target that not all tables of losses have."""
    domains = choose_domains(mixtures.cells, options.domains, known.domains, options.key)
    pair = choose_keys(mixtures.cells, losses.cells, domains.columns, options.key)
    joined = np.array(pair.joined, dtype=int)
    weights: Array = numbers_of(domains.columns, len(mixtures.cells.rows))[joined]
    weights[joined < 0] = np.nan
    names = tuple(column.heading for column in domains.columns)
    begin = 0
    for part in losses.parts:
        end = begin + len(part.rows)
        alone = losses.alone(part)
        context = Context(options, known, names, weights[begin:end])
        begin = end
        if not alone:
            continue
        if options.key in alone:
            raise losses.refuse(part, str(options.key))
        places = [k for k, name in enumerate(part.heading) if name == pair.losses.heading]
        try:
            targets = choose_targets(part, part.columns[places[0]], context)
        except MixwrightError:
            # what a column is is open in this table alone
            for name in _numeric(part, alone):
                if not (no_target(name) or is_identity(name)):
                    raise losses.refuse(part, name) from None
            continue
        headings = [column.heading for column in targets.columns]
        shared = [name for name in headings if name not in alone]
        remedy = f", or leave it out: {as_typed('--targets', *shared)}" if shared else ""
        for name in headings:
            if name in alone:
                raise losses.refuse(part, name, remedy)
