"""Scores the final models on held-out text: nats/token and bits/byte.

The texts are every target, and every domain's validation split.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import tables
from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import Unigrams, scored_counts
from mixwright.errors import MixwrightError
from mixwright.numerics.ratio import ratio
from mixwright.progress import Log, say
from mixwright.proxies.scored import scored_texts
from mixwright.study.study import Study

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, PreTrainedModel

LOGITS = 2**24  # most logits held at a time: 64 MiB in float32


@dataclass(frozen=True)
class Scored:
    """What finals reached on every task."""

    scores: pd.DataFrame  # rows of tables.SCORES
    documents: pd.DataFrame  # rows of tables.DOCUMENTS: the loss of every example, for paired tests


def evaluate_finals(
    finals: pd.DataFrame,
    targets: Mapping[str, Examples],
    shards: Sequence[Shard],
    study: Study,
    log: Log = say,
) -> Scored:
    """Scores each model of a FINALS table once.

    A final that diverged has no score. Of the others `evaluation.final_tokens` of every text are
    scored. An arm with a goal of its own is scored on that target alone. The column `unigram` is
    the loss of the unigram model of the arm's own mixture on the same tokens, in the same unit.

    Raises:
        MixwrightError: a task has no example, or a final model is gone.
    """
    tasks = scored_texts(targets, shards, study, study.evaluation["final_tokens"])
    shards = sorted(shards, key=lambda shard: shard.domain)
    device = study.final["device"]
    mask = shards[0].mask_token if study.learner.masked else None
    scores: list[dict[str, Any]] = []
    documents: list[pd.DataFrame] = []
    pairs = 0
    # no folder is a final that diverged
    for folder, arms in finals.groupby("folder", sort=False, dropna=True):
        losses = _model_losses(str(folder), tasks, device, mask)
        unigram = _unigram(arms.realised.iloc[0], shards, tasks)
        for arm in arms.itertuples():
            names = {"mixer": arm.mixer, "seed": arm.seed}
            for task, examples in tasks.items():
                if not pd.isna(arm.goal) and arm.goal != task:
                    continue
                pairs += 1
                for row in score(task, losses[task], examples, unigram[task]):
                    scores.append(names | row)
                documents.append(_documents(names, task, losses[task], examples))
        log(f"scored {pairs:,} pairs of a final and a task")
    if not scores:
        return Scored(_empty(tables.SCORES), _empty(tables.DOCUMENTS))
    return Scored(pd.DataFrame(scores), pd.concat(documents, ignore_index=True))


def score(
    task: str, losses: NDArray[np.float64], examples: Examples, unigram: float
) -> list[dict[str, Any]]:
    """Returns a task's two rows of tables.SCORES: loss and bits per byte.

    Args:
        task: the target or domain.
        losses: (examples,) nats, summed over each example's scored tokens.
        examples: what was scored.
        unigram: the loss of the unigram model, in nats/token.
    """
    tokens = examples.scored_tokens
    bits = losses / math.log(2)
    unigram_bits = unigram * tokens.sum() / math.log(2) / examples.scored_bytes.sum()
    metrics = (
        ("loss", ratio(losses, tokens), unigram),
        ("bits_per_byte", ratio(bits, examples.scored_bytes), unigram_bits),
    )
    return [
        {
            "task": task,
            "metric": metric,
            "value": value,
            "stderr": stderr,
            "n": len(examples),
            "unigram": reference,
        }
        for metric, (value, stderr), reference in metrics
    ]


def example_losses(
    model: "PreTrainedModel", examples: Examples, device: str = "cpu"
) -> NDArray[np.float64]:
    """Scores examples under a causal language model of transformers.

    Returns:
        (examples,) nats, summed over each example's scored tokens.
    """
    import torch
    from torch.nn.functional import cross_entropy

    sums = np.empty(len(examples), np.float64)
    with torch.inference_mode():
        for chosen, tokens, scored in _batches(examples, model.config.vocab_size):
            batch = torch.from_numpy(tokens).to(device)
            logits = model(input_ids=batch[:, :-1], use_cache=False).logits.float()
            labels = batch[:, 1:].flatten()
            losses = cross_entropy(logits.flatten(0, 1), labels, reduction="none")
            losses = losses.view(len(chosen), -1)
            sums[chosen] = (losses.double().cpu().numpy() * scored).sum(axis=1)
    return sums


def _batches(
    examples: Examples, vocabulary: int
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_]]]:
    """Batches of examples of similar length.

    Yields:
        (B,) the numbers of the examples.
        (B, T) their tokens, padded at the end, which no causal model sees.
        (B, T - 1) which tokens after the first are scored.
    """
    lengths = np.diff(examples.starts)
    order = np.argsort(lengths, kind="stable")
    while len(order):
        # the longest of a batch decides its width, so cut from the long end
        width = int(lengths[order[-1]])
        size = max(1, LOGITS // (vocabulary * width))
        chosen = order[-size:]
        order = order[:-size]
        # past the end of an example its last token is repeated
        offsets = np.minimum(np.arange(width), lengths[chosen, None] - 1)
        tokens = examples.tokens[examples.starts[chosen, None] + offsets]
        position = np.arange(1, width)
        begins = examples.scored_from[chosen, None]
        scored = (position >= begins) & (position < lengths[chosen, None])
        yield chosen, tokens, scored


def masked_losses(
    model: "BertForMaskedLM", examples: Examples, mask: int, device: str = "cpu"
) -> NDArray[np.float64]:
    """Scores examples under a BertForMaskedLM, in the windows and with the masks of proxies.

    Returns:
        (examples,) nats, summed over each example's scored tokens.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from mixwright.proxies.scoring import Exam

    sums = torch.zeros(len(examples), dtype=torch.float64)
    exam = Exam.of({"": examples}, model.config.max_position_embeddings, device, mask=mask)
    with torch.inference_mode():
        for batch in exam.batches:
            states = model.bert(input_ids=batch.tokens).last_hidden_state
            logits = model.cls(states.flatten(0, 1)[batch.places])
            losses = cross_entropy(logits.float(), batch.labels, reduction="none")
            sums.index_add_(0, batch.columns.cpu(), losses.double().cpu())
    return sums.numpy()


def _model_losses(
    folder: str, tasks: Mapping[str, Examples], device: str, mask: int | None
) -> dict[str, NDArray[np.float64]]:
    """Scores all tasks under the model of a folder: task -> (examples,) nats.

    `mask` is the token that masks, None for a causal model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
    from transformers.utils import logging

    from mixwright.proxies.device import prepare

    logging.disable_progress_bar()
    prepare(device)
    if not (Path(folder) / "config.json").exists():
        raise MixwrightError(
            f"{folder}: the final model is gone; train it again (snakemake --forcerun train_finals)"
        )
    kind = AutoModelForCausalLM if mask is None else AutoModelForMaskedLM
    model = kind.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    losses: dict[str, NDArray[np.float64]] = {}
    for task, examples in tasks.items():
        if mask is None:
            losses[task] = example_losses(model, examples, device)
        else:
            losses[task] = masked_losses(model, examples, mask, device)
    return losses


def _unigram(
    realised: Sequence[Mapping[str, Any]], shards: Sequence[Shard], tasks: Mapping[str, Examples]
) -> dict[str, float]:
    """Task -> nats/token of the unigram model of the tokens that a final took."""
    tokens = {row["domain"]: row["tokens"] for row in realised}
    weights = np.array([tokens.get(shard.domain, 0) for shard in shards], np.float64)
    weights = weights / weights.sum()
    unigrams = Unigrams.of(np.stack([shard.unigram for shard in shards]))
    scored = {}
    for task, examples in tasks.items():
        counts = scored_counts(examples, shards[0].vocabulary)
        scored[task] = counts.astype(np.float64)
    return unigrams.losses(weights, scored)


def _empty(table: tables.Table) -> pd.DataFrame:
    return table.schema.empty_table().to_pandas()


def _documents(
    names: Mapping[str, Any], task: str, losses: NDArray[np.float64], examples: Examples
) -> pd.DataFrame:
    """A task's rows of tables.DOCUMENTS, of the final that `names` identifies."""
    rows = {
        "task": task,
        "example": np.arange(len(examples)),
        "loglikelihood": -losses,
        "scored_tokens": examples.scored_tokens,
    }
    return pd.DataFrame(dict(names) | rows)
