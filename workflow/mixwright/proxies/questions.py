"""Questions that a model is asked beside the texts that it is scored on. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from mixwright.corpus.choices import Choices, means
from mixwright.corpus.shards import Examples
from mixwright.mixture import Array

Row = dict[str, Any]
# Of targets that are no questions.
NO_CHOICES: Mapping[str, Choices] = MappingProxyType({})

# Before the name of a target: its answers among the texts to score. No target has such a name.
ANSWERS = "answers/"
# Columns of tables.LOSSES that hold what questions gave.
COLUMNS = ("accuracy", "accuracy_norm", "probability", "questions", "chance")


@dataclass(frozen=True, eq=False)
class Questions:
    """The questions of each target that has some."""

    choices: Mapping[str, Choices]

    @classmethod
    def first(
        cls, choices: Mapping[str, Choices], questions: int, example_tokens: int | None = None
    ) -> "Questions":
        """Returns the first questions of each target.

        Args:
            choices: target -> all its questions.
            questions: how many of each at most; 0: none.
            example_tokens: tokens of a question with an answer at most; longer ones are cut.
        """
        if not questions:
            return cls({})
        chosen = {}
        for target, of_target in choices.items():
            chosen[target] = _shortened(of_target.first(questions), example_tokens)
        return cls(chosen)

    @classmethod
    def of_texts(
        cls,
        choices: Mapping[str, Choices],
        texts: Mapping[str, Examples],
        example_tokens: int | None = None,
    ) -> "Questions":
        """Returns the questions that are among the texts that are scored.

        Args:
            choices: target -> all its questions.
            texts: target -> the first examples of it.
            example_tokens: as above.
        """
        chosen = {}
        for target, of_target in choices.items():
            part = of_target.of_examples(len(texts[target]))
            if len(part):
                chosen[target] = _shortened(part, example_tokens)
        return cls(chosen)

    @property
    def texts(self) -> dict[str, Examples]:
        """Returns name -> the answers to score, for each target."""
        return {ANSWERS + target: choices.answers for target, choices in self.choices.items()}

    def scores(self, loglikelihoods: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Returns target -> metric -> (questions,), of one model.

        Args:
            loglikelihoods: name -> (answers,) nats; targets whose answers are missing are left out.
        """
        results = {}
        for target, choices in self.choices.items():
            values = loglikelihoods.get(ANSWERS + target)
            if values is not None:
                results[target] = choices.scores(values)
        return results

    def columns(self, loglikelihoods: Mapping[str, Array]) -> dict[str, Row]:
        """Returns target -> COLUMNS of tables.LOSSES, of one model; as `scores`.

        Targets without a finite log-likelihood for each answer are left out: the model diverged.
        """
        rows = {}
        for target, scores in self.scores(loglikelihoods).items():
            mean = {metric: value for metric, (value, _) in means(scores).items()}
            if np.isfinite(list(mean.values())).all():
                choices = self.choices[target]
                rows[target] = mean | {"questions": len(choices), "chance": choices.chance}
        return rows

    def score_rows(self, target: str, scores: Mapping[str, Array]) -> list[Row]:
        """Returns a target's rows of tables.SCORES, a metric each; a guess is its `unigram`.

        Args:
            target: with questions.
            scores: what `scores` returns of it.
        """
        chance = self.choices[target].chance
        rows = []
        for metric, (value, error) in means(scores).items():
            rows.append(
                {
                    "task": target,
                    "metric": metric,
                    "value": value,
                    # One question has no deviation: its error is the greatest that a share has.
                    "stderr": 0.5 if np.isnan(error) else error,
                    "n": len(self.choices[target]),
                    "unigram": chance,
                }
            )
        return rows

    def by_example(
        self, target: str, scores: Mapping[str, Array], examples: int
    ) -> dict[str, Array]:
        """Returns metric -> (examples,) columns of tables.DOCUMENTS; NaN for what is no question.

        Args:
            target: with questions.
            scores: what `scores` returns of it.
            examples: of the target, that are scored.
        """
        columns = {}
        for metric, values in scores.items():
            column = np.full(examples, np.nan)
            column[self.choices[target].example] = values
            columns[metric] = column
        return columns


# Of studies without such targets.
NO_QUESTIONS = Questions({})


def _shortened(choices: Choices, example_tokens: int | None) -> Choices:
    """The same with answers and their questions cut as `Examples.first` cuts them."""
    if example_tokens is None:
        return choices
    return replace(choices, answers=choices.answers.first(example_tokens=example_tokens))
