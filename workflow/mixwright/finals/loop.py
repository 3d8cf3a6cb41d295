"""Trains one final model to its last step, from its last checkpoint if there is one."""

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments
from transformers.utils import logging

from mixwright.finals.callbacks import Interruption, Progress
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.trainer import FinalTrainer, Sequences
from mixwright.proxies.checkpoint import TERMINATED, terminable

logging.disable_progress_bar()
logging.set_verbosity_error()  # a final's own progress lines say what there is to say


def finish(
    model: PreTrainedModel,
    sequences: Sequences,
    spec: Mapping[str, Any],
    seed: int,
    checkpoints: Path,
    progress: Progress,
    processes: Processes = ALONE,
) -> float:
    """Trains `model` in place on the sequences in their order; returns the mean loss over the last tenth of the steps, nats/token.

    `spec` is the study's section `final`. SIGTERM saves a checkpoint and exits with 143; several processes all end after the same step.
    """
    if spec["device"] == "cpu" and spec["precision"] == "bfloat16":
        model.set_attn_implementation("eager")  # the fused one is several times slower here
    with terminable() as asked:
        trainer = FinalTrainer(
            model=model,
            args=_arguments(
                spec, len(sequences) // spec["batch"], seed, checkpoints, processes.size
            ),
            train_dataset=sequences,
            callbacks=[progress, Interruption(lambda: processes.any(asked.is_set()))],
            recipe=spec["optimizer"],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train(
            resume_from_checkpoint=processes.from_leader(
                latest(checkpoints) if processes.leads else None
            )
        )
    if trainer.state.global_step < trainer.state.max_steps:
        raise SystemExit(TERMINATED)
    return float(processes.mean(torch.stack(tuple(trainer.losses)).mean()))


def latest(checkpoints: Path) -> str | None:
    """The last whole checkpoint; one that a kill left half-written is removed (Trainer writes trainer_state.json last)."""
    for folder in sorted(
        checkpoints.glob("checkpoint-*"), key=lambda path: -int(path.name.split("-")[1])
    ):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, ValueError):
            rmtree(folder)
        else:
            return str(folder)
    return None


def _arguments(
    spec: Mapping[str, Any], steps: int, seed: int, checkpoints: Path, processes: int = 1
) -> TrainingArguments:
    """Nothing that a final does not need: no evaluation, no reports, no workers, no shuffling.

    Of several `processes` each takes its part of a batch, in order: the next sequences of the schedule, as one process would read them.
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
    arguments._n_gpu = min(
        arguments.n_gpu, 1
    )  # Trainer would share a batch among all GPUs in sight, and make it as many times larger
    return arguments
