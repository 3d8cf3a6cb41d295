"""Muon for models of transformers, with the numbers that the packed trainer has.

torch's Muon takes one matrix for one product, whatever it holds. transformers lays the queries,
keys and values of GPT-2 and GPT-NeoX into one matrix, and GPT-2's matrices are inputs x outputs.
Here each product is orthogonalised for itself, and its rate follows its own outputs and inputs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXAttention
from transformers.pytorch_utils import Conv1D

from mixwright.proxies.optimizer import orthogonalised, slot_scale

# products of GPT-2 that are several side by side, by the end of their names: how many
SIDE_BY_SIDE = {"attn.c_attn": 3}


@dataclass(frozen=True)
class Layout:
    """How a matrix of a model holds the matrices of products."""

    # inputs x outputs, where others are outputs x inputs
    turned: bool = False
    # products in it
    products: int = 1
    # heads; each has its rows of every product. 1: the products follow each other
    heads: int = 1

    def apart(self, matrix: Tensor) -> Tensor:
        """Returns (products, outputs, inputs)."""
        if self.turned:
            matrix = matrix.mT
        inputs = matrix.shape[1]
        rows = matrix.unflatten(0, (self.heads, self.products, -1))
        return rows.transpose(0, 1).reshape(self.products, -1, inputs)

    def together(self, products: Tensor) -> Tensor:
        """Returns the matrix of its (products, outputs, inputs)."""
        rows = products.unflatten(1, (self.heads, -1)).transpose(0, 1)
        matrix = rows.reshape(-1, products.shape[2])
        return matrix.mT if self.turned else matrix


PLAIN = Layout()


def layouts(model: PreTrainedModel) -> dict[int, Layout]:
    """Returns the layouts of a model's matrices, by the id of the parameter; others are PLAIN."""
    by_id = {}
    for name, module in model.named_modules():
        if isinstance(module, Conv1D):
            products = 1
            for ending, number in SIDE_BY_SIDE.items():
                if name.endswith(ending):
                    products = number
            by_id[id(module.weight)] = Layout(turned=True, products=products)
        elif isinstance(module, GPTNeoXAttention):
            heads = module.config.num_attention_heads
            mixed = module.query_key_value.weight
            by_id[id(mixed)] = Layout(products=3, heads=heads)
    return by_id


def update_of(direction: Tensor, layout: Layout, dtype: torch.dtype) -> Tensor:
    """Returns what a learning rate of 1 takes off a matrix.

    Args:
        direction: the momentum, looked ahead; (rows, columns) in the model's layout.
        layout: the matrix's.
        dtype: of the products.
    """
    products = layout.apart(direction)
    outputs, inputs = products.shape[1:]
    if dtype == torch.bfloat16:
        updates = [_by_torch(product) for product in products]
        return layout.together(torch.stack(updates))
    if outputs > inputs:
        update = orthogonalised(products.mT).mT
    else:
        update = orthogonalised(products)
    return layout.together(update * slot_scale(outputs, inputs))


def _by_torch(product: Tensor) -> Tensor:
    """The update of one product by torch's own Muon, in bfloat16: quick on GPUs."""
    update = torch.zeros_like(product)
    update.grad = product
    torch.optim.Muon([update], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
    return -update


class Muon(torch.optim.Muon):
    """Muon on matrices of a model of transformers.

    Args:
        parameters: the matrices.
        layouts: how each of them holds products; None: each is one.
        dtype: of the products.
        settings: those of torch.optim.Muon.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        layouts: Sequence[Layout] | None = None,
        dtype: torch.dtype = torch.float32,
        **settings: Any,
    ) -> None:
        super().__init__(parameters, **settings)
        # In the order of the parameters, for slices of them take their places later.
        self.layouts = layouts or [PLAIN] * len(parameters)
        self.dtype = dtype

    @property
    def matrices(self) -> list[nn.Parameter]:
        """The matrices, or their slices."""
        (group,) = self.param_groups
        matrices: list[nn.Parameter] = group["params"]
        return matrices

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Updates every parameter that has a gradient."""
        (group,) = self.param_groups
        numbers = []
        for number, parameter in enumerate(group["params"]):
            if parameter.grad is not None:
                numbers.append(number)
        for number, update in self._updates(numbers):
            parameter = group["params"][number]
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-group["lr"])
        return None

    def _updates(self, numbers: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        """What a learning rate of 1 takes off each of these matrices, in any order."""
        for number in numbers:
            yield number, update_of(self._direction(number), self.layouts[number], self.dtype)

    def _direction(self, number: int) -> Tensor:
        """The gradient of a matrix with its momentum, looked ahead (Nesterov)."""
        (group,) = self.param_groups
        decay = group["momentum"]
        parameter = group["params"][number]
        gradient = parameter.grad
        state = self.state[parameter]
        momentum = state.setdefault("momentum_buffer", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - decay)
        direction: Tensor = gradient.lerp(momentum, decay)
        return direction
