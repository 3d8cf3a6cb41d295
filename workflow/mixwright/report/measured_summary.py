"""What measured runs teach, in plain sentences and four tables: ranks, runs needed, the optimum, published mixtures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mixwright.report.figures import as_listed, published, ranks
from mixwright.report.figures import subsets as runs_needed
from mixwright.study.material import targets_of
from mixwright.study.study import Study
from mixwright.trust.tests import INFORMATIVE

Records = Sequence[Mapping[str, Any]]
NO_TABLE = pd.DataFrame()


@dataclass(frozen=True)
class Measured:
    """All that the page says, before it is laid out; tables that the study did not ask for are empty."""

    study: str
    chosen: str  # the mixer that ranks held-out runs of the swarm best
    targets: Mapping[str, float]
    ranks: pd.DataFrame
    subsets: pd.DataFrame
    published: pd.DataFrame
    proposal: Mapping[str, Any]  # the chosen mixer's
    regions: Records
    notes: tuple[str, ...]

    @property
    def headline(self) -> str:
        return f"{self.chosen} ranks held-out runs best."

    @property
    def detail(self) -> tuple[str, ...]:
        """The sentences under the headline."""
        return tuple(
            filter(None, [self._ranks(), self._runs_needed(), self._optimum(), self._published()])
        )

    def as_json(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        tables = {
            name: getattr(self, name).to_dict("records")
            for name in ("ranks", "subsets", "published")
        }
        proposal = {"weights": self.proposal["weights"], "predicted": self.proposal["predicted"]}
        words = {
            "study": self.study,
            "headline": self.headline,
            "detail": list(self.detail),
            "chosen": self.chosen,
        }
        tables["subsets"] = [
            {key: None if pd.isna(value) else value for key, value in row.items()}
            for row in tables["subsets"]
        ]
        return (
            words
            | {"targets": dict(self.targets), "proposal": proposal, "notes": list(self.notes)}
            | tables
        )

    def _ranks(self) -> str:
        own = self.ranks[self.ranks.mixer == self.chosen]
        said = [
            f"{100 * row.spearman:.2f} on {row.test} ({row.runs} runs)"
            for row in own.itertuples()
            if row.test != ranks.HELD_OUT
        ]
        inside = (
            f"{100 * own.spearman.iloc[0]:.2f}, the best of {self.ranks.mixer.nunique()} mixers"
        )
        tested = f" On the test runs: {', '.join(said)}." if said else ""
        return f"Spearman x 100, mean of {own.targets.iloc[0]} targets: {inside}, in cross-validation inside the swarm.{tested}"

    def _runs_needed(self) -> str:
        """The fewest runs of each way and mixer that rank every test set at least as well as the worst-off mixer from all runs."""
        if self.subsets.empty:
            return ""
        most = self.subsets.runs.max()
        full = self.subsets[self.subsets.runs == most].pivot_table(
            index="mixer", columns="test", values="spearman"
        )
        bar, others = full.sort_values(full.columns[0]).index[0], full.index
        if len(others) < 2:
            return ""
        said = []
        for (mixer, way), rows in self.subsets[self.subsets.mixer != bar].groupby(["mixer", "way"]):
            reached = [
                size
                for size, part in rows.groupby("runs")
                if part.set_index("test").spearman.ge(full.loc[bar]).all()
            ]
            if reached and min(reached) < most:
                said.append(
                    f"{mixer} from {min(reached)} {'informative' if way == INFORMATIVE else 'random'} runs"
                )
        return (
            f"As good as {bar} from {most} runs on every test set: {', '.join(said)}."
            if said
            else ""
        )

    def _optimum(self) -> str:
        goal = ", ".join(self.targets)
        shares = sorted(self.proposal["weights"].items(), key=lambda pair: -pair[1])
        said = f"For {goal} it proposes {', '.join(f'{name} {100 * weight:.1f} %' for name, weight in shares[:3])}"
        first = shares[0][0]
        ranges = []
        for region in self.regions:
            low, high = region["ranges"]["alike"][first]
            ranges.append(
                f"{region['mixer']} {100 * low:.0f} to {100 * high:.0f} % (at most {region['worse']:.3f} nats/token worse)"
            )
        flat = f" A region, not a point: mixtures that refits do not tell apart from their optimum have {first} at: {'; '.join(ranges)}."
        return said + "." + (flat if ranges else "")

    def _published(self) -> str:
        rows = (
            self.published[self.published.origin == "published"]
            if len(self.published)
            else NO_TABLE
        )
        if rows.empty:
            return ""
        own = rows[rows.mixer == self.chosen].sort_values("goal")
        many = self.published[self.published.mixer == self.chosen].shape[0]
        said = ", ".join(
            f"{row.mixture} {row.goal:.3f} (place {row.goal_rank})" for row in own.itertuples()
        )
        return f"Its predictions for published mixtures, among {many}: {said}. Nothing was trained on any of them."


def summarise(
    study: Mapping[str, Any],
    validation: pd.DataFrame,
    mixtures: Records,
    tests: pd.DataFrame = NO_TABLE,
    subsets: pd.DataFrame = NO_TABLE,
    regions: Records = (),
    predictions: pd.DataFrame = NO_TABLE,
) -> Measured:
    """Chooses by cross-validation, then says what the tests and the predictions say of the choice."""
    targets = targets_of(study)
    tests, subsets = (
        as_listed(frame, Study(study)) if len(frame) else frame for frame in (tests, subsets)
    )
    found = ranks.table(
        tests if len(tests) else validation.iloc[:0].assign(test=""), validation, targets
    )
    chosen = str(found.mixer.iloc[0])
    proposal = next(record for record in mixtures if record["mixer"] == chosen)
    return Measured(
        study=str(study["study"]),
        chosen=chosen,
        targets=targets,
        ranks=found,
        subsets=runs_needed.table(subsets, targets) if len(subsets) else NO_TABLE,
        published=published.table(predictions, targets) if len(predictions) else NO_TABLE,
        proposal=proposal,
        regions=sorted(regions, key=lambda region: region["mixer"]),
        notes=_notes(mixtures, regions),
    )


def _notes(mixtures: Records, regions: Records) -> tuple[str, ...]:
    fixed = (
        "Nothing was trained: losses are those that others measured, and mixtures are compared by predictions at the swarm's scale.",
        "Mixers learn from the swarm alone, and the choice among them is by cross-validation inside it; test sets are only scored.",
    )
    said = [
        f"{record['mixer']}: {note}."
        for record in [*regions, *mixtures]
        for note in record["notes"]
    ]
    return (*fixed, *dict.fromkeys(said))
