"""Muon on the hidden matrices and AdamW on everything else, as one optimizer of torch.

A Trainer steps, schedules and saves it like any other.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from mixwright.proxies.optimizer import orthogonalised, with_muon


class Muon(torch.optim.Muon):
    """torch's Muon, of which a subclass may compute the update of a matrix in its own way."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Updates every parameter that has a gradient."""
        for group in self.param_groups:
            decay = group["momentum"]
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                state = self.state[parameter]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(gradient))
                momentum.lerp_(gradient, 1 - decay)
                update = self._updated(parameter, gradient.lerp(momentum, decay))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update * -group["lr"])
        return None

    def _updated(self, parameter: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """The update of a matrix at a learning rate of 1, from a whole direction.

        torch's own step on zeros, without momentum, makes it, in bfloat16.
        """
        update = torch.zeros_like(direction)
        update.grad = direction
        torch.optim.Muon([update], lr=1.0, weight_decay=0.0, momentum=0.0, nesterov=False).step()
        return -update


class ExactMuon(Muon):
    """Muon whose updates are made in float32 by the proxies' own function.

    torch's are rounded to bfloat16: two orders of the same sum then end 1e-3 nats apart after 50
    steps, and not 1e-6.
    """

    def _updated(self, parameter: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        rows, columns = direction.shape
        wide = direction if rows <= columns else direction.mT
        update = orthogonalised(wide.unsqueeze(0))[0]
        if rows > columns:
            update = update.mT
        return update * math.sqrt(max(1.0, rows / columns))


class MuonAdamW(torch.optim.Optimizer):
    """`torch.optim.Muon` on some matrices, `torch.optim.AdamW` on the rest.

    Args:
        hidden: matrices (2-D) for Muon; may be empty.
        matrices: matrices for AdamW.
        vectors: what AdamW trains without weight decay.
        recipe: the section `optimizer` of a study: muon_lr, adam_lr, betas, weight_decay.
        muon: the class of Muon.
    """

    def __init__(
        self,
        hidden: list[nn.Parameter],
        matrices: list[nn.Parameter],
        vectors: list[nn.Parameter],
        recipe: Mapping[str, Any],
        muon: type[torch.optim.Muon] = torch.optim.Muon,
    ) -> None:
        decay = recipe["weight_decay"]
        self._adamw = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe["adam_lr"],
            betas=tuple(recipe["betas"]),
            fused=True,
        )
        self._muon = None
        groups = self._adamw.param_groups
        if hidden:
            self._muon = muon(hidden, lr=recipe["muon_lr"], weight_decay=decay)
            # Muon's come first: checkpoints number the parameters in this order
            groups = self._muon.param_groups + groups
        super().__init__(groups, {})

    @classmethod
    def of(
        cls,
        model: PreTrainedModel,
        recipe: Mapping[str, Any],
        muon: type[torch.optim.Muon] = torch.optim.Muon,
    ) -> "MuonAdamW":
        """Returns the optimizer of a model of transformers.

        Embeddings, head and norms go to AdamW, every other matrix to Muon if the recipe has it.
        """
        tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
        tables.append(model.get_output_embeddings().weight)
        table_ids = set(map(id, tables))
        on_hidden = with_muon(recipe)

        hidden: list[nn.Parameter] = []
        matrices: list[nn.Parameter] = []
        vectors: list[nn.Parameter] = []
        for parameter in model.parameters():
            if not parameter.requires_grad:
                continue
            if parameter.ndim < 2:
                vectors.append(parameter)
            elif on_hidden and parameter.ndim == 2 and id(parameter) not in table_ids:
                hidden.append(parameter)
            else:
                matrices.append(parameter)
        return cls(hidden, matrices, vectors, recipe, muon)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Takes one step of both optimizers."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self._muon is None:
            self._step_part(self._adamw, self.param_groups)
        else:
            self._step_part(self._adamw, self.param_groups[1:])
            self._step_part(self._muon, self.param_groups[:1])
        return loss

    def _step_part(self, part: torch.optim.Optimizer, groups: list[dict[str, Any]]) -> None:
        """Steps Muon or AdamW on this optimizer's groups and state.

        They are handed over each time, for a checkpoint that is loaded replaces them.
        """
        part.param_groups = groups
        part.state = self.state
        part.step()
