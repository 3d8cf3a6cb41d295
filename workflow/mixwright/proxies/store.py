"""What was computed, under the hash of all that it depends on: a retry, another pack or another study finds it there."""

from collections.abc import Mapping
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


def key_of(
    run: Run,
    mixture: Mixture,
    fingerprints: Mapping[str, str],
    spec: Mapping[str, Any],
    recorded: Mapping[str, Any],
) -> str:
    """Hash of what a run's numbers depend on: resolved weights (to 1e-12), steps, seed, the texts and the spec; never its name.

    Of its role counts only what a vertex run records beside its losses.
    """
    asked = {
        "steps": run.steps,
        "tokens": run.tokens,
        "seed": run.seed,
        "recorded": recorded if run.role == "vertex" else None,
    }
    weights = {name: round(weight, 12) for name, weight in sorted(mixture.as_dict().items())}
    return digest(
        {"run": asked, "weights": weights, "fingerprints": dict(fingerprints), "spec": dict(spec)},
        32,
    )


def mixture_of(run: Run, mixtures: Mapping[str, Mixture]) -> Mixture:
    """Returns the resolved mixture of a run; one that nobody resolved is refused."""
    if run.name not in mixtures:
        raise MixwrightError(f"design: no weights of run {run.name}; resolve the design again")
    return mixtures[run.name]


class Store:
    """One-row parquet files of tables.RESULTS; with `refresh`, only what this process put itself is found."""

    def __init__(self, folder: Path, refresh: bool = False) -> None:
        self.folder, self._refresh = folder, refresh
        self._put: set[str] = set()

    def __contains__(self, key: object) -> bool:
        return (key in self._put or not self._refresh) and self._path(str(key)).exists()

    def get(self, key: str) -> pa.Table | None:
        """The row stored under `key`; a file that cannot be read, after a power cut, is told and removed, and counts for nothing."""
        if key not in self:
            return None
        try:
            return pq.read_table(self._path(key), schema=RESULTS.schema)
        except (OSError, pa.ArrowInvalid) as error:
            say(
                f"{self._path(key)}: result not readable ({error.__class__.__name__}); the run is trained again"
            )
            self._path(key).unlink(missing_ok=True)
            return None

    def taken(self, key: str) -> pa.Table:
        """The row that must stand under `key`."""
        found = self.get(key)
        if found is None:
            raise MixwrightError(
                f"{self.folder}: {key} vanished while the pack was trained; run the job again"
            )
        return found

    def put(self, key: str, table: pa.Table) -> None:
        """Stores one row, atomically."""
        with written(self._path(key)) as beside:
            pq.write_table(table.cast(RESULTS.schema), beside, compression="zstd")
        self._put.add(key)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.parquet"


def row(
    run: str, key: str, losses: list[Row], realised: list[Row], loglikelihoods: list[Row]
) -> pa.Table:
    """One run's row of tables.RESULTS."""
    values = {
        "run": run,
        "store_key": key,
        "losses": losses,
        "realised": realised,
        "loglikelihoods": loglikelihoods,
    }
    return pa.Table.from_pylist([values], RESULTS.schema)


def done(table: pa.Table, run: str) -> Done:
    """What a run's row of tables.RESULTS says of it."""
    lost = [
        int(fact["step"]) for fact in table["losses"][0].as_py() if fact["status"] == "diverged"
    ]
    return Done(
        run,
        f"run {run} diverged: no finite loss at step {min(lost)}; the others go on" if lost else "",
        bool(lost),
    )


def renamed(table: pa.Table, run: str) -> pa.Table:
    """A stored row under the name of the run that asks for it now."""
    return table.set_column(0, RESULTS.schema.field("run"), pa.array([run], pa.string()))
