"""The Trainer of a final model, which reads sequences in the order that proxies do, and predicts what they predict."""

from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import Dataset
from transformers import PreTrainedModel, Trainer

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints
from mixwright.finals.muon_adamw import MuonAdamW
from mixwright.proxies.models.masking import Masking
from mixwright.proxies.optimizer import linear_decay

UNSCORED = -100  # a label that cross_entropy leaves out


class Sequences(Dataset):
    """A run's sequences in the order of its schedule; item t is the t-th, (context + 1,) int64."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __len__(self) -> int:
        return len(self._schedule)

    def __getitem__(self, position: int) -> Ints:
        return self._schedule.read(np.array([position]))[0]

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        """(positions, context + 1): torch's loader asks for a whole batch at once where it can."""
        return self._schedule.read(np.asarray(positions))

    @staticmethod
    def batched(read: Ints) -> dict[str, torch.Tensor]:
        """Every token but the last as input, every token but the first as label."""
        tokens = torch.from_numpy(read)
        return {"input_ids": tokens[:, :-1], "labels": tokens[:, 1:]}


class MaskedSequences(Sequences):
    """A run's sequences as a masked model reads them; item t is (2, context): what is seen, and what is predicted or -100."""

    def __init__(self, schedule: Schedule, masking: Masking) -> None:
        super().__init__(schedule)
        self._masking = masking

    def __getitem__(self, position: int) -> Ints:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        seen, places, tokens = self._masking.read(self._schedule, np.asarray(positions))
        labels = np.full_like(seen, UNSCORED)
        np.put_along_axis(labels, places, tokens, axis=1)
        return np.stack([seen, labels], axis=1)

    @staticmethod
    def batched(read: Ints) -> dict[str, torch.Tensor]:
        """What is seen as input, what is predicted as label."""
        inputs, labels = torch.from_numpy(read).unbind(1)
        return {"input_ids": inputs, "labels": labels}


class FinalTrainer(Trainer):
    """Trainer with the proxies' recipe: Muon and AdamW, linear decay, labels that are shifted already."""

    loss_is_scaled_for_ga = False

    def __init__(self, *args: Any, recipe: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, data_collator=kwargs["train_dataset"].batched, **kwargs)
        self.recipe = recipe
        self.losses: deque[torch.Tensor] = deque(maxlen=max(1, self.args.max_steps // 10))

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        if self.args.fsdp and not self.is_fsdp_enabled:
            from mixwright.finals.fsdp import slice_on_cpu

            slice_on_cpu(self)

    def create_optimizer(self, model: PreTrainedModel | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = MuonAdamW.of(
                self.model if model is None else model, self.recipe, _muon(bool(self.args.fsdp))
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        if self.lr_scheduler is None:
            factor = partial(linear_decay, steps=num_training_steps, warmup=self.recipe["warmup"])
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def compute_loss(
        self,
        model: PreTrainedModel,
        inputs: Mapping[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean nats/token of the batch."""
        outputs = model(input_ids=inputs["input_ids"], use_cache=False)
        loss = cross_entropy(outputs.logits.flatten(0, 1).float(), inputs["labels"].flatten())
        self.losses.append(loss.detach())
        return (loss, outputs) if return_outputs else loss


def _muon(sliced: bool) -> type[torch.optim.Muon]:
    """Torch's own, or the one for slices, whose import costs a second."""
    if not sliced:
        return torch.optim.Muon
    from mixwright.finals.fsdp import GatheredMuon

    return GatheredMuon
