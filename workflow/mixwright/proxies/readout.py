"""Log-likelihoods of chosen tokens under a model of transformers.

Its body runs once, and its head where a token counts, a few rows of logits at a time. Where the
head is not the plain product of the packed models (it scales or caps logits, say), all logits of a
few windows are computed by the model itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mixwright.proxies.models.fused_head import loglikelihoods

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# most logits that the model itself computes at a time: 64 MiB in float32
LOGITS = 2**24
# tokens on which a model's logits are compared with those of its body and its head
PROBED = 16
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Readout:
    """A model, and whether its logits are the product of its body's states and its head."""

    model: "PreTrainedModel"
    # what its forward passes take beside tokens
    options: dict[str, Any]
    is_plain: bool

    @classmethod
    def of(cls, model: "PreTrainedModel", tokens: Tensor, masked: bool) -> "Readout":
        """Returns how to read a model.

        Args:
            model: for causal or masked language modeling, ready to evaluate.
            tokens: (B, T) some text on the model's device, on which its head is tried.
            masked: whether it is a masked model.
        """
        options = {} if masked else {"use_cache": False}
        probe = tokens[:1, :PROBED]
        readout = cls(model, options, is_plain=True)
        states = readout._states(probe)
        head = readout._head
        if states is None or head is None:
            return cls(model, options, is_plain=False)
        matrix, bias = head
        logits = states @ matrix
        if bias is not None:
            logits += bias
        whole = model(input_ids=probe, **options).logits
        same_size = logits.shape == whole.shape
        is_plain = same_size and torch.allclose(logits, whole, rtol=TOLERANCE, atol=TOLERANCE)
        return cls(model, options, is_plain)

    def loglikelihoods(self, tokens: Tensor, places: Tensor, labels: Tensor) -> Tensor:
        """Returns the natural log-likelihoods (scored,) of tokens, float32.

        Args:
            tokens: (B, T) windows.
            places: (scored,) increasing rows of the flattened (B T) positions that predict.
            labels: (scored,) the tokens to predict.
        """
        if not self.is_plain:
            return self._by_the_model(tokens, places, labels)
        states = self._states(tokens, places)
        assert states is not None and self._head is not None
        matrix, bias = self._head
        if bias is not None:
            # The bias is a row of the matrix.
            states = torch.cat([states, torch.ones_like(states[:, :1])], dim=1)
            matrix = torch.cat([matrix, bias.unsqueeze(0)])
        rows = loglikelihoods(states.unsqueeze(0), matrix.unsqueeze(0), labels, matrix.dtype)
        return rows[0]

    def _states(self, tokens: Tensor, places: Tensor | None = None) -> Tensor | None:
        """The inputs of the head (N, W), of all places or of some; None where it shows none."""
        body = self.model.base_model
        if body is self.model:
            return None
        states = getattr(body(input_ids=tokens, **self.options), "last_hidden_state", None)
        if states is None:
            return None
        if places is not None:
            states = states.flatten(0, 1)[places]
        # BERT's, which has a layer before its last product.
        head: Any = getattr(self.model, "cls", None)
        if head is not None:
            states = head.predictions.transform(states)
        return states

    @property
    def _head(self) -> tuple[Tensor, Tensor | None] | None:
        """The matrix (W, V) and the bias (V,) of the last product; None where it has another."""
        head = self.model.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            return None
        return head.weight.mT, head.bias

    def _by_the_model(self, tokens: Tensor, places: Tensor, labels: Tensor) -> Tensor:
        """The same from the model's own logits, a few windows at a time."""
        windows, length = tokens.shape
        size = max(1, LOGITS // (length * self.model.config.vocab_size))
        result = torch.empty(len(places), device=tokens.device)
        for first in range(0, windows, size):
            part = tokens[first : first + size]
            logits = self.model(input_ids=part, **self.options).logits.flatten(0, 1)
            here = (places >= first * length) & (places < (first + size) * length)
            logs = logits[places[here] - first * length].float().log_softmax(-1)
            result[here] = logs.gather(1, labels[here].unsqueeze(1)).squeeze(1)
        return result
