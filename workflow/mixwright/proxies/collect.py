"""Turns batches, which hold one nested row a run, into long tables with one fact a row."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.progress import say
from mixwright.tables import MEASURED


def collect(batches: Sequence[str | Path], table: str) -> pd.DataFrame:
    """Returns the rows of one table of every run of the batches, as one frame.

    Args:
        batches: Parquet files of tables.MEASURED.
        table: losses, realised or loglikelihoods.

    Raises:
        MixwrightError: A batch cannot be read.
    """
    frames = []
    for batch in batches:
        results = _read(batch, table)
        frames.append(_unnested(results, table))
    if table == "losses":
        _warn_of_precisions(batches)
    return pd.concat(frames, ignore_index=True)


def _read(batch: str | Path, table: str) -> pa.Table:
    try:
        # With the schema, a column that an older batch lacks is read as null.
        return pq.read_table(batch, columns=["run", table], schema=MEASURED.schema)
    except (OSError, pa.ArrowInvalid) as error:
        reason = error.__class__.__name__
        message = f"{batch}: not a readable batch; remove it and score it again ({reason})"
        raise MixwrightError(message) from None


def _warn_of_precisions(batches: Sequence[str | Path]) -> None:
    """Says where packs were computed in more than one precision."""
    counts: Counter[str] = Counter()
    for batch in batches:
        written = pq.read_metadata(batch).metadata or {}
        for computed, packs in json.loads(written.get(b"computed", b"{}")).items():
            how = json.loads(computed)
            if "precision" in how:
                counts[how["precision"]] += packs
    if len(counts) > 1:
        few, count = counts.most_common()[-1]
        others = ", ".join(sorted({*counts} - {few}))
        say(
            f"{count} of {counts.total()} packs were computed in {few}, the others in {others}:"
            " their losses cannot be compared; set proxy.precision, and train them again"
        )


def _unnested(results: pa.Table, table: str) -> pd.DataFrame:
    """Returns one row a fact, with the run that it belongs to."""
    nested = results[table].combine_chunks()
    facts = pc.list_flatten(nested)
    owners = pc.list_parent_indices(nested)
    runs = results["run"].combine_chunks()
    columns = {"run": runs.take(owners)}
    fields = MEASURED.schema.field(table).type.value_type
    for field in fields:
        columns[field.name] = pc.struct_field(facts, field.name)
    return pa.table(columns).to_pandas()
