"""Checkpoints of transformers become members: exact there and back, or refused by name."""

from dataclasses import replace

import pytest
import torch

from mixwright.errors import MixwrightError
from mixwright.finals.models import build
from mixwright.proxies.models.shape import PACKED, Shape
from mixwright.proxies.models.transformer import (
    from_state_dict,
    head,
    hf_state_dict,
    hidden_states,
    initial,
)

SHAPE = Shape(layers=2, width=24, heads=3, hidden=40, context=19, vocabulary=53)


# Of logits up to 8 in float32: transformers' own are as far from those in float64.
ROUNDING = 5e-5


@pytest.fixture(params=PACKED)
def shape(request) -> Shape:
    return replace(SHAPE, architecture=request.param)


def member(shape: Shape) -> dict[str, torch.Tensor]:
    """A member whose every weight matters."""
    generator = torch.Generator().manual_seed(3)
    return {
        name: tensor + 0.3 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in initial(shape, 0).items()
    }


def checkpoint(shape: Shape) -> torch.nn.Module:
    """A model of transformers with random numbers in every weight."""
    model = build(vars(shape), shape.vocabulary, end_token=0, seed=0).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def read(shape: Shape) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(shape.vocabulary, (1, 4, shape.context), generator=generator)


def test_a_member_comes_back_as_it_was(shape):
    parameters = member(shape)
    back = from_state_dict(hf_state_dict(parameters, 0, shape), shape)
    assert back.keys() == parameters.keys()
    for name, tensor in parameters.items():
        assert torch.equal(back[name], tensor), name
        assert back[name].is_contiguous()


def test_a_checkpoint_comes_back_as_it_was(shape):
    state = checkpoint(shape).state_dict()
    kinds = "bert.embeddings.token_type_embeddings.weight"
    if kinds in state:
        # The one kind of a sentence goes into the positions.
        state[kinds].zero_()
    back = hf_state_dict(from_state_dict(state, shape), 0, shape)
    assert back.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(back[name], tensor), name


def test_a_checkpoint_computes_what_it_did(shape):
    model = checkpoint(shape)
    parameters = from_state_dict(model.state_dict(), shape)
    tokens = read(shape)
    states = hidden_states(parameters, tokens, shape)
    ours = torch.bmm(*head(parameters, states, shape)).view(4, shape.context, -1)
    theirs = model(input_ids=tokens[0]).logits
    assert (ours - theirs).abs().max() <= ROUNDING
    assert theirs.std() > 0.1


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_weights_of_half_the_bits_are_widened(shape, precision):
    state = {
        name: tensor.to(precision)
        for name, tensor in hf_state_dict(member(shape), 0, shape).items()
    }
    back = hf_state_dict(from_state_dict(state, shape), 0, shape)
    for name, tensor in back.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[name].float()), name


def test_tied_weights_may_be_left_out(shape):
    state = hf_state_dict(member(shape), 0, shape)
    tied = {
        "gpt2": ["lm_head.weight"],
        "bert": ["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"],
    }
    whole = from_state_dict(state, shape)
    for name in tied.get(shape.architecture, []):
        del state[name]
    back = from_state_dict(state, shape)
    assert all(torch.equal(back[name], whole[name]) for name in whole)


def test_a_head_that_is_not_the_embedding_is_refused():
    shape = replace(SHAPE, architecture="gpt2")
    state = hf_state_dict(member(shape), 0, shape)
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    with pytest.raises(MixwrightError, match=r"its lm_head.weight is not its transformer.wte"):
        from_state_dict(state, shape)


@pytest.mark.parametrize("architecture", ["gpt2", "bert"])
def test_places_after_the_context_are_left_out(architecture):
    long = replace(SHAPE, architecture=architecture)
    parameters = member(long)
    short = replace(long, context=7)
    back = from_state_dict(hf_state_dict(parameters, 0, long), short)
    assert torch.equal(back["positions"], parameters["positions"][:, :7])


def test_missing_weights_are_named(shape):
    state = hf_state_dict(member(shape), 0, shape)
    tied = "decoder", "lm_head"
    first = min(name for name in state if not any(part in name for part in tied))
    del state[first]
    message = f"it lacks {first}; start from a {shape.architecture}"
    with pytest.raises(MixwrightError, match=message):
        from_state_dict(state, shape)


def test_unexpected_weights_are_named_and_the_rest_is_counted():
    state = hf_state_dict(member(SHAPE), 0, SHAPE)
    for layer in (2, 3):
        for name in ("q_proj", "k_proj"):
            state[f"model.layers.{layer}.self_attn.{name}.weight"] = torch.zeros(24, 24)
    with pytest.raises(MixwrightError) as error:
        from_state_dict(state, SHAPE)
    assert "no such model has model.layers.2.self_attn.k_proj.weight" in str(error.value)
    assert "and 1 more" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_weight_of_another_size_is_refused(shape):
    state = hf_state_dict(member(shape), 0, replace(shape, vocabulary=53))
    with pytest.raises(MixwrightError, match=r"has the size \[53, 24\], the shape asks for \[60"):
        from_state_dict(state, replace(shape, vocabulary=60))


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("llama", {"epsilon": 1e-2, "theta": 300.0, "tied": True}),
        ("neox", {"epsilon": 1e-2, "theta": 300.0}),
        ("gpt2", {"epsilon": 1e-2}),
        ("bert", {"epsilon": 1e-2}),
    ],
)
def test_what_a_checkpoint_sets_of_its_norms_and_positions_is_computed(architecture, changes):
    """Each change alone moves the logits, so none is passed over."""
    plain = replace(SHAPE, architecture=architecture, width=48, hidden=64)
    shape = replace(plain, **changes)
    model = checkpoint(shape)
    parameters = from_state_dict(model.state_dict(), shape)
    tokens = read(shape)

    def logits(of: Shape) -> torch.Tensor:
        states = hidden_states(parameters, tokens, of)
        return torch.bmm(*head(parameters, states, of)).view(4, of.context, -1)

    theirs = model(input_ids=tokens[0]).logits
    assert (logits(shape) - theirs).abs().max() <= ROUNDING
    for name in changes.keys() - {"tied"}:
        other = replace(shape, **{name: getattr(plain, name)})
        assert (logits(other) - theirs).abs().max() > 1e-3
    assert ("head" in parameters) == (architecture in ("llama", "neox") and not shape.tied)
