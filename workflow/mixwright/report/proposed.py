"""Proposals as reports show them: whose they are, their weights, and how sure their gain is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mixwright.trust.evidence import CANNOT
from mixwright.trust.intervals import Interval, rank_interval
from mixwright.trust.noise import held_out, rank_correlations

# How the sentence of a verdict begins -> the verdict in a word or two.
VERDICTS = {
    "better than": "better",
    "worse than": "worse",
    "not distinguishable": "not distinguishable",
    CANNOT: "cannot tell",
    "the same mixture": "identical",
}
NO_PREDICTION = "it predicts no losses, so nothing is said of its gain"
NO_INTERVAL = "its gain over natural has no interval"


@dataclass(frozen=True)
class Proposed:
    """One proposal. Its fields, with the two properties, go to JSON."""

    name: str  # the arm: its mixer, with the goal where there are several
    weights: Mapping[str, float]  # domain -> weight
    # target -> what is predicted of it, and in which unit
    predicted: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    intervals: Mapping[str, Any] = field(default_factory=dict)  # as the proposal's file holds them
    epochs: Mapping[str, float | None] = field(default_factory=dict)  # domain -> passes over it
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Proposed":
        """Returns the proposal of a `mixtures/ARM.json`."""
        name = record["mixer"]
        if "goal" in record:
            name = f"{name}@{record['goal']}"
        return cls(
            name=name,
            weights=record["weights"],
            predicted=record.get("predicted", {}),
            units=record.get("units", {}).get("predicted", {}),
            intervals=record.get("intervals", {}),
            epochs=record.get("epochs", {}),
            notes=tuple(record.get("notes", ())),
        )

    @property
    def verdict(self) -> str:
        """What the intervals say of the gain, in a word or two; empty where there are none."""
        sentence = self.intervals.get("verdict", "")
        for beginning, verdict in VERDICTS.items():
            if sentence.startswith(beginning):
                return verdict
        return ""

    @property
    def gain(self) -> str:
        """What the intervals say of the gain over natural, as the end of a sentence."""
        sentence = str(self.intervals.get("verdict", ""))
        if self.verdict == "cannot tell" or (sentence and not self.verdict):
            return sentence
        if sentence:
            return f"predicted {sentence}"
        return NO_INTERVAL if self.predicted else NO_PREDICTION

    @property
    def sentence(self) -> str:
        """Its name and its gain, such as `regmix: predicted better than natural by ...`."""
        if self.name == "natural":
            return "natural: what the others are compared with"
        return f"{self.name}: {self.gain}"

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        content = {**vars(self), "notes": list(self.notes)}
        return content | {"verdict": self.verdict, "sentence": self.sentence}


def in_order(records: Iterable[Mapping[str, Any]], first: Sequence[str]) -> tuple[Proposed, ...]:
    """Returns the proposals, those of the mixers in `first` before the others, then by name."""
    proposals = [Proposed.of(record) for record in records]
    places = {mixer: place for place, mixer in enumerate(first)}

    def place(proposal: Proposed) -> tuple[int, str]:
        mixer = proposal.name.partition("@")[0]
        return places.get(mixer, len(places)), proposal.name

    return tuple(sorted(proposals, key=place))


def ranks(validation: pd.DataFrame, targets: Mapping[str, float]) -> dict[str, Interval]:
    """Returns mixer -> rank correlation on held-out runs with its 95% interval, the best first.

    Args:
        validation: a VALIDATION table.
        targets: target -> weight; the correlation is of their weighted mean.
    """
    if validation.empty:
        return {}
    runs = held_out(validation, targets)
    intervals = {}
    for mixer in rank_correlations(runs).dropna().index:
        rows = runs[runs.mixer == mixer]
        intervals[str(mixer)] = rank_interval(rows.predicted.to_numpy(), rows.actual.to_numpy())
    return intervals


def alike(ranked: Mapping[str, Interval]) -> list[str]:
    """Returns the best mixer, and those whose rank correlation its interval holds."""
    if not ranked:
        return []
    least = next(iter(ranked.values())).low
    return [mixer for mixer, rank in ranked.items() if rank.value >= least]


def listed(names: Sequence[str]) -> str:
    """Returns `a`, `a and b`, or `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
