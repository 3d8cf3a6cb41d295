"""What can be trained on a mixture: a new learner is one entry in LEARNERS.

The workflow's rules are the same for all learners. Nothing heavy is imported: the workflow is
parsed with this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from mixwright.errors import MixwrightError

# Under this context, plain products on a CPU are faster than torch's fused attention: 3 to 9 times
# in bfloat16.
EXPLICIT_BELOW = 512
# Architectures that predict a token from both sides.
MASKED = ("bert",)
# What the width of a head is a multiple of; 2 where nothing stands here. Rotary embedding turns
# pairs, and in neox a quarter of a head only.
HEAD_MULTIPLE = {"neox": 8}


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
    """Where a learner's functions live, as `module:function`, and how its numbers are named."""

    rules: str  # workflow/rules/<rules>.smk makes what it reads
    environment: str  # envs/<environment>.yaml is what it trains with
    folder: str  # results/{study}/<folder>/{domain} is what it reads of a domain
    open_domain: str
    train_pack: str
    train_finals: str
    evaluate_finals: str
    judged: Metric  # what finals are compared by
    loss: Metric  # what proxies are measured by
    second: Metric  # shown beside the first of the finals' metrics
    # What knows the mixture and nothing else: the column `unigram` of losses and scores.
    reference: str
    sized: bool = True  # its runs have a number of tokens, repeat their data, depend on a seed
    masked: bool = False  # it predicts masked tokens from both sides

    def function(self, name: str) -> Callable[..., Any]:
        """Returns one of the four functions above, by the name of its field."""
        module, _, function_name = getattr(self, name).partition(":")
        function: Callable[..., Any] = getattr(import_module(f"mixwright.{module}"), function_name)
        return function


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
        sized=False,
    ),
}
