"""How proxies and finals answer the questions of targets, whichever number chooses the mixture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from mixwright.corpus.questions import ASKED, left_out
from mixwright.learners import CHOSEN, Learner
from mixwright.report.by_target import Cell, by_target
from mixwright.report.caveats import Caveat
from mixwright.report.cells import cell_of
from mixwright.report.frame import note, part, table
from mixwright.trust.noise import losses_of_role

# Standard errors above the share of a guess, from which answers are more than a guess.
ERRORS = 2.0


@dataclass(frozen=True)
class ProxyAnswers:
    """How the swarm's proxies answer the questions of one target. Shares of 1."""

    target: str
    questions: int
    chance: float  # what a guess has
    runs: int
    above: int  # runs whose accuracy is clearly above chance, plain or normalised
    accuracy: float  # medians over the runs
    accuracy_norm: float
    probability: float


@dataclass(frozen=True)
class FinalAnswers:
    """How the finals answer the questions of one target, by one number."""

    target: str
    metric: str  # accuracy, accuracy_norm or probability
    questions: int
    chance: float  # points of 100
    error: float  # over the questions, of one final, the median; points
    cells: Mapping[str, Cell]  # mixer -> its value, points, and how it differs from natural

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        content = {**vars(self)}
        cells = {}
        for mixer, cell in self.cells.items():
            gap = cell.against
            ends = {"low": gap.low, "high": gap.high, "verdict": gap.verdict}
            cells[mixer] = {"value": cell.value, "difference": gap.value} | ends
        return content | {"cells": cells}


def of_proxies(design: pd.DataFrame, losses: pd.DataFrame) -> tuple[ProxyAnswers, ...]:
    """Returns a row a target of questions, by name; none where no question was asked.

    Args:
        design: a DESIGN table.
        losses: a LOSSES table.
    """
    if "accuracy" not in losses:
        return ()
    swarm = losses_of_role(design, losses, "swarm")
    rows = []
    for target, of_target in swarm.dropna(subset=["accuracy"]).groupby("target"):
        chance = float(of_target.chance.iloc[0])
        error = np.sqrt(chance * (1 - chance) / of_target.questions)
        best = of_target[["accuracy", "accuracy_norm"]].max(axis=1)
        rows.append(
            ProxyAnswers(
                target=str(target),
                questions=int(of_target.questions.min()),
                chance=chance,
                runs=len(of_target),
                above=int((best > chance + ERRORS * error).sum()),
                accuracy=float(of_target.accuracy.median()),
                accuracy_norm=float(of_target.accuracy_norm.median()),
                probability=float(of_target.probability.median()),
            )
        )
    return tuple(rows)


def of_finals(
    scores: pd.DataFrame, learner: Learner, documents: pd.DataFrame | None
) -> tuple[FinalAnswers, ...]:
    """Returns a row a target of questions and a number, by the target's name.

    Args:
        scores: a SCORES table.
        learner: whose finals they are.
        documents: a DOCUMENTS table, for the error over questions.
    """
    rows = []
    for metric, shown in CHOSEN.items():
        of_metric = scores[scores.metric == metric]
        targets = sorted(set(of_metric.task))
        if not targets:
            continue
        judging = learner.choosing_by(dict.fromkeys(targets, metric), shown)
        cells = by_target(scores, dict.fromkeys(targets, 1.0), judging, documents)
        for target in targets:
            of_target = of_metric[of_metric.task == target]
            rows.append(
                FinalAnswers(
                    target=target,
                    metric=metric,
                    questions=int(of_target.n.max()),
                    chance=100 * float(of_target.unigram.iloc[0]),
                    error=100 * float(of_target.stderr.median()),
                    cells=cells[target],
                )
            )
    return tuple(sorted(rows, key=lambda row: row.target))


def question_caveats(texts: Mapping[str, Mapping[str, Any]]) -> list[Caveat]:
    """Returns what is to be said of rows with choices that are not asked.

    Args:
        texts: target -> the counts that stand in its file.
    """
    shares = {}
    for target, counts in texts.items():
        cleaning = counts.get("cleaning", {})
        lost = left_out(cleaning)
        if lost:
            shares[target] = f"{target} ({lost:,} of {cleaning[ASKED]:,})"
    if not shares:
        return []
    text = (
        f"Questions are not asked whose right answer stands alone, stands there twice, or is not"
        f" the end of the text: {', '.join(shares.values())}. Their losses count."
    )
    return [Caveat(text)]


def answers_section(
    finals: Sequence[FinalAnswers], proxies: Sequence[ProxyAnswers], arms: Sequence[str]
) -> str:
    """Returns a part of a section; nothing where no target has questions.

    Args:
        finals: what `of_finals` returns.
        proxies: what `of_proxies` returns.
        arms: the mixers, in the order of the page.
    """
    content = _of_finals(finals, arms) + _of_proxies(proxies)
    return part("How questions are answered", content)


def _of_finals(finals: Sequence[FinalAnswers], arms: Sequence[str]) -> str:
    """A row a target and number, a column a mixer."""
    if not finals:
        return ""
    heads = ["target", "number", "guess", "± of one final", *map(escape, arms)]
    lines = []
    for row in finals:
        title = CHOSEN[row.metric].title
        cells = [escape(row.target), title, f"{row.chance:.1f}", f"{row.error:.1f}"]
        cells += [cell_of(row.cells[arm], 2) for arm in arms]
        lines.append(cells)
    reading = (
        "Final models, in points of 100: of accuracies, questions whose right answer is the"
        " likeliest, normalised by the characters of the answer or not; of probabilities, that of"
        " the right answer among the answers. Below it the 95% interval of the difference from"
        " natural, over seeds and the same questions; each is for one comparison alone."
        f" Questions: {_counts(finals)}. A guess has what its column says;"
        " ± is the standard error over the questions."
    )
    return table(heads, lines, "How final models answer the questions of targets") + note(reading)


def _of_proxies(proxies: Sequence[ProxyAnswers]) -> str:
    """A row a target: whether its proxies do more than guess."""
    if not proxies:
        return ""
    heads = ["target", "questions", "guess", *(metric.title for metric in CHOSEN.values())]
    lines = []
    for row in proxies:
        values = [row.chance, row.accuracy, row.accuracy_norm, row.probability]
        cells = [escape(row.target), str(row.questions)]
        cells += [f"{100 * value:.1f}" for value in values]
        lines.append([*cells, f"{row.above} of {row.runs}"])
    reading = (
        "Proxies of the swarm at their last step, medians, in points of 100. A run is above a guess"
        f" where an accuracy exceeds it by {ERRORS:g} standard errors or more. Proxies that guess"
        " tell no mixtures apart by accuracy; their probabilities, and losses, may."
    )
    caption = "How proxies answer the questions of targets"
    return table([*heads, "runs above a guess"], lines, caption) + note(reading)


def _counts(finals: Sequence[FinalAnswers]) -> str:
    counts = {row.target: row.questions for row in finals}
    return ", ".join(f"{escape(target)} {count:,}" for target, count in counts.items())


def as_json(
    finals: Sequence[FinalAnswers], proxies: Sequence[ProxyAnswers]
) -> dict[str, list[dict[str, Any]]]:
    """Returns what `summary.json` holds of both."""
    return {
        "finals": [row.as_json() for row in finals],
        "proxies": [asdict(row) for row in proxies],
    }
