"""The contracts between stages: every table's columns, types and key, and checked reading and writing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.files import written


@dataclass(frozen=True)
class Table:
    """A long table: one fact a row, identified by its key columns."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    optional: tuple[str, ...] = ()  # columns that a table may lack; they are then null


def _table(name: str, key: str, columns: str, nullable: str = "", optional: str = "") -> Table:
    """`columns` is "name:type" words; only the columns named in `nullable` and `optional` may hold nulls."""
    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    pairs = (word.split(":") for word in columns.split())
    fields = [
        pa.field(column, types[kind], column in (nullable + " " + optional).split())
        for column, kind in pairs
    ]
    return Table(name, pa.schema(fields), tuple(key.split()), tuple(optional.split()))


# bytes, documents and sha256 are null where runs were measured by others. So are tokens, in which
# case `share` is the domain's share of the natural mixture.
DOMAINS = _table(
    "domains",
    "domain split",
    "domain:str split:str tokens:int bytes:int documents:int sha256:str share:float",
    nullable="tokens bytes documents sha256",
    optional="share",
)
DESIGN = _table(
    "design", "run domain", "run:str role:str model:str tokens:int seed:int domain:str weight:float"
)
# loss in nats per token. unigram_loss: the same tokens under the unigram model of the run's mixture.
# Runs measured by others have neither scored tokens nor a unigram loss.
LOSSES = _table(
    "losses",
    "run target step",
    "run:str target:str step:int tokens:int loss:float bits_per_byte:float scored_tokens:int unigram_loss:float status:str",
    nullable="loss bits_per_byte scored_tokens unigram_loss",
)
LOGLIKELIHOODS = _table(  # in nats; of a classifier: log probability of the true label, one scored token. split: choose or report
    "loglikelihoods",
    "run target example",
    "run:str target:str example:int loglikelihood:float scored_tokens:int bytes:int split:str label:float",
    optional="split label",  # label: 0 or 1, where the example has one
)
REALISED = _table("realised", "run domain", "run:str domain:str tokens:int epochs:float")
OBSERVED = _table(  # what a fit saw, in one table: tokens and passes by domain (measures amount, epochs) and last losses by target (loss)
    "observed",
    "run measure name",
    "run:str role:str measure:str name:str value:float",
)
VALIDATION = _table(
    "validation",
    "mixer target run",
    "mixer:str target:str run:str fold:int actual:float predicted:float",
)
TESTED = _table(  # losses of runs that no mixer learned from, nats/token
    "tests",
    "mixer test target run",
    "mixer:str test:str target:str run:str actual:float predicted:float",
)
SUBSETS = _table(  # Spearman on a test set of a fit to some of the swarm's runs; a draw is one order of them
    "subsets",
    "mixer way draw runs test target",
    "mixer:str way:str draw:int runs:int test:str target:str spearman:float",
)
PREDICTIONS = (
    _table(  # nats/token that a mixer predicts of a mixture; origin: published or proposed
        "predictions",
        "mixer origin mixture target",
        "mixer:str origin:str mixture:str target:str loss:float",
    )
)
LADDER = _table(
    "ladder", "step domain", "step:float domain:str tokens:float"
)  # optima at 0 and 1 published, the others extrapolated
TOURNAMENT = _table(  # scores of held-out predictions; regret and rmse in nats/token
    "tournament",
    "mixer target",
    "mixer:str target:str runs:int spearman:float kendall:float regret:float pairwise:float rmse:float",
)
SCORES = _table(  # value in nats/token or bits/byte; stderr over documents
    "scores",
    "mixer seed task metric",
    "mixer:str seed:int task:str metric:str value:float stderr:float n:int unigram:float",
)
DOCUMENTS = _table(  # companion of SCORES: one row a scored document, so that two finals' losses can be paired
    "documents",
    "mixer seed task example",
    "mixer:str seed:int task:str example:int loglikelihood:float scored_tokens:int label:float",
    optional="label",  # 0 or 1, where the example has one
)

# What one trained run left behind, nested: one row a run. The store holds one-row files, a pack is their concatenation.
RESULTS = Table(
    "results",
    pa.schema(
        [pa.field("run", pa.string(), False), pa.field("store_key", pa.string(), False)]
        + [
            pa.field(
                table.name, pa.list_(pa.struct([f for f in table.schema if f.name != "run"])), False
            )
            for table in (LOSSES, REALISED, LOGLIKELIHOODS)
        ]
    ),
    ("run",),
)

_REALISED = pa.list_(pa.struct([field for field in REALISED.schema if field.name != "run"]))
_FINAL = _table(
    "",
    "",
    "mixer:str goal:str seed:int store_key:str folder:str tokens:int seconds:float train_loss:float",
    optional="goal",
)
FINALS = Table(  # a trained final: its model's folder, and what it took from each domain, nested
    "finals",
    _FINAL.schema.append(pa.field("realised", _REALISED, False)),
    ("mixer", "goal", "seed"),
    _FINAL.optional,
)


def read(paths: str | Path | Sequence[str | Path], table: Table) -> pd.DataFrame:
    """Reads and concatenates parquet files of one table and checks them against its contract."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    frames = [_read_one(path, table) for path in paths]
    frame = (
        pd.concat(frames, ignore_index=True) if frames else table.schema.empty_table().to_pandas()
    )
    return check(frame, table, ", ".join(map(str, paths)))


def write(frame: pd.DataFrame, path: str | Path, table: Table) -> None:
    """Checks `frame`, sorts it by its key and writes it atomically as parquet."""
    frame = check(frame, table, str(path)).sort_values(list(table.key))
    arrow = pa.Table.from_pandas(
        frame, table.schema, preserve_index=False
    ).replace_schema_metadata()
    with written(path) as beside:
        pq.write_table(arrow, beside, compression="zstd")


def check(frame: pd.DataFrame, table: Table, where: str) -> pd.DataFrame:
    """Returns the table's columns of `frame`; refuses missing columns, nulls, duplicate keys and weights off the simplex."""
    missing = [
        name for name in table.schema.names if name not in frame and name not in table.optional
    ]
    if missing:
        raise MixwrightError(
            f"{where}: no column {missing[0]}; a {table.name} table has {', '.join(table.schema.names)}"
        )
    frame = frame.reindex(columns=table.schema.names)
    for field in table.schema:
        if not field.nullable and frame[field.name].isna().any():
            row = int(frame[field.name].isna().to_numpy().argmax())
            raise MixwrightError(
                f"{where}: row {row}: {field.name} is empty or NaN; drop the row or make it again"
            )
    duplicates = frame.duplicated(list(table.key)).to_numpy()
    if duplicates.any():
        key = ", ".join(
            f"{name} {frame[name].iloc[int(duplicates.argmax())]}" for name in table.key
        )
        raise MixwrightError(
            f"{where}: row {int(duplicates.argmax())}: {key} stands there twice; keep one of the two rows"
        )
    if table is DESIGN:
        _check_simplex(frame, where)
    return frame


def _check_simplex(frame: pd.DataFrame, where: str) -> None:
    sums = frame.groupby("run").weight.sum()
    off = sums.index[(sums - 1).abs() > 1e-6]
    if len(off) or (frame.weight < 0).any():
        run = off[0] if len(off) else frame.run[frame.weight < 0].iloc[0]
        raise MixwrightError(
            f"{where}: the weights of run {run} are not on the simplex (sum {sums[run]:.6f}); normalise them"
        )


def _read_one(path: str | Path, table: Table) -> pd.DataFrame:
    try:
        return pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise MixwrightError(
            f"{path}: not a readable {table.name} parquet file; make it again ({error.__class__.__name__})"
        ) from None
