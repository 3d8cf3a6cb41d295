"""Says what a measured swarm teaches: which mixer ranks unseen runs best, and what it proposes.

The summary is plain sentences and three tables: rank correlations, runs needed, published mixtures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from mixwright.learners import LOSS, Metric
from mixwright.report.answer import Answer
from mixwright.report.caveats import Caveat
from mixwright.report.explorer.explorer import Explorer
from mixwright.report.figures import as_listed, published, ranks
from mixwright.report.figures import subsets as runs_needed
from mixwright.report.frame import in_percent
from mixwright.report.limits import limits_of
from mixwright.report.measured_answer import answer_of_swarm, given_up
from mixwright.report.proposed import Proposed, in_order, listed
from mixwright.report.results import NO_TABLE, Records
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE, fisher_interval
from mixwright.trust.shown import in_units, readout_of
from mixwright.trust.tests import INFORMATIVE

NO_SURFACES: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
NOTES = (
    "Nothing was trained. The losses are those that others measured,"
    " and mixtures are compared by predictions at the swarm's scale.",
    "Mixers are fitted to the swarm alone, and the choice among them is by cross-validation"
    " inside it. Test sets are only scored.",
)


@dataclass(frozen=True)
class Measured:
    """All that the page says, before it is laid out; a table that the study lacks is empty."""

    study: str  # its name
    chosen: str  # the mixer that ranks held-out runs of the swarm best
    targets: Mapping[str, float]  # target -> weight
    metric: Metric  # what the goal over them is shown as
    ranks: pd.DataFrame  # what figures.ranks.table returns
    subsets: pd.DataFrame  # what figures.subsets.table returns
    published: pd.DataFrame  # what figures.published.table returns
    proposals: tuple[Proposed, ...]  # the chosen mixer's first
    regions: Records  # what mixwright.trust.region.find_region returns, by mixer
    notes: tuple[str, ...]
    # target -> mixture that was proposed -> what the chosen mixer predicts of it, in its own unit
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)  # target -> what its numbers are
    limits: tuple[str, ...] = ()  # a sentence a bound that the chosen mixture touches
    exports: tuple[str, ...] = ()  # a sentence a trainer's file
    explorer: Explorer | None = None
    # what the file of the chosen mixer's surface holds; empty: there is none
    surface: Mapping[str, Any] = field(default_factory=dict)

    @property
    def proposal(self) -> Proposed:
        """The chosen mixer's proposal."""
        return self.proposals[0]

    @property
    def alike(self) -> list[str]:
        """The chosen mixer, and those whose rank correlation its 95% interval holds."""
        rows = self.ranks[self.ranks.test == ranks.HELD_OUT].set_index("mixer")
        best = rows.loc[self.chosen]
        least = fisher_interval(float(best.spearman), int(best.runs)).low
        others = [name for name in rows.index[rows.spearman >= least] if name != self.chosen]
        return [self.chosen, *others]

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """The notes, in their order; none of them turns the answer over."""
        return tuple(Caveat(sentence) for sentence in self.notes)

    @property
    def answer(self) -> Answer:
        """What the page says first: the chosen mixer's mixture, and how sure it is."""
        natural = None
        if not self.published.empty:
            rows = self.published[self.published.mixer == self.chosen]
            of_natural = rows.goal[rows.mixture == REFERENCE]
            natural = float(of_natural.iloc[0]) if len(of_natural) else None
        return answer_of_swarm(
            self.study,
            self.metric,
            self.proposals,
            (self.ranking, self._ranks()),
            given_up(self.predicted, self.chosen, self.metrics, self.targets),
            natural,
            tuple(self.targets),
        )

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return self.answer.headline

    @property
    def ranking(self) -> str:
        """Which mixer was chosen, and which others rank as well as far as these runs can tell."""
        if len(self.alike) == 1:
            return f"{self.chosen} ranks held-out runs best."
        return f"{listed(self.alike)} rank held-out runs alike."

    @property
    def told_apart(self) -> str:
        """What the order of the mixers means for the choice among them, in a sentence."""
        others = self.alike[1:]
        if not others:
            return "Its mixture is the one to try first."
        return (
            f"Nothing here says that {self.chosen} is to be preferred to {listed(others)}: where"
            " their mixtures differ, either may be the better."
        )

    @property
    def detail(self) -> tuple[str, ...]:
        """The sentences under the headline."""
        answer = self.answer
        sentences = [*answer.sure, *answer.costs, self.runs_needed, self.optimum]
        sentences.append(self._published())
        return tuple(filter(None, sentences))

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `summary.json`; what is unknown is null."""
        subsets = []
        for row in self.subsets.to_dict("records"):
            record = {}
            for key, value in row.items():
                record[key] = None if pd.isna(value) else value
            subsets.append(record)
        return {
            "study": self.study,
            "headline": self.headline,
            "detail": list(self.detail),
            "chosen": self.chosen,
            "targets": dict(self.targets),
            "proposal": self.proposal.as_json(),
            "proposals": [proposal.as_json() for proposal in self.proposals],
            "unit": self.metric.unit,
            "answer": self.answer.as_json(),
            "limits": list(self.limits),
            "exports": list(self.exports),
            "notes": [*self.exports, *self.notes],
            "ranks": self.ranks.to_dict("records"),
            "subsets": subsets,
            "published": self.published.to_dict("records"),
        }

    def _ranks(self) -> str:
        """How well the chosen mixer ranks held-out runs and test runs."""
        rows = self.ranks[self.ranks.mixer == self.chosen]
        first = rows.iloc[0]
        others = self.alike[1:]
        place = f"the best of {self.ranks.mixer.nunique()} mixers"
        if others:
            place += f", but no further from {listed(others)} than these runs can tell"
        sentence = (
            f"The rank correlation of {self.chosen} (Spearman x 100, mean of {first.targets}"
            f" targets) is {100 * first.spearman:.1f} in cross-validation inside the swarm,"
            f" {place}."
        )
        values = []
        for row in rows[rows.test != ranks.HELD_OUT].itertuples():
            correlation = f"{100 * row.spearman:.1f}"
            values.append(f"{correlation} on {row.test} ({row.runs} runs)")
        if not values:
            return sentence
        return f"{sentence} On the test runs it is {', '.join(values)}."

    @property
    def runs_needed(self) -> str:
        """The fewest runs from which a mixer ranks as well as the worst one does from all runs.

        It must do so on every test set; random and informative subsets count apart.
        """
        if self.subsets.empty:
            return ""
        most = self.subsets.runs.max()
        full = self.subsets[self.subsets.runs == most].pivot_table(
            index="mixer", columns="test", values="spearman"
        )
        if len(full) < 2:
            return ""
        worst = full.sort_values(full.columns[0]).index[0]
        others = self.subsets[self.subsets.mixer != worst]
        needed = []
        for (mixer, way), rows in others.groupby(["mixer", "way"]):
            fewest = _fewest(rows, full.loc[worst])
            if fewest is not None and fewest < most:
                kind = "informative" if way == INFORMATIVE else "random"
                needed.append(f"{mixer} from {fewest} {kind} runs")
        if not needed:
            return ""
        return (
            f"These rank every test set as well as {worst} does from all {most} runs:"
            f" {', '.join(needed)}."
        )

    @property
    def optimum(self) -> str:
        """What the chosen mixer proposes, and how far optima can move at no loss one could tell."""
        weights = sorted(self.proposal.weights.items(), key=lambda pair: -pair[1])
        shares = in_percent(dict(weights), 1)
        sentence = (
            f"For the targets {', '.join(self.targets)}, {self.chosen} proposes {shares};"
            f" {self.proposal.gain}."
        )
        domain = weights[0][0]
        ranges = []
        for region in self.regions:
            low, high = region["ranges"]["alike"][domain]
            ranges.append(
                f"{region['mixer']} {100 * low:.0f} to {100 * high:.0f} %"
                f" (at most {region['worse']:.3f} {self.metric.unit} worse)"
            )
        if not ranges:
            return sentence
        return (
            f"{sentence} The optimum is a region, not a point. In mixtures that refits cannot tell"
            f" apart from the optimum, the weight of {domain} is: {'; '.join(ranges)}."
        )

    def _published(self) -> str:
        """What the chosen mixer predicts for published mixtures, and their places."""
        if self.published.empty:
            return ""
        rows = self.published[self.published.mixer == self.chosen]
        theirs = rows[rows.origin == "published"].sort_values("goal")
        if theirs.empty:
            return ""
        best = rows.goal[rows.goal_rank == 1].iloc[0]
        predictions = []
        for row in theirs.itertuples():
            predictions.append(f"{row.mixture} {row.goal:.3f} ({abs(row.goal - best):.3f} worse)")
        return (
            f"Its predictions for published mixtures, with how much worse than the best of"
            f" {len(rows)} mixtures they are: {', '.join(predictions)}. Nothing was trained on any"
            " of them."
        )


def summarise(
    study: Study,
    validation: pd.DataFrame,
    mixtures: Records,
    tests: pd.DataFrame = NO_TABLE,
    subsets: pd.DataFrame = NO_TABLE,
    regions: Records = (),
    predictions: pd.DataFrame = NO_TABLE,
    explorer: Explorer | None = None,
    surfaces: Mapping[str, Mapping[str, Any]] = NO_SURFACES,
    exports: tuple[str, ...] = (),
) -> Measured:
    """Chooses a mixer by cross-validation, and says what the other results say of the choice.

    Args:
        study: a study of a measured swarm.
        validation: the VALIDATION table of all mixers.
        mixtures: the proposals.
        tests: the TESTED table: predicted and measured losses of the test sets.
        subsets: the SUBSETS table: rank correlations of fits to fewer runs.
        regions: regions of optima, one a mixer.
        predictions: the PREDICTIONS table: losses of published and proposed mixtures.
        explorer: of the study's surfaces; None: there are none.
        surfaces: mixer -> what the file of its surface holds.
        exports: a sentence a trainer's file.
    """
    targets = study.target_weights
    scored = None
    if len(tests):
        scored = as_listed(tests, study)
    if len(subsets):
        subsets = runs_needed.table(as_listed(subsets, study), targets)
    by_mixture = predictions
    if len(predictions):
        predictions = published.table(predictions, targets, study.metrics)
    correlations = ranks.table(validation, targets, scored, study.metrics)
    chosen = str(correlations.mixer.iloc[0])
    chosen_record = _record_of(chosen, mixtures)
    return Measured(
        study=str(study.config["study"]),
        chosen=chosen,
        targets=targets,
        metric=readout_of(targets, study.metrics).metric,
        ranks=correlations,
        subsets=subsets,
        published=predictions,
        proposals=in_order(mixtures, list(dict.fromkeys(correlations.mixer))),
        regions=sorted(regions, key=lambda region: region["mixer"]),
        notes=_notes([*regions, *mixtures]),
        predicted=_predicted(by_mixture, chosen, study.metrics),
        metrics={target: study.metrics.get(target, LOSS) for target in _measured(by_mixture)},
        limits=limits_of(study, chosen_record) if chosen_record else (),
        exports=exports,
        explorer=explorer,
        surface=surfaces.get(chosen, {}),
    )


def _record_of(mixer: str, mixtures: Records) -> Mapping[str, Any]:
    """The file of a mixer's proposal; empty where it proposes for several goals."""
    for record in mixtures:
        if record["mixer"] == mixer and "goal" not in record:
            return record
    return {}


def _measured(predictions: pd.DataFrame) -> list[str]:
    """The targets of a PREDICTIONS table."""
    return [] if predictions.empty else sorted(predictions.target.unique())


def _predicted(
    predictions: pd.DataFrame, mixer: str, metrics: Mapping[str, Metric]
) -> dict[str, dict[str, float]]:
    """Target -> proposed mixture -> what the mixer predicts of it, in the target's unit."""
    by_target: dict[str, dict[str, float]] = {}
    if predictions.empty:
        return by_target
    rows = predictions[(predictions.mixer == mixer) & (predictions.origin == "proposed")]
    for row in in_units(rows, ["loss"], metrics).itertuples():
        by_target.setdefault(str(row.target), {})[str(row.mixture)] = float(row.loss)
    return by_target


def _fewest(rows: pd.DataFrame, bar: pd.Series) -> int | None:
    """The fewest runs whose rank correlation reaches `bar` on every test set; None if none does."""
    for runs, part in rows.groupby("runs"):
        if part.set_index("test").spearman.ge(bar).all():
            return int(runs)
    return None


def _notes(records: Records) -> tuple[str, ...]:
    """The notes of all pages like this, and those of the mixers; verdicts stand elsewhere."""
    notes = []
    for record in records:
        verdict = record.get("intervals", {}).get("verdict")
        for note in record["notes"]:
            if note != verdict and not note.startswith("predicted "):
                notes.append(f"{record['mixer']}: {note}.")
    return (*NOTES, *dict.fromkeys(notes))
