"""Muon on the hidden matrices and AdamW on the rest, for stacked members: the recipe that the finals train with too."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mixwright.learners.muon_adamw import linear_decay

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # quintic of Muon (kellerjordan.github.io/posts/muon): steep at zero, singular values end near 1
ITERATIONS = 5
MOMENTUM = 0.95
SMALLEST_NORM = 1e-7
EPSILON = 1e-8
HIDDEN = ("attention", "mlp", "transform")
UNDECAYED = ("norms", "attention_bias", "up_bias", "down_bias", "transform_bias", "head_bias")


def orthogonalised(matrices: Tensor) -> Tensor:
    """(..., m, n) with m <= n: near U V^T of each matrix's singular value decomposition, by Newton-Schulz."""
    a, b, c = COEFFICIENTS
    x = matrices.flatten(0, -3)
    norms = torch.stack([matrix.norm() for matrix in x]) if x.device.type == "cpu" else x.norm(dim=(1, 2))
    x = x / norms.clamp_(min=SMALLEST_NORM).view(-1, 1, 1)
    for _ in range(ITERATIONS):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.view_as(matrices)


def slot_scales(name: str, slots: int, width: int, hidden: int) -> list[float]:
    """sqrt(max(1, outputs / inputs)) of each slot of a stacked parameter, as torch.optim.Muon; an mlp's last slot leads back."""
    sizes = [(hidden, width)] * (slots - 1) + [(width, hidden)] if name == "mlp" else [(width, width)] * slots
    return [math.sqrt(max(1.0, outputs / inputs)) for outputs, inputs in sizes]


class Optimizer:
    """Updates stacked parameters in place, each member by its own length and rate; `state` holds all that a checkpoint must."""

    def __init__(
        self, parameters: Mapping[str, Tensor], recipe: Mapping[str, Any], steps: Sequence[int], rates: Sequence[float] | None = None
    ) -> None:
        self.parameters, self.recipe = dict(parameters), recipe
        self.courses = list(zip(steps, rates or [1.0] * len(steps), strict=True))  # a member's steps, and the factor of its learning rates
        kinds = {name: ("momentum",) if name in HIDDEN else ("mean", "square") for name in parameters}
        self.state = {f"{name}.{kind}": torch.zeros_like(parameters[name]) for name in parameters for kind in kinds[name]}

    @torch.no_grad()
    def step(self, step: int) -> None:
        """Step number `step` (from 0); takes and clears the parameters' gradients."""
        factors = [rate * linear_decay(step, steps, self.recipe["warmup"]) for steps, rate in self.courses]
        gradients = {name: parameter.grad for name, parameter in self.parameters.items()}
        clip(list(gradients.values()), self.recipe["clip"])
        for name, gradient in gradients.items():
            if name in HIDDEN:
                self._muon(name, gradient, [factor * self.recipe["muon_lr"] for factor in factors])
            else:
                self._adamw(name, gradient, [factor * self.recipe["adam_lr"] for factor in factors], step + 1)
            self.parameters[name].grad = None

    def keep(self, parameters: Mapping[str, Tensor], members: Sequence[int]) -> None:
        """Goes on with the `parameters` of these members alone."""
        self.parameters = dict(parameters)
        self.courses = [self.courses[member] for member in members]
        self.state = {name: tensor[members] for name, tensor in self.state.items()}

    def _muon(self, name: str, gradient: Tensor, learning_rates: Sequence[float]) -> None:
        parameter, momentum = self.parameters[name].detach(), self.state[f"{name}.momentum"]
        momentum.lerp_(gradient, 1 - MOMENTUM)
        update = orthogonalised(_wide(gradient.lerp_(momentum, MOMENTUM)))
        update = update if update.shape == parameter.shape else update.mT
        scales = torch.tensor(slot_scales(name, *parameter.shape[-3:]), device=parameter.device).view(-1, 1, 1)
        for own, change, learning_rate in zip(parameter, update, learning_rates, strict=True):
            own.mul_(1 - learning_rate * self.recipe["weight_decay"]).addcmul_(change, scales, value=-learning_rate)

    def _adamw(self, name: str, gradient: Tensor, learning_rates: Sequence[float], count: int) -> None:
        parameter, mean, square = self.parameters[name].detach(), self.state[f"{name}.mean"], self.state[f"{name}.square"]
        first, second = self.recipe["betas"]
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        decay = 0.0 if name in UNDECAYED else self.recipe["weight_decay"]
        root = torch.sqrt(square).div_(math.sqrt(1 - second**count)).add_(EPSILON)
        for own, change, scale, learning_rate in zip(parameter, mean, root, learning_rates, strict=True):
            if decay:
                own.mul_(1 - learning_rate * decay)
            own.addcdiv_(change, scale, value=-learning_rate / (1 - first**count))


def clip(gradients: list[Tensor], limit: float) -> None:
    """Scales each member's gradients in place to a joint norm of at most `limit`; no limit when it is 0."""
    if limit:
        parts = torch.stack([torch.stack([part.norm() for part in gradient]) for gradient in gradients], dim=1)
        norms = torch.stack([part.norm() for part in parts])  # a member at a time: over a dimension, the order follows how many there are
        factors = (limit / (norms + 1e-6)).clamp_(max=1.0)
        for gradient in gradients:
            gradient.mul_(factors.view(-1, *[1] * (gradient.dim() - 1)))


def _wide(matrices: Tensor) -> Tensor:
    return matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
