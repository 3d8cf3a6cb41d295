"""What a mixer sees: runs, the tokens they took from each domain, and the losses they reached, joined by key."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, counted, nearest
from mixwright.mixture import Array

REPORT = 0.2  # share of a target's examples that report (arXiv 2502.10510)
DIVERGED = ("refuse", "drop")  # what to do with runs that diverged
NAMED = 5  # runs that a message names one by one
NEEDED = "and no other {role} run stands for it; train it again with lower learning rates"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Likelihoods:
    """Per-example log-likelihoods of one target: `values` (examples, domains) in nats, under the proxy of each domain's vertex."""

    values: Array
    scored_tokens: Array  # (examples,)
    report: NDArray[np.bool_] | None = None  # (examples,) those that no mixture is chosen by
    labels: Array | None = None  # (examples,) 0 or 1, where the examples have one

    def only(self, chosen: NDArray[np.bool_]) -> "Likelihoods":
        """The same with a subset of the examples."""
        labels = None if self.labels is None else self.labels[chosen]
        return Likelihoods(self.values[chosen], self.scored_tokens[chosen], labels=labels)

    @property
    def choosing(self) -> "Likelihoods":
        """The examples that choose the mixture."""
        return self if self.report is None else self.only(~self.report)

    @property
    def reporting(self) -> "Likelihoods":
        """The examples that say what it gains; none where they were not split."""
        return self.only(
            np.zeros(len(self.values), dtype=bool) if self.report is None else self.report
        )


@dataclass(frozen=True)
class Observations:
    """Runs sorted by name, domains and targets sorted by name, so that the order of rows in a file never matters."""

    domains: tuple[str, ...]
    targets: tuple[str, ...]
    runs: tuple[str, ...]
    roles: tuple[str, ...]  # of each run
    amounts: Array  # (runs, domains) training tokens: realised ones where known
    losses: Array  # (runs, targets) nats/token at the run's last step
    likelihoods: Mapping[str, Likelihoods] = field(default_factory=dict)  # target -> its examples
    dropped: tuple[
        tuple[str, str], ...
    ] = ()  # (role, run) of runs that diverged and are not among these
    epochs: Array | None = None  # (runs, domains) passes over each domain's text, where counted

    @property
    def tokens(self) -> Array:
        """(runs,) training tokens."""
        return self.amounts.sum(axis=1)

    @property
    def weights(self) -> Array:
        """(runs, domains) mixtures on the simplex."""
        return self.amounts / self.tokens[:, None]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Observations":
        """The same with a subset of the runs."""
        index = np.arange(len(self.runs))[chosen]
        return replace(
            self,
            runs=tuple(self.runs[i] for i in index),
            roles=tuple(self.roles[i] for i in index),
            amounts=self.amounts[index],
            losses=self.losses[index],
            epochs=None if self.epochs is None else self.epochs[index],
        )

    def of_role(self, *roles: str) -> "Observations":
        """The runs of these roles."""
        return self.only(np.array([role in roles for role in self.roles], dtype=bool))


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
    """Joins the long tables by run. Runs that diverged (no finite loss at the last step) are refused by name, or dropped."""
    last = last_losses(losses)
    lost = left_out(
        last.run[~np.isfinite(last.loss.astype(np.float64))], last.run.nunique(), diverged
    )
    last = last[~last.run.isin(lost)]
    losses_wide = (
        last.pivot(index="run", columns="target", values="loss").sort_index().sort_index(axis=1)
    )
    if losses_wide.isna().any(axis=None):
        run = losses_wide.index[losses_wide.isna().any(axis=1)][0]
        raise MixwrightError(
            f"losses: run {run} lacks a target that others have; collect its losses again"
        )
    unknown = losses_wide.index.difference(design.run)
    if len(unknown):
        raise MixwrightError(
            f"losses: run {unknown[0]} is not in the design; resolve the design again"
        )
    domains = sorted(set(design.domain))
    dropped = design[design.run.isin(lost)]
    design = design[design.run.isin(losses_wide.index)]
    taken = (
        design.assign(amount=design.weight * design.tokens)
        if realised is None
        else realised.rename(columns={"tokens": "amount"})
    )
    uncounted = losses_wide.index.difference(taken.run)
    if len(uncounted):
        raise MixwrightError(f"realised: no counts of run {uncounted[0]}; collect its losses again")
    amounts = _wide(taken, "amount", losses_wide.index, domains)
    roles = design.drop_duplicates("run").set_index("run").role.reindex(losses_wide.index)
    return Observations(
        domains=tuple(amounts.columns),
        targets=tuple(losses_wide.columns),
        runs=tuple(losses_wide.index),
        roles=tuple(roles),
        amounts=amounts.to_numpy(np.float64),
        losses=losses_wide.to_numpy(np.float64),
        likelihoods={}
        if loglikelihoods is None
        else _likelihoods(loglikelihoods, design, dropped, tuple(amounts.columns)),
        dropped=tuple(sorted({(str(row.role), str(row.run)) for row in dropped.itertuples()})),
        epochs=None
        if realised is None
        else _wide(realised, "epochs", losses_wide.index, domains).to_numpy(np.float64),
    )


def _wide(table: pd.DataFrame, column: str, runs: pd.Index, domains: list[str]) -> pd.DataFrame:
    """Runs x domains, 0 where a run took nothing of a domain."""
    return (
        table.pivot(index="run", columns="domain", values=column)
        .reindex(index=runs, columns=domains)
        .fillna(0.0)
    )


def left_out(lost: Iterable[str], runs: int, diverged: str) -> frozenset[str]:
    """Those of `runs` runs that diverged, where `diverged` says drop; else they are refused by name. The one place where it is decided."""
    if diverged not in DIVERGED:
        raise MixwrightError(
            f"diverged is {diverged}; it takes {' or '.join(DIVERGED)}; {nearest(diverged, DIVERGED)}"
        )
    gone = frozenset(map(str, lost))
    if not gone:
        return gone
    said = f"{counted(len(gone), 'run')} without a finite loss, diverged: {_names(gone)}"
    if diverged == "refuse" or len(gone) == runs:
        rest = (
            "" if len(gone) == runs else ", or leave them out with diverged: drop (--diverged drop)"
        )
        raise MixwrightError(f"losses: {said}; train them again with lower learning rates{rest}")
    log.info("losses: left out %s", said)
    return gone


def _names(runs: Collection[str]) -> str:
    return ", ".join(sorted(runs)[:NAMED]) + (
        f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    )


def _likelihoods(
    table: pd.DataFrame, design: pd.DataFrame, dropped: pd.DataFrame, domains: tuple[str, ...]
) -> dict[str, Likelihoods]:
    """One column a domain: the log-likelihoods under the run that trained on that domain alone."""
    vertices = design[(design.role == "vertex") & (design.weight > 0.999)].set_index("run").domain
    table = table.assign(domain=table.run.map(vertices)).dropna(subset=["domain"])
    shared = table.drop_duplicates("run").domain.value_counts()
    if (shared > 1).any():
        raise MixwrightError(
            f"loglikelihoods: {shared.index[0]} has {shared.iloc[0]} vertex runs; keep one of them"
        )
    missing = sorted(set(domains) - set(table.domain))
    if missing:
        alone = dropped[
            (dropped.role == "vertex") & (dropped.weight > 0.999) & dropped.domain.isin(missing)
        ]
        if len(alone):
            raise MixwrightError(
                f"loglikelihoods: run {alone.run.iloc[0]} diverged, {NEEDED.format(role='vertex')}"
            )
        raise MixwrightError(
            f"loglikelihoods: no vertex run of {missing[0]}; train the vertex design"
        )
    found = {}
    for target, rows in table.groupby("target"):
        wide = rows.pivot(index="example", columns="domain", values="loglikelihood").reindex(
            columns=list(domains)
        )
        first = rows.drop_duplicates("example").set_index("example").reindex(wide.index)
        labels = (
            first.label.to_numpy(np.float64)
            if "label" in first and first.label.notna().all()
            else None
        )
        scored = first.scored_tokens.to_numpy(np.float64)
        found[str(target)] = Likelihoods(
            wide.to_numpy(np.float64), scored, _reporting(first, str(target)), labels
        )
    return found


def _reporting(examples: pd.DataFrame, target: str) -> NDArray[np.bool_]:
    """Which examples report: as the table says, else by hash of the example's number. A side that would be empty leaves all to choose."""
    said = examples.split if "split" in examples else pd.Series(None, examples.index, dtype=object)
    parts = [
        part if isinstance(part, str) else split_of(f"{target}/{number}")
        for number, part in said.items()
    ]
    report = np.array([part == "report" for part in parts], dtype=bool)
    return report & ~report.all()


def split_of(text: str | bytes) -> str:
    """choose for 80 % of the texts, report for the others, by their hash."""
    digest = hashlib.sha256(text.encode() if isinstance(text, str) else text).digest()
    return "report" if int.from_bytes(digest[:8], "big") < REPORT * 2**64 else "choose"
