import pytest
import torch

from mixwright.errors import MixwrightError
from mixwright.learners.kernels import HeadLoss, loglikelihoods
from mixwright.learners.transformer import Shape, hf_state_dict, hidden_states, initial, stack

SHAPE = Shape(layers=2, width=24, heads=3, hidden=40, context=19, vocabulary=53)


def members(count: int, noise: float = 0.3) -> dict[str, torch.Tensor]:
    """Members whose every weight matters (the first weights hold zeros)."""
    torch.manual_seed(0)
    stacked = stack([initial(SHAPE, seed) for seed in range(count)])
    return {name: (tensor + noise * torch.randn_like(tensor)).requires_grad_() for name, tensor in stacked.items()}


def read(count: int, rows: int = 4) -> torch.Tensor:
    return torch.randint(SHAPE.vocabulary, (count, rows, SHAPE.context), generator=torch.Generator().manual_seed(1))


def llama(parameters: dict[str, torch.Tensor], member: int) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=SHAPE.vocabulary,
        hidden_size=SHAPE.width,
        intermediate_size=SHAPE.hidden,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        num_key_value_heads=SHAPE.heads,
        max_position_embeddings=SHAPE.context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        pad_token_id=None,
    )
    model = LlamaForCausalLM(config)
    model.load_state_dict(hf_state_dict(parameters, member), strict=True)
    return model


def test_a_member_computes_what_transformers_llama_does():
    parameters, tokens = members(3), read(3)
    ours = torch.bmm(hidden_states(parameters, tokens, SHAPE), parameters["head"]).view(3, 4, SHAPE.context, -1)
    theirs = llama(parameters, 2)(input_ids=tokens[2]).logits
    assert (ours[2] - theirs).abs().max() <= 1e-5
    assert theirs.std() > 0.1


def test_the_gradients_by_hand_are_those_of_transformers_llama():
    parameters, tokens = members(2), read(2)
    labels = read(2, 8)[:, 4:]
    losses = HeadLoss.apply(hidden_states(parameters, tokens, SHAPE), parameters["head"], labels.flatten(1), torch.float32)
    losses.sum().backward()
    model = llama(parameters, 1)
    loss = torch.nn.functional.cross_entropy(model(input_ids=tokens[1]).logits.flatten(0, 1), labels[1].flatten())
    loss.backward()
    assert abs(losses[1].item() - loss.item()) < 1e-5
    ours = hf_state_dict({name: tensor.grad for name, tensor in parameters.items()}, 1)
    for name, parameter in model.named_parameters():
        assert (ours[name] - parameter.grad).abs().max() <= 1e-5 * max(1, parameter.grad.abs().max()), name


def test_all_members_may_read_the_same_text():
    parameters, tokens = members(3), read(1)
    shared = hidden_states(parameters, tokens, SHAPE)
    assert torch.equal(shared, hidden_states(parameters, tokens.expand(3, -1, -1), SHAPE))


def test_loglikelihoods_are_those_of_the_loss():
    parameters, tokens = members(2), read(1)
    with torch.no_grad():
        states, labels = hidden_states(parameters, tokens, SHAPE), tokens.flatten()
        terms = loglikelihoods(states, parameters["head"], labels, torch.float32)
        losses = HeadLoss.apply(states, parameters["head"], labels.expand(2, -1), torch.float32)
    assert torch.allclose(-terms.mean(1), losses, atol=1e-6)


def test_first_weights_follow_from_the_seed_and_a_fresh_model_is_uniform():
    one, other = initial(SHAPE, 5), initial(SHAPE, 6)
    assert all(torch.equal(one[name], initial(SHAPE, 5)[name]) for name in one)
    assert not torch.equal(one["attention"], other["attention"])
    assert not one["head"].any() and not one["attention"][:, :, 3].any() and not one["mlp"][:, :, 2].any()


def test_plain_attention_agrees_with_the_fused_one(monkeypatch):
    parameters, tokens = members(2), read(2)
    fused = hidden_states(parameters, tokens, SHAPE)
    monkeypatch.setattr("mixwright.learners.transformer._wants_explicit", lambda q: True)
    assert torch.allclose(fused, hidden_states(parameters, tokens, SHAPE), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"architecture": "bert"}, "architecture llama"), ({"key_value_heads": 1}, "key_value_heads"), ({"width": 25}, "no multiple")],
)
def test_a_shape_that_cannot_be_packed_is_refused(change, told):
    shape = {"architecture": "llama", "layers": 1, "width": 24, "heads": 3, "hidden": 40, "context": 16}
    with pytest.raises(MixwrightError, match=told):
        Shape.of(shape | change, 50)
