"""What can be trained on a mixture, and what its numbers are.

A new learner is one entry in LEARNERS: the workflow's rules are the same for all. Nothing heavy is
imported: the workflow is parsed with this module.

Mixers minimise losses. A loss is minimised as it is. Other numbers are taken to a scale on which
they fall as mixtures get better, and what mixers say is taken back:

    loss        x            nats/token, bits/byte, or whatever its unit is
    perplexity  log x        nats/token
    accuracy    -log p       nats; p is the share of right answers
    probability -log p       nats; p is the mean probability of the right answers
    score       -x           a number without a known best value, more of it is better
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import isfinite
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, nearest
from mixwright.mixture import Array

# Under this context, plain products on a CPU are faster than torch's fused attention: 3 to 9 times
# in bfloat16.
EXPLICIT_BELOW = 512
# Architectures that the packed trainer has.
PACKED = ("llama", "gpt2", "neox", "bert")
# Architectures that predict a token from both sides.
MASKED = ("bert",)
# What the width of a head is a multiple of; 2 where nothing stands here. Rotary embedding turns
# pairs, and in neox a quarter of a head only.
HEAD_MULTIPLE = {"neox": 8}


# Of rotary embedding, where a shape names no other.
THETA = 10_000.0
# What norms add to a variance, where a shape names nothing else: of each architecture.
NORM_EPSILON = {"llama": 1e-5, "gpt2": 1e-5, "neox": 1e-5, "bert": 1e-12}


def table_rows(part: str, shape: Mapping[str, Any], tokens: int) -> int:
    """Returns the rows of a model's embedding: what its shape says, or one a token.

    Rows to spare are never read.

    Args:
        part: the section that names the model, for the error.
        shape: the model's shape.
        tokens: how many tokens the tokenizer knows.

    Raises:
        MixwrightError: the tokenizer knows more tokens than the shape has rows.
    """
    rows = int(shape.get("vocabulary", tokens))
    if tokens > rows:
        raise MixwrightError(
            f"{part}.model: its vocabulary is {rows}, the tokenizer knows {tokens} tokens;"
            " take a larger one, or a smaller tokenizer"
        )
    return rows


# The least share of right answers that counts, where nobody said how many questions there were.
LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Metric:
    """What a column of numbers is, and how reports name it."""

    # loss, perplexity, accuracy, probability, score, or a column of tables.SCORES
    name: str
    # of a table's column
    title: str
    # after a number; empty: the number has none
    unit: str
    # whether more of it is better
    higher: bool = False
    # the number of a perfect answer: 1, or 100 for percent
    whole: float = 1.0
    # questions that an accuracy is the share of right answers of; None: unknown
    questions: int | None = None
    # share of right answers of a guess; None: unknown
    chance: float | None = None

    @property
    def as_measured(self) -> bool:
        """Whether mixers minimise the numbers as they are."""
        return self.name not in SCALES

    @property
    def minimised_unit(self) -> str:
        """The unit of what mixers minimise; empty: it has none."""
        return MINIMISED_UNITS.get(self.name, self.unit)

    @property
    def averaged(self) -> str:
        """What a mean over targets averages, in words."""
        if self.name in MINIMISED_UNITS:
            sign = "-" if self.higher else ""
            return f"{sign}log {self.name}"
        return self.unit or self.title

    def words(self, value: float) -> str:
        """Returns a number with its unit, such as `2.3412 nats/token`."""
        decimals = 2 if self.whole == PERCENT.whole else 4
        return f"{value:.{decimals}f} {self.unit}".rstrip()

    def minimised(self, values: Array) -> Array:
        """Returns what mixers minimise for these numbers."""
        if self.as_measured:
            return values
        down, _ = SCALES[self.name]
        return down(self, values)

    def measured(self, minimised: Array) -> Array:
        """Returns the numbers, from what mixers minimise for them: the inverse of `minimised`."""
        if self.as_measured:
            return minimised
        _, up = SCALES[self.name]
        return up(self, minimised)

    def noise(self, values: Array) -> Array | None:
        """Returns the standard error of each number by the questions alone.

        It is that of a binomial share, in the numbers' unit. None: the questions are unknown.
        """
        if self.questions is None:
            return None
        share = np.clip(values / self.whole, self._least, 1.0)
        # one wrong answer more: no share is certain
        wrong = np.maximum(1 - share, self._least)
        return np.asarray(self.whole * np.sqrt(share * wrong / self.questions))

    @property
    def _least(self) -> float:
        if self.questions is None:
            return LEAST_SHARE
        return 0.5 / self.questions


def _from_share(metric: Metric, values: Array) -> Array:
    share = np.maximum(values / metric.whole, metric._least)
    return np.asarray(-np.log(share))


def _to_share(metric: Metric, minimised: Array) -> Array:
    return np.asarray(metric.whole * np.exp(-np.maximum(minimised, 0.0)))


def _from_perplexity(_: Metric, values: Array) -> Array:
    return np.asarray(np.log(values))


def _to_perplexity(_: Metric, minimised: Array) -> Array:
    return np.asarray(np.exp(minimised))


def _turned(_: Metric, values: Array) -> Array:
    return -values


Scale = Callable[[Metric, Array], Array]
# name of a metric -> to what mixers minimise, and back
SCALES: Mapping[str, tuple[Scale, Scale]] = {
    "perplexity": (_from_perplexity, _to_perplexity),
    "accuracy": (_from_share, _to_share),
    "probability": (_from_share, _to_share),
    "score": (_turned, _turned),
}

# what mixers minimise for a metric, where that has another unit than the metric
MINIMISED_UNITS: Mapping[str, str] = {
    "perplexity": "nats/token",
    "accuracy": "nats",
    "probability": "nats",
}

LOSS = Metric("loss", "loss", "nats/token")
PERPLEXITY = Metric("perplexity", "perplexity", "perplexity")
ACCURACY = Metric("accuracy", "accuracy", "accuracy", higher=True)
PERCENT = replace(ACCURACY, whole=100.0, unit="%")
SCORE = Metric("score", "score", "", higher=True)
# What a target of questions may choose a mixture by, beside the loss: a column of LOSSES and of
# DOCUMENTS, a metric of SCORES. A probability is no share of right answers, and has no binomial
# error: its questions are not told.
CHOSEN: Mapping[str, Metric] = {
    "accuracy": ACCURACY,
    "accuracy_norm": replace(ACCURACY, title="normalised accuracy"),
    "probability": Metric(
        "probability", "probability of the right answer", "probability", higher=True
    ),
}
# of a goal over accuracies, over probabilities, over both, and over numbers of several units
POINTS = Metric("points", "mean accuracy", "points of accuracy", higher=True, whole=100.0)
PROBABILITY_POINTS = replace(POINTS, title="mean probability", unit="points of probability")
SHARE_POINTS = replace(POINTS, title="mean of accuracies and probabilities", unit="points")
MIXED = Metric("mixed", "weighted mean", "in mixed units")
# what an accuracy's `questions`, `chance` and `whole` are called
ACCURACY_SETTINGS = ("questions", "chance", "whole")
# name -> what a target's numbers may be
KINDS: Mapping[str, Metric] = {
    metric.name: metric for metric in (LOSS, PERPLEXITY, ACCURACY, SCORE)
}


def kind(name: str) -> Metric:
    """Returns the metric of this name.

    Raises:
        MixwrightError: there is none.
    """
    if name not in KINDS:
        raise MixwrightError(f"metric {name}: no such kind of number; {nearest(name, KINDS)}")
    return KINDS[name]


def with_setting(where: str, metric: Metric, key: str, number: float) -> Metric:
    """Returns an accuracy with its questions, chance or whole.

    Args:
        where: what a message begins with.

    Raises:
        MixwrightError: the metric is no accuracy, or the setting cannot have the number.
    """
    if metric.name != "accuracy":
        raise MixwrightError(
            f"{where}: {key} is a setting of accuracy, not of {metric.name}; leave it out"
        )
    if key == "questions":
        if not (number >= 1 and number.is_integer()):
            raise MixwrightError(f"{where}: questions is a count; give a whole number from 1 on")
        return replace(metric, questions=int(number))
    if key == "chance":
        if not 0 <= number < 1:
            raise MixwrightError(f"{where}: chance is a share of 1; give one such as chance=.25")
        return replace(metric, chance=number)
    if not (number > 0 and isfinite(number)):
        raise MixwrightError(f"{where}: whole is the number of a perfect answer; give 1 or 100")
    unit = PERCENT.unit if number == PERCENT.whole else metric.unit
    return replace(metric, whole=number, unit=unit)


BITS = Metric("bits_per_byte", "bits/byte", "bits/byte")
MASKED_LOSS = Metric("loss", "masked loss", "nats/token")
MASKED_BITS = Metric("bits_per_byte", "masked bits/byte", "bits/byte")
LOG_LOSS = Metric("loss", "log loss", "nats/example")
AVERAGE_PRECISION = Metric(
    "average_precision", "average precision", "average precision", higher=True
)


@dataclass(frozen=True)
class Learner:
    """Where a learner's functions live, as `module:function`, and how its numbers are named."""

    rules: str  # workflow/rules/<rules>.smk makes what it reads
    environment: str  # envs/<environment>.yaml is what it trains with
    folder: str  # results/{study}/<folder>/{domain} is what it reads of a domain
    open_domain: str
    train_pack: str
    evaluate_batch: str
    train_finals: str
    evaluate_finals: str
    judged: Metric  # what finals are compared by
    loss: Metric  # what proxies are measured by
    second: Metric  # shown beside the first of the finals' metrics
    # What knows the mixture and nothing else: the column `unigram` of losses and scores.
    reference: str
    # what it learns from: text, or labels, as mixwright.sources names what a source yields
    reads: str = "text"
    sized: bool = True  # its runs have a number of tokens, repeat their data, depend on a seed
    masked: bool = False  # it predicts masked tokens from both sides
    # Target of questions -> what chooses by it and judges it, a name of CHOSEN; see `choosing_by`.
    chosen: Mapping[str, str] = field(default_factory=dict)

    def choosing_by(self, chosen: Mapping[str, str], shown: Metric) -> "Learner":
        """Returns the learner of a study in which targets of questions choose by their answers.

        What finals were compared by stands beside that, and judges the other targets.

        Args:
            chosen: target -> a name of CHOSEN.
            shown: what a goal over the study's targets is shown as.
        """
        return replace(self, judged=shown, loss=shown, second=self.judged, chosen=chosen)

    def judges(self, target: str) -> Metric:
        """Returns what finals are compared by on one target."""
        if target in self.chosen:
            return CHOSEN[self.chosen[target]]
        return self.second if self.chosen else self.judged

    def function(self, name: str) -> Callable[..., Any]:
        """Returns one of the five functions above, by the name of its field."""
        module, _, function_name = getattr(self, name).partition(":")
        function: Callable[..., Any] = getattr(import_module(f"mixwright.{module}"), function_name)
        return function


TEXT = Learner(
    rules="corpus",
    environment="train",
    folder="shards",
    open_domain="corpus.shards:open_shard",
    train_pack="proxies.pack:train_pack",
    evaluate_batch="proxies.evaluate:evaluate_batch",
    train_finals="finals.train:train_finals",
    evaluate_finals="finals.score:evaluate_finals",
    judged=LOSS,
    loss=LOSS,
    second=BITS,
    reference="a unigram model",
)
LEARNERS = {
    "causal-lm": TEXT,
    "masked-lm": replace(
        TEXT, judged=MASKED_LOSS, loss=MASKED_LOSS, second=MASKED_BITS, masked=True
    ),
    "trees": Learner(
        rules="tabular",
        environment="tabular",
        folder="datasets",
        open_domain="tabular.dataset:open_dataset",
        train_pack="tabular.pack:train_pack",
        evaluate_batch="tabular.pack:evaluate_batch",
        train_finals="tabular.train:train_finals",
        evaluate_finals="tabular.score:evaluate_finals",
        judged=AVERAGE_PRECISION,
        loss=LOG_LOSS,
        second=LOG_LOSS,
        reference="one probability for all rows",
        reads="labels",
        sized=False,
    ),
}
