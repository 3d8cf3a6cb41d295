"""What can be trained on a mixture: a new learner is one entry in LEARNERS, and the workflow's rules are the same for all.

Known without importing anything heavy, for the workflow is cut at parse time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from mixwright.errors import MixwrightError

EXPLICIT_BELOW = 512  # context under which plain products on a CPU are faster than torch's fused attention, in bfloat16 3 to 9 times
MASKED = ("bert",)  # architectures that predict a token from both sides
HEAD_MULTIPLE = {
    "neox": 8
}  # what a head's width is a multiple of, for rotary embedding turns pairs, in neox in a quarter of it; else 2


def table_rows(part: str, shape: Mapping[str, Any], tokens: int) -> int:
    """Rows of a model's embedding for a tokenizer of so many tokens: as many, or what the shape says; spare ones are never met."""
    rows = int(shape.get("vocabulary", tokens))
    if tokens > rows:
        raise MixwrightError(
            f"{part}.model: its vocabulary is {rows}, the tokenizer knows {tokens} tokens; take a larger one, or a smaller tokenizer"
        )
    return rows


@dataclass(frozen=True)
class Metric:
    """A column of the finals' scores, as reports name it."""

    name: str  # in tables.SCORES
    title: str  # of a table's column
    unit: str  # after a number
    higher: bool = False  # whether more of it is better


LOSS = Metric("loss", "loss", "nats/token")
BITS = Metric("bits_per_byte", "bits/byte", "bits/byte")
MASKED_LOSS = Metric("loss", "masked loss", "nats/token")
MASKED_BITS = Metric("bits_per_byte", "masked bits/byte", "bits/byte")
LOG_LOSS = Metric("loss", "log loss", "nats/example")
AVERAGE_PRECISION = Metric(
    "average_precision", "average precision", "average precision", higher=True
)


@dataclass(frozen=True)
class Learner:
    """Where the functions of a learner live, as `module:function`, and what is said of its numbers."""

    rules: str  # the rules file that makes what it reads
    environment: str  # envs/<environment>.yaml: what it trains with
    folder: str  # results/{study}/<folder>/{domain}: what it reads of a domain
    open_domain: str
    train_pack: str
    train_finals: str
    evaluate_finals: str
    judged: Metric  # what finals are compared by
    loss: Metric  # what proxies are measured by
    second: Metric  # told beside the first of the finals' metrics
    reference: (
        str  # what knows the mixture and nothing else: the column `unigram` of losses and scores
    )
    figures: tuple[str, ...]  # beside the mixtures, or what they reached target by target
    sized: bool = True  # its runs have a number of tokens, repeat their data and depend on a seed
    masked: bool = False  # it predicts tokens from both sides, in place of which it reads a mask

    def function(self, name: str) -> Callable[..., Any]:
        """One of the four functions above."""
        module, _, function = getattr(self, name).partition(":")
        found: Callable[..., Any] = getattr(import_module(f"mixwright.{module}"), function)
        return found


TEXT = Learner(
    rules="corpus",
    environment="train",
    folder="shards",
    open_domain="corpus.shards:open_shard",
    train_pack="proxies.pack:train_pack",
    train_finals="finals.train:train_finals",
    evaluate_finals="finals.score:evaluate_finals",
    judged=LOSS,
    loss=LOSS,
    second=BITS,
    reference="a unigram model",
    figures=("finals", "predicted", "domains", "noise"),
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
        train_finals="tabular.train:train_finals",
        evaluate_finals="tabular.score:evaluate_finals",
        judged=AVERAGE_PRECISION,
        loss=LOG_LOSS,
        second=LOG_LOSS,
        reference="one probability for all rows",
        figures=("finals", "predicted", "domains"),
        sized=False,
    ),
}
