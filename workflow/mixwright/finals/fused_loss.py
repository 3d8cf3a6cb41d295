"""The head of a model of transformers and its loss in one, so that few logits live at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from mixwright.errors import MixwrightError
from mixwright.proxies.footprint import LOGIT_ROWS
from mixwright.proxies.models.fused_head import head_loss

# a label that counts for nothing
UNSCORED = -100

# (states (N, W), labels (N,), head) -> the sum of the losses, in nats
Loss = Callable[[Tensor, Tensor, nn.Linear], Tensor]


class Head:
    """Computes the losses of a model: in its head, or where that cannot be, from its logits.

    Args:
        model: of transformers, on a CPU and not wrapped.
        wanted: auto, chunked or liger.
        device: that it will be trained on.
        masked: whether most labels count for nothing.

    Raises:
        MixwrightError: liger is asked for and cannot be used.
    """

    def __init__(
        self, model: PreTrainedModel, wanted: str, device: str, masked: bool = False
    ) -> None:
        self._masked = masked
        self._head = model.get_output_embeddings()
        self._labels: Tensor | None = None
        self._fused: Loss | None = None
        if returns_logits_of_head(model):
            self._fused = _kernel(wanted, device)
        elif wanted == "liger":
            raise MixwrightError(
                f"final.cross_entropy: liger: {type(model).__name__} changes the logits of its"
                " head, which liger's fused loss passes over; take chunked"
            )

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Lets the model's head return a loss in place of logits, wherever `loss` calls it."""
        if self._fused is None:
            yield
            return
        self._plain = self._head.forward
        self._head.forward = self._forward
        try:
            yield
        finally:
            del self._head.forward

    def loss(self, model: nn.Module, tokens: Tensor, labels: Tensor) -> Tensor:
        """Returns the sum of the losses of labels (B, T), in nats, for tokens (B, T)."""
        if self._fused is None:
            logits = model(input_ids=tokens, use_cache=False).logits
            return _loss_of_logits(logits.flatten(0, 1), labels.flatten())
        # the head is called inside the model, where slices of its weights are together
        self._labels = labels.flatten()
        loss: Tensor = model(input_ids=tokens, use_cache=False).logits
        return loss

    def _forward(self, states: Tensor) -> Tensor:
        """What the head computes: a loss where there are labels, else logits."""
        if self._labels is None or self._fused is None:
            logits: Tensor = self._plain(states)
            return logits
        labels = self._labels
        self._labels = None
        states = states.flatten(0, 1)
        if self._masked:
            scored = labels != UNSCORED
            states = states[scored]
            labels = labels[scored]
        return self._fused(states, labels, self._head)


def returns_logits_of_head(model: PreTrainedModel) -> bool:
    """Returns whether a model's logits are what its head returns, unscaled and whole.

    Models that cap or scale logits, or cut rows off, do it after the head.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        return False
    outputs: list[tuple[Tensor, int]] = []
    hook = head.register_forward_hook(
        lambda module, inputs, output: outputs.append((output, output._version))
    )
    # any two tokens will do: it is looked at whether it is the same memory, untouched
    tokens = torch.zeros(1, 2, dtype=torch.int64, device=head.weight.device)
    training = model.training
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=tokens).logits
    model.train(training)
    hook.remove()
    if len(outputs) != 1:
        return False
    output, version = outputs[0]
    same_place = output.data_ptr() == logits.data_ptr() and output.shape == logits.shape
    return same_place and output._version == version


def _kernel(wanted: str, device: str) -> Loss:
    """The fused loss that is asked for, or for `auto` the best one that is there."""
    installed = find_spec("liger_kernel") is not None
    if wanted == "liger" and not (installed and device == "cuda"):
        missing = "it needs a GPU" if installed else "the package liger-kernel is not installed"
        raise MixwrightError(f"final.cross_entropy: liger: {missing}; take auto or chunked")
    if wanted == "liger" or (wanted == "auto" and installed and device == "cuda"):
        return _liger
    return _chunked


def _chunked(states: Tensor, labels: Tensor, head: nn.Linear) -> Tensor:
    """The proxies' fused head, with a bias as one more column of states that are 1."""
    weight = head.weight
    if head.bias is not None:
        weight = torch.cat([weight, head.bias.unsqueeze(1)], dim=1)
        ones = states.new_ones(len(states), 1)
        states = torch.cat([states, ones], dim=1)
    loss: Tensor = _HeadLoss.apply(states, weight, labels)
    return loss


class _HeadLoss(torch.autograd.Function):
    """The proxies' fused head under autograd: gradients are made beside the loss."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
        device = states.device.type
        dtype = states.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        # its gradient is summed over chunks in float32, whatever its own precision
        matrix = weight.t().unsqueeze(0)
        with torch.autocast(device, enabled=False):
            losses, of_states, of_head = head_loss(
                states.unsqueeze(0), matrix, labels.unsqueeze(0), dtype, count=1
            )
        ctx.save_for_backward(of_states[0], of_head[0].t().to(weight.dtype))
        return losses[0]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, None]:
        of_states, of_weight = ctx.saved_tensors
        slope = slopes[0]
        return of_states * slope.to(of_states.dtype), of_weight * slope.to(of_weight.dtype), None


def _liger(states: Tensor, labels: Tensor, head: nn.Linear) -> Tensor:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    kernel = LigerFusedLinearCrossEntropyLoss(ignore_index=UNSCORED, reduction="sum")
    weight = head.weight
    if torch.is_autocast_enabled("cuda"):
        dtype = torch.get_autocast_dtype("cuda")
        states = states.to(dtype)
        weight = weight.to(dtype)
    loss: Tensor = kernel(weight, states, labels, head.bias)
    return loss.float()


def _loss_of_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum of losses of logits (N, V) that the model made; a few rows are float32 at a time."""
    total = torch.zeros((), device=logits.device)
    for start in range(0, len(labels), LOGIT_ROWS):
        rows = slice(start, start + LOGIT_ROWS)
        part = checkpoint(_summed, logits[rows], labels[rows], use_reentrant=False)
        total = total + part
    return total


def _summed(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits.float(), labels, ignore_index=UNSCORED, reduction="sum")
