"""What a reader should distrust in a study, each in one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from mixwright.learners import Learner
from mixwright.report.comparison import Comparison
from mixwright.sources import SOURCES
from mixwright.study.material import learner_of
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.noise import THRESHOLD

MANY = 4  # sentences of one kind that are said one by one


@dataclass(frozen=True)
class Caveat:
    """`serious` ones can turn the headline over."""

    text: str
    serious: bool = False


def find_caveats(
    study: Mapping[str, Any],
    targets: Mapping[str, float],
    comparison: Comparison,
    scores: pd.DataFrame,
    signals: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
) -> tuple[Caveat, ...]:
    """All caveats of a study, the serious ones first."""
    learner = learner_of(study)
    found = chain(
        _noisy(signals, targets) if learner.sized else [],
        _below_reference(signals, targets, learner),
        _finals_below_reference(scores, targets, learner),
        _trivial_targets(study, targets),
        _intervals(comparison, scores),
        _same_mixtures([mixture for mixture in mixtures if "goal" not in mixture]),
        _diverged(losses),
        _of_sources(study),
    )
    return tuple(sorted(found, key=lambda caveat: not caveat.serious))


def _noisy(signals: pd.DataFrame, targets: Mapping[str, float]) -> list[Caveat]:
    asked = signals[signals.target.isin(list(targets))]
    unknown = asked.target[asked.signal_to_noise.isna()]
    weak = asked[asked.signal_to_noise < THRESHOLD]
    found = []
    if len(weak):
        names = ", ".join(f"{row.target} ({row.signal_to_noise:.1f})" for row in weak.itertuples())
        text = f"Signal-to-noise under {THRESHOLD:g}: {names}. Proxies this small cannot tell mixtures apart there."
        found.append(Caveat(text, serious=True))
    if len(unknown):
        text = f"Signal-to-noise unknown for {', '.join(unknown)}: repeat one mixture over several seeds (designs.repeat)."
        found.append(Caveat(text))
    return found


def _below_reference(
    signals: pd.DataFrame, targets: Mapping[str, float], learner: Learner
) -> list[Caveat]:
    losing = signals[signals.target.isin(list(targets)) & (signals.losing > 0)]
    text = "{}: {} of {} swarm proxies do no better than {} of their own mixture."
    found = [
        Caveat(
            text.format(row.target, row.losing, row.runs, learner.reference),
            serious=2 * row.losing > row.runs,
        )
        for row in losing.itertuples()
    ]
    light = [caveat for caveat in found if not caveat.serious]
    if len(light) <= MANY:
        return found
    most = losing.losing[2 * losing.losing <= losing.runs].max()
    short = f"On {len(light)} targets some swarm proxies, {most} of {losing.runs.max()} at most, do no better than {learner.reference} of"
    return [*(caveat for caveat in found if caveat.serious), Caveat(f"{short} their own mixture.")]


def _finals_below_reference(
    scores: pd.DataFrame, targets: Mapping[str, float], learner: Learner
) -> list[Caveat]:
    judged = scores[(scores.metric == learner.judged.name) & scores.task.isin(list(targets))]
    rows = judged[
        judged.value <= judged.unigram if learner.judged.higher else judged.value >= judged.unigram
    ]
    text = "On {} {} is no worse than the finals of {}: differences there mean nothing."
    named = (
        (task, learner.reference, ", ".join(sorted(set(part.mixer))))
        for task, part in rows.groupby("task")
    )
    return [Caveat(text.format(*names), serious=True) for names in named]


def _trivial_targets(study: Mapping[str, Any], targets: Mapping[str, float]) -> list[Caveat]:
    if study["goal"].get("leave_target_out"):
        return []
    inside = sorted(set(targets) & set(study["domains"]))
    if inside and set(targets) == set(study["domains"]):
        text = "The targets are the training domains themselves: for their mean, uniform is as good as any mixture. Hold targets out."
        return [Caveat(text, serious=True)]
    return [
        Caveat(
            f"Target {name} is also a training domain: more of it is always better for it. Hold a target out."
        )
        for name in inside
    ]


def _intervals(comparison: Comparison, scores: pd.DataFrame) -> list[Caveat]:
    if not comparison.seeded:
        return [
            Caveat(
                "One split of the rows: how it fell is not in the intervals. Another seed is another split."
            )
        ]
    if comparison.values.dropna(axis=1).shape[1] < 2:
        return [
            Caveat(
                "One seed shared by all arms: no difference can be told from luck. Ask for two or more final.seeds.",
                serious=True,
            )
        ]
    if comparison.documents is not None:
        return []
    return [Caveat(_scope(comparison, _level_error(comparison, scores)))]


def _scope(comparison: Comparison, level: float) -> str:
    """What is left of the verdicts when each model's error over documents is counted in full, as if no two shared their documents."""
    gaps = [comparison.difference(str(arm)) for arm in comparison.values.index if arm != REFERENCE]
    told = [gap for gap in gaps if gap.verdict in ("better", "worse")]
    standing = [
        gap
        for gap in told
        if abs(gap.value) > np.hypot(gap.high - gap.value, 1.96 * np.sqrt(2) * level)
    ]
    return (
        "No per-document losses: the intervals hold for the documents scored, not for new ones. One model's loss is known to "
        f"± {level:.3f} over documents; counted in full, as if no two models shared them, {len(standing)} of {len(told)} verdicts stand."
    )


def _level_error(comparison: Comparison, scores: pd.DataFrame) -> float:
    """Largest standard error over documents of one model's objective, nats/token."""
    rows = scores[(scores.metric == "loss") & scores.task.isin(list(comparison.targets))]
    share = rows.task.map(dict(comparison.targets)) / sum(comparison.targets.values())
    return float(np.sqrt(((share * rows.stderr) ** 2).groupby([rows.mixer, rows.seed]).sum()).max())


def _same_mixtures(mixtures: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    alike: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for mixture in mixtures:
        key = tuple(
            sorted((name, round(weight, 6) + 0.0) for name, weight in mixture["weights"].items())
        )
        alike.setdefault(key, []).append(mixture["mixer"])
    shared = [" and ".join(names) for names in alike.values() if len(names) > 1]
    return [
        Caveat(f"{names} chose the same mixture: one final model stands for them.")
        for names in shared
    ]


def _diverged(losses: pd.DataFrame) -> list[Caveat]:
    count = losses.run[losses.status == "diverged"].nunique()
    text = f"{count} of {losses.run.nunique()} proxies diverged and were left out: lower the learning rates."
    return [Caveat(text)] if count else []


def _of_sources(study: Mapping[str, Any]) -> list[Caveat]:
    kinds = {domain.get("source") for domain in study["domains"].values()}
    return [
        Caveat(source.caveat) for kind, source in SOURCES.items() if kind in kinds and source.caveat
    ]
