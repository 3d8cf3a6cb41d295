"""Muon on the hidden matrices and AdamW on everything else, as one optimizer of torch.

A Trainer steps, schedules and saves it like any other.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from mixwright.finals.muon import PLAIN, Muon, layouts
from mixwright.proxies.optimizer import with_muon


class MuonAdamW(torch.optim.Optimizer):
    """Muon on some matrices, `torch.optim.AdamW` on the rest.

    Args:
        hidden: matrices (2-D) for Muon; may be empty.
        matrices: matrices for AdamW.
        vectors: what AdamW trains without weight decay.
        recipe: the section `optimizer` of a study: muon_lr, adam_lr, betas, weight_decay.
        muon: the class of Muon.
        settings: its layouts of the hidden matrices, and the type of its products.
    """

    def __init__(
        self,
        hidden: list[nn.Parameter],
        matrices: list[nn.Parameter],
        vectors: list[nn.Parameter],
        recipe: Mapping[str, Any],
        muon: type[Muon] = Muon,
        **settings: Any,
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
            self._muon = muon(hidden, lr=recipe["muon_lr"], weight_decay=decay, **settings)
            # Muon's come first: checkpoints number the parameters in this order
            groups = self._muon.param_groups + groups
        super().__init__(groups, {})

    @classmethod
    def of(
        cls,
        model: PreTrainedModel,
        recipe: Mapping[str, Any],
        muon: type[Muon] = Muon,
        dtype: torch.dtype = torch.float32,
    ) -> "MuonAdamW":
        """Returns the optimizer of a model of transformers.

        Embeddings, head and norms go to AdamW, every other matrix to Muon if the recipe has it.

        Args:
            model: the model.
            recipe: the section `optimizer` of a study.
            muon: the class of Muon.
            dtype: of Muon's products.
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
        by_id = layouts(model)
        in_order = [by_id.get(id(matrix), PLAIN) for matrix in hidden]
        return cls(hidden, matrices, vectors, recipe, muon, layouts=in_order, dtype=dtype)

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
