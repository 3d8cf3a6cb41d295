"""Stage of workflow/rules/tabular.smk: from tables with labels to the domains of trees."""

import logging
from pathlib import Path

log = logging.getLogger(__name__)


def make_datasets(study: Path, tables: list[Path], to: Path) -> None:
    """Make every domain's rows ready: features once a table, one split for all."""
    from mixwright.errors import MixwrightError
    from mixwright.study.study import Study
    from mixwright.tabular.dataset import dataset_of, write_dataset
    from mixwright.tabular.source import prepare, read_table

    config = Study.read(study).config
    if len(tables) != len(config["tables"]):
        lacking = f"{len(config['tables'])} tables are asked for and {len(tables)} were found"
        raise MixwrightError(
            f"tables: {lacking}; correct tables.<name>.file, or set MIXWRIGHT_MIRROR to the folder that holds it"
        )
    for (name, table), path in zip(sorted(config["tables"].items()), tables, strict=True):
        domains = {
            domain: source["label"]
            for domain, source in sorted(config["domains"].items())
            if source["table"] == name
        }
        rows = prepare(
            read_table(path),
            sorted(set(domains.values())),
            table["smiles"],
            table["features"],
            table["key"],
        )
        log.info(
            "%s: %s rows, %d of %s",
            name,
            f"{len(rows.ids):,}",
            rows.repeated,
            f"merged, {rows.unreadable} not readable",
        )
        for domain, label in domains.items():
            counts = write_dataset(
                dataset_of(rows, domain, label, config["seed"]), rows.versions, to / domain
            )["splits"]
            log.info(
                "%s: %s",
                domain,
                ", ".join(
                    f"{part} {count['tokens']:,} ({count['positives']:,})"
                    for part, count in counts.items()
                ),
            )
