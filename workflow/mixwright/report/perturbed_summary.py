"""Says what measured perturbation runs teach: each mixer's best budget, and other scales.

The summary is plain sentences and two tables: the optimum by each mixer, and the ladder of scales
that published optima are extrapolated to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.learners import Metric
from mixwright.report.answer import Answer
from mixwright.report.caveats import Caveat
from mixwright.report.figures import ladder as scales
from mixwright.report.figures import optimum
from mixwright.report.frame import in_percent
from mixwright.report.measured_answer import answer_of_perturbations
from mixwright.report.proposed import Proposed, in_order
from mixwright.report.results import NO_TABLE, Records
from mixwright.study.study import Study
from mixwright.trust.ladder import caveats
from mixwright.trust.shown import readout_of

NOTHING_TRAINED = (
    "Nothing was trained. The losses are those that others measured, at one scale,"
    " with one run each."
)


@dataclass(frozen=True)
class Perturbed:
    """All that the page says, before it is laid out."""

    study: str  # its name
    targets: Mapping[str, float]  # target -> weight
    metric: Metric  # what the goal over them is shown as
    tokens: float  # of the base run
    optimum: pd.DataFrame  # what figures.optimum.table returns
    ladder: pd.DataFrame  # what figures.ladder.table returns; empty without published optima
    notes: tuple[str, ...]
    proposals: tuple[Proposed, ...] = ()
    exports: tuple[str, ...] = ()  # a sentence a trainer's file

    @property
    def moved(self) -> pd.Series:
        """Mixer -> share of the base mixture that its proposal moves elsewhere, largest first."""
        rows = self.optimum[self.optimum.origin == "proposed"]
        shift = (rows.weight - rows.weight / rows.amount).abs() / 2
        return shift.groupby(rows.mixer).sum().sort_values(ascending=False, kind="stable")

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """The notes, in their order; none of them turns the answer over."""
        return tuple(Caveat(sentence) for sentence in self.notes)

    @property
    def answer(self) -> Answer:
        """What the page says first: the mixture of the one mixer, or how much several differ."""
        return answer_of_perturbations(
            self.study, self.tokens, self.proposals, self.moved.to_dict()
        )

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return self.answer.headline

    @property
    def movement(self) -> str:
        """How far the first mixer moves from the base mixture, and how far the last."""
        moved = self.moved
        most, least = moved.index[0], moved.index[-1]
        sentence = f"{most} moves {100 * moved[most]:.0f} % of the base mixture"
        if len(moved) == 1:
            return f"{sentence}."
        return f"{sentence}, {least} {100 * moved[least]:.0f} %."

    @property
    def detail(self) -> tuple[str, ...]:
        """The sentences under the headline."""
        return tuple(filter(None, [self._shares(), self._disagreement(), self.ladder_sentence]))

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `summary.json`."""
        return {
            "study": self.study,
            "headline": self.headline,
            "detail": list(self.detail),
            "answer": self.answer.as_json(),
            "exports": list(self.exports),
            "notes": [*self.exports, *self.notes],
            "targets": dict(self.targets),
            "tokens": self.tokens,
            "proposals": [proposal.as_json() for proposal in self.proposals],
            "unit": self.metric.unit,
            "moved": self.moved.to_dict(),
            "optimum": self.optimum.to_dict("records"),
            "ladder": self.ladder.to_dict("records"),
        }

    def _shares(self) -> str:
        shares = in_percent(self.moved.to_dict(), 1)
        return (
            f"At {self.tokens / 1e9:.4g} B tokens, the best budget moves this much of the base"
            f" mixture to other domains: {shares}."
        )

    def _disagreement(self) -> str:
        """The domain on which the mixers differ most."""
        proposed = self.optimum[self.optimum.origin == "proposed"]
        wide = proposed.pivot(index="domain", columns="mixer", values="amount")
        if wide.shape[1] < 2:
            return ""
        name = (wide.max(axis=1) - wide.min(axis=1)).idxmax()
        row = wide.loc[name]
        return (
            f"The mixers differ most on {name}: from {row.min():.2f} ({row.idxmin()})"
            f" to {row.max():.2f} ({row.idxmax()}) times the base run's amount."
        )

    @property
    def ladder_sentence(self) -> str:
        """Where the ladder leads, and the two domains whose weights it changes most."""
        if self.ladder.empty:
            return ""
        whole = self.ladder[self.ladder.step % 1 == 0]
        totals = whole.groupby("step").total.first()
        first_and_last = [1.0, totals.index[-1]]
        ends = self.ladder[self.ladder.step.isin(first_and_last)]
        wide = ends.pivot(index="domain", columns="step", values="weight")
        change = (wide.iloc[:, 1] - wide.iloc[:, 0]).sort_values()
        start = " and ".join(f"{total / 1e9:.4g}" for total in totals.iloc[:2])
        climbed = ", ".join(f"{total / 1e9:.5g}" for total in totals.iloc[2:])
        moves = []
        for name in change.index[[-1, 0]]:
            first, last = 100 * wide.loc[name]
            moves.append(f"{name} from {first:.1f} to {last:.1f} %")
        return (
            f"From the published optima at {start} B tokens, the ladder reaches {climbed} B tokens."
            f" It takes the weight of {', and of '.join(moves)}."
        )


def summarise(
    study: Study,
    mixtures: Records,
    design: pd.DataFrame,
    ladder: pd.DataFrame = NO_TABLE,
    exports: tuple[str, ...] = (),
) -> Perturbed:
    """Sets the proposals beside each other and beside published optima; nothing is chosen.

    Args:
        study: a study of measured perturbation runs.
        mixtures: its proposals.
        design: the DESIGN table of the runs.
        ladder: the LADDER table of published optima and their extrapolation, if there are any.
        exports: a sentence a trainer's file.
    """
    doubtful: tuple[str, ...] = ()
    published = None
    table = NO_TABLE
    if len(ladder):
        doubtful = caveats(ladder, study.measured["optima"]["least"])
        published = ladder
        table = scales.table(ladder)
    notes = [f"{record['mixer']}: {note}." for record in mixtures for note in record["notes"]]
    return Perturbed(
        study=str(study.config["study"]),
        targets=study.target_weights,
        metric=readout_of(study.target_weights, study.metrics).metric,
        tokens=float(study.measured["perturb"]["tokens"]),
        optimum=optimum.table(mixtures, design, published),
        ladder=table,
        notes=(NOTHING_TRAINED, *doubtful, *dict.fromkeys(notes)),
        proposals=in_order(mixtures, ()),
        exports=exports,
    )
