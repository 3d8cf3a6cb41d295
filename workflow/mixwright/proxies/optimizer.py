"""Muon on the hidden matrices and AdamW on the rest, for stacked members: the recipe that the finals train with too."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (
    3.4445,
    -4.7750,
    2.0315,
)  # quintic of Muon (kellerjordan.github.io/posts/muon): steep at zero, singular values end near 1
ITERATIONS = 5
LONG = 1.5  # columns over rows from which products of (rows, rows) alone are fewer
MOMENTUM = 0.95
SMALLEST_NORM = 1e-7
EPSILON = 1e-8
HIDDEN = ("attention", "mlp", "transform")
UNDECAYED = ("norms", "attention_bias", "up_bias", "down_bias", "transform_bias", "head_bias")


def orthogonalised(matrices: Tensor) -> Tensor:
    """(..., m, n) with m <= n: near U V^T of each matrix's singular value decomposition, by Newton-Schulz.

    All iterates are a polynomial of x x^T times x. Where a matrix is long, the polynomial is multiplied out alone, in (m, m), and x once.
    """
    a, b, c = COEFFICIENTS
    x = matrices.flatten(0, -3)
    norms = (
        torch.stack([matrix.norm() for matrix in x])
        if x.device.type == "cpu"
        else x.norm(dim=(1, 2))
    )
    x = x / norms.clamp_(min=SMALLEST_NORM).view(-1, 1, 1)
    if x.shape[2] > LONG * x.shape[1]:
        return torch.bmm(_polynomial(torch.bmm(x, x.mT)), x).view_as(matrices)
    for _ in range(ITERATIONS):
        gram = torch.bmm(x, x.mT)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.view_as(matrices)


def _polynomial(gram: Tensor) -> Tensor:
    """What all iterations together multiply x by, from x x^T; factors of one matrix commute."""
    a, b, c = COEFFICIENTS

    def factor(gram: Tensor) -> Tensor:
        found = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        found.diagonal(dim1=1, dim2=2).add_(a)
        return found

    own = total = factor(gram)
    for _ in range(ITERATIONS - 1):
        gram = torch.bmm(torch.bmm(own, gram), own)
        own = factor(gram)
        total = torch.bmm(own, total)
    return total


def slot_scales(name: str, slots: int, width: int, hidden: int) -> list[float]:
    """sqrt(max(1, outputs / inputs)) of each slot of a stacked parameter, as torch.optim.Muon; an mlp's last slot leads back."""
    sizes = (
        [(hidden, width)] * (slots - 1) + [(width, hidden)]
        if name == "mlp"
        else [(width, width)] * slots
    )
    return [math.sqrt(max(1.0, outputs / inputs)) for outputs, inputs in sizes]


class Optimizer:
    """Updates stacked parameters in place, each member by its own length and rate; `state` holds all that a checkpoint must.

    What a step depends on beside the gradients stands in tensors, so that a recorded step can be played again (`schedule`, then `update`).
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        recipe: Mapping[str, Any],
        steps: Sequence[int],
        rates: Sequence[float] | None = None,
    ) -> None:
        self.parameters, self.recipe = dict(parameters), recipe
        self.courses = list(
            zip(steps, rates or [1.0] * len(steps), strict=True)
        )  # a member's steps, and the factor of its learning rates
        self.hidden = [
            name
            for name in parameters
            if name in HIDDEN and recipe.get("name", "muon-adamw") == "muon-adamw"
        ]
        kinds = {
            name: ("momentum",) if name in self.hidden else ("mean", "square")
            for name in parameters
        }
        self.state = {
            f"{name}.{kind}": torch.zeros_like(parameters[name])
            for name in parameters
            for kind in kinds[name]
        }
        self._room()

    def _room(self) -> None:
        device = next(iter(self.parameters.values())).device
        self._rates = torch.zeros(
            2, len(self.courses), device=device
        )  # of Muon and of AdamW, by member
        self._count = torch.zeros((), device=device)  # steps taken, this one included
        scales = {
            name: slot_scales(name, *self.parameters[name].shape[-3:]) for name in self.hidden
        }
        self._scales = {
            name: torch.tensor(own, device=device).view(-1, 1, 1) for name, own in scales.items()
        }

    def schedule(self, step: int) -> None:
        """The learning rates of step number `step` (from 0)."""
        factors = [
            rate * linear_decay(step, steps, self.recipe["warmup"]) for steps, rate in self.courses
        ]
        self._rates.copy_(
            torch.tensor(
                [
                    [factor * self.recipe[name] for factor in factors]
                    for name in ("muon_lr", "adam_lr")
                ]
            )
        )
        self._count.fill_(step + 1)

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Sequence[Tensor]]) -> None:
        """One step from each parameter's gradients, member by member; they are used up."""
        limit = self.recipe["clip"]
        over = (
            excess(
                [[own[k] for own in gradients.values()] for k in range(len(self.courses))], limit
            )
            if limit
            else None
        )
        for name in self.hidden:
            self._muon(name, torch.stack(list(gradients[name])), over)
        rest = [name for name in self.parameters if name not in self.hidden]
        decay = self.recipe["weight_decay"]
        for names, weight_decay in (
            ([n for n in rest if n not in UNDECAYED], decay),
            ([n for n in rest if n in UNDECAYED], 0.0),
        ):
            for k in range(len(self.courses)):
                self._adamw(k, names, [gradients[name][k] for name in names], weight_decay, over)

    def keep(self, parameters: Mapping[str, Tensor], members: Sequence[int]) -> None:
        """Goes on with the `parameters` of these members alone."""
        self.parameters = dict(parameters)
        self.courses = [self.courses[member] for member in members]
        self.state = {name: tensor[members] for name, tensor in self.state.items()}
        self._room()

    def _muon(self, name: str, gradient: Tensor, over: Tensor | None) -> None:
        parameter, momentum = self.parameters[name], self.state[f"{name}.momentum"]
        if over is not None:
            gradient.div_(_by_member(over, gradient))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        update = orthogonalised(_wide(gradient.lerp_(momentum, MOMENTUM)))
        rates = _by_member(self._rates[0], parameter)
        if self.recipe["weight_decay"]:
            parameter.mul_(1 - rates * self.recipe["weight_decay"])
        parameter.addcmul_(
            update if update.shape == parameter.shape else update.mT,
            self._scales[name] * rates,
            value=-1,
        )

    def _adamw(
        self,
        k: int,
        names: Sequence[str],
        gradients: Sequence[Tensor],
        weight_decay: float,
        over: Tensor | None,
    ) -> None:
        """One member's, in one pass over its memory; torch.optim calls the same kernel, a state object a tensor later."""
        first, second = self.recipe["betas"]
        torch._fused_adamw_(
            [self.parameters[name][k] for name in names],
            list(gradients),
            [self.state[f"{name}.mean"][k] for name in names],
            [self.state[f"{name}.square"][k] for name in names],
            [],
            [self._count] * len(names),
            lr=self._rates[1, k],
            beta1=first,
            beta2=second,
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
            grad_scale=None if over is None else over[k],
        )


def excess(gradients: Sequence[Sequence[Tensor]], limit: float) -> Tensor:
    """(members,) what each member's gradients have to be divided by for a joint norm of at most `limit`, at least 1; a member at a time,
    for over a dimension the order of a sum follows how many members there are."""
    norms = torch.stack([torch.stack(torch._foreach_norm(list(own))).norm() for own in gradients])
    return ((norms + 1e-6) / limit).clamp_(min=1.0)


def _by_member(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.dim() - 1))


def _wide(matrices: Tensor) -> Tensor:
    return matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT


def linear_decay(step: int, steps: int, warmup: float = 0.0) -> float:
    """Factor of the learning rate at `step` (from 0): up over the first `warmup` share of the steps, then linearly down to zero."""
    rising = round(warmup * steps)
    return (step + 1) / (rising + 1) if step < rising else (steps - step) / max(1, steps - rising)
