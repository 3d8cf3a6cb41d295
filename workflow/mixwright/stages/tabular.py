"""Stage of workflow/rules/tabular.smk: from tables with labels to the domains of trees."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.study.study import Study
from mixwright.tabular.dataset import dataset_of, write_dataset
from mixwright.tabular.source import Rows, prepare, read_table

log = logging.getLogger(__name__)


def make_datasets(study: Path, tables: list[Path], to: Path) -> None:
    """Turn tables with labels into one data set a domain: features once a table, one split for all.

    Example:
        mixwright make-datasets --study results/chemistry/study.json --tables tox21.csv.gz
            --to results/chemistry/datasets
    """
    config = Study.read(study).config
    named = sorted(config["tables"].items())
    if len(tables) != len(named):
        raise MixwrightError(
            f"tables: {len(named)} tables are asked for and {len(tables)} were found; "
            "correct tables.<name>.file, or set MIXWRIGHT_MIRROR to the folder that holds it"
        )
    for (name, table), path in zip(named, tables, strict=True):
        labels = _labels_of(name, config["domains"])
        columns = sorted(set(labels.values()))
        rows = prepare(
            read_table(path),
            columns,
            table["smiles"],
            table["features"],
            table["key"],
            name=f"tables.{name}",
        )
        log.info(
            "%s: %s rows, %d merged, %d not readable",
            name,
            f"{len(rows.ids):,}",
            rows.repeated,
            rows.unreadable,
        )
        for domain, label in labels.items():
            _write_domain(rows, domain, label, config["seed"], to / domain)


def _labels_of(table: str, domains: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Domain -> the label column that it stands for, of the domains made from this table."""
    labels = {}
    for domain, source in sorted(domains.items()):
        if source["table"] == table:
            labels[domain] = source["label"]
    return labels


def _write_domain(rows: Rows, domain: str, label: str, seed: int, to: Path) -> None:
    """Writes the rows of one domain and logs their number, and that of positive labels, a split."""
    dataset = dataset_of(rows, domain, label, seed)
    manifest = write_dataset(dataset, rows.versions, to, rows.counts(label))
    parts = []
    for split, count in manifest["splits"].items():
        parts.append(f"{split} {count['tokens']:,} ({count['positives']:,})")
    log.info("%s: %s", domain, ", ".join(parts))
