"""What measured perturbations teach, in plain sentences and two tables: the optimum by each mixer, and published optima over scales."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.report.figures import ladder as rungs
from mixwright.report.figures import optimum
from mixwright.study.material import targets_of
from mixwright.trust.ladder import caveats

Records = Sequence[Mapping[str, Any]]
NO_TABLE = pd.DataFrame()
NOTHING_TRAINED = (
    "Nothing was trained: losses are those that others measured, at one scale, each run once."
)


@dataclass(frozen=True)
class Perturbed:
    """All that the page says, before it is laid out; without published optima the ladder is empty."""

    study: str
    targets: Mapping[str, float]
    tokens: float  # of the base run
    optimum: pd.DataFrame  # figures.optimum.table
    ladder: pd.DataFrame  # figures.ladder.table
    notes: tuple[str, ...]

    @property
    def moved(self) -> pd.Series:
        """Mixer -> share of the base mixture that its proposal moves elsewhere, the largest first."""
        rows = self.optimum[self.optimum.origin == "proposed"]
        shift = (rows.weight - rows.weight / rows.amount).abs() / 2
        return shift.groupby(rows.mixer).sum().sort_values(ascending=False, kind="stable")

    @property
    def headline(self) -> str:
        most, least = self.moved.index[[0, -1]]
        if len(self.moved) == 1:
            return f"{most} moves {100 * self.moved[most]:.0f} % of the base mixture."
        return f"{most} moves {100 * self.moved[most]:.0f} % of the base mixture, {least} {100 * self.moved[least]:.0f} %."

    @property
    def detail(self) -> tuple[str, ...]:
        """The sentences under the headline."""
        return tuple(filter(None, [self._shares(), self._disagreement(), self._ladder()]))

    def as_json(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        words = {
            "study": self.study,
            "headline": self.headline,
            "detail": list(self.detail),
            "notes": list(self.notes),
        }
        found = {name: getattr(self, name).to_dict("records") for name in ("optimum", "ladder")}
        return (
            words
            | {"targets": dict(self.targets), "tokens": self.tokens, "moved": self.moved.to_dict()}
            | found
        )

    def _shares(self) -> str:
        said = ", ".join(f"{mixer} {100 * share:.1f} %" for mixer, share in self.moved.items())
        return f"Of the base mixture, at {self.tokens / 1e9:.4g} B tokens, the best budget moves to other domains: {said}."

    def _disagreement(self) -> str:
        """The domain on which the mixers differ most."""
        wide = self.optimum[self.optimum.origin == "proposed"].pivot(
            index="domain", columns="mixer", values="amount"
        )
        if wide.shape[1] < 2:
            return ""
        name = (wide.max(axis=1) - wide.min(axis=1)).idxmax()
        row = wide.loc[name]
        return f"They differ most on {name}: {row.min():.2f} ({row.idxmin()}) to {row.max():.2f} ({row.idxmax()}) of the base run's amount."

    def _ladder(self) -> str:
        if self.ladder.empty:
            return ""
        totals = self.ladder[self.ladder.step % 1 == 0].groupby("step").total.first()
        climbed = ", ".join(f"{total / 1e9:.5g}" for total in totals.iloc[2:])
        ends = self.ladder[self.ladder.step.isin([1.0, totals.index[-1]])].pivot(
            index="domain", columns="step", values="weight"
        )
        change = (ends.iloc[:, 1] - ends.iloc[:, 0]).sort_values()
        told = [
            f"{name}'s weight from {100 * ends.loc[name].iloc[0]:.1f} to {100 * ends.loc[name].iloc[1]:.1f} %"
            for name in change.index[[-1, 0]]
        ]
        start = " and ".join(f"{total / 1e9:.4g}" for total in totals.iloc[:2])
        return f"From the published optima at {start} B tokens the ladder reaches {climbed} B, which takes {' and '.join(told)}."


def summarise(
    study: Mapping[str, Any],
    mixtures: Records,
    design: pd.DataFrame,
    ladder: pd.DataFrame = NO_TABLE,
) -> Perturbed:
    """Sets the proposals beside each other and beside the published optima; nothing is chosen."""
    asked = study["measured"]
    said = [f"{record['mixer']}: {note}." for record in mixtures for note in record["notes"]]
    doubtful = caveats(ladder, asked["optima"]["least"]) if len(ladder) else ()
    return Perturbed(
        study=str(study["study"]),
        targets=targets_of(study),
        tokens=float(asked["perturb"]["tokens"]),
        optimum=optimum.table(mixtures, design, ladder if len(ladder) else None),
        ladder=rungs.table(ladder) if len(ladder) else NO_TABLE,
        notes=(NOTHING_TRAINED, *doubtful, *dict.fromkeys(said)),
    )
