"""Collects what a reader should distrust in a study, each point in one or two sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.learners import Learner
from mixwright.report.comparison import Comparison
from mixwright.report.start_caveats import of_checkpoints
from mixwright.sources import SOURCES
from mixwright.study.study import Study
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.noise import THRESHOLD

# (domain, weight) of a mixture, rounded: equal mixtures have equal keys.
MixtureKey = tuple[tuple[str, float], ...]
# Up to so many caveats of one kind are listed one by one.
MANY = 4
LOWER = "Lower final.optimizer.muon_lr and adam_lr."


@dataclass(frozen=True)
class Caveat:
    """One reason for distrust."""

    text: str
    serious: bool = False  # it can turn the headline over


def find_caveats(
    study: Study,
    learner: Learner,
    comparison: Comparison,
    scores: pd.DataFrame,
    signals: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    finals: pd.DataFrame | None = None,
) -> tuple[Caveat, ...]:
    """Returns all caveats of a study, the serious ones first.

    Args:
        study: the study.
        learner: what `mixwright.report.judging.learner_of` returns of it.
        comparison: its final models, compared.
        scores: the SCORES table of its finals.
        signals: what `mixwright.trust.noise.target_signals` returns.
        losses: the LOSSES table of its proxies.
        mixtures: its proposals.
        finals: the FINALS table, where it is known.
    """
    caveats = _of_proxies(study, signals, losses)
    caveats += _finals_below_reference(scores, study.target_weights, learner)
    caveats += _intervals(comparison, scores)
    caveats += _diverged_finals(finals, study.diverged)
    caveats += _same_mixtures(mixtures, "so they share one final model")
    caveats += _without_evidence(mixtures)
    return serious_first(caveats)


def proposal_caveats(
    study: Study,
    signals: pd.DataFrame,
    losses: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
) -> tuple[Caveat, ...]:
    """Returns the caveats of proposals that no final model tested; arguments as above."""
    untested = Caveat(
        "No final model was trained. What is said of a mixture is predicted from the proxies,"
        " at their size and length."
    )
    caveats = [untested, *_of_proxies(study, signals, losses)]
    caveats += _same_mixtures(mixtures, "so one final model tests both")
    caveats += _without_evidence(mixtures)
    return serious_first(caveats)


def _of_proxies(study: Study, signals: pd.DataFrame, losses: pd.DataFrame) -> list[Caveat]:
    """What is to be distrusted before any final model is trained."""
    signals = signals[signals.target.isin(list(study.target_weights))]
    caveats = []
    if study.learner.sized:
        caveats += _noisy(signals)
    by_answers = signals.target.isin(list(study.chosen))
    end = f"do no better than {study.learner.reference} of their own mixture."
    caveats += _proxies_below_reference(signals[~by_answers], end)
    caveats += _proxies_below_reference(signals[by_answers], "answer no better than a guess.")
    caveats += _trivial_targets(study)
    caveats += _diverged(losses)
    caveats += [Caveat(words) for words in of_checkpoints(study)]
    for name in [*study.domains, *study.targets]:
        caveats += [Caveat(words) for words in study.source(name).caveats()]
    return caveats


def serious_first(caveats: Sequence[Caveat]) -> tuple[Caveat, ...]:
    """Returns the caveats, those that can turn the headline over first."""
    return tuple(sorted(caveats, key=lambda caveat: not caveat.serious))


def _noisy(signals: pd.DataFrame) -> list[Caveat]:
    """Targets whose losses differ little over mixtures, beside their scatter over seeds."""
    caveats = []
    weak = signals[signals.signal_to_noise < THRESHOLD]
    if len(weak):
        targets = [f"{row.target} ({row.signal_to_noise:.1f})" for row in weak.itertuples()]
        names = ", ".join(targets)
        text = (
            f"Signal-to-noise is under {THRESHOLD:g} on {names}."
            " Proxies this small cannot tell mixtures apart there."
        )
        caveats.append(Caveat(text, serious=True))
    unknown = signals.target[signals.signal_to_noise.isna()]
    if len(unknown):
        text = (
            f"Signal-to-noise is unknown for {', '.join(unknown)}."
            " To measure it, train one mixture with several seeds (designs.repeat)."
        )
        caveats.append(Caveat(text))
    return caveats


def _proxies_below_reference(signals: pd.DataFrame, end: str) -> list[Caveat]:
    """Swarm proxies that lose to what knows nothing but their mixture, or to a guess: `end`."""
    losing = signals[signals.losing > 0]
    # On these, most proxies lose.
    most = 2 * losing.losing > losing.runs
    caveats = []
    for row, serious in zip(losing.itertuples(), most, strict=True):
        text = f"On {row.target}, {row.losing} of {row.runs} swarm proxies {end}"
        caveats.append(Caveat(text, serious=bool(serious)))
    few = losing[~most]
    if len(few) <= MANY:
        return caveats
    highest = few.losing.max()
    text = (
        f"On {len(few)} targets, some swarm proxies"
        f" (at most {highest} of {losing.runs.max()}) {end}"
    )
    return [*(caveat for caveat in caveats if caveat.serious), Caveat(text)]


def _finals_below_reference(
    scores: pd.DataFrame, targets: Mapping[str, float], learner: Learner
) -> list[Caveat]:
    """Finals that lose to what knows their mixture and nothing else."""
    caveats = []
    for task in sorted(targets):
        metric = learner.judges(task)
        name = learner.chosen.get(task, metric.name)
        rows = scores[(scores.metric == name) & (scores.task == task)]
        losing = rows.value >= rows.unigram
        if metric.higher:
            losing = rows.value <= rows.unigram
        if not losing.any():
            continue
        names = ", ".join(sorted(set(rows.mixer[losing])))
        reference = "a guess" if task in learner.chosen else learner.reference
        text = (
            f"On {task}, {reference} is no worse than the finals of {names}."
            " Differences there mean nothing."
        )
        caveats.append(Caveat(text, serious=True))
    return caveats


def _trivial_targets(study: Study) -> list[Caveat]:
    """Targets that are training domains too."""
    if study.config["goal"].get("leave_target_out"):
        return []
    targets = set(study.target_weights)
    inside = sorted(targets & set(study.domains))
    if inside and targets == set(study.domains):
        text = (
            "The targets are the training domains themselves, and for their mean"
            " uniform is as good as any mixture. Use held-out targets."
        )
        return [Caveat(text, serious=True)]
    caveats = []
    for name in inside:
        text = (
            f"Target {name} is also a training domain, so more of it always helps it."
            " Use a held-out target."
        )
        caveats.append(Caveat(text))
    return caveats


def _intervals(comparison: Comparison, scores: pd.DataFrame) -> list[Caveat]:
    """What the intervals leave out."""
    if not comparison.seeded:
        text = (
            "The rows were split once, and the intervals do not count the choice of split."
            " Another seed makes another split."
        )
        return [Caveat(text)]
    shared = comparison.values.dropna(axis=1).shape[1]
    if shared < 2:
        text = (
            "The final models share fewer than two seeds, so no difference can be told from luck."
            " Set two or more final.seeds."
        )
        return [Caveat(text, serious=True)]
    if comparison.documents is not None:
        return []
    return [Caveat(_scope(comparison, _level_error(comparison, scores)))]


def _scope(comparison: Comparison, level: float) -> str:
    """Says which verdicts stand if each model's error over documents, `level`, counts in full.

    That is as if no two models were scored on the same documents.
    """
    verdicts = 0
    standing = 0
    for arm in comparison.values.index:
        if arm == REFERENCE:
            continue
        gap = comparison.difference(str(arm))
        if gap.verdict not in ("better", "worse"):
            continue
        verdicts += 1
        if abs(gap.value) > np.hypot(gap.high - gap.value, 1.96 * np.sqrt(2) * level):
            standing += 1
    return (
        "There are no losses per document, so the intervals hold for the documents scored,"
        f" not for new ones. Over documents, the loss of one model is known to ± {level:.3f}."
        " If this error counts in full, as if no two models shared documents,"
        f" {standing} of {verdicts} verdicts stand."
    )


def _level_error(comparison: Comparison, scores: pd.DataFrame) -> float:
    """Largest standard error over documents of one model's objective, nats/token."""
    of_loss = scores.metric == "loss"
    of_target = scores.task.isin(list(comparison.targets))
    rows = scores[of_loss & of_target]
    share = rows.task.map(dict(comparison.targets)) / sum(comparison.targets.values())
    variances = (share * rows.stderr) ** 2
    by_final = variances.groupby([rows.mixer, rows.seed]).sum()
    return float(np.sqrt(by_final).max())


def _same_mixtures(mixtures: Sequence[Mapping[str, Any]], so: str) -> list[Caveat]:
    """Mixers that proposed one mixture; those with a goal for each target are left aside."""
    mixers: dict[MixtureKey, list[str]] = {}
    for mixture in mixtures:
        if "goal" in mixture:
            continue
        # Adding 0 makes -0.0 and 0.0 the same key.
        weights = {}
        for name, weight in mixture["weights"].items():
            # Adding 0.0 turns -0.0 into 0.0.
            weights[name] = round(weight, 6) + 0.0
        key = tuple(sorted(weights.items()))
        mixers.setdefault(key, []).append(mixture["mixer"])
    caveats = []
    for names in mixers.values():
        if len(names) > 1:
            text = f"{' and '.join(names)} chose the same mixture, {so}."
            caveats.append(Caveat(text))
    return caveats


def _without_evidence(mixtures: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    """Mixtures of which the proxies cannot tell whether they are better than natural."""
    mixers: dict[str, list[str]] = {}
    for mixture in mixtures:
        evidence = mixture.get("intervals", {}).get("evidence") or {}
        if "goal" in mixture or not evidence.get("reasons"):
            continue
        verdict = str(mixture["intervals"]["verdict"])
        mixers.setdefault(verdict, []).append(mixture["mixer"])
    caveats = []
    for verdict, names in mixers.items():
        text = f"Of the mixture that {' and '.join(names)} proposed, {verdict}."
        caveats.append(Caveat(text))
    return caveats


def _diverged(losses: pd.DataFrame) -> list[Caveat]:
    count = losses.run[losses.status == "diverged"].nunique()
    if not count:
        return []
    runs = losses.run.nunique()
    text = f"{count} of {runs} proxies diverged and were left out; lower the learning rates."
    return [Caveat(text)]


def _diverged_finals(finals: pd.DataFrame | None, diverged: str) -> list[Caveat]:
    """Final models without a score, because their losses were not finite.

    Who says `diverged: drop` has decided that the others are enough.
    """
    names = []
    for row in _without_score(finals).itertuples():
        name = f"{row.mixer} with seed {row.seed} (step {row.step:.0f})"
        names.append(name)
    if not names:
        return []
    text = (
        f"These final models diverged and have no score: {', '.join(names)}."
        f" Mixtures are compared over the seeds that all have. {LOWER}"
    )
    return [Caveat(text, serious=diverged == "refuse")]


def check_reference(finals: pd.DataFrame | None) -> None:
    """Refuses finals of which nothing can be said, for no final of natural has a score.

    Raises:
        MixwrightError: there is none, because all diverged.
    """
    if finals is None:
        return
    reference = finals[finals.mixer == REFERENCE]
    lost = _without_score(reference)
    if len(lost) and len(lost) == len(reference):
        raise MixwrightError(
            f"finals: every final model of {REFERENCE}, with which all are compared, diverged"
            f" (step {lost.step.max():.0f} of the last);"
            " lower final.optimizer.muon_lr and adam_lr,"
            " and run the study again"
        )


def _without_score(finals: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of final models that diverged."""
    if finals is None:
        return pd.DataFrame(columns=["mixer", "seed", "step", "status"])
    return finals[finals.status == "diverged"]


def is_demonstration(study: Study) -> bool:
    """Whether the study's data are there to show how things work, and for nothing else."""
    return bool(demonstration_caveats(study))


def demonstration_caveats(study: Study) -> list[Caveat]:
    """Returns what is to be said of data that no conclusion may rest on; usually nothing."""
    kinds = {domain.get("source") for domain in study.config["domains"].values()}
    caveats = []
    for kind, source in SOURCES.items():
        if kind in kinds and source.caveat:
            caveats.append(Caveat(source.caveat, serious=True))
    return caveats
