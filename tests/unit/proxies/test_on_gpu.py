"""What a CUDA device computes of a step, against the plain way and against a CPU."""

from dataclasses import replace

import pytest
import torch

from mixwright.proxies.gradients import Batch, gradients
from mixwright.proxies.models import stacked_head, strategy
from mixwright.proxies.models.transformer import initial, stack
from mixwright.proxies.optimizer import Optimizer
from small_bert import BERT
from small_packs import RECIPE, SETTINGS, SHAPE

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]
MEMBERS, COUNT, WIDTH, VOCABULARY = 3, 40, 16, 1_003
SHAPES = [SHAPE, replace(SHAPE, architecture="gpt2"), replace(SHAPE, architecture="neox"), BERT]


def drawn() -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(MEMBERS, COUNT, WIDTH, generator=draw)
    head = torch.randn(MEMBERS, WIDTH, VOCABULARY, generator=draw)
    labels = torch.randint(VOCABULARY, (MEMBERS, COUNT), generator=draw)
    return states.cuda(), head.cuda(), labels.cuda()


@pytest.mark.parametrize(("dtype", "apart"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_the_head_is_that_of_float64(dtype, apart):
    states, head, labels = drawn()
    wide = [factor.to(dtype).double().requires_grad_() for factor in (states, head)]
    logs = torch.log_softmax(wide[0] @ wide[1], -1).gather(2, labels.unsqueeze(2))
    exact = -logs.mean((1, 2))
    exact.sum().backward()
    ours = stacked_head.head_loss(states, head, labels, dtype, COUNT)
    truths = (exact.detach(), wide[0].grad, wide[1].grad)
    for mine, truth in zip(ours, truths, strict=True):
        assert (mine - truth).norm() < apart * truth.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_computes_what_torch_does(dtype):
    pytest.importorskip("triton")
    from mixwright.proxies.models.triton_softmax import losses_in_place

    assert stacked_head.losses_on(torch.device("cuda")) is losses_in_place
    draw = torch.Generator().manual_seed(0)
    for vocabulary in (5, 1_003, 50_432):
        logits = 5 * torch.randn(2, 9, vocabulary, generator=draw)
        ours = logits.to("cuda", dtype)
        torchs = ours.clone()
        labels = torch.randint(vocabulary, (2, 9), generator=draw).cuda()
        losses = losses_in_place(ours, labels, 1 / 7)
        assert torch.allclose(losses, stacked_head.plain_losses(torchs, labels, 1 / 7), atol=1e-5)
        apart = 1e-6 if dtype == torch.float32 else 2.0**-9
        assert (ours.float() - torchs.float()).abs().max() < apart


def test_products_are_handed_over_in_float32():
    draw = torch.Generator().manual_seed(0)
    a = torch.randn(2, 64, 48, generator=draw).to("cuda", torch.bfloat16)
    b = torch.randn(2, 48, 80, generator=draw).to("cuda", torch.bfloat16)
    exact = a.double() @ b.double()
    total = strategy.product(a, b)
    assert total.dtype == torch.float32 and (total - exact).norm() < 1e-5 * exact.norm()
    for total in (torch.ones(2, 64, 80).cuda(), torch.ones(2, 80, 64).mT.cuda()):
        strategy.add_product(total, a, b, first=True)
        strategy.add_product(total, a, b, first=False)
        assert (total - 2 * exact).norm() < 1e-5 * exact.norm()


def step(shape, device: str) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The losses of two steps, and the weights after them."""
    parameters = stack([initial(shape, seed) for seed in range(MEMBERS)])
    parameters = {name: tensor.to(device) for name, tensor in parameters.items()}
    optimizer = Optimizer(parameters, RECIPE, [4, 5, 4], [1.0, 1.0, 0.5])
    draw = torch.Generator().manual_seed(0)
    size = (MEMBERS, 4, shape.context + 1)
    tokens = torch.randint(shape.vocabulary, size, generator=draw).to(device)
    batch = Batch(tokens[..., :-1], tokens[..., 1:])
    execution = replace(SETTINGS, device=device).execution
    losses = []
    for number in range(2):
        optimizer.schedule(number)
        of_step, slopes = gradients(parameters, batch, shape, execution)
        optimizer.update(slopes)
        losses.append(of_step.cpu())
    return torch.stack(losses), {name: tensor.cpu() for name, tensor in parameters.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.architecture)
def test_a_step_is_that_of_a_cpu(shape):
    (losses, weights), (on_cpu, weights_on_cpu) = step(shape, "cuda"), step(shape, "cpu")
    assert (losses - on_cpu).abs().max() < 1e-4
    for name, tensor in weights_on_cpu.items():
        # AdamW's first steps follow the sign of a gradient, however small it is.
        assert (weights[name] - tensor).norm() < 1e-2 * tensor.norm(), name


def test_updates_of_all_members_are_those_of_one_after_another(monkeypatch):
    recipe = RECIPE | {"name": "adamw"}
    results = []
    for together in (False, True):
        monkeypatch.setattr(strategy, "as_one", lambda device, result=together: result)
        draw = torch.Generator().manual_seed(0)
        weights = torch.randn(MEMBERS, 50, 70, generator=draw).cuda()
        optimizer = Optimizer({"embedding": weights}, recipe, [4, 5, 4], [1.0, 1.0, 0.5])
        for number in range(3):
            optimizer.schedule(number)
            slopes = torch.randn(MEMBERS, 50, 70, generator=draw).cuda()
            optimizer.update({"embedding": slopes})
        results.append(weights)
    assert torch.allclose(*results, atol=1e-6)
