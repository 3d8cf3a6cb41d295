"""The Trainer of a final model: it reads what proxies read, and predicts what they predict."""

import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset
from transformers import PreTrainedModel, Trainer

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints
from mixwright.files import read_json, write_json
from mixwright.finals.muon_adamw import MuonAdamW
from mixwright.progress import say
from mixwright.proxies.models.masking import Masking
from mixwright.proxies.optimizer import rate_factor

UNSCORED = -100  # a label that cross_entropy leaves out


class Sequences(Dataset):
    """The sequences of a run in the order of its schedule.

    Item t is the t-th sequence: (context + 1,) int64.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def state(self, position: int) -> dict[str, Any]:
        """Returns what `resume` needs to go on at a position at once."""
        return self._schedule.state(position)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned of the same run."""
        self._schedule.resume(state)

    def __len__(self) -> int:
        return len(self._schedule)

    def __getitem__(self, position: int) -> Ints:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        """Reads a batch at once, as torch's loader asks where it can.

        Returns:
            (positions, context + 1) tokens.
        """
        return self._schedule.read(np.asarray(positions))

    @staticmethod
    def batched(items: Ints) -> dict[str, torch.Tensor]:
        """Splits sequences into inputs (all but the last token) and labels (all but the first)."""
        tokens = torch.from_numpy(items)
        return {"input_ids": tokens[:, :-1], "labels": tokens[:, 1:]}


class MaskedSequences(Sequences):
    """The sequences of a run as a masked model reads them.

    Item t is (2, context): the tokens with masks, and the labels, -100 where nothing is predicted.
    """

    def __init__(self, schedule: Schedule, masking: Masking) -> None:
        super().__init__(schedule)
        self._masking = masking

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        """Reads a batch at once: (positions, 2, context)."""
        inputs, places, tokens = self._masking.read(self._schedule, np.asarray(positions))
        labels = np.full_like(inputs, UNSCORED)
        np.put_along_axis(labels, places, tokens, axis=1)
        return np.stack([inputs, labels], axis=1)

    @staticmethod
    def batched(items: Ints) -> dict[str, torch.Tensor]:
        """Splits items into inputs and labels."""
        inputs, labels = torch.from_numpy(items).unbind(1)
        return {"input_ids": inputs, "labels": labels}


class FinalTrainer(Trainer):
    """A Trainer with the proxies' recipe: Muon and AdamW, linear decay, labels already shifted.

    Args:
        recipe: the section `optimizer` of a study.

    Attributes:
        losses: the loss of each step of the last tenth, in nats/token. A checkpoint keeps them.
    """

    loss_is_scaled_for_ga = False
    train_dataset: Sequences
    optimizer: torch.optim.Optimizer | None
    lr_scheduler: LambdaLR | None

    def __init__(self, *args: Any, recipe: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, data_collator=kwargs["train_dataset"].batched, **kwargs)
        self.recipe = recipe
        last = max(1, self.args.max_steps // 10)
        self.losses: deque[torch.Tensor] = deque(maxlen=last)
        # on the device, for looking at a number waits for it
        device = self.args.device
        self._finite = torch.tensor(True, device=device)
        self._finite_steps = torch.tensor(0, device=device)

    @property
    def diverged(self) -> bool:
        """Whether a loss of this process was not finite."""
        return not bool(self._finite)

    @property
    def finite_steps(self) -> int:
        """Steps that this process took until a loss was not finite."""
        return int(self._finite_steps)

    def resume_from(self, checkpoint: str | None) -> int:
        """Reads a checkpoint's last losses, and how far the schedule was.

        Returns:
            The checkpoint's step, 0 without a checkpoint.
        """
        if checkpoint is None:
            return 0
        path = self._losses_in(checkpoint)
        # checkpoints of older versions have none
        if path.exists():
            losses = torch.load(path, "cpu", weights_only=True)
            losses = losses.to(self.args.device)
            self.losses.extend(losses)
        path = self._schedule_in(checkpoint)
        if path.exists():
            self.train_dataset.resume(read_json(path))
        _, _, step = checkpoint.rpartition("-")
        return int(step)

    def _save_rng_state(self, output_dir: str) -> None:
        """Saves what a process of its own resumes with, the last losses among it."""
        super()._save_rng_state(output_dir)
        losses = torch.stack(tuple(self.losses))
        path = self._losses_in(output_dir)
        torch.save(losses.cpu(), path)
        batch = self.args.train_batch_size * self.args.world_size
        position = self.state.global_step * batch
        write_json(self._schedule_in(output_dir), self.train_dataset.state(position))

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
            self.optimizer = MuonAdamW.of(model, self.recipe, _muon(bool(self.args.fsdp)))
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LambdaLR:
        """Returns the schedule of learning rates; creates it on the first call."""
        if self.lr_scheduler is None:
            factor = partial(rate_factor, steps=num_training_steps, recipe=self.recipe)
            self.lr_scheduler = LambdaLR(optimizer or self.create_optimizer(), factor)
        return self.lr_scheduler

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Mapping[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Returns the mean loss of the batch in nats/token, with the model's outputs if asked."""
        outputs = model(input_ids=inputs["input_ids"], use_cache=False)
        loss = cross_entropy(outputs.logits.flatten(0, 1).float(), inputs["labels"].flatten())
        detached = loss.detach()
        self.losses.append(detached)
        self._finite &= detached.isfinite()
        self._finite_steps += self._finite
        if return_outputs:
            return loss, outputs
        return loss


def _muon(sliced: bool) -> type[torch.optim.Muon]:
    """The class of Muon; the one for slices takes a second to import."""
    if not sliced:
        return torch.optim.Muon
    from mixwright.finals.fsdp import GatheredMuon

    return GatheredMuon
