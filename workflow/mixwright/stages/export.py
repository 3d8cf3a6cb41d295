"""Write a mixture as a trainer's own file, and check such a file."""

import csv
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from mixwright.corpus.counts import documents_of_sources
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.proposals.export import create, is_known, listed
from mixwright.proposals.export.account import MOST_PASSES, Account
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import Fault, Size
from mixwright.proposals.export.checks.checking import Check, Plan, check
from mixwright.proposals.export.checks.drawings import drawings_of
from mixwright.proposals.export.checks.observed import Comparison, compare
from mixwright.proposals.export.costs import FitCost
from mixwright.proposals.export.exporting import Export
from mixwright.proposals.export.exporting import export as exported
from mixwright.proposals.export.inputs.counts import read_counts
from mixwright.proposals.export.inputs.mixtures import Wanted, read_wanted
from mixwright.proposals.export.inputs.planned import export_settings
from mixwright.proposals.export.inputs.source_map import read_sizes, read_sources
from mixwright.proposals.export.notes import Cost
from mixwright.proposals.export.order import Order, Source, Stage
from mixwright.proposals.export.terminal import (
    account_rows,
    account_table,
    observed_rows,
    observed_table,
)
from mixwright.proposals.export.text.content import text_of
from mixwright.study.study import Study
from mixwright.trust.surface.reading import open_fit

log = logging.getLogger(__name__)

RANDOM = "the trainer draws at random: what is read scatters about these shares"
RIGHT = "nothing goes wrong"
# where nobody knows how often a source is read
RIGHT_AS_KNOWN = "nothing goes wrong, as far as is known: passes over some sources are not"
WRONG = "something goes wrong; correct what is listed above"
# numpy's seeds
MOST_SEED = 2**32 - 1


def export(
    mixture: Path,
    to: Path,
    format: str = "",
    sources: Path | None = None,
    domains: Path | None = None,
    tokens: float | None = None,
    sequence: int | None = None,
    packed: bool = False,
    fit: Path | None = None,
    table: Path | None = None,
    settings: str = "{}",
    seed: int = 0,
    most_passes: float = MOST_PASSES,
) -> None:
    """Write a mixture as the file of a trainer, and say what the trainer will read by it.

    Shares of tokens become what the trainer counts. Sources that it would not read are dropped by
    name. The file is read back by the trainer's own rule: exit with 1 where something goes wrong
    by it. The file is written all the same.

    Example:
        mixwright export --mixture mixture.json --format megatron --tokens 2e10 --sequence 4096
            --sources map.yaml --to blend.txt
    """
    trainer = _trainer(format, settings)
    _check_numbers(tokens, sequence, most_passes, seed)
    wanted = read_wanted(mixture, tokens)
    order = Order(
        stages=wanted.stages,
        sources=_sources(wanted, sources, domains, packed),
        sequence=sequence,
        packed=packed,
        seed=seed,
    )
    result = exported(trainer, order, _cost(fit, wanted), most_passes)
    with written(to) as partial:
        partial.write_text(result.text, encoding="utf-8")
    if table is not None:
        _write_table(table, account_rows(result.accounts, result.dropped))
    _show_export(result)
    if result.is_faulty:
        raise MixwrightError(f"{to}: written, but {WRONG}")


def export_mixture(
    study: Path,
    arm: str,
    format: str,
    mixture: Path,
    domains: Path,
    to: Path,
    table: Path,
    notes: Path,
    sources: Path | None = None,
    fit: Path | None = None,
) -> None:
    """Write a proposal of a study as the file of a trainer, as the study's section export says.

    Example:
        mixwright export-mixture --study results/demo/study.json --arm regmix --format megatron
            --mixture results/demo/mixtures/regmix.json --domains results/demo/domains.parquet
            --to megatron.txt --table account.csv --notes notes.txt
    """
    plan = export_settings(Study.read(study), format)
    wanted = read_wanted(mixture, plan["tokens"])
    order = Order(
        stages=wanted.stages,
        sources=_sources(wanted, sources, domains, plan["packed"]),
        sequence=plan["sequence"],
        packed=plan["packed"],
        seed=plan["seed"],
    )
    result = exported(create(format, plan["settings"]), order, _cost(fit, wanted))
    with written(to) as partial:
        partial.write_text(result.text, encoding="utf-8")
    _write_table(table, account_rows(result.accounts, result.dropped))
    with written(notes) as partial:
        lines = [f"{line}\n" for line in result.sentences]
        partial.write_text("".join(lines), encoding="utf-8")
    log.info("%s", arm)
    _show_export(result)


def check_mixture(
    file: Path,
    format: str = "",
    sizes: Path | None = None,
    tokens: float | None = None,
    sequence: int | None = None,
    packed: bool = False,
    mixture: Path | None = None,
    observed: Path | None = None,
    most_passes: float = MOST_PASSES,
    table: Path | None = None,
    settings: str = "{}",
) -> None:
    """Say what a trainer will read by its mixture file; exit with 1 where something goes wrong.

    Example:
        mixwright check-mixture blend.txt --format megatron --sizes sizes.yaml --tokens 2e10
            --sequence 4096
    """
    trainer = _trainer(format, settings)
    _check_numbers(tokens, sequence, most_passes)
    known: tuple[Source, ...] = ()
    if sizes is not None:
        known = tuple(read_sizes(sizes))
    stages: tuple[Stage, ...] = ()
    if mixture is not None:
        stages = read_wanted(mixture, None).stages
    plan = Plan(
        tokens,
        sequence,
        packed,
        known,
        stages,
        most_passes,
    )
    checked = check(trainer, trainer.read(text_of(file), str(file)), plan)
    rows = account_rows(checked.accounts)
    comparison = None
    if observed is not None:
        drawings = drawings_of(trainer, checked, plan)
        comparison = compare(drawings, read_counts(observed))
        rows = observed_rows(comparison)
    if table is not None:
        _write_table(table, rows)
    _show_check(checked, comparison)
    if checked.is_faulty or (comparison is not None and comparison.is_faulty):
        raise MixwrightError(f"{file}: {WRONG}")
    print(RIGHT if checked.has_passes else RIGHT_AS_KNOWN)


def _check_numbers(
    tokens: float | None,
    sequence: int | None,
    most_passes: float,
    seed: int = 0,
) -> None:
    """Refuses numbers that no training has.

    Raises:
        MixwrightError: one is not finite, or not above 0.
    """
    numbers = {"tokens": tokens, "sequence": sequence, "most-passes": most_passes}
    for option, value in numbers.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise MixwrightError(f"--{option} {value:g}: give a number above 0")
    if not 0 <= seed <= MOST_SEED:
        raise MixwrightError(f"--seed {seed}: give a whole number from 0 to {MOST_SEED}")


def _trainer(name: str, settings: str) -> Format:
    """Returns a format; the formats are listed where none of them is named."""
    if not is_known(name):
        for line in listed():
            log.info("%s", line)
    return create(name, _settings(settings))


def _settings(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(f"--settings: no JSON: {error}; write '{{\"key\": value}}'") from None
    if not isinstance(values, dict):
        raise MixwrightError("--settings: no object; write '{\"key\": value}'")
    return values


def _sources(
    wanted: Wanted, path: Path | None, domains: Path | None, packed: bool
) -> tuple[Source, ...]:
    """Returns the prepared sources; sizes that their map does not state are those of the study.

    Where rows are packed, the study's documents are no rows.
    """
    sizes = dict(wanted.sizes)
    if domains is not None:
        for name, (tokens, documents) in documents_of_sources(domains).items():
            rows = None if packed else documents
            sizes[name] = Size(tokens, documents, rows)
    return tuple(read_sources(path, wanted.domains, sizes))


def _cost(fit: Path | None, wanted: Wanted) -> Cost | None:
    """Returns what predicts the cost of what is dropped; None where no fit is given."""
    if fit is None:
        return None
    return FitCost.of(open_fit(fit), wanted.objective)


def _write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with written(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _show_export(result: Export) -> None:
    for note in result.notes:
        log.info("%s", note)
    for stage in result.accounts:
        _show_account(stage)


def _show_check(checked: Check, comparison: Comparison | None) -> None:
    for stage in checked.accounts:
        _show_account(stage)
    _show_faults(checked.faults)
    if comparison is not None:
        Console(highlight=False).print(observed_table(comparison))
        _show_faults(comparison.faults)


def _show_account(stage: Account) -> None:
    Console(highlight=False).print(account_table(stage))
    _show_faults(stage.faults)
    if stage.random:
        print(RANDOM)


def _show_faults(faults: Sequence[Fault]) -> None:
    for fault in faults:
        print(fault.sentence)
