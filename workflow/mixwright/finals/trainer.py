"""The Trainer of a final model: it reads what proxies read, and predicts what they predict."""

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer

from mixwright.files import read_json, write_json
from mixwright.finals.curve import Losses
from mixwright.finals.fused_loss import UNSCORED, Head
from mixwright.finals.muon import Muon
from mixwright.finals.muon_adamw import MuonAdamW
from mixwright.finals.processes import Processes
from mixwright.finals.sequences import Sequences, Shares, outlive_the_warning
from mixwright.finals.spread import SpreadMuon
from mixwright.progress import say
from mixwright.proxies.device import out_of_memory
from mixwright.proxies.optimizer import rate_factor


@dataclass
class Recipe:
    """How the steps of a final are taken."""

    optimizer: Mapping[str, Any]  # a study's section
    batch: int  # sequences of a step, of all processes
    micro_batch: int  # sequences that a process computes at a time
    may_shrink: bool  # whether fewer are tried where memory is full


class FinalTrainer(Trainer):
    """A Trainer with the proxies' recipe: Muon and AdamW, their schedule, labels already shifted.

    A process computes its share of a batch piece by piece, and sums the gradients. Each piece
    counts by its labels, so that no number depends on how many pieces or processes there are, but
    for rounding.

    Args:
        recipe: how steps are taken.
        head: computes the losses.
        processes: those that train the model together.
    """

    train_dataset: Sequences
    optimizer: torch.optim.Optimizer | None
    lr_scheduler: LambdaLR | None

    def __init__(
        self, *args: Any, recipe: Recipe, head: Head, processes: Processes, **kwargs: Any
    ) -> None:
        super().__init__(*args, data_collator=kwargs["train_dataset"].batched, **kwargs)
        self.recipe = recipe
        self._head_of_loss = head
        self._processes = processes
        # of each step, this process's part in nats/token: their mean over processes is the loss.
        # On the device, for looking at a number waits for it.
        self._losses = torch.full((self.args.max_steps,), torch.nan, device=self.args.device)
        self._looked_at: tuple[Tensor, Any] | None = None

    def finite(self, now: bool) -> bool:
        """Returns whether this process's loss of the last step is finite.

        A GPU works ahead of what its numbers are known of. Unless it has to be known `now`, the
        answer there is that of the step before, which costs no waiting.
        """
        loss = self._losses[self.state.global_step - 1]
        if now or loss.device.type == "cpu":
            return bool(loss.isfinite())
        before = self._looked_at
        copy = loss.to("cpu", non_blocking=True)
        event = torch.cuda.Event()
        event.record()
        self._looked_at = copy, event
        if before is None:
            return True
        value, copied = before
        copied.synchronize()
        return bool(value.isfinite())

    def losses(self) -> Losses:
        """Returns (taken,) the loss of each step in nats/token; every process has to call it."""
        taken = self._losses[: self.state.global_step]
        return np.asarray(self._processes.mean(taken).cpu().numpy())

    def resume_from(self, checkpoint: str | None) -> None:
        """Reads a checkpoint's losses, and how far the schedule was."""
        if checkpoint is None:
            return
        path = self._losses_in(checkpoint)
        if path.exists():
            _, _, step = checkpoint.rpartition("-")
            losses = torch.load(path, "cpu", weights_only=True)
            # checkpoints of older versions have the last ones alone
            begin = int(step) - len(losses)
            self._losses[begin : int(step)] = losses.to(self.args.device)
        path = self._schedule_in(checkpoint)
        if path.exists():
            self.train_dataset.resume(read_json(path))

    def _save_rng_state(self, output_dir: str) -> None:
        """Saves what a process of its own resumes with, the losses among it."""
        super()._save_rng_state(output_dir)
        step = self.state.global_step
        torch.save(self._losses[:step].cpu(), self._losses_in(output_dir))
        state = self.train_dataset.state(step * self.recipe.batch)
        write_json(self._schedule_in(output_dir), state)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Saves a checkpoint; a full disk costs this one, and not the training.

        Slices are gathered for it, by all processes in turn: there a fault ends the job.
        """
        if self.args.fsdp:
            super()._save_checkpoint(model, trial)
            return
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            name = f"checkpoint-{self.state.global_step}"
            folder = Path(self.args.output_dir) / name
            reason = str(error).splitlines()[0]
            say(f"{folder}: no checkpoint could be saved ({reason}); the training goes on")
            shutil.rmtree(folder, ignore_errors=True)

    def _losses_in(self, checkpoint: str) -> Path:
        name = f"losses_{self.args.process_index}.pt"
        return Path(checkpoint) / name

    def _schedule_in(self, checkpoint: str) -> Path:
        name = f"schedule_{self.args.process_index}.json"
        return Path(checkpoint) / name

    def create_accelerator_and_postprocess(self) -> None:
        """Slices the model on CPUs too, where the study asks for slices."""
        super().create_accelerator_and_postprocess()
        if self.args.fsdp and not self.is_fsdp_enabled:
            from mixwright.finals.fsdp import slice_on_cpu

            slice_on_cpu(self)

    def create_optimizer(self, model: PreTrainedModel | None = None) -> torch.optim.Optimizer:
        """Returns the optimizer; creates it on the first call."""
        if self.optimizer is None:
            if model is None:
                model = self.model
            muon = _muon(bool(self.args.fsdp), self._processes.size)
            dtype = torch.bfloat16 if self.args.bf16 else torch.float32
            self.optimizer = MuonAdamW.of(model, self.recipe.optimizer, muon, dtype)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LambdaLR:
        """Returns the schedule of learning rates; creates it on the first call."""
        if self.lr_scheduler is None:
            factor = partial(rate_factor, steps=num_training_steps, recipe=self.recipe.optimizer)
            self.lr_scheduler = LambdaLR(optimizer or self.create_optimizer(), factor)
        return self.lr_scheduler

    def get_train_dataloader(self) -> DataLoader:
        """Returns what this process reads: its share of every batch, in the schedule's order."""
        processes = self._processes
        shares = Shares(self.args.max_steps, self.recipe.batch, processes.rank, processes.size)
        return DataLoader(
            self.train_dataset,
            batch_sampler=shares,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            worker_init_fn=outlive_the_warning,
        )

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Computes the gradients of one step, piece by piece, and records its loss."""
        model.train()
        loss = self._step(model, inputs)
        self._losses[self.state.global_step] = loss
        return loss

    def _step(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        """The step; with smaller pieces where memory is full, if that may be."""
        while True:
            try:
                return self._accumulate(model, inputs)
            except (RuntimeError, MemoryError) as error:
                recipe = self.recipe
                # several processes would have to agree
                may_shrink = recipe.may_shrink and self._processes.size == 1
                if not (may_shrink and recipe.micro_batch > 1 and out_of_memory(error)):
                    raise
            # outside the handler, for the error holds on to what filled the memory
            model.zero_grad()
            recipe.micro_batch = recipe.micro_batch // 2
            say(f"final: memory is full; {recipe.micro_batch} sequences at a time from now on")

    def _accumulate(self, model: nn.Module, inputs: dict[str, Any]) -> Tensor:
        """Sums the gradients of all pieces; processes exchange them with the last one."""
        labels = inputs["labels"]
        rows = len(labels)
        # every sequence of a run has as many labels; those that other processes read too
        counted = (labels != UNSCORED).sum().item() * self.recipe.batch / rows
        pieces = self._pieces(self._on_device(inputs))
        total = torch.zeros((), device=self.args.device)
        for number, (piece, weight) in enumerate(pieces):
            last = number == len(pieces) - 1
            exchange = nullcontext() if last else self.accelerator.no_sync(model)
            with exchange:
                with self.compute_loss_context_manager():
                    loss = self.compute_loss(model, piece, num_items_in_batch=counted)
                loss = loss * weight
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _on_device(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A batch where it is computed; from pinned memory it is copied beside the work there."""
        moved = {}
        for name, tensor in inputs.items():
            moved[name] = tensor.to(self.args.device, non_blocking=tensor.is_pinned())
        return moved

    def _pieces(self, inputs: dict[str, Any]) -> list[tuple[dict[str, Tensor], float]]:
        """A process's share of a batch in pieces, as many in every process, each with its weight.

        Where one has a sequence less than another it may be short of one for its last piece. Then
        it computes its first sequence again there, with weight 0.
        """
        most = -(-self.recipe.batch // self._processes.size)
        count = -(-most // self.recipe.micro_batch)
        tokens = inputs["input_ids"].tensor_split(count)
        labels = inputs["labels"].tensor_split(count)
        pieces = []
        for some_tokens, some_labels in zip(tokens, labels, strict=True):
            piece = {"input_ids": some_tokens, "labels": some_labels}
            weight = 1.0
            if len(some_tokens) == 0:
                piece = {"input_ids": tokens[0][:1], "labels": labels[0][:1]}
                weight = 0.0
            pieces.append((piece, weight))
        return pieces

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Returns a piece's part of the mean loss of a step, in nats/token.

        The mean over processes of the sums of their parts is the loss of the step.

        Args:
            model: wrapped, or not.
            inputs: `input_ids` and `labels`, each (sequences, T).
            return_outputs: without a meaning here.
            num_items_in_batch: labels of the step, of all processes.
        """
        loss = self._head_of_loss.loss(model, inputs["input_ids"], inputs["labels"])
        return loss * (self._processes.size / num_items_in_batch)


def _muon(sliced: bool, processes: int) -> type[Muon]:
    """The class of Muon; the one for slices takes a second to import."""
    if sliced:
        from mixwright.finals.fsdp import SlicedMuon

        return SlicedMuon
    return SpreadMuon if processes > 1 else Muon
