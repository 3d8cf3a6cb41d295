"""A fitted mixer with the runs that it was fitted to, and the folder that keeps both."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers, tables
from mixwright.errors import MixwrightError, as_typed, counted, nearest
from mixwright.files import read_json, write_json, written
from mixwright.learners import LOSS, Metric
from mixwright.measured.headings import paired
from mixwright.measured.loss_tables import Mixtures
from mixwright.mixers.base import FILE as FIT
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.proposals.study_goal import StudyGoal

FILE, RUNS = "runs.json", "runs.parquet"
# Totals of tokens may lie outside those of the runs by these factors.
LEAST_TOTAL, MOST_TOTAL = 0.95, 1.05
# Names that a fit shows when it is printed.
SHOWN = 8


@dataclass(frozen=True)
class FittedRuns:
    """The runs that a mixer was fitted to, in brief; domains and targets are sorted by name."""

    mixer: str
    # number of runs that the mixer reads
    runs: int
    domains: tuple[str, ...]
    # those that the mixer predicts
    targets: tuple[str, ...]
    # (domains,) mean of the runs' mixtures
    mean: tuple[float, ...]
    # of the runs' training tokens
    least_tokens: float
    most_tokens: float
    # target -> what its numbers are, where they are no losses in nats/token
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    # target -> the domain whose text it is, where the names do not say so
    texts: Mapping[str, str] = field(default_factory=dict)
    # of the study whose results hold the fit
    goal: StudyGoal = field(default_factory=StudyGoal)
    # runs that lack a loss, or diverged, and were left out
    dropped: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, mixer: str, observations: Observations, targets: Sequence[str] = ()
    ) -> "FittedRuns":
        """Returns the brief of those runs that the mixer reads.

        Args:
            targets: those that the mixer predicts, where they are not those of the runs.
        """
        roles = mixers.entry(mixer).reads
        runs = observations.of_role(*roles) if roles else observations
        return cls(
            mixer=mixer,
            runs=len(runs.runs),
            domains=observations.domains,
            targets=tuple(targets or observations.targets),
            mean=tuple(runs.weights.mean(axis=0).tolist()),
            least_tokens=float(runs.tokens.min()),
            most_tokens=float(runs.tokens.max()),
            metrics=observations.metrics,
            texts=observations.texts,
            dropped=tuple(run for _, run in observations.dropped),
        )

    @property
    def weights_alone(self) -> bool:
        """Whether the runs came without token counts, each as 1.0 tokens."""
        return self.most_tokens < 1 + 1e-6

    def measured(self, minimised: Array) -> Array:
        """Returns (mixtures, targets) numbers in the targets' units, from what mixers minimise."""
        columns = []
        for name, column in zip(self.targets, minimised.T, strict=True):
            columns.append(self.metrics.get(name, LOSS).measured(column))
        return np.column_stack(columns)

    def amounts(self, mixtures: Mixtures) -> Array:
        """Returns (mixtures, domains) tokens, domains in the order of the fit.

        Raises:
            MixwrightError: the domains are not those of the fit, or a total of tokens is none that
                the runs had.
        """
        names = paired(mixtures.domains, self.domains)
        for name in mixtures.domains:
            if name not in names:
                raise MixwrightError(
                    f"{mixtures.source}: the fit knows no domain {name};"
                    f" {nearest(name, self.domains)}"
                )
        for name in self.domains:
            if name not in names.values():
                raise MixwrightError(
                    f"{mixtures.source}: no column for domain {name};"
                    " add it, with zeros where it is not used"
                )
        meant = [names[name] for name in mixtures.domains]
        if len(set(meant)) < len(meant):
            raise MixwrightError(
                f"{mixtures.source}: two columns mean one domain of the fit:"
                f" {', '.join(mixtures.domains)}; keep one of the two"
            )
        order = [meant.index(name) for name in self.domains]
        weights = mixtures.weights[:, order]
        if mixtures.tokens is None:
            return weights * self.most_tokens
        self._check_totals(mixtures)
        return weights * mixtures.tokens[:, None]

    def _check_totals(self, mixtures: Mixtures) -> None:
        """Refuses mixtures whose total is none that the runs had."""
        totals = np.asarray(mixtures.tokens)
        low = totals < LEAST_TOTAL * self.least_tokens
        outside = low | (totals > MOST_TOTAL * self.most_tokens)
        if not outside.any():
            return
        row = int(outside.argmax())
        known = f"of {self.least_tokens:g} to {self.most_tokens:g} tokens"
        if self.weights_alone:
            known = "of weights alone"
        raise MixwrightError(
            f"{mixtures.source}: {mixtures.key} {mixtures.ids[row]} has {totals[row]:g} tokens"
            f" and the fit is {known}; give weights as CSV"
        )


@dataclass(frozen=True, repr=False, eq=False)
class Predicting:
    """What predicts mixtures: a fit, or a surface that somebody handed over."""

    source: FittedRuns
    mixer: Mixer

    @property
    def name(self) -> str:
        """Name of the mixer."""
        return self.source.mixer

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains, sorted."""
        return self.source.domains

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets, sorted."""
        return self.source.targets

    def predict(self, mixtures: Mixtures) -> Array:
        """Returns (mixtures, targets) predictions, each target's in its own unit.

        Raises:
            MixwrightError: the mixer predicts no losses, or the mixtures are not of its domains.
        """
        return self.source.measured(self.predict_minimised(mixtures))

    def predict_minimised(self, mixtures: Mixtures) -> Array:
        """Returns (mixtures, targets) predictions of what the mixer minimises; as `predict`."""
        self.check_predicts()
        if not isinstance(mixtures, Mixtures):
            kind = type(mixtures).__name__
            raise MixwrightError(
                f"fit.predict: mixtures is a {kind}; predict by mixwright.predict(fit, mixtures)"
            )
        return self.mixer.predict(self.source.amounts(mixtures))

    def check_predicts(self) -> None:
        """Refuses a mixer that predicts no losses."""
        if not mixers.entry(self.name).predicts:
            raise MixwrightError(f"{self.name} predicts no losses; fit a mixer that does")


@dataclass(frozen=True, repr=False, eq=False)
class Fit(Predicting):
    """A fitted mixer, and the runs that it was fitted to."""

    # as they were given; a fit that was loaded has no log-likelihoods
    runs: Observations

    @classmethod
    def of(cls, runs: Observations, mixer: str, settings: Mapping[str, Any] | None = None) -> "Fit":
        """Fits the mixer of this name to runs.

        Raises:
            MixwrightError: the mixer or a setting is unknown, or the runs are not those it needs.
        """
        unfitted = mixers.create(mixer, settings)
        missing = mixers.missing_runs(mixer, runs.roles)
        if missing:
            raise MixwrightError(
                f"{mixer}: {missing}; train them in a study,"
                " or fit a mixer that reads a swarm, such as effective-data"
            )
        fitted = unfitted.fit(runs)
        targets = getattr(fitted, "targets", ())
        return cls(FittedRuns.of(mixer, runs, targets), fitted, runs)

    @classmethod
    def load(cls, folder: str | Path) -> "Fit":
        """Reads the fit that `save` wrote."""
        folder = Path(folder)
        if folder.is_file():
            raise MixwrightError(
                f"{folder}: a fit is a folder and this is a file; give the folder that"
                " mixwright fit wrote (predict and propose read surfaces too)"
            )
        source, mixer = read(folder)
        return cls(source, mixer, read_runs(folder))

    def save(self, folder: str | Path) -> None:
        """Writes the fit to a folder, in place of an earlier fit.

        Raises:
            MixwrightError: the folder holds something that is no fit.
        """
        check_place(Path(folder))
        with written(folder) as partial:
            save(partial, self.name, self.mixer, self.runs)

    def __repr__(self) -> str:
        runs = counted(self.source.runs, "run")
        domains = _shown(self.domains, "domain")
        targets = _shown(self.targets, "target")
        return f"Fit({self.name}: {runs}; {domains}; {targets})"


def _shown(names: Sequence[str], noun: str) -> str:
    """`3 domains: code, web, wiki`; of many names the first."""
    words = ", ".join(names[:SHOWN])
    if len(names) > SHOWN:
        words += ", ..."
    return f"{counted(len(names), noun)}: {words}"


def check_place(folder: Path) -> None:
    """Refuses a place that holds anything but an earlier fit, for a fit replaces what is there."""
    if not folder.exists() or (folder / FIT).exists():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    raise MixwrightError(f"{folder}: something stands there that is no fit; give a new folder")


def save(folder: Path, name: str, fitted: Mixer, observations: Observations) -> None:
    """Writes the mixer called `name`, the brief of the runs it was fitted to, and the runs."""
    fitted.save(folder)
    brief = asdict(FittedRuns.of(name, observations, getattr(fitted, "targets", ())))
    # The study says it, and may change.
    del brief["goal"]
    write_json(folder / FILE, brief)
    parts = [
        *_long(observations, "amount", observations.domains, observations.amounts),
        *_long(observations, "loss", observations.targets, observations.losses),
    ]
    if observations.epochs is not None:
        parts += _long(observations, "epochs", observations.domains, observations.epochs)
    tables.write(pd.concat(parts), folder / RUNS, tables.OBSERVED)


def _long(
    observations: Observations, measure: str, names: Sequence[str], values: Array
) -> list[pd.DataFrame]:
    """Returns OBSERVED rows of one measure, a frame for each column of `values` (runs, names)."""
    frames = []
    for name, column in zip(names, values.T, strict=True):
        frame = pd.DataFrame({"run": observations.runs, "role": observations.roles})
        frames.append(frame.assign(measure=measure, name=name, value=column))
    return frames


def read_runs(folder: Path) -> Observations:
    """Reads the runs that `save` was given, without log-likelihoods."""
    frame = tables.read(folder / RUNS, tables.OBSERVED)
    wide = {}
    for measure, rows in frame.groupby("measure"):
        wide[measure] = rows.pivot(index="run", columns="name", values="value")
    amounts = wide["amount"]
    losses = wide["loss"]
    roles = frame.drop_duplicates("run").set_index("run").role.reindex(amounts.index)
    epochs = None
    if "epochs" in wide:
        epochs = wide["epochs"].to_numpy(np.float64)
    source = read_source(folder)
    return Observations(
        domains=tuple(amounts.columns),
        targets=tuple(losses.columns),
        runs=tuple(amounts.index),
        roles=tuple(roles),
        amounts=amounts.to_numpy(np.float64),
        losses=losses.to_numpy(np.float64),
        epochs=epochs,
        metrics=source.metrics,
        texts=source.texts,
    )


def read(folder: Path) -> tuple[FittedRuns, Mixer]:
    """Reads the brief of the runs and the mixer that `save` wrote.

    Raises:
        MixwrightError: no fit is there.
    """
    source = read_source(folder)
    return source, mixers.load(source.mixer, folder)


def read_source(folder: Path) -> FittedRuns:
    """Reads the brief of the runs that `save` wrote.

    Raises:
        MixwrightError: no fit is there.
    """
    if not (folder / FILE).exists():
        command = f"mixwright fit --to {as_typed(folder)}"
        raise MixwrightError(f"{folder}: no fit stands there; make it with {command}")
    values: dict[str, Any] = {}
    for name, value in read_json(folder / FILE).items():
        values[name] = tuple(value) if isinstance(value, list) else value
    metrics = values.get("metrics", {})
    values["metrics"] = {name: Metric(**metric) for name, metric in metrics.items()}
    goal = StudyGoal.beside(folder).within(values["domains"], values["targets"])
    return FittedRuns(**values | {"goal": goal})
