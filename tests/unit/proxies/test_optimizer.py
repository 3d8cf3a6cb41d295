import pytest
import torch

from mixwright.proxies.optimizer import Optimizer, excess, orthogonalised

RECIPE = {
    "muon_lr": 0.04,
    "adam_lr": 0.02,
    "weight_decay": 0.1,
    "warmup": 0.0,
    "betas": [0.9, 0.95],
    "clip": 0.0,
}
MEMBERS, LAYERS, WIDTH, HIDDEN, STEPS = 2, 2, 8, 24, 4


def stacked(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    shapes = {
        "attention": (LAYERS, 4, WIDTH, WIDTH),
        "mlp": (LAYERS, 3, WIDTH, HIDDEN),
        "embedding": (30, WIDTH),
        "norms": (5, WIDTH),
    }
    return {name: torch.randn(MEMBERS, *shape) for name, shape in shapes.items()}


def trained() -> dict[str, torch.Tensor]:
    parameters = stacked(0)
    optimizer = Optimizer(parameters, RECIPE, [STEPS] * MEMBERS)
    for step in range(STEPS):
        optimizer.schedule(step)
        optimizer.update({name: list(gradient) for name, gradient in stacked(step + 1).items()})
    return parameters


def by_torch(kind: type, pick, **settings) -> torch.Tensor:
    """The same steps of one matrix by torch's own optimizer."""
    parameter = torch.nn.Parameter(pick(stacked(0)).clone())
    learning_rate = settings.pop("lr")
    optimizer = kind([parameter], lr=learning_rate, **settings)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = learning_rate * (STEPS - step) / STEPS
        parameter.grad = pick(stacked(step + 1)).clone()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize(
    "pick",
    [
        lambda of: of["attention"][1, 1, 2],
        lambda of: (
            of["mlp"][1, 0, 1].T
        ),  # up: hidden x width in a plain model, the update scaled by sqrt(3)
        lambda of: of["mlp"][0, 1, 2],  # down: width x hidden
    ],
    ids=["attention", "up", "down"],
)
def test_hidden_matrices_move_as_under_torch_muon(pick):
    """torch orthogonalises in bfloat16, so the two agree to its rounding."""
    theirs = by_torch(torch.optim.Muon, pick, lr=0.04, weight_decay=0.1)
    moved = pick(trained()) - pick(stacked(0))
    assert ((moved - (theirs - pick(stacked(0)))).norm() / moved.norm()).item() < 0.02


def test_everything_else_moves_as_under_torch_adamw():
    theirs = by_torch(
        torch.optim.AdamW,
        lambda of: of["embedding"][1],
        lr=0.02,
        betas=(0.9, 0.95),
        weight_decay=0.1,
    )
    assert torch.allclose(trained()["embedding"][1], theirs, atol=1e-6)
    theirs = by_torch(
        torch.optim.AdamW, lambda of: of["norms"][0], lr=0.02, betas=(0.9, 0.95), weight_decay=0.0
    )
    assert torch.allclose(trained()["norms"][0], theirs, atol=1e-6)


def test_newton_schulz_brings_the_singular_values_near_one():
    torch.manual_seed(0)
    matrices = torch.randn(5, 2, 8, 24) * torch.logspace(-3, 3, 5).view(-1, 1, 1, 1)
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert values.min() > 0.5 and values.max() < 1.3


@pytest.mark.parametrize("rank", [2, 16])
def test_a_long_matrix_gets_the_same_polynomial_multiplied_out(monkeypatch, rank):
    torch.manual_seed(0)
    long = torch.randn(3, 16, rank) @ torch.randn(3, rank, 48)
    ours = orthogonalised(long)
    monkeypatch.setattr("mixwright.proxies.optimizer.LONG", 4.0)  # every iterate itself
    assert torch.allclose(ours, orthogonalised(long.double()).float(), atol=1e-4)


def test_each_member_is_clipped_to_the_joint_norm_of_its_own_gradients():
    torch.manual_seed(0)
    scales = torch.tensor([0.01, 3.0])
    gradients = [torch.randn(2, 5, 6) * scales.view(2, 1, 1), torch.randn(2, 7) * scales.view(2, 1)]
    plain = [
        [torch.nn.Parameter(torch.zeros_like(part[k])) for part in gradients] for k in range(2)
    ]
    for k in range(2):
        for parameter, gradient in zip(plain[k], gradients, strict=True):
            parameter.grad = gradient[k].clone()
        torch.nn.utils.clip_grad_norm_(plain[k], 1.0)
    over = excess([[part[k] for part in gradients] for k in range(2)], 1.0)
    assert over[0] == 1 < over[1]
    for k in range(2):
        assert all(
            torch.allclose(part[k] / over[k], p.grad, rtol=1e-5)
            for part, p in zip(gradients, plain[k], strict=True)
        )


def test_adamw_alone_moves_hidden_matrices_too():
    parameters = stacked(0)
    optimizer = Optimizer(parameters, RECIPE | {"name": "adamw"}, [STEPS] * MEMBERS, [1.0, 0.5])
    for step in range(STEPS):
        optimizer.schedule(step)
        optimizer.update({name: list(gradient) for name, gradient in stacked(step + 1).items()})
    theirs = by_torch(
        torch.optim.AdamW,
        lambda of: of["attention"][1],
        lr=0.01,
        betas=(0.9, 0.95),
        weight_decay=0.1,
    )
    assert torch.allclose(parameters["attention"][1], theirs, atol=1e-6)
