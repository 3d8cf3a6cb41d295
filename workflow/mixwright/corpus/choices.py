"""Questions of which a model chooses the answer: the answers of a target, and what choosing gives.

An answer's log-likelihood l_a is that of its tokens behind the question. Of a question

    accuracy       1 where the right answer has the greatest l_a, else 0
    accuracy_norm  1 where it has the greatest l_a / characters of the answer, else 0
    probability    p(right) / sum of p over the answers, with p = exp(l_a)

The first two are acc and acc_norm of lm-evaluation-harness 0.4.13 (lm_eval/api/task.py,
ConfigurableTask.process_results), which divides by len of the answer as it is written, without the
space before it; its acc_bytes divides by UTF-8 bytes. Of equal numbers the first answer's counts
(argmax), there as here. The third is the normalised correct probability of DataDecide (arXiv
2504.11393), by which small models rank data where their accuracy is still that of a guess.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Ints
from mixwright.errors import MixwrightError
from mixwright.mixture import Array

# Before the names of the arrays in a target's file.
OF_ANSWERS, OF_QUESTIONS = "answers.", "questions."


@dataclass(frozen=True, eq=False)
class Choices:
    """All answers of the questions of a target; those of a question stand side by side."""

    # each answer, its context before it
    answers: Examples
    # (answers,) number of its question, from 0 on
    question: Ints
    # (answers,) characters of the answer alone
    characters: Ints
    # (questions,) the right answer, by its number among all answers
    right: Ints
    # (questions,) the target's example that is this question with its right answer
    example: Ints

    @classmethod
    def of(
        cls,
        answers: Examples,
        characters: Sequence[Sequence[int]],
        right: Sequence[int],
        example: Sequence[int],
    ) -> "Choices":
        """Returns the choices of some questions.

        Args:
            answers: those of all questions, in the questions' order.
            characters: of each question, those of each answer.
            right: of each question, the place of the right answer among its own.
            example: of each question, the number of the target's example.
        """
        sizes = np.array([len(of_question) for of_question in characters], np.int64)
        flat = [size for of_question in characters for size in of_question]
        firsts = np.cumsum(sizes) - sizes
        return cls(
            answers,
            question=np.repeat(np.arange(len(sizes)), sizes),
            characters=np.array(flat, np.int64),
            right=firsts + np.array(right, np.int64),
            example=np.array(example, np.int64),
        )

    def __len__(self) -> int:
        return len(self.right)

    @property
    def chance(self) -> float:
        """The share of right answers of a guess: the mean over the questions of 1 / answers."""
        return float(np.mean(1 / np.bincount(self.question)))

    def first(self, questions: int) -> "Choices":
        """Returns the first questions."""
        return self._cut(min(questions, len(self)))

    def of_examples(self, examples: int) -> "Choices":
        """Returns the questions that are among the first examples of the target."""
        return self._cut(int(np.searchsorted(self.example, examples)))

    def _cut(self, count: int) -> "Choices":
        answers = int(np.searchsorted(self.question, count))
        return Choices(
            self.answers.first(examples=answers),
            self.question[:answers],
            self.characters[:answers],
            self.right[:count],
            self.example[:count],
        )

    def scores(self, loglikelihoods: Array) -> dict[str, Array]:
        """Returns metric -> (..., questions): what each question gives, by the page's formulas.

        Args:
            loglikelihoods: (..., answers) nats. A question with one that is no number is NaN.
        """
        values = np.asarray(loglikelihoods, np.float64)
        unknown = np.add.reduceat(np.isnan(values), self._firsts, axis=-1) > 0
        results = {
            "accuracy": self._chosen(values),
            "accuracy_norm": self._chosen(values / self.characters),
            "probability": self._probabilities(values),
        }
        return {name: np.where(unknown, np.nan, result) for name, result in results.items()}

    def _chosen(self, values: Array) -> Array:
        """(..., questions) 1.0 where the right answer is the first of those with most."""
        most = np.maximum.reduceat(values, self._firsts, axis=-1)
        is_best = values == most[..., self.question]
        places = np.where(is_best, np.arange(values.shape[-1]), values.shape[-1])
        first_best = np.minimum.reduceat(places, self._firsts, axis=-1)
        return (first_best == self.right).astype(np.float64)

    def _probabilities(self, values: Array) -> Array:
        """(..., questions) the right answer's share of the answers' likelihoods."""
        most = np.maximum.reduceat(values, self._firsts, axis=-1)
        likelihoods = np.exp(values - most[..., self.question])
        totals = np.add.reduceat(likelihoods, self._firsts, axis=-1)
        return np.asarray(likelihoods[..., self.right] / totals)

    @property
    def _firsts(self) -> Ints:
        """(questions,) the number of each question's first answer."""
        return np.searchsorted(self.question, np.arange(len(self)))

    def add_to(self, path: Path) -> None:
        """Writes the arrays into a file that `Examples.save` wrote; equal ones give equal bytes."""
        with ZipFile(path, "a", ZIP_DEFLATED) as file:
            for name, array in self._arrays().items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        """Name in the file -> array."""
        arrays = {}
        for part in fields(Examples):
            array = getattr(self.answers, part.name)
            if array is not None:
                arrays[OF_ANSWERS + part.name] = array
        for part in fields(self)[1:]:
            arrays[OF_QUESTIONS + part.name] = getattr(self, part.name)
        return arrays

    @classmethod
    def load(cls, path: str | Path) -> "Choices | None":
        """Reads the choices of a target's file; None where it has no questions with answers.

        Raises:
            MixwrightError: the file is missing or broken.
        """
        answers = {}
        questions = {}
        try:
            with np.load(path) as arrays:
                for name in arrays.files:
                    if name.startswith(OF_ANSWERS):
                        answers[name.removeprefix(OF_ANSWERS)] = arrays[name]
                    elif name.startswith(OF_QUESTIONS):
                        questions[name.removeprefix(OF_QUESTIONS)] = arrays[name]
            return cls(Examples(**answers), **questions) if answers else None
        except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
            raise MixwrightError(
                f"{path}: not a file of examples ({error.__class__.__name__});"
                " tokenize the corpus again"
            ) from None


def load_choices(paths: Iterable[str | Path]) -> dict[str, Choices]:
    """Returns target -> its choices, of those of the targets' files that hold questions."""
    loaded = {}
    for path in paths:
        choices = Choices.load(path)
        if choices is not None:
            loaded[Path(path).stem] = choices
    return loaded


def means(scores: Mapping[str, Array]) -> dict[str, tuple[float, float]]:
    """Returns metric -> its mean over the questions and the standard error of that mean.

    The error is the sample's deviation over the root of their number, as lm-evaluation-harness
    computes it (mean_stderr of lm_eval/api/metrics.py): of shares that is sqrt(p (1 - p) / (n -
    1)). One question leaves it NaN.

    Args:
        scores: of one model, what `Choices.scores` returns: (questions,) each.
    """
    results = {}
    for name, values in scores.items():
        error = float("nan")
        if len(values) > 1:
            error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
        results[name] = float(np.mean(values)), error
    return results
