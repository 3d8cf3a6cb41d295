"""Trains one final model to its last step, from its last checkpoint if there is one."""

import math
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments
from transformers.utils import logging

from mixwright.errors import MixwrightError
from mixwright.finals.callbacks import Divergence, Interruption, Progress
from mixwright.finals.checkpoints import is_whole
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.trainer import FinalTrainer, Sequences
from mixwright.proxies.checkpoint import TERMINATED, terminable

# a final's own progress lines are enough
logging.disable_progress_bar()
logging.set_verbosity_error()


class DivergedError(MixwrightError):
    """A final whose loss or weights are not finite any more."""

    def __init__(self, step: int) -> None:
        super().__init__(f"no finite loss at step {step}")
        self.step = step


def finish(
    model: PreTrainedModel,
    sequences: Sequences,
    spec: Mapping[str, Any],
    seed: int,
    checkpoints: Path,
    progress: Progress,
    processes: Processes = ALONE,
) -> float:
    """Trains `model` in place on the sequences, in their order.

    Args:
        spec: the study's section `final`.
        checkpoints: the folder of this model's checkpoints.
        processes: those that train it together; all end after the same step.

    Returns:
        The mean loss of the last tenth of the steps, in nats/token.

    Raises:
        DivergedError: a loss or a weight is not finite; all processes raise it.
        SystemExit: with 143, after SIGTERM; a checkpoint is saved then.
    """
    if spec["device"] == "cpu" and spec["precision"] == "bfloat16":
        # the fused attention is several times slower in bfloat16 on a CPU
        model.set_attn_implementation("eager")
    steps = len(sequences) // spec["batch"]
    with terminable() as terminated:
        trainer = FinalTrainer(
            model=model,
            args=_arguments(spec, steps, seed, checkpoints, processes.size),
            train_dataset=sequences,
            callbacks=[progress, Interruption(lambda: processes.any(terminated.is_set()))],
            recipe=spec["optimizer"],
        )
        divergence = Divergence(lambda: processes.any(trainer.diverged))
        trainer.add_callback(divergence)
        trainer.remove_callback(PrinterCallback)
        checkpoint = None
        if processes.leads:
            checkpoint = latest(checkpoints)
        checkpoint = processes.from_leader(checkpoint)
        resumed = trainer.resume_from(checkpoint)
        trainer.train(resume_from_checkpoint=checkpoint)
    if divergence.stopped:
        raise DivergedError(resumed + trainer.finite_steps + 1)
    if trainer.state.global_step < trainer.state.max_steps:
        raise SystemExit(TERMINATED)
    loss = float(processes.mean(torch.stack(tuple(trainer.losses)).mean()))
    # the last update may spoil weights whose loss nobody computes any more
    if processes.any(not math.isfinite(loss) or not _finite(model)):
        raise DivergedError(steps)
    return loss


def latest(checkpoints: Path) -> str | None:
    """Returns the last whole checkpoint of a folder; None where there is none.

    A checkpoint that a kill left half-written is removed, and so is one that two jobs wrote at once
    where the file system has no locks.
    """
    for folder in sorted(checkpoints.glob("checkpoint-*"), key=_step_of, reverse=True):
        if is_whole(folder):
            return str(folder)
        rmtree(folder, ignore_errors=True)
    return None


@torch.no_grad()
def _finite(model: PreTrainedModel) -> bool:
    """Whether all weights of a model are finite, or this process's slices of them."""
    for parameter in model.parameters():
        weights = parameter
        if isinstance(parameter, DTensor):
            weights = parameter.to_local()
        if not bool(weights.isfinite().all()):
            return False
    return True


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _arguments(
    spec: Mapping[str, Any], steps: int, seed: int, checkpoints: Path, processes: int = 1
) -> TrainingArguments:
    """Settings of a Trainer without evaluation, reports, workers and shuffling.

    Of several processes each takes its part of a batch, in order: all of them read the next
    sequences of the schedule, as one process would.
    """
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=spec["batch"] // processes,
        train_sampling_strategy="sequential",
        max_grad_norm=spec["optimizer"]["clip"],
        bf16=spec["precision"] == "bfloat16",
        use_cpu=spec["device"] == "cpu",
        seed=seed,
        save_strategy="steps",
        save_steps=spec["checkpoint_steps"],
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=max(1, steps // 10),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=spec["device"] != "cpu",
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        fsdp=processes > 1 and spec["parallel"] == "fsdp",
    )
    # Trainer would feed a whole batch to each of the GPUs in sight
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
