"""Scores the final models on held-out text: nats/token and bits/byte.

The texts are every target, and every domain's validation split. Questions with several answers are
asked too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mixwright import tables
from mixwright.corpus.choices import Choices
from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import Unigrams, scored_counts
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.stored import check_there
from mixwright.numerics.ratio import ratio
from mixwright.progress import Log, say
from mixwright.proxies.questions import NO_CHOICES, Questions
from mixwright.proxies.scored import scored_texts
from mixwright.study.study import Study

if TYPE_CHECKING:
    from transformers import PreTrainedModel


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
    choices: Mapping[str, Choices] = NO_CHOICES,
    log: Log = say,
    processes: Processes = ALONE,
) -> Scored:
    """Scores each model of a FINALS table once; several processes share the texts of each.

    A final that diverged has no score. Of the others `evaluation.final_tokens` of every text are
    scored, and their questions asked. An arm with a goal of its own is scored on that target
    alone. The column `unigram` is the loss of the unigram model of the arm's own mixture on the
    same tokens, in the same unit; of questions it is a guess.

    Raises:
        MixwrightError: a task has no example, or a final model is gone.
    """
    evaluation = study.evaluation
    tasks = scored_texts(targets, shards, study, evaluation["final_tokens"])
    questions = Questions.of_texts(choices, tasks, evaluation.get("example_tokens"))
    shards = sorted(shards, key=lambda shard: shard.domain)
    mask = shards[0].mask_token if study.learner.masked else None
    scores: list[dict[str, Any]] = []
    documents: list[pd.DataFrame] = []
    pairs = 0
    # no folder is a final that diverged
    for folder, arms in finals.groupby("folder", sort=False, dropna=True):
        texts = tasks | questions.texts
        losses = folder_losses(str(folder), texts, study, mask, processes)
        answered = questions.scores({name: -nats for name, nats in losses.items()})
        unigram = _unigram(arms.realised.iloc[0], shards, tasks)
        for arm in arms.itertuples():
            names = {"mixer": arm.mixer, "seed": arm.seed}
            for task, examples in tasks.items():
                if not pd.isna(arm.goal) and arm.goal != task:
                    continue
                pairs += 1
                rows = score(task, losses[task], examples, unigram[task])
                of_task = _documents(names, task, losses[task], examples)
                if task in answered:
                    rows += questions.score_rows(task, answered[task])
                    columns = questions.by_example(task, answered[task], len(examples))
                    of_task = of_task.assign(**columns)
                scores += [names | row for row in rows]
                documents.append(of_task)
        if processes.leads:
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


def model_losses(
    model: "PreTrainedModel",
    texts: Mapping[str, Examples],
    context: int,
    device: str = "cpu",
    mask: int | None = None,
    processes: Processes = ALONE,
) -> dict[str, NDArray[np.float64]]:
    """Scores texts under a model of transformers, in the windows and with the masks of proxies.

    Batches are made smaller until the device's memory holds one. Of several processes each scores
    its part of the batches that one would score, and all have the losses; every one has to call it.

    Args:
        model: on the device, and ready to evaluate.
        texts: name -> its examples.
        context: tokens that the model reads at most.
        device: cpu or cuda.
        mask: the token that masks; None for a causal model.
        processes: those that share the texts.

    Returns:
        name -> (examples,) nats, summed over each example's scored tokens.
    """
    from mixwright.proxies.device import out_of_memory
    from mixwright.proxies.scoring import BATCH_TOKENS, BATCH_TOKENS_ON_DEVICE, Exam

    size = BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_ON_DEVICE
    loglikelihoods: Mapping[str, NDArray[np.float64]] = {}
    while True:
        exam = Exam.of(texts, context, device, mask=mask, batch_tokens=size)
        # by length: every process gets batches of every length
        own_part = exam.chunks[processes.rank :: processes.size]
        is_full = False
        try:
            loglikelihoods = replace(exam, chunks=own_part).loglikelihoods_of(model)
        except Exception as error:
            # One window is the smallest batch.
            is_full = size > context and out_of_memory(error)
            if not is_full:
                raise
        # all of them cut batches of one size
        if not processes.any(is_full):
            break
        size //= 2
    return {name: -_in_all(values[0], processes) for name, values in loglikelihoods.items()}


def _in_all(parts: NDArray[np.float64], processes: Processes) -> NDArray[np.float64]:
    """The sum over the processes, of which each has the part that it scored."""
    if processes.size == 1:
        return parts
    import torch

    return np.asarray(processes.sum(torch.from_numpy(parts)).numpy())


def folder_losses(
    folder: str,
    texts: Mapping[str, Examples],
    study: Study,
    mask: int | None,
    processes: Processes = ALONE,
) -> dict[str, NDArray[np.float64]]:
    """Scores texts under the model of a folder, a final's or a copy's; else as `model_losses`.

    Raises:
        MixwrightError: the model is gone.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM
    from transformers.utils import logging

    from mixwright.proxies.device import prepare

    device = study.final["device"]
    logging.disable_progress_bar()
    prepare(device)
    check_there(folder)
    kind = AutoModelForCausalLM if mask is None else AutoModelForMaskedLM
    model = kind.from_pretrained(folder, dtype=torch.float32).to(device).eval()
    # as it was trained; what it starts from may be able to read more
    context = study.final["shape"]["context"]
    return model_losses(model, texts, context, device, mask, processes)


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
