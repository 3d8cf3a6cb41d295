"""Muon on the hidden matrices and AdamW on everything else, as one torch optimizer that a Trainer steps, schedules and saves."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class MuonAdamW(torch.optim.Optimizer):
    """`torch.optim.Muon` on `hidden` (2-D), if any, `torch.optim.AdamW` on `matrices` and, without weight decay, on `vectors`."""

    def __init__(
        self,
        hidden: list[nn.Parameter],
        matrices: list[nn.Parameter],
        vectors: list[nn.Parameter],
        recipe: Mapping[str, Any],
        muon: type[torch.optim.Muon] = torch.optim.Muon,
    ) -> None:
        decay = recipe["weight_decay"]
        self._muon = muon(hidden, lr=recipe["muon_lr"], weight_decay=decay) if hidden else None
        self._adamw = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe["adam_lr"],
            betas=tuple(recipe["betas"]),
            fused=True,
        )
        self._parts = [part for part in (self._muon, self._adamw) if part]
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    @classmethod
    def of(
        cls,
        model: nn.Module,
        recipe: Mapping[str, Any],
        muon: type[torch.optim.Muon] = torch.optim.Muon,
    ) -> "MuonAdamW":
        """For a transformers model: embeddings, head and norms go to AdamW, every other matrix to Muon, if the recipe has it."""
        tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
        outer = {id(weight) for weight in (*tables, model.get_output_embeddings().weight)}
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        inner = {
            id(p)
            for p in trained
            if p.ndim == 2
            and id(p) not in outer
            and recipe.get("name", "muon-adamw") == "muon-adamw"
        }
        return cls(
            hidden=[p for p in trained if id(p) in inner],
            matrices=[p for p in trained if p.ndim == 2 and id(p) not in inner],
            vectors=[p for p in trained if p.ndim < 2],
            recipe=recipe,
            muon=muon,
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of both, on this optimizer's groups and state: a loaded checkpoint replaces these, so they are handed over each time."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        inner = len(self._parts) - 1  # groups of Muon
        for part, groups in zip(
            self._parts[::-1], (self.param_groups[inner:], self.param_groups[:inner]), strict=False
        ):
            part.param_groups, part.state = groups, self.state
            part.step()
        return loss
