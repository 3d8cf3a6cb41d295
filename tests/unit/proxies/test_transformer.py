"""Packed architectures against transformers' own: values, gradients, names, first weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixwright.errors import MixwrightError
from mixwright.finals.models import build
from mixwright.proxies.models.fused_head import head_loss, loglikelihoods
from mixwright.proxies.models.shape import PACKED, Shape
from mixwright.proxies.models.transformer import head, hf_state_dict, hidden_states, initial, stack
from mixwright.study.config import read_yaml

SHAPE = Shape(layers=2, width=24, heads=3, hidden=40, context=19, vocabulary=53)
NAMES = {
    "llama": "LlamaForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "neox": "GPTNeoXForCausalLM",
    "bert": "BertForMaskedLM",
}


def members(count: int, noise: float = 0.3, shape: Shape = SHAPE) -> dict[str, torch.Tensor]:
    """Members whose every weight matters (the first weights hold zeros)."""
    torch.manual_seed(0)
    stacked = stack([initial(shape, seed) for seed in range(count)])
    return {
        name: (tensor + noise * torch.randn_like(tensor)).requires_grad_()
        for name, tensor in stacked.items()
    }


def read(count: int, rows: int = 4) -> torch.Tensor:
    return torch.randint(
        SHAPE.vocabulary, (count, rows, SHAPE.context), generator=torch.Generator().manual_seed(1)
    )


def by_transformers(
    parameters: dict[str, torch.Tensor], member: int, shape: Shape
) -> torch.nn.Module:
    """The final model of this shape, with a member's weights."""
    model = build(vars(shape), shape.vocabulary, end_token=0, seed=0).train()
    model.load_state_dict(hf_state_dict(parameters, member, shape), strict=True)
    return model


@pytest.fixture(params=PACKED)
def shape(request) -> Shape:
    return replace(SHAPE, architecture=request.param)


def test_a_member_computes_what_transformers_does(shape):
    parameters, tokens = members(3, shape=shape), read(3)
    ours = torch.bmm(*head(parameters, hidden_states(parameters, tokens, shape), shape)).view(
        3, 4, SHAPE.context, -1
    )
    model = by_transformers(parameters, 2, shape)
    theirs = model(input_ids=tokens[2]).logits
    assert (ours[2] - theirs).abs().max() <= 1e-5
    assert theirs.std() > 0.1
    assert type(model).__name__ == NAMES[shape.architecture]


def test_the_gradients_by_hand_are_those_of_transformers(shape):
    parameters, tokens = members(2, shape=shape), read(2)
    labels = read(2, 8)[:, 4:]
    states, matrix = head(parameters, hidden_states(parameters, tokens, shape), shape)
    losses, *slopes = head_loss(
        states.detach(), matrix.detach(), labels.flatten(1), torch.float32, labels[0].numel()
    )
    torch.autograd.backward([states, matrix], slopes)
    model = by_transformers(parameters, 1, shape)
    loss = torch.nn.functional.cross_entropy(
        model(input_ids=tokens[1]).logits.flatten(0, 1), labels[1].flatten()
    )
    loss.backward()
    assert abs(losses[1].item() - loss.item()) < 1e-5
    ours = hf_state_dict({name: tensor.grad for name, tensor in parameters.items()}, 1, shape)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (ours[name] - parameter.grad).abs().max() <= 1e-5 * max(
                1, parameter.grad.abs().max()
            ), name


def test_only_a_masked_model_sees_what_comes_after(shape):
    parameters, tokens = members(1, shape=shape), read(1, 1)
    changed = tokens.clone()
    changed[..., -1] = (changed[..., -1] + 1) % SHAPE.vocabulary
    first, other = (hidden_states(parameters, text, shape)[0, 0] for text in (tokens, changed))
    assert torch.equal(first, other) != shape.masked


def test_all_members_may_read_the_same_text():
    parameters, tokens = members(3), read(1)
    shared = hidden_states(parameters, tokens, SHAPE)
    assert torch.equal(shared, hidden_states(parameters, tokens.expand(3, -1, -1), SHAPE))


def test_loglikelihoods_are_those_of_the_loss():
    parameters, tokens = members(2), read(1)
    with torch.no_grad():
        states, labels = hidden_states(parameters, tokens, SHAPE), tokens.flatten()
        terms = loglikelihoods(states, parameters["head"], labels, torch.float32)
        losses, *_ = head_loss(
            states, parameters["head"], labels.expand(2, -1), torch.float32, len(labels)
        )
    assert torch.allclose(-terms.mean(1), losses, atol=1e-6)


def test_first_weights_follow_from_the_seed_and_a_fresh_model_is_uniform():
    one, other = initial(SHAPE, 5), initial(SHAPE, 6)
    assert all(torch.equal(one[name], initial(SHAPE, 5)[name]) for name in one)
    assert not torch.equal(one["attention"], other["attention"])
    assert (
        not one["head"].any()
        and not one["attention"][:, :, 3].any()
        and not one["mlp"][:, :, 2].any()
    )


def test_plain_attention_agrees_with_the_fused_one(monkeypatch, shape):
    parameters, tokens = members(2, shape=shape), read(2)
    fused = hidden_states(parameters, tokens, shape)
    monkeypatch.setattr("mixwright.proxies.models.attention._wants_explicit", lambda q: True)
    assert torch.allclose(fused, hidden_states(parameters, tokens, shape), atol=1e-5)


def test_first_weights_of_a_final_leave_the_blocks_idle(shape):
    model = build(vars(shape), shape.vocabulary, end_token=0, seed=0)
    idle = by_transformers(stack([initial(shape, 3)]), 0, shape)
    for one in (model, idle):
        states = one.base_model(input_ids=read(1)[0]).last_hidden_state
        alone = one.base_model(
            input_ids=torch.cat([read(1)[0][:, :3], read(1)[0][:, :16] * 0], 1)
        ).last_hidden_state
        assert torch.allclose(states[:, :3], alone[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "mamba"}, "architecture llama, gpt2, neox, bert"),
        ({"key_value_heads": 1}, "key_value_heads"),
        ({"width": 25}, "no multiple of 2 times its 3 heads"),
        ({"architecture": "neox", "width": 36}, "no multiple of 8 times its 3 heads"),
        (
            {"vocabulary": 49},
            "proxy.model: its vocabulary is 49, the tokenizer knows 50 tokens; "
            "take a larger one, or a smaller tokenizer",
        ),
    ],
)
def test_a_shape_that_cannot_be_packed_is_refused(change, message):
    shape = {
        "architecture": "llama",
        "layers": 1,
        "width": 24,
        "heads": 3,
        "hidden": 40,
        "context": 16,
    }
    with pytest.raises(MixwrightError, match=message):
        Shape.of(shape | change, 50)


def test_a_shape_with_a_vocabulary_of_its_own_has_rows_to_spare():
    padded = vars(SHAPE) | {"vocabulary": 64}
    assert Shape.of(padded, 50).vocabulary == 64
    assert (
        Shape.of(
            {name: size for name, size in padded.items() if name != "vocabulary"}, 50
        ).vocabulary
        == 50
    )
    assert build(padded, 50, end_token=0, seed=0).get_input_embeddings().weight.shape == (
        64,
        SHAPE.width,
    )


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "config/models").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_every_shape_of_the_house_can_be_packed(path):
    shape = read_yaml(path)
    packed = Shape.of(shape, 100)
    others = {"epsilon": None, "theta": 10_000.0, "tied": False, "positions": None}
    assert vars(packed) == {"vocabulary": 100, "attention": "auto"} | others | shape
