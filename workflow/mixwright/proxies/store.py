"""Stores what training left, each under the hash of all that its weights depend on.

A retry, another pack or another study finds them there.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.mixture import Mixture, Run, digest
from mixwright.progress import Done, say
from mixwright.tables import RESULTS

Row = dict[str, Any]

# hex digits of a store key
KEY_DIGITS = 32


def key_of(
    run: Run, mixture: Mixture, fingerprints: Mapping[str, str], spec: Mapping[str, Any]
) -> str:
    """Returns the key of a run's training: the hash of all that its weights depend on.

    Neither the run's name and role, nor what is measured of it, is part of that. Domains without
    weight have no part either: nothing is read of them.

    Args:
        run: Gives steps, tokens and seed.
        mixture: Its resolved weights, which count to 1e-12.
        fingerprints: Hashes of the training text of each domain with weight.
        spec: What all proxies of the study share.
    """
    content = {
        "run": {"steps": run.steps, "tokens": run.tokens, "seed": run.seed},
        "weights": mixture.rounded(),
        "fingerprints": dict(fingerprints),
        "spec": dict(spec),
    }
    return digest(content, KEY_DIGITS)


def mixture_of(run: Run, mixtures: Mapping[str, Mixture]) -> Mixture:
    """Returns the resolved mixture of a run; `mixtures` go by the runs' names.

    Raises:
        MixwrightError: Nobody resolved the run.
    """
    if run.name not in mixtures:
        raise MixwrightError(f"design: no weights of run {run.name}; resolve the design again")
    return mixtures[run.name]


class Store:
    """A folder of parquet files, each one row of tables.RESULTS under its key.

    With `refresh` it serves only the rows that this process has put, and those of the keys `put`:
    of a process before it that had the same order to train again.
    """

    def __init__(self, folder: Path, refresh: bool = False, put: Iterable[str] = ()) -> None:
        self.folder = folder
        self._refresh = refresh
        self._put = set(put)

    def __contains__(self, key: object) -> bool:
        if self._refresh and key not in self._put:
            return False
        return self._path(str(key)).exists()

    def get(self, key: str) -> pa.Table | None:
        """Returns the row under `key`, or None.

        A power cut can leave a file that cannot be read. It is removed with a message, and counts
        for nothing.
        """
        if key not in self:
            return None
        path = self._path(key)
        try:
            return pq.read_table(path, schema=RESULTS.schema)
        except (OSError, pa.ArrowInvalid) as error:
            reason = error.__class__.__name__
            say(f"{path}: result not readable ({reason}); the run is trained again")
            path.unlink(missing_ok=True)
            return None

    def taken(self, key: str) -> pa.Table:
        """Returns the row under `key`.

        Raises:
            MixwrightError: There is none, though the pack has been trained.
        """
        table = self.get(key)
        if table is None:
            raise MixwrightError(
                f"{self.folder}: {key} vanished while the pack was trained; run the job again"
            )
        return table

    def put(self, key: str, table: pa.Table) -> None:
        """Stores one row of tables.RESULTS under `key`, atomically.

        Raises:
            ValueError: The row breaks the table's contract.
        """
        with written(self._path(key)) as partial:
            pq.write_table(table.cast(RESULTS.schema), partial, compression="zstd")
        self._put.add(key)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.parquet"


def row(key: str, losses: list[Row], realised: list[Row], diverged: bool) -> pa.Table:
    """Returns one training's row of tables.RESULTS, which names no run."""
    values = {
        "run": "",
        "store_key": key,
        "status": "diverged" if diverged else "ok",
        "losses": losses,
        "realised": realised,
    }
    return pa.Table.from_pylist([values], RESULTS.schema)


def has_diverged(table: pa.Table) -> bool:
    """Returns whether the run of a row of tables.RESULTS has diverged: it has no weights."""
    return table["status"][0].as_py() == "diverged"


def done(table: pa.Table, run: str) -> Done:
    """Returns the news that a run has ended, from its row of tables.RESULTS.

    The news names a run that has diverged, and says nothing of any other.
    """
    if not has_diverged(table):
        return Done(run)
    steps = []
    for fact in table["losses"][0].as_py():
        if fact["status"] == "diverged":
            steps.append(int(fact["step"]))
    where = f"step {min(steps)}" if steps else "its last step"
    message = f"run {run} diverged: no finite loss at {where}; the others go on"
    return Done(run, message, diverged=True)


def renamed(table: pa.Table, run: str) -> pa.Table:
    """Returns a stored row under the name of a run with its key."""
    return table.set_column(0, RESULTS.schema.field("run"), pa.array([run], pa.string()))
