"""Turns packs, which hold one nested row a run, into long tables with one fact a row."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.tables import RESULTS


def collect(packs: Sequence[str | Path], table: str) -> pd.DataFrame:
    """Returns the rows of one table of every run of the packs, as one frame.

    Args:
        packs: Parquet files of tables.RESULTS.
        table: losses, realised or loglikelihoods.

    Raises:
        MixwrightError: A pack cannot be read.
    """
    frames = []
    for pack in packs:
        frames.append(_unnested(_read(pack, table), table))
    return pd.concat(frames, ignore_index=True)


def _read(pack: str | Path, table: str) -> pa.Table:
    try:
        # With the schema, a column that an older pack lacks is read as null.
        return pq.read_table(pack, columns=["run", table], schema=RESULTS.schema)
    except (OSError, pa.ArrowInvalid) as error:
        reason = error.__class__.__name__
        message = f"{pack}: not a readable pack; remove it and train it again ({reason})"
        raise MixwrightError(message) from None


def _unnested(results: pa.Table, table: str) -> pd.DataFrame:
    """Returns one row a fact, with the run that it belongs to."""
    nested = results[table].combine_chunks()
    facts = pc.list_flatten(nested)
    owners = pc.list_parent_indices(nested)
    runs = results["run"].combine_chunks()
    columns = {"run": runs.take(owners)}
    fields = RESULTS.schema.field(table).type.value_type
    for field in fields:
        columns[field.name] = pc.struct_field(facts, field.name)
    return pa.table(columns).to_pandas()
