"""Write a mixture as a trainer's own file, and check such a file."""

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mixwright.corpus.counts import documents_of_sources
from mixwright.errors import MixwrightError
from mixwright.files import read_json, written
from mixwright.goal import Readout
from mixwright.measured.loss_tables import as_mixtures
from mixwright.mixture import Mixture
from mixwright.proposals.export import create
from mixwright.proposals.export.account import Account, account, tokens_of_stages
from mixwright.proposals.export.blend import Budget, Size
from mixwright.proposals.export.exporting import Cost
from mixwright.proposals.export.exporting import export as exported
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.reading import read_sizes, read_sources, read_stages
from mixwright.proposals.export.terminal import account_rows, account_table
from mixwright.proposals.fits import Fit

log = logging.getLogger(__name__)


def export(
    mixture: Path,
    format: str,
    to: Path,
    sources: Path | None = None,
    domains: Path | None = None,
    tokens: float | None = None,
    sequence: int | None = None,
    packed: bool = False,
    fit: Path | None = None,
    table: Path | None = None,
    settings: str = "{}",
    seed: int = 0,
) -> None:
    """Write a mixture as the file of a trainer, and say what the trainer will read by it.

    Shares of tokens become what the trainer counts. Sources that it would not read are dropped by
    name. The file is read back by the trainer's own rule.

    Example:
        mixwright export --mixture mixture.json --format megatron --tokens 2e10 --sequence 4096
            --sources map.yaml --to blend.txt
    """
    stages, sizes = read_stages(mixture, tokens)
    names = list(dict.fromkeys(name for stage in stages for name in stage.mixture.names))
    if domains is not None:
        for name, (count, documents) in documents_of_sources(domains).items():
            sizes[name] = Size(count, documents, documents)
    order = Order(
        stages=stages,
        sources=tuple(read_sources(sources, names, sizes)),
        sequence=sequence,
        packed=packed,
        seed=seed,
    )
    trainer = create(format, _settings(settings))
    cost = None if fit is None else _cost(fit, mixture)
    result = exported(trainer, order, cost)
    with written(to) as partial:
        partial.write_text(result.text, encoding="utf-8")
    if table is not None:
        _write_table(table, result.accounts)
    for note in result.notes:
        log.info("%s", note)
    _show(result.accounts)


def check_mixture(
    file: Path,
    format: str,
    sizes: Path | None = None,
    tokens: float | None = None,
    sequence: int | None = None,
    packed: bool = False,
    mixture: Path | None = None,
    table: Path | None = None,
    settings: str = "{}",
) -> None:
    """Say what a trainer will read by its mixture file; exit with 1 where something goes wrong.

    Example:
        mixwright check-mixture blend.txt --format megatron --sizes sizes.yaml --tokens 2e10
            --sequence 4096
    """
    trainer = create(format, _settings(settings))
    of_path: Mapping[str, Size] = {} if sizes is None else read_sizes(sizes)
    blends = trainer.read(file.read_text(encoding="utf-8-sig"), str(file))
    accounts = []
    for blend, of_stage in zip(blends, tokens_of_stages(blends, tokens), strict=True):
        budget = Budget(of_stage, sequence, packed, of_path)
        accounts.append(account(trainer, blend, budget))
    if table is not None:
        _write_table(table, accounts)
    _show(accounts)
    faulty = [stage for stage in accounts if stage.is_faulty]
    if faulty:
        raise MixwrightError(f"{file}: something would go wrong; correct what is listed above")


def _settings(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(f"--settings: no JSON: {error}; write '{{\"key\": value}}'") from None
    if not isinstance(values, dict):
        raise MixwrightError("--settings: no object; write '{\"key\": value}'")
    return values


def _cost(folder: Path, mixture: Path) -> Cost:
    """Returns what says the predicted change of the objective between two mixtures."""
    fit = Fit.load(folder)
    fit.check_predicts()
    content = read_json(mixture)
    weights = content.get("objective", {}) if isinstance(content, dict) else {}
    weights = weights or fit.source.goal or dict.fromkeys(fit.targets, 1.0)
    readout = Readout.of(weights, fit.targets, fit.source.metrics)

    def cost(before: Mixture, after: Mixture) -> str:
        both = [before.over(fit.domains).as_dict(), after.over(fit.domains).as_dict()]
        predicted = fit.predict_minimised(as_mixtures(both, fit.domains))
        values = np.asarray(readout.objective(predicted))
        return f"{values[1] - values[0]:+.2g} {readout.metric.unit} by {fit.name}"

    return cost


def _write_table(path: Path, accounts: Sequence[Account]) -> None:
    with written(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(account_rows(accounts))


def _show(accounts: Sequence[Account]) -> None:
    console = Console(highlight=False)
    for stage in accounts:
        console.print(account_table(stage))
        for fault in stage.faults:
            log.info("%s: %s", fault.kind, fault.message)
        if stage.random:
            log.info("the trainer draws at random: shares scatter about these")
