import copy

import torch

from mixwright.finals.muon_adamw import MuonAdamW

RECIPE = {"muon_lr": 0.04, "adam_lr": 0.02, "weight_decay": 0.1, "betas": [0.9, 0.95]}


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((6, 4), (8, 4), (4,))
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def pull(trained, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in trained:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_a_step_is_muon_on_the_hidden_and_adamw_on_the_rest():
    ours, theirs = parameters(), parameters()
    # torch multiplies in bfloat16
    both = MuonAdamW([ours[0]], [ours[1]], [ours[2]], RECIPE, dtype=torch.bfloat16)
    apart = [
        torch.optim.Muon([theirs[0]], lr=0.04, weight_decay=0.1),
        torch.optim.AdamW([theirs[1]], lr=0.02, betas=(0.9, 0.95), weight_decay=0.1),
        torch.optim.AdamW([theirs[2]], lr=0.02, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for step in range(5):
        pull(ours, step), pull(theirs, step)
        both.step()
        for optimizer in apart:
            optimizer.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


def test_a_loaded_state_goes_on_bit_for_bit():
    first, second = parameters(), parameters()
    one = MuonAdamW([first[0]], [first[1]], [first[2]], RECIPE)
    for step in range(3):
        pull(first, step)
        one.step()
    two = MuonAdamW([second[0]], [second[1]], [second[2]], RECIPE)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for mine, other in zip(second, first, strict=True):
        mine.data.copy_(other.data)
    for step in range(3, 6):
        for trained, optimizer in ((first, one), (second, two)):
            pull(trained, step)
            optimizer.step()
    assert all(torch.equal(mine, other) for mine, other in zip(first, second, strict=True))


def test_a_schedule_moves_both_learning_rates():
    trained = parameters()
    optimizer = MuonAdamW([trained[0]], [trained[1]], [trained[2]], RECIPE)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.01, 0.01]
    before = [parameter.detach().clone() for parameter in trained]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    pull(trained, 0)
    optimizer.step()
    assert all(torch.equal(parameter, old) for parameter, old in zip(trained, before, strict=True))


def test_the_recipe_may_have_no_muon():
    from mixwright.finals.models import build

    shape = {
        "architecture": "llama",
        "layers": 1,
        "width": 16,
        "heads": 2,
        "hidden": 24,
        "context": 16,
    }
    model = build(shape, 40, 0, 0)
    optimizer = MuonAdamW.of(model, RECIPE | {"name": "adamw"})
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(
        list(model.parameters())
    )
    before = [parameter.detach().clone() for parameter in model.parameters()]
    pull(list(model.parameters()), 1)
    optimizer.step()
    assert all(
        (parameter != old).any() for parameter, old in zip(model.parameters(), before, strict=True)
    )
