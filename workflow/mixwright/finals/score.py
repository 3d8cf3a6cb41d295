"""Scores the final models on held-out text: nats/token and bits/byte of every target and every domain's validation split."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import unigram_losses
from mixwright.errors import MixwrightError
from mixwright.numerics.ratio import ratio
from mixwright.progress import Log, say
from mixwright.study.study import Study

if TYPE_CHECKING:
    from torch import nn

LOGITS = 2**24  # most logits held at a time: 64 MiB in float32


@dataclass(frozen=True)
class Scored:
    """Rows of tables.SCORES, and of its companion by document: the loss of every example, for paired comparisons."""

    scores: pd.DataFrame
    documents: pd.DataFrame


def evaluate_finals(
    finals: pd.DataFrame,
    targets: Mapping[str, Examples],
    shards: Sequence[Shard],
    study: Study,
    log: Log = say,
) -> Scored:
    """Scores each model of a FINALS table once, on whole examples cut to the model's context until `evaluation.final_tokens` are reached.

    An arm with a goal of its own is scored on that target alone. The unigram column is the loss of the unigram model of the arm's own
    mixture on the same tokens, in the metric's unit.
    """
    tasks = held_out(targets, shards, study)
    shards = sorted(shards, key=lambda shard: shard.domain)
    scores: list[dict[str, Any]] = []
    documents: list[pd.DataFrame] = []
    for folder, arms in finals.groupby("folder", sort=False):
        losses = _model_losses(
            str(folder),
            tasks,
            study.config["final"]["device"],
            shards[0].mask_token if study.learner.masked else None,
        )
        unigram = _unigram(arms.realised.iloc[0], shards, tasks)
        for arm in arms.itertuples():
            whose = {"mixer": arm.mixer, "seed": arm.seed}
            asked = {
                task: examples
                for task, examples in tasks.items()
                if pd.isna(arm.goal) or arm.goal == task
            }
            scores += [
                whose | row
                for task, examples in asked.items()
                for row in score(task, losses[task], examples, unigram[task])
            ]
            documents += [
                _documents(whose, task, losses[task], examples) for task, examples in asked.items()
            ]
        log(
            f"scored {len({(row['mixer'], row['seed'], row['task']) for row in scores}):,} pairs of a final and a task"
        )
    return Scored(pd.DataFrame(scores), pd.concat(documents, ignore_index=True))


def held_out(
    targets: Mapping[str, Examples], shards: Sequence[Shard], study: Study
) -> dict[str, Examples]:
    """What a final is scored on, by name: targets and validation splits, as the final's context cuts them."""
    found = {shard.domain: shard.validation for shard in shards} | dict(targets)
    context = study.config["final"]["shape"]["context"]
    cut = {
        name: found[name].first(
            tokens=study.config["evaluation"]["final_tokens"], example_tokens=context
        )
        for name in sorted(found)
    }
    for name, examples in cut.items():
        if not len(examples):
            raise MixwrightError(
                f"{name}: no held-out example to score; give it more text or raise corpus.validation_share"
            )
    return cut


def score(
    task: str, losses: NDArray[np.float64], examples: Examples, unigram: float
) -> list[dict[str, Any]]:
    """A task's two rows: `losses` (examples,) are nats summed over each example's scored tokens, `unigram` is in nats/token."""
    tokens, bits = examples.scored_tokens, losses / math.log(2)
    unigram_bits = unigram * tokens.sum() / math.log(2) / examples.scored_bytes.sum()
    per_token, per_byte = ratio(losses, tokens), ratio(bits, examples.scored_bytes)
    return [
        {
            "task": task,
            "metric": metric,
            "value": value,
            "stderr": stderr,
            "n": len(examples),
            "unigram": reference,
        }
        for metric, (value, stderr), reference in (
            ("loss", per_token, unigram),
            ("bits_per_byte", per_byte, unigram_bits),
        )
    ]


def example_losses(
    model: "nn.Module", examples: Examples, device: str = "cpu"
) -> NDArray[np.float64]:
    """(examples,) nats summed over each example's scored tokens under a causal language model of transformers."""
    import torch
    from torch.nn.functional import cross_entropy

    found = np.empty(len(examples), np.float64)
    with torch.inference_mode():
        for chosen, tokens, scored in _batches(examples, model.config.vocab_size):
            batch = torch.from_numpy(tokens).to(device)
            logits = model(input_ids=batch[:, :-1], use_cache=False).logits.float()
            losses = cross_entropy(
                logits.flatten(0, 1), batch[:, 1:].flatten(), reduction="none"
            ).view(len(chosen), -1)
            found[chosen] = (losses.double().cpu().numpy() * scored).sum(axis=1)
    return found


def _batches(
    examples: Examples, vocabulary: int
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_]]]:
    """Examples of similar length together: their numbers, their tokens padded at the end (which no causal model sees), what is scored."""
    lengths = np.diff(examples.starts)
    order = np.argsort(lengths, kind="stable")
    while len(order):
        # the longest of a batch decides its width, so cut from the long end
        width = int(lengths[order[-1]])
        size = max(1, LOGITS // (vocabulary * width))
        order, chosen = order[:-size], order[-size:]
        at = np.minimum(np.arange(width), lengths[chosen, None] - 1)
        position = np.arange(1, width)
        scored = (position >= examples.scored_from[chosen, None]) & (
            position < lengths[chosen, None]
        )
        yield chosen, examples.tokens[examples.starts[chosen, None] + at], scored


def masked_losses(
    model: "nn.Module", examples: Examples, mask: int, device: str = "cpu"
) -> NDArray[np.float64]:
    """(examples,) nats summed over each example's scored tokens under a BertForMaskedLM, in the windows and with the masks of proxies."""
    import torch
    from torch.nn.functional import cross_entropy

    from mixwright.proxies.scoring import Exam

    found = torch.zeros(len(examples), dtype=torch.float64)
    with torch.inference_mode():
        for batch in Exam.of(
            {"": examples}, model.config.max_position_embeddings, device, mask=mask
        ).batches:
            states = model.bert(input_ids=batch.tokens).last_hidden_state.flatten(0, 1)[
                batch.places
            ]
            losses = cross_entropy(model.cls(states).float(), batch.labels, reduction="none")
            found.index_add_(0, batch.examples.cpu(), losses.double().cpu())
    return found.numpy()


def _model_losses(
    folder: str, tasks: Mapping[str, Examples], device: str, mask: int | None
) -> dict[str, NDArray[np.float64]]:
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
    if mask is not None:
        return {
            task: masked_losses(model, examples, mask, device) for task, examples in tasks.items()
        }
    return {task: example_losses(model, examples, device) for task, examples in tasks.items()}


def _unigram(
    realised: Sequence[Mapping[str, Any]], shards: Sequence[Shard], tasks: Mapping[str, Examples]
) -> dict[str, float]:
    """Nats/token of the unigram model of the tokens that a final took."""
    taken = {row["domain"]: row["tokens"] for row in realised}
    weights = np.array([taken.get(shard.domain, 0) for shard in shards], np.float64)
    counts = np.stack([shard.unigram for shard in shards])
    return {
        task: float(unigram_losses(weights / weights.sum(), counts, examples))
        for task, examples in tasks.items()
    }


def _documents(
    whose: Mapping[str, Any], task: str, losses: NDArray[np.float64], examples: Examples
) -> pd.DataFrame:
    rows = {
        "task": task,
        "example": np.arange(len(examples)),
        "loglikelihood": -losses,
        "scored_tokens": examples.scored_tokens,
    }
    return pd.DataFrame(dict(whose) | rows)
