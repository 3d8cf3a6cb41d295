"""Trains one final model to its last step, from its last checkpoint if there is one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from transformers import PreTrainedModel, PrinterCallback, TrainerCallback, TrainingArguments
from transformers.utils import logging

from mixwright.errors import MixwrightError
from mixwright.finals import curve
from mixwright.finals.callbacks import Progress, Save, Snapshots, Watch, finite
from mixwright.finals.checkpoints import checkpoint_steps, is_whole
from mixwright.finals.fused_loss import Head
from mixwright.finals.kernels import attention, compile_blocks, set_attention
from mixwright.finals.memory import micro_batch
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.sequences import Sequences
from mixwright.finals.snapshots import SNAPSHOTS, snapshot_steps
from mixwright.finals.trainer import FinalTrainer, Recipe
from mixwright.proxies.checkpoint import TERMINATED, terminable

# a final's own progress lines are enough
logging.disable_progress_bar()
logging.set_verbosity_error()

# processes that read data beside one that has a GPU
GPU_WORKERS = 2


class DivergedError(MixwrightError):
    """A final whose loss or weights are not finite any more; `losses` are those of its steps."""

    def __init__(self, step: int, losses: curve.Losses) -> None:
        super().__init__(f"no finite loss at step {step}")
        self.step = step
        self.losses = losses


@dataclass(frozen=True)
class Extras:
    """What else is done while a final trains."""

    save: Save | None = None  # writes a copy of the model; without it no snapshots are kept
    trackers: tuple[TrainerCallback, ...] = ()


def finish(
    model: PreTrainedModel,
    sequences: Sequences,
    spec: Mapping[str, Any],
    seed: int,
    checkpoints: Path,
    progress: Progress,
    processes: Processes = ALONE,
    extras: Extras = Extras(),
) -> curve.Losses:
    """Trains `model` in place on the sequences, in their order.

    Args:
        spec: the study's section `final`.
        checkpoints: the folder of this model's checkpoints.
        processes: those that train it together; all end after the same step.
        extras: copies on the way, and where losses are also sent.

    Returns:
        (steps,) the loss of each step, in nats/token.

    Raises:
        DivergedError: a loss or a weight is not finite; all processes raise it.
        MixwrightError: a kernel is asked for that is not there.
        SystemExit: with 143, after SIGTERM; a checkpoint is saved then.
    """
    steps = len(sequences) // spec["batch"]
    head = _prepared(model, spec, sequences.masked)
    with terminable() as terminated, head.attached():
        trainer = FinalTrainer(
            model=model,
            args=_arguments(spec, steps, seed, checkpoints, processes.size),
            train_dataset=sequences,
            callbacks=[progress, *extras.trackers],
            recipe=_recipe(spec, model, processes),
            head=head,
            processes=processes,
        )
        trainer.remove_callback(PrinterCallback)
        watch = Watch(trainer, processes, terminated.is_set, spec.get("checkpoint_minutes"))
        trainer.add_callback(watch)
        if extras.save:
            folder = checkpoints / SNAPSHOTS
            taken = snapshot_steps(spec, steps)
            trainer.add_callback(Snapshots(trainer, taken, processes, folder, extras.save))
        checkpoint = None
        if processes.leads:
            checkpoint = latest(checkpoints)
        checkpoint = processes.from_leader(checkpoint)
        trainer.resume_from(checkpoint)
        trainer.train(resume_from_checkpoint=checkpoint)
        losses = trainer.losses()
    _check(trainer, watch, losses, processes)
    return losses


def _check(trainer: FinalTrainer, watch: Watch, losses: curve.Losses, processes: Processes) -> None:
    """Ends a training that diverged or that was told to end."""
    spoilt = curve.first_spoilt(losses)
    # losses of before a checkpoint of an older version are unknown, and no fault
    if watch.diverged:
        raise DivergedError(spoilt or trainer.state.global_step, losses)
    if trainer.state.global_step < trainer.state.max_steps:
        raise SystemExit(TERMINATED)
    # the last update may spoil weights whose loss nobody computes any more
    last = curve.last_loss(losses)
    if processes.any(not math.isfinite(last) or not finite(trainer.model)):
        raise DivergedError(len(losses), losses)


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


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.split("-")[1])


def _prepared(model: PreTrainedModel, spec: Mapping[str, Any], masked: bool) -> Head:
    """Sets how the model is computed, and returns what computes its loss."""
    device = spec["device"]
    kernel = attention(spec.get("attention", "auto"), device, spec["precision"])
    # looked at before the kernel is set, for flash attention does not run on a CPU
    head = Head(model, spec.get("cross_entropy", "auto"), device, masked)
    set_attention(model, kernel)
    if spec.get("compile"):
        compile_blocks(model)
    return head


def _recipe(spec: Mapping[str, Any], model: PreTrainedModel, processes: Processes) -> Recipe:
    weights = model.num_parameters()
    if spec.get("parallel") == "fsdp":
        weights = weights // processes.size
    memory_mb = None
    if spec["device"] == "cuda":
        memory_mb = torch.cuda.get_device_properties().total_memory / 2**20
    sequences = micro_batch(
        spec,
        model.config.vocab_size,
        processes.size,
        memory_mb,
        weights,
    )
    may_shrink = spec.get("micro_batch", "auto") == "auto"
    return Recipe(spec["optimizer"], spec["batch"], sequences, may_shrink)


def _arguments(
    spec: Mapping[str, Any], steps: int, seed: int, checkpoints: Path, processes: int = 1
) -> TrainingArguments:
    """Settings of a Trainer without evaluation, reports and shuffling.

    Batches are not Trainer's: FinalTrainer reads and cuts them itself.
    """
    by_steps = spec.get("checkpoint_minutes") is None
    tracked = spec.get("track", "none") != "none"
    workers = spec.get("workers", "auto")
    if workers == "auto":
        workers = 0 if spec["device"] == "cpu" else GPU_WORKERS
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=-(-spec["batch"] // processes),
        max_grad_norm=spec["optimizer"]["clip"],
        bf16=spec["precision"] == "bfloat16",
        use_cpu=spec["device"] == "cpu",
        seed=seed,
        # Watch counts minutes
        save_strategy="steps" if by_steps else "no",
        save_steps=checkpoint_steps(spec),
        save_total_limit=1,
        logging_strategy="steps",
        logging_steps=_log_steps(steps, tracked),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=spec["device"] != "cpu",
        dataloader_num_workers=workers,
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,
        activation_checkpointing=bool(spec.get("activation_checkpointing")),
        activation_checkpointing_kwargs={"use_reentrant": False},
        fsdp=processes > 1 and spec["parallel"] == "fsdp",
    )
    if arguments.fsdp:
        from mixwright.finals.fsdp import reduced_in_float32

        policy = reduced_in_float32(spec["precision"])
        arguments.fsdp_plugin_args["mixed_precision_policy"] = policy
    # Trainer would feed a whole batch to each of the GPUs in sight
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _log_steps(steps: int, tracked: bool) -> int:
    """Steps between two losses that Trainer tells: ten in all, or as many as a curve has rows."""
    if tracked:
        return -(-steps // curve.MOST_ROWS)
    return max(1, steps // 10)
