"""What a mixer learns from: runs, the tokens they took of each domain, and the losses they reached.

`observe` joins the workflow's long tables by run.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, counted, nearest, shortened
from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array
from mixwright.tables import design_matrix

# share of a target's examples that report (arXiv 2502.10510)
REPORT = 0.2
# what to do with runs that diverged
DIVERGED = ("refuse", "drop")
# runs that a message names one by one
NAMED = 5
# weight from which a run counts as trained on one domain alone
ALONE = 0.999
NEEDED = "and no other {role} run stands for it; train it again with lower learning rates"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihoods of one target's examples under the vertex runs."""

    # (examples, domains) nats, under the run of each domain's vertex
    values: Array
    # (examples,)
    scored_tokens: Array
    # (examples,) those by which no mixture is chosen; None where they were not split
    report: NDArray[np.bool_] | None = None
    # (examples,) 0 or 1, where the examples have labels
    labels: Array | None = None

    def only(self, chosen: NDArray[np.bool_]) -> "Likelihoods":
        """Returns the same with a subset of the examples."""
        labels = None if self.labels is None else self.labels[chosen]
        return Likelihoods(self.values[chosen], self.scored_tokens[chosen], labels=labels)

    @property
    def choosing(self) -> "Likelihoods":
        """The examples that choose the mixture."""
        if self.report is None:
            return self
        return self.only(~self.report)

    @property
    def reporting(self) -> "Likelihoods":
        """The examples that tell what the mixture gains; none where they were not split."""
        if self.report is None:
            return self.only(np.zeros(len(self.values), dtype=bool))
        return self.only(self.report)


@dataclass(frozen=True)
class Observations:
    """Runs and what was measured of them.

    Runs, domains and targets are sorted by name, so that the order of rows in a file never matters.
    """

    domains: tuple[str, ...]
    targets: tuple[str, ...]
    runs: tuple[str, ...]
    # of each run
    roles: tuple[str, ...]
    # (runs, domains) training tokens: those realised, where they were counted
    amounts: Array
    # (runs, targets) what mixers minimise, at the run's last step: nats/token, or what the target's
    # metric makes of its numbers
    losses: Array
    # target -> its examples
    likelihoods: Mapping[str, Likelihoods] = field(default_factory=dict)
    # (role, run) of runs that diverged and were left out
    dropped: tuple[tuple[str, str], ...] = ()
    # (runs, domains) passes over each domain's text, where they were counted
    epochs: Array | None = None
    # (runs, domains) weights that runs learned while they trained, all 0 of one that learns none
    learned: Array | None = None
    # target -> what its numbers are; losses in nats/token where nothing stands here
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    # target -> the domain whose text it is; a domain of the target's own name where nothing stands
    texts: Mapping[str, str] = field(default_factory=dict)
    # whether they were made from other observations, as folds and resampled losses are: what is
    # odd about those was said of the whole
    derived: bool = False

    def metric(self, target: str) -> Metric:
        """Returns what the numbers of a target are."""
        return self.metrics.get(target, LOSS)

    @property
    def same_text(self) -> Array:
        """(targets, domains): 1 where a target's text is a domain's, 0 elsewhere."""
        same = np.zeros((len(self.targets), len(self.domains)))
        for k, target in enumerate(self.targets):
            text = self.texts.get(target, target)
            for i, domain in enumerate(self.domains):
                same[k, i] = float(domain == text)
        return same

    @property
    def measured(self) -> Array:
        """(runs, targets) the numbers as they were measured, each in its own unit."""
        columns = []
        for name, losses in zip(self.targets, self.losses.T, strict=True):
            columns.append(self.metric(name).measured(losses))
        return np.column_stack(columns)

    @property
    def tokens(self) -> Array:
        """(runs,) training tokens."""
        return self.amounts.sum(axis=1)

    @property
    def weights(self) -> Array:
        """(runs, domains) mixtures on the simplex."""
        return self.amounts / self.tokens[:, None]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Observations":
        """Returns the same with a subset of the runs."""
        part = self._rows(chosen)
        fewer = len(part.runs) < len(self.runs)
        return replace(part, derived=self.derived or fewer)

    def of_role(self, *roles: str) -> "Observations":
        """Returns the runs of these roles."""
        chosen = np.array([role in roles for role in self.roles], dtype=bool)
        return self._rows(chosen)

    def _rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Observations":
        index = np.arange(len(self.runs))[chosen]
        return replace(
            self,
            runs=tuple(self.runs[i] for i in index),
            roles=tuple(self.roles[i] for i in index),
            amounts=self.amounts[index],
            losses=self.losses[index],
            epochs=None if self.epochs is None else self.epochs[index],
            learned=None if self.learned is None else self.learned[index],
        )


def last_losses(losses: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of a LOSSES table at each run's last step, one a run and target."""
    # groupby's last would skip its null
    return losses.sort_values("step").drop_duplicates(["run", "target"], keep="last")


def observe(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    realised: pd.DataFrame | None = None,
    loglikelihoods: pd.DataFrame | None = None,
    diverged: str = "refuse",
) -> Observations:
    """Joins the long tables (tables.DESIGN, LOSSES, REALISED, LOGLIKELIHOODS) by run.

    Args:
        realised: tokens that the runs took; the design's weights and tokens stand for them if None.
        diverged: `refuse` runs without a finite loss at the last step by name, or `drop` them.

    Raises:
        MixwrightError: runs diverged and are refused, or the tables do not fit together.
    """
    last, lost = _converged(losses, diverged)
    unknown = last.index.difference(design.run)
    if len(unknown):
        raise MixwrightError(
            f"losses: run {unknown[0]} is not in the design; resolve the design again"
        )
    domains = sorted(set(design.domain))
    dropped = design[design.run.isin(lost)]
    design = design[design.run.isin(last.index)]
    amounts = _amounts(design, realised, last.index, domains)
    likelihoods: dict[str, Likelihoods] = {}
    if loglikelihoods is not None:
        likelihoods = _likelihoods(loglikelihoods, design, dropped, domains)
    roles = design.drop_duplicates("run").set_index("run").role
    pairs = {(str(row.role), str(row.run)) for row in dropped.itertuples()}
    return Observations(
        domains=tuple(domains),
        targets=tuple(last.columns),
        runs=tuple(last.index),
        roles=tuple(roles.reindex(last.index)),
        amounts=amounts,
        losses=last.to_numpy(np.float64),
        likelihoods=likelihoods,
        dropped=tuple(sorted(pairs)),
        epochs=_by_run(realised, last.index, domains, "epochs"),
        learned=_by_run(realised, last.index, domains, "learned"),
    )


def left_out(lost: Iterable[str], runs: int, diverged: str) -> frozenset[str]:
    """Decides what happens to runs that diverged.

    Args:
        lost: their names.
        runs: how many runs there are, these included.
        diverged: refuse or drop.

    Returns:
        The names of the runs to leave out.

    Raises:
        MixwrightError: they are refused, or no run would be left.
    """
    if diverged not in DIVERGED:
        raise MixwrightError(
            f"diverged is {diverged}; it takes {' or '.join(DIVERGED)};"
            f" {nearest(diverged, DIVERGED)}"
        )
    names = frozenset(map(str, lost))
    if not names:
        return names
    listed = shortened(sorted(names), NAMED)
    message = f"{counted(len(names), 'run')} without a finite loss, diverged: {listed}"
    remedy = "train them again with lower learning rates"
    if len(names) == runs:
        raise MixwrightError(f"losses: {message}; {remedy}")
    if diverged == "refuse":
        raise MixwrightError(
            f"losses: {message}; {remedy}, or leave them out with diverged: drop (--diverged drop)"
        )
    log.info("losses: left out %s", message)
    return names


def split_of(text: str | bytes) -> str:
    """Returns choose for 80 % of all texts and report for the others, by the text's hash."""
    content = text.encode() if isinstance(text, str) else text
    number = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
    return "report" if number < REPORT * 2**64 else "choose"


def _converged(losses: pd.DataFrame, diverged: str) -> tuple[pd.DataFrame, frozenset[str]]:
    """(runs, targets) losses at the last step, both sorted by name, and the runs left out."""
    last = last_losses(losses)
    infinite = ~np.isfinite(last.loss.astype(np.float64))
    lost = left_out(last.run[infinite], last.run.nunique(), diverged)
    last = last[~last.run.isin(lost)]
    wide = last.pivot(index="run", columns="target", values="loss")
    wide = wide.sort_index().sort_index(axis=1)
    incomplete = wide.index[wide.isna().any(axis=1)]
    if len(incomplete):
        raise MixwrightError(
            f"losses: run {incomplete[0]} lacks a target that others have; collect its losses again"
        )
    return wide, lost


def _amounts(
    design: pd.DataFrame, realised: pd.DataFrame | None, runs: pd.Index, domains: list[str]
) -> Array:
    """(runs, domains) tokens that the runs took, or were to take where nobody counted."""
    if realised is None:
        planned = design.assign(amount=design.weight * design.tokens)
        return design_matrix(planned, runs, domains, "amount").to_numpy(np.float64)
    uncounted = runs.difference(realised.run)
    if len(uncounted):
        raise MixwrightError(f"realised: no counts of run {uncounted[0]}; collect its losses again")
    return design_matrix(realised, runs, domains, "tokens").to_numpy(np.float64)


def _by_run(
    realised: pd.DataFrame | None, runs: pd.Index, domains: list[str], column: str
) -> Array | None:
    """(runs, domains) a column of the table realised; None where it tells nothing of any run."""
    if realised is None or column not in realised or realised[column].isna().all():
        return None
    return design_matrix(realised, runs, domains, column).to_numpy(np.float64)


def _likelihoods(
    table: pd.DataFrame, design: pd.DataFrame, dropped: pd.DataFrame, domains: list[str]
) -> dict[str, Likelihoods]:
    """Target -> its examples; a column holds those of the run on that domain alone."""
    vertices = _vertices(design).set_index("run").domain
    table = table.assign(domain=table.run.map(vertices)).dropna(subset=["domain"])
    counts = table.drop_duplicates("run").domain.value_counts()
    if (counts > 1).any():
        raise MixwrightError(
            f"loglikelihoods: {counts.index[0]} has {counts.iloc[0]} vertex runs; keep one of them"
        )
    missing = sorted(set(domains) - set(table.domain))
    if missing:
        lost = _vertices(dropped[dropped.domain.isin(missing)])
        if len(lost):
            raise MixwrightError(
                f"loglikelihoods: run {lost.run.iloc[0]} diverged, {NEEDED.format(role='vertex')}"
            )
        raise MixwrightError(
            f"loglikelihoods: no vertex run of {missing[0]}; train the vertex design"
        )
    return {
        str(target): _of_target(str(target), rows, domains)
        for target, rows in table.groupby("target")
    }


def _vertices(design: pd.DataFrame) -> pd.DataFrame:
    """The rows of a design that give a vertex run its domain."""
    return design[(design.role == "vertex") & (design.weight > ALONE)]


def _of_target(target: str, rows: pd.DataFrame, domains: list[str]) -> Likelihoods:
    wide = rows.pivot(index="example", columns="domain", values="loglikelihood")
    wide = wide.reindex(columns=domains)
    examples = rows.drop_duplicates("example").set_index("example").reindex(wide.index)
    labels = None
    if "label" in examples and examples.label.notna().all():
        labels = examples.label.to_numpy(np.float64)
    return Likelihoods(
        wide.to_numpy(np.float64),
        examples.scored_tokens.to_numpy(np.float64),
        _reporting(examples, target),
        labels,
    )


def _reporting(examples: pd.DataFrame, target: str) -> NDArray[np.bool_]:
    """(examples,) whether an example reports: as the table says, or by the hash of its number.

    Where no example would be left to choose, all of them choose.
    """
    splits = pd.Series(None, examples.index, dtype=object)
    if "split" in examples:
        splits = examples.split
    report = np.zeros(len(examples), dtype=bool)
    for row, (number, split) in enumerate(splits.items()):
        if not isinstance(split, str):
            split = split_of(f"{target}/{number}")
        report[row] = split == "report"
    return report & ~report.all()
