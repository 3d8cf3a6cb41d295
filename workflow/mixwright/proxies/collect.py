"""From packs, one nested row a run, to long tables, one fact a row."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.tables import RESULTS


def collect(packs: Sequence[str | Path], table: str) -> pd.DataFrame:
    """The rows of `table` (losses, realised or loglikelihoods) of every run of the packs."""
    return pd.concat([_long(_read(pack, table), table) for pack in packs], ignore_index=True)


def _read(pack: str | Path, table: str) -> pa.Table:
    try:
        return pq.read_table(
            pack, columns=["run", table], schema=RESULTS.schema
        )  # an older pack lacks younger columns
    except (OSError, pa.ArrowInvalid) as error:
        raise MixwrightError(
            f"{pack}: not a readable pack; remove it and train it again ({error.__class__.__name__})"
        ) from None


def _long(nested: pa.Table, table: str) -> pd.DataFrame:
    column = nested[table].combine_chunks()
    runs = nested["run"].combine_chunks().take(pc.list_parent_indices(column))
    facts = pc.list_flatten(column)
    names = [field.name for field in RESULTS.schema.field(table).type.value_type]
    return pa.table(
        {"run": runs, **{name: pc.struct_field(facts, name) for name in names}}
    ).to_pandas()
