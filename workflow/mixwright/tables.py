"""The contracts between stages: every table's columns, types and key, read and written checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.mixture import SUM_TOLERANCE

TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}


@dataclass(frozen=True)
class Table:
    """A long table: one fact a row, identified by its key columns."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    # columns that a table may lack; they are then null
    optional: tuple[str, ...] = ()
    # columns of which a row has all or none
    together: tuple[str, ...] = ()


def _table(
    name: str, key: str, columns: str, nullable: str = "", optional: str = "", together: str = ""
) -> Table:
    """A table from words: columns are `name:type`.

    Only columns that are nullable, optional or `together` may be null, the last all in a row.
    """
    may_be_null = {*nullable.split(), *optional.split(), *together.split()}
    fields = []
    for word in columns.split():
        column, _, kind = word.partition(":")
        fields.append(pa.field(column, TYPES[kind], column in may_be_null))
    schema = pa.schema(fields)
    return Table(name, schema, tuple(key.split()), tuple(optional.split()), tuple(together.split()))


def _nested(table: Table) -> pa.DataType:
    """Rows of a table as a list, for a column of a table with one row a run."""
    return pa.list_(pa.struct([field for field in table.schema if field.name != "run"]))


# bytes, documents and sha256 are null where runs were measured by others. So are tokens, in which
# case `share` is the domain's share of the natural mixture.
# tokens, bytes, documents: of the sample. source_tokens: training tokens of the whole source, on
# rows of the split train; source_bytes: of its text, with what would be held out; counted says how
# the tokens are known: stated, counted or estimated. All three are null where no text was read.
DOMAINS = _table(
    "domains",
    key="domain split",
    columns="domain:str split:str tokens:int bytes:int documents:int sha256:str share:float"
    " source_tokens:int source_bytes:int counted:str read_before:int",
    optional="share source_tokens source_bytes counted read_before",
    together="tokens bytes documents sha256",
)
DESIGN = _table(
    "design",
    key="run domain",
    columns="run:str role:str model:str tokens:int seed:int domain:str weight:float",
)
# loss in nats/token. unigram_loss: the same tokens under the unigram model of the run's mixture.
# Runs measured by others have neither scored tokens nor a unigram loss; their loss is what mixers
# minimise for the target's metric (mixwright.learners.Metric). At the last step, of a target with
# choices: the shares of right answers, plain and by the character, the mean probability of the
# right one (mixwright.corpus.choices), over how many questions, and the share that a guess has.
LOSSES = _table(
    "losses",
    key="run target step",
    columns="run:str target:str step:int tokens:int loss:float bits_per_byte:float"
    " scored_tokens:int unigram_loss:float status:str accuracy:float accuracy_norm:float"
    " probability:float questions:int chance:float",
    nullable="loss bits_per_byte",
    optional="accuracy accuracy_norm probability questions chance",
    together="scored_tokens unigram_loss",
)
# loglikelihood in nats. Of a classifier: the log probability of the true label, as one scored
# token. split: choose or report. label: 0 or 1, where the example has one.
LOGLIKELIHOODS = _table(
    "loglikelihoods",
    key="run target example",
    columns="run:str target:str example:int loglikelihood:float scored_tokens:int bytes:int"
    " split:str label:float",
    optional="split label",
)
# learned: the weight that a run which learns them while it trains proposes; null of any other.
REALISED = _table(
    "realised",
    key="run domain",
    columns="run:str domain:str tokens:int epochs:float learned:float",
    optional="learned",
)
# What a fit was given, in one table: tokens and passes by domain (measures amount and epochs), and
# last losses by target (measure loss).
OBSERVED = _table(
    "observed",
    key="run measure name",
    columns="run:str role:str measure:str name:str value:float",
)
VALIDATION = _table(
    "validation",
    key="mixer target run",
    columns="mixer:str target:str run:str fold:int actual:float predicted:float",
)
# Losses of runs that no mixer was fitted to, nats/token.
TESTED = _table(
    "tests",
    key="mixer test target run",
    columns="mixer:str test:str target:str run:str actual:float predicted:float",
)
# Rank correlation on a test set, of a fit to some of the swarm's runs. A draw is one order of them.
SUBSETS = _table(
    "subsets",
    key="mixer way draw runs test target",
    columns="mixer:str way:str draw:int runs:int test:str target:str spearman:float",
)
# nats/token that a mixer predicts for a mixture. origin: published or proposed.
PREDICTIONS = _table(
    "predictions",
    key="mixer origin mixture target",
    columns="mixer:str origin:str mixture:str target:str loss:float",
)
# The optima at steps 0 and 1 are published, the others extrapolated.
LADDER = _table("ladder", key="step domain", columns="step:float domain:str tokens:float")
# Scores of held-out predictions; regret and rmse in the target's unit, empty where it has none.
TOURNAMENT = _table(
    "tournament",
    key="mixer target",
    columns="mixer:str target:str runs:int spearman:float kendall:float regret:float"
    " pairwise:float rmse:float unit:str",
)
# value in nats/token or bits/byte; stderr over documents. Of a target with choices also accuracy,
# accuracy_norm and probability, with stderr over questions and a guess as `unigram`. Scores of
# lm-evaluation-harness have no unigram model, and higher says whether more of the metric is better
# (1) or less (0). A metric whose error nobody knows has none.
SCORES = _table(
    "scores",
    key="mixer seed task metric",
    columns="mixer:str seed:int task:str metric:str value:float stderr:float n:int unigram:float"
    " higher:int",
    nullable="stderr",
    optional="unigram higher",
)
# As SCORES, of copies of finals after so many tokens of training, on the targets alone.
SNAPSHOT_SCORES = _table(
    "snapshot_scores",
    key="mixer seed tokens task metric",
    columns="mixer:str seed:int tokens:int task:str metric:str value:float stderr:float n:int",
    nullable="stderr",
)
# Companion of SCORES: one row a scored document, so that the losses of two finals can be paired.
# label: 0 or 1, where the example has one. accuracy, accuracy_norm: 0 or 1, and probability of the
# right answer, where the example is a question with several (mixwright.corpus.choices).
DOCUMENTS = _table(
    "documents",
    key="mixer seed task example",
    columns="mixer:str seed:int task:str example:int loglikelihood:float scored_tokens:int"
    " label:float accuracy:float accuracy_norm:float probability:float",
    optional="label accuracy accuracy_norm probability",
)

# Companion of SCORES of lm-evaluation-harness: one row a question, of the metric that its task is
# judged by. The task's score is the sum of value * weight over the sum of weights. loglikelihood:
# of the right answer, in nats, where there is one.
TASK_ANSWERS = _table(
    "task_answers",
    key="mixer seed task example",
    columns="mixer:str seed:int task:str example:int metric:str value:float weight:float"
    " loglikelihood:float",
    optional="loglikelihood",
)

_RUN = [pa.field("run", pa.string(), False), pa.field("store_key", pa.string(), False)]
_ALONG = [
    pa.field("losses", _nested(LOSSES), False),
    pa.field("realised", _nested(REALISED), False),
]
# What training left of one run, nested: one row a run. The store holds files of one row, and a pack
# is their concatenation. losses: along the run, before its last step. status: ok or diverged.
RESULTS = Table(
    "results", pa.schema([*_RUN, pa.field("status", pa.string(), False), *_ALONG]), ("run",)
)
# All that was measured of one run, nested: its losses along the run and at its end, and the
# log-likelihoods of examples.
MEASURED = Table(
    "measured",
    pa.schema([*_RUN, *_ALONG, pa.field("loglikelihoods", _nested(LOGLIKELIHOODS), False)]),
    ("run",),
)

_FINAL = _table(
    "",
    key="",
    columns="mixer:str goal:str seed:int store_key:str folder:str tokens:int seconds:float"
    " train_loss:float status:str step:int",
    nullable="folder train_loss",
    optional="goal status step",
)
# A trained final: its model's folder, and what it took from each domain, nested. status: diverged,
# with the step of its first loss that is not finite, and without a model; null of any other.
FINALS = Table(
    "finals",
    _FINAL.schema.append(pa.field("realised", _nested(REALISED), False)),
    ("mixer", "goal", "seed"),
    _FINAL.optional,
)

# The loss of a final along its training, nats/token: the mean over the steps since the last row.
# learning_rate: AdamW's, of the row's step. tokens: those trained on so far.
CURVES = _table(
    "curves",
    key="mixer goal seed step",
    columns="mixer:str goal:str seed:int step:int tokens:int loss:float learning_rate:float",
    optional="goal",
)


def read(paths: str | Path | Sequence[str | Path], table: Table) -> pd.DataFrame:
    """Reads parquet files of one table, one below the other, and checks them as `check` does."""
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    if paths:
        frame = pd.concat([_read_one(path, table) for path in paths], ignore_index=True)
    else:
        frame = table.schema.empty_table().to_pandas()
    return check(frame, table, ", ".join(map(str, paths)))


def write(frame: pd.DataFrame, path: str | Path, table: Table) -> None:
    """Checks `frame`, sorts it by its key and writes it as parquet, whole or not at all."""
    frame = check(frame, table, str(path)).sort_values(list(table.key))
    arrow = pa.Table.from_pandas(frame, table.schema, preserve_index=False)
    with written(path) as partial:
        pq.write_table(arrow.replace_schema_metadata(), partial, compression="zstd")


def check(frame: pd.DataFrame, table: Table, where: str) -> pd.DataFrame:
    """Returns the table's columns of `frame`, in the table's order.

    Args:
        where: what the errors call the frame, such as its file.

    Raises:
        MixwrightError: a column is missing, a value is empty that may not be, a key stands there
            twice, the weights of a design are not on the simplex, or a domain has no size.
    """
    names = table.schema.names
    for name in names:
        if name not in frame and name not in table.optional:
            raise MixwrightError(
                f"{where}: no column {name}; a {table.name} table has {', '.join(names)}"
            )
    frame = frame.reindex(columns=names)
    for field in table.schema:
        empty = frame[field.name].isna().to_numpy()
        if not field.nullable and empty.any():
            row = int(empty.argmax())
            raise MixwrightError(
                f"{where}: row {row}: {field.name} is empty or NaN; drop the row or make it again"
            )
    _check_together(frame, table, where)
    duplicates = frame.duplicated(list(table.key)).to_numpy()
    if duplicates.any():
        row = int(duplicates.argmax())
        parts = []
        for name in table.key:
            parts.append(f"{name} {frame[name].iloc[row]}")
        key = ", ".join(parts)
        raise MixwrightError(
            f"{where}: row {row}: {key} stands there twice; keep one of the two rows"
        )
    if table is DESIGN:
        _check_simplex(frame, where)
    if table is DOMAINS:
        _check_sizes(frame, where)
    return frame


def design_matrix(
    frame: pd.DataFrame,
    runs: Iterable[str] | None = None,
    domains: Iterable[str] | None = None,
    column: str = "weight",
) -> pd.DataFrame:
    """Turns a long table of runs and domains, such as a design, into a matrix (runs, domains).

    Args:
        runs: the matrix's rows, in this order; those of the table, sorted, where none are named.
        domains: its columns, likewise.
        column: what it holds; 0 where the table has no row of a run and a domain.
    """
    matrix = frame.pivot(index="run", columns="domain", values=column)
    return matrix.reindex(index=runs, columns=domains).fillna(0.0)


def _check_together(frame: pd.DataFrame, table: Table, where: str) -> None:
    empty = frame[list(table.together)].isna()
    partly = (empty.any(axis=1) & ~empty.all(axis=1)).to_numpy()
    if partly.any():
        row = int(partly.argmax())
        name = empty.columns[empty.iloc[row].to_numpy()][0]
        raise MixwrightError(
            f"{where}: row {row}: {name} is empty or NaN; drop the row or make it again"
        )


def _check_sizes(frame: pd.DataFrame, where: str) -> None:
    """A domain has tokens, or where nobody counted them a share of the natural mixture."""
    unknown = frame.domain[frame.tokens.isna() & frame.share.isna()]
    for domain in unknown[:1]:
        raise MixwrightError(
            f"{where}: {domain} has neither tokens nor a share; count the domains again"
        )


def _check_simplex(frame: pd.DataFrame, where: str) -> None:
    sums = frame.groupby("run").weight.sum()
    wrong_sums = sums.index[(sums - 1).abs() > SUM_TOLERANCE]
    negative = frame.run[frame.weight < 0]
    for run in [*wrong_sums[:1], *negative[:1]]:
        raise MixwrightError(
            f"{where}: the weights of run {run} are not on the simplex"
            f" (sum {sums[run]:.6f}); normalise them"
        )


def _read_one(path: str | Path, table: Table) -> pd.DataFrame:
    try:
        return pq.read_table(path).to_pandas()
    except FileNotFoundError:
        raise MixwrightError(
            f"{path}: no such file; a study that is not finished lacks some: go on with snakemake"
        ) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise MixwrightError(
            f"{path}: not a readable {table.name} parquet file;"
            f" make it again ({error.__class__.__name__})"
        ) from None
