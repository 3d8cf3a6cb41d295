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
        readout = cls(model, options, is_plain=True)
        if readout._is_right(tokens[:1, :PROBED]):
            return readout
        return cls(model, options, is_plain=False)

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
        head: Any = self.model.get_output_embeddings()
        matrix = head.weight.mT
        if head.bias is not None:
            # The bias is a row of the matrix.
            ones = torch.ones_like(states[:, :1])
            states = torch.cat([states, ones], dim=1)
            matrix = torch.cat([matrix, head.bias.unsqueeze(0)])
        # The packed models' own function, for one member.
        return loglikelihoods(states[None], matrix[None], labels, matrix.dtype)[0]

    def _is_right(self, tokens: Tensor) -> bool:
        """Whether states and head give the logits that the model itself computes."""
        states = self._states(tokens)
        head = self.model.get_output_embeddings()
        if states is None or not isinstance(head, nn.Linear):
            return False
        logits = head(states)
        expected = self.model(input_ids=tokens, **self.options).logits
        if logits.shape != expected.shape:
            return False
        return torch.allclose(logits, expected, rtol=TOLERANCE, atol=TOLERANCE)

    def _states(self, tokens: Tensor, places: Tensor | None = None) -> Any:
        """The inputs of the head, (B, T, W) or of some places (scored, W); None if not shown."""
        output = self.model.base_model(input_ids=tokens, **self.options)
        states: Any = getattr(output, "last_hidden_state", None)
        if states is None:
            return None
        if places is not None:
            states = states.flatten(0, 1)[places]
        # BERT has a layer before its last product.
        predictions = getattr(getattr(self.model, "cls", None), "predictions", None)
        transform = getattr(predictions, "transform", None)
        if transform is None:
            return states
        return transform(states)

    def _by_the_model(self, tokens: Tensor, places: Tensor, labels: Tensor) -> Tensor:
        """The same from the model's own logits, a few windows at a time."""
        windows, length = tokens.shape
        size = max(1, LOGITS // (length * self.model.config.vocab_size))
        result = torch.empty(len(places), device=tokens.device)
        for first in range(0, windows, size):
            part = tokens[first : first + size]
            logits = self.model(input_ids=part, **self.options).logits.flatten(0, 1)
            rows = places - first * length
            here = (rows >= 0) & (rows < len(logits))
            logs = logits[rows[here]].float().log_softmax(-1)
            chosen = labels[here].unsqueeze(1)
            result[here] = logs.gather(1, chosen).squeeze(1)
        return result
