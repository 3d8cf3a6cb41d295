"""A fit on disk: the mixer, and beside it its runs, in brief for goals and predictions, in full for what refits it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers, tables
from mixwright.errors import MixwrightError, nearest
from mixwright.files import read_json, write_json
from mixwright.measured.loss_tables import Mixtures
from mixwright.mixers.base import FILE as FIT
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations

FILE, RUNS = "runs.json", "runs.parquet"


@dataclass(frozen=True)
class Source:
    """The runs a mixer was fitted on, in brief; domains and targets sorted by name."""

    mixer: str
    runs: int
    domains: tuple[str, ...]
    targets: tuple[str, ...]
    mean: tuple[float, ...]  # (domains,) of the runs' mixtures
    least_tokens: float
    most_tokens: float

    @classmethod
    def of(cls, mixer: str, seen: Observations, targets: Sequence[str] = ()) -> "Source":
        """The runs of `seen` that the mixer reads; `targets` are those it can be asked about."""
        reads = mixers.entry(mixer).reads
        read = seen.of_role(*reads) if reads else seen
        return cls(
            mixer=mixer,
            runs=len(read.runs),
            domains=seen.domains,
            targets=tuple(targets or seen.targets),
            mean=tuple(read.weights.mean(axis=0).tolist()),
            least_tokens=float(read.tokens.min()),
            most_tokens=float(read.tokens.max()),
        )

    @property
    def weights_alone(self) -> bool:
        """Whether the runs came without token counts, each as 1.0 tokens."""
        return self.most_tokens < 1 + 1e-6

    def amounts(self, asked: Mixtures) -> Array:
        """(mixtures, domains) tokens in the fit's order; other domains, and totals that the runs never had, are refused."""
        for name in asked.domains:
            if name not in self.domains:
                raise MixwrightError(
                    f"{asked.path}: line 1: the fit knows no domain {name}; {nearest(name, self.domains)}"
                )
        for name in self.domains:
            if name not in asked.domains:
                raise MixwrightError(
                    f"{asked.path}: line 1: no column for domain {name}; add it, with zeros where it is not used"
                )
        weights = asked.weights[:, [asked.domains.index(name) for name in self.domains]]
        return weights * (
            self.most_tokens if asked.tokens is None else self._checked(asked)[:, None]
        )

    def _checked(self, asked: Mixtures) -> Array:
        tokens = np.asarray(asked.tokens)
        strange = (tokens < 0.95 * self.least_tokens) | (tokens > 1.05 * self.most_tokens)
        if strange.any():
            run = f"{asked.path}: {asked.key} {asked.ids[int(strange.argmax())]}"
            known = (
                "of weights alone"
                if self.weights_alone
                else f"of {self.least_tokens:g} to {self.most_tokens:g} tokens"
            )
            raise MixwrightError(
                f"{run} has {tokens[strange][0]:g} tokens and the fit is {known}; give weights as CSV"
            )
        return tokens


def check_place(folder: Path) -> None:
    """Refuses a place that holds anything but an earlier fit, for a fit replaces what stands there."""
    free = not folder.exists() or (
        folder.is_dir() and ((folder / FIT).exists() or not any(folder.iterdir()))
    )
    if not free:
        raise MixwrightError(
            f"{folder}: something stands there that is no fit; give --to a new folder"
        )


def save(folder: Path, name: str, fitted: Mixer, seen: Observations) -> None:
    """The mixer called `name`, the brief of the runs it was fitted on, and the runs."""
    fitted.save(folder)
    write_json(folder / FILE, asdict(Source.of(name, seen, getattr(fitted, "targets", ()))))
    measured = {"amount": (seen.domains, seen.amounts), "loss": (seen.targets, seen.losses)}
    measured |= {} if seen.epochs is None else {"epochs": (seen.domains, seen.epochs)}
    parts = [
        pd.DataFrame(
            {
                "run": seen.runs,
                "role": seen.roles,
                "measure": measure,
                "name": name,
                "value": column,
            }
        )
        for measure, (names, values) in measured.items()
        for name, column in zip(names, values.T, strict=True)
    ]
    tables.write(pd.concat(parts), folder / RUNS, tables.OBSERVED)


def read_runs(folder: Path) -> Observations:
    """The runs that `save` was given, without log-likelihoods."""
    frame = tables.read(folder / RUNS, tables.OBSERVED)
    wide = {
        measure: rows.pivot(index="run", columns="name", values="value")
        for measure, rows in frame.groupby("measure")
    }
    amounts, losses = wide["amount"], wide["loss"]
    roles = frame.drop_duplicates("run").set_index("run").role.reindex(amounts.index)
    names = tuple(amounts.columns), tuple(losses.columns), tuple(amounts.index), tuple(roles)
    epochs = wide["epochs"].to_numpy(np.float64) if "epochs" in wide else None
    return Observations(
        *names, amounts.to_numpy(np.float64), losses.to_numpy(np.float64), epochs=epochs
    )


def read(folder: Path) -> tuple[Source, Mixer]:
    """The brief of the runs and the mixer that `save` wrote."""
    if not (folder / FILE).exists():
        raise MixwrightError(
            f"{folder}: no fit stands there; make it with mixwright fit --to {folder}"
        )
    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in read_json(folder / FILE).items()
    }
    source = Source(**kept)
    return source, mixers.load(source.mixer, folder)
