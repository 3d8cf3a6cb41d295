"""The last product and its loss, a few rows at a time, are those of torch over all rows."""

import pytest
import torch

from mixwright.proxies.models import fused_head
from mixwright.proxies.models.fused_head import head_loss, loglikelihoods


@pytest.mark.parametrize("rows", [1, 3, 4, 11, 64], ids=lambda rows: f"{rows} rows")
@pytest.mark.parametrize(("dtype", "apart"), [(torch.float32, 1e-6), (torch.bfloat16, 5e-3)])
def test_losses_and_both_gradients_do_not_depend_on_the_chunks(rows, dtype, apart, monkeypatch):
    """Eleven rows: chunks of three and four leave a last one that is not full."""
    monkeypatch.setattr(fused_head, "ROWS", rows)
    monkeypatch.setattr(fused_head, "LOGITS", 1)
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(2, 11, 8, generator=draw).requires_grad_()
    head = torch.randn(2, 8, 5, generator=draw).requires_grad_()
    labels = torch.randint(5, (2, 11), generator=draw)
    losses, of_states, of_head = head_loss(states.detach(), head.detach(), labels, dtype, 11)
    for member in range(2):
        logits = states[member] @ head[member]
        loss = torch.nn.functional.cross_entropy(logits, labels[member])
        loss.backward()
        assert abs(losses[member] - loss) < 10 * apart
    assert (of_states - states.grad).abs().max() < apart
    assert (of_head - head.grad).abs().max() < apart
    if dtype == torch.float32:
        terms = loglikelihoods(states.detach(), head.detach(), labels[0], dtype)
        assert abs(-terms[0].mean() - losses[0]) < 1e-6
