"""A final model by transformers: its shape, its first weights, and the Trainer that reads sequences in the order that proxies do."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedConfig, PreTrainedModel, Trainer

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints
from mixwright.errors import MixwrightError
from mixwright.learners.muon_adamw import MuonAdamW, linear_decay

Shape = Mapping[str, Any]


def _llama(shape: Shape, vocabulary: int, end_token: int) -> PreTrainedConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape["width"],
        intermediate_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape.get("key_value_heads", shape["heads"]),
        max_position_embeddings=shape["context"],
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=end_token,
        eos_token_id=end_token,
        pad_token_id=None,  # the embedding of padding is never trained, and here it would be the end token's
    )


CONFIGS: dict[str, Callable[[Shape, int, int], PreTrainedConfig]] = {"llama": _llama}


def build(shape: Shape, vocabulary: int, end_token: int, seed: int) -> PreTrainedModel:
    """A model of `shape` in float32 whose first weights follow from `seed` alone."""
    if shape["architecture"] not in CONFIGS:
        raise MixwrightError(f"model: no final of architecture {shape['architecture']}; there are {', '.join(sorted(CONFIGS))}")
    heads, width = shape["heads"], shape["width"]
    if width % (2 * heads) or heads % shape.get("key_value_heads", heads):
        raise MixwrightError(f"final.model: width {width} and key_value_heads do not fit {heads} heads; change one of them")
    model = AutoModelForCausalLM.from_config(CONFIGS[shape["architecture"]](shape, vocabulary, end_token), dtype=torch.float32)
    _initialise(model, torch.Generator().manual_seed(seed))
    return model


@torch.no_grad()
def _initialise(model: PreTrainedModel, generator: torch.Generator) -> None:
    """Zero head and zero residual outputs (every block starts as the identity), other matrices normal(0, 0.02), norms one."""
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0)
        elif name.startswith("lm_head") or name.endswith(("o_proj.weight", "down_proj.weight")):
            parameter.zero_()
        else:
            parameter.normal_(0.0, 0.02, generator=generator)


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


def batched(sequences: Ints) -> dict[str, torch.Tensor]:
    """Every token but the last as input, every token but the first as label."""
    tokens = torch.from_numpy(sequences)
    return {"input_ids": tokens[:, :-1], "labels": tokens[:, 1:]}


class FinalTrainer(Trainer):
    """Trainer with the proxies' recipe: Muon and AdamW, linear decay, labels that are shifted already."""

    loss_is_scaled_for_ga = False

    def __init__(self, *args: Any, recipe: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, data_collator=batched, **kwargs)
        self.recipe = recipe
        self.losses: deque[torch.Tensor] = deque(maxlen=max(1, self.args.max_steps // 10))

    def create_optimizer(self, model: PreTrainedModel | None = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = MuonAdamW.of(self.model if model is None else model, self.recipe)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LRScheduler:
        if self.lr_scheduler is None:
            factor = partial(linear_decay, steps=num_training_steps, warmup=self.recipe["warmup"])
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
        return self.lr_scheduler

    def compute_loss(
        self, model: PreTrainedModel, inputs: Mapping[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean nats/token of the batch."""
        outputs = model(input_ids=inputs["input_ids"], use_cache=False)
        loss = cross_entropy(outputs.logits.flatten(0, 1).float(), inputs["labels"].flatten())
        self.losses.append(loss.detach())
        return (loss, outputs) if return_outputs else loss
