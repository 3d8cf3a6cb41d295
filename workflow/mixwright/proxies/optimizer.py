"""Updates stacked members: Muon on the hidden matrices and AdamW on the rest.

Finals train with the same recipe.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mixwright.proxies.models import strategy
from mixwright.proxies.slopes import Slopes, by_member, excess, excess_as_one, stacked

# Of Muon's quintic a x + b x^3 + c x^5 (kellerjordan.github.io/posts/muon): steep at zero, and it
# brings singular values near 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# columns over rows above which products of (rows, rows) alone cost less
LONG = 1.5
MOMENTUM = 0.95
SMALLEST_NORM = 1e-7
# of AdamW
EPSILON = 1e-8
# parameters that Muon updates
HIDDEN = ("attention", "mlp", "transform")
# parameters without weight decay
UNDECAYED = ("norms", "attention_bias", "up_bias", "down_bias", "transform_bias", "head_bias")


def orthogonalised(matrices: Tensor) -> Tensor:
    """Returns near U V^T of each matrix's singular value decomposition, by Newton-Schulz.

    Every iterate is a polynomial of x x^T times x. For long matrices the polynomial is multiplied
    out first, in (m, m), and x is multiplied once.

    Args:
        matrices: (..., m, n) with m <= n.
    """
    a, b, c = COEFFICIENTS
    x = matrices.flatten(0, -3)
    norms = _norms(x).clamp_(min=SMALLEST_NORM)
    x = x / norms.view(-1, 1, 1)
    rows, columns = x.shape[1:]
    if columns > LONG * rows:
        polynomial = _polynomial(torch.bmm(x, x.mT))
        return torch.bmm(polynomial, x).view_as(matrices)
    for _ in range(ITERATIONS):
        gram = torch.bmm(x, x.mT)
        higher = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, higher, x, beta=a)
    return x.view_as(matrices)


def _norms(matrices: Tensor) -> Tensor:
    """Returns (n,) Frobenius norms of (n, m, k)."""
    if strategy.as_one(matrices.device):
        return torch.linalg.matrix_norm(matrices)
    # One by one, so that no norm depends on how many matrices there are.
    return torch.stack([matrix.norm() for matrix in matrices])


def _polynomial(gram: Tensor) -> Tensor:
    """Returns what all iterations multiply x by, from x x^T; factors of one matrix commute."""
    factor = _factor(gram)
    total = factor
    for _ in range(ITERATIONS - 1):
        half = torch.bmm(factor, gram)
        gram = torch.bmm(half, factor)
        factor = _factor(gram)
        total = torch.bmm(factor, total)
    return total


def _factor(gram: Tensor) -> Tensor:
    """Returns a I + b gram + c gram^2, by which one iteration multiplies."""
    a, b, c = COEFFICIENTS
    factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    factor.diagonal(dim1=1, dim2=2).add_(a)
    return factor


def slot_scales(name: str, slots: int, width: int, hidden: int) -> list[float]:
    """Returns sqrt(max(1, outputs / inputs)) of each slot of a stacked parameter.

    torch.optim.Muon scales updates by the same. The last slot of an mlp leads back to the width.
    """
    sizes = [(width, width)] * slots
    if name == "mlp":
        sizes = [(hidden, width)] * (slots - 1) + [(width, hidden)]
    return [slot_scale(outputs, inputs) for outputs, inputs in sizes]


def slot_scale(outputs: int, inputs: int) -> float:
    """Returns sqrt(max(1, outputs / inputs)), by which Muon's update of a matrix is scaled."""
    return math.sqrt(max(1.0, outputs / inputs))


def with_muon(recipe: Mapping[str, Any]) -> bool:
    """Returns whether Muon trains the hidden matrices, and not AdamW alone."""
    return bool(recipe.get("name", "muon-adamw") == "muon-adamw")


class Optimizer:
    """Updates stacked parameters in place, each member by its own length and rate.

    What a step depends on, besides the gradients, is held in tensors, so that a recorded step can
    be replayed: call `schedule`, then `update`.

    Attributes:
        parameters: By name, each (K, ...).
        courses: Each member's steps, and the factor of its learning rates.
        hidden: Names of the parameters that Muon updates.
        state: Moments by name, each (K, ...); all that a checkpoint must hold.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        recipe: Mapping[str, Any],
        steps: Sequence[int],
        rates: Sequence[float] | None = None,
    ) -> None:
        self.parameters = dict(parameters)
        self.recipe = recipe
        if rates is None:
            rates = [1.0] * len(steps)
        self.courses = list(zip(steps, rates, strict=True))
        self.hidden: list[str] = []
        muon = with_muon(recipe)
        self._decayed: list[str] = []
        self._undecayed: list[str] = []
        self.state: dict[str, Tensor] = {}
        for name, tensor in parameters.items():
            if muon and name in HIDDEN:
                self.hidden.append(name)
                self.state[f"{name}.momentum"] = torch.zeros_like(tensor)
                continue
            self.state[f"{name}.mean"] = torch.zeros_like(tensor)
            self.state[f"{name}.square"] = torch.zeros_like(tensor)
            if name in UNDECAYED:
                self._undecayed.append(name)
            else:
                self._decayed.append(name)
        self._allocate()

    def _allocate(self) -> None:
        """Makes the tensors that a step depends on, for the members of now."""
        members = len(self.courses)
        some_parameter = next(iter(self.parameters.values()))
        device = some_parameter.device
        # (2, K) learning rates of Muon and of AdamW
        self._rates = torch.zeros(2, members, device=device)
        # steps taken, this one included
        self._count = torch.zeros((), device=device)
        self._scales: dict[str, Tensor] = {}
        for name in self.hidden:
            slots, width, hidden = self.parameters[name].shape[-3:]
            scales = slot_scales(name, slots, width, hidden)
            on_device = torch.tensor(scales, device=device)
            self._scales[name] = on_device.view(-1, 1, 1)

    def schedule(self, step: int, rates: Tensor | None = None) -> None:
        """Sets the learning rates of step number `step` (from 0).

        Args:
            step: The step.
            rates: What `rates_at` returns for it, maybe on the device already.
        """
        if rates is None:
            rates = self.rates_at(step)
        self._rates.copy_(rates)
        self._count.fill_(step + 1)

    def rates_at(self, step: int) -> Tensor:
        """Returns (2, K) learning rates of Muon and of AdamW at a step, on the host."""
        muon_rates = []
        adam_rates = []
        muon_rate = self.recipe["muon_lr"]
        adam_rate = self.recipe["adam_lr"]
        for steps, rate in self.courses:
            factor = rate * rate_factor(step, steps, self.recipe)
            muon_rates.append(factor * muon_rate)
            adam_rates.append(factor * adam_rate)
        return torch.tensor([muon_rates, adam_rates])

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Slopes]) -> None:
        """Takes one step.

        Args:
            gradients: By parameter, of all members (K, ...) or one tensor a member. They are
                overwritten.
        """
        as_one = strategy.as_one(self._count.device)
        divisors = self._divisors(gradients, as_one)
        for name in self.hidden:
            self._muon(name, stacked(gradients[name]), divisors)
        if as_one:
            self._adamw_as_one(gradients, divisors)
            return
        weight_decay = self.recipe["weight_decay"]
        for k in range(len(self.courses)):
            divisor = None if divisors is None else divisors[k]
            self._adamw([k], self._decayed, gradients, weight_decay, divisor)
            self._adamw([k], self._undecayed, gradients, 0.0, divisor)

    def _divisors(self, gradients: Mapping[str, Slopes], as_one: bool) -> Tensor | None:
        """Returns (K,) numbers that gradients are divided by, or None where nothing is clipped."""
        limit = self.recipe["clip"]
        if not limit:
            return None
        if as_one:
            return excess_as_one([stacked(slopes) for slopes in gradients.values()], limit)
        return excess(list(zip(*gradients.values(), strict=True)), limit)

    def _adamw_as_one(self, gradients: Mapping[str, Slopes], divisors: Tensor | None) -> None:
        """Updates all members in one pass over their memory, as `_adamw` updates one.

        One call serves members of equal steps and rates, for it has one learning rate.
        """
        whole = {}
        for name in (*self._decayed, *self._undecayed):
            whole[name] = stacked(gradients[name])
            if divisors is not None:
                whole[name].div_(by_member(divisors, whole[name]))
        by_course: dict[tuple[int, float], list[int]] = {}
        for k, course in enumerate(self.courses):
            by_course.setdefault(course, []).append(k)
        for members in by_course.values():
            self._adamw(members, self._decayed, whole, self.recipe["weight_decay"], None)
            self._adamw(members, self._undecayed, whole, 0.0, None)

    def keep(self, parameters: Mapping[str, Tensor], members: Sequence[int]) -> None:
        """Goes on with some members alone; `parameters` are theirs."""
        self.parameters = dict(parameters)
        self.courses = [self.courses[member] for member in members]
        self.state = {name: tensor[members] for name, tensor in self.state.items()}
        self._allocate()

    def _muon(self, name: str, gradient: Tensor, divisors: Tensor | None) -> None:
        parameter = self.parameters[name]
        momentum = self.state[f"{name}.momentum"]
        if divisors is not None:
            gradient.div_(by_member(divisors, gradient))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp_(momentum, MOMENTUM)
        update = orthogonalised(_wide(ahead))
        if update.shape != parameter.shape:
            update = update.mT
        rates = by_member(self._rates[0], parameter)
        weight_decay = self.recipe["weight_decay"]
        if weight_decay:
            parameter.mul_(1 - rates * weight_decay)
        parameter.addcmul_(update, self._scales[name] * rates, value=-1)

    def _adamw(
        self,
        members: Sequence[int],
        names: Sequence[str],
        gradients: Mapping[str, Slopes],
        weight_decay: float,
        divisor: Tensor | None,
    ) -> None:
        """Updates some parameters of members of one course, in one pass over their memory.

        torch.optim.AdamW calls the same kernel.
        """
        parameters = []
        slopes = []
        means = []
        squares = []
        for name in names:
            for k in members:
                parameters.append(self.parameters[name][k])
                slopes.append(gradients[name][k])
                means.append(self.state[f"{name}.mean"][k])
                squares.append(self.state[f"{name}.square"][k])
        first, second = self.recipe["betas"]
        torch._fused_adamw_(
            parameters,
            slopes,
            means,
            squares,
            # of the largest squares, which amsgrad alone reads
            [],
            [self._count] * len(parameters),
            lr=self._rates[1, members[0]],
            beta1=first,
            beta2=second,
            weight_decay=weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
            # The kernel divides gradients by it.
            grad_scale=divisor,
        )


def _wide(matrices: Tensor) -> Tensor:
    """Returns matrices with at least as many columns as rows."""
    if matrices.shape[-2] <= matrices.shape[-1]:
        return matrices
    return matrices.mT


def rate_factor(step: int, steps: int, recipe: Mapping[str, Any]) -> float:
    """Returns what the peak learning rates are multiplied by at one step.

    It rises over the warm-up. Then it falls to `minimum`, which it reaches where the step after the
    last one would be: in a line (linear), by half a cosine (cosine), or in a line over the last
    `decay` of the steps (wsd). Or it stays at 1 (constant).

    Args:
        step: from 0.
        steps: of the run.
        recipe: the section `optimizer` of a study.
    """
    rising = warmup_steps(recipe["warmup"], steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    shape = recipe.get("schedule", "linear")
    if shape == "constant":
        return 1.0
    falling = max(1, steps - rising)
    if shape == "wsd":
        falling = min(falling, max(1, round(recipe["decay"] * steps)))
    left = min(1.0, (steps - step) / falling)
    if shape == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    least = recipe.get("minimum", 0.0)
    return float(least + (1 - least) * left)


def warmup_steps(warmup: float, steps: int) -> int:
    """Returns the steps of a warm-up: under 1 it is a share of all steps, from 1 on a number."""
    return round(warmup if warmup >= 1 else warmup * steps)
