"""A step over all members at once, as a GPU takes it: its numbers are those of the loops."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixwright.proxies import gradients as steps
from mixwright.proxies import wave
from mixwright.proxies.models import kernels, strategy
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.optimizer import Optimizer
from mixwright.proxies.slopes import excess, excess_as_one, stacked
from small_bert import BERT
from small_packs import RECIPE, SETTINGS, SHAPE, eight, opened, run

SHAPES = [SHAPE, replace(SHAPE, architecture="gpt2"), replace(SHAPE, architecture="neox"), BERT]
MEMBERS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture
def as_one(monkeypatch) -> None:
    monkeypatch.setattr(strategy, "as_one", lambda device: True)


def apart(results, others) -> float:
    differences = []
    for key, result in results.items():
        for row, other in zip(result.losses, others[key].losses, strict=True):
            differences.append(abs(row["loss"] - other["loss"]))
    return max(differences)


def batch_of(texts: Path, shape: Shape) -> tuple[wave.Wave, steps.Batch]:
    pack = wave.Wave(eight()[:MEMBERS], shape, opened(texts, shape.masked), SETTINGS)
    inputs, _ = pack._read(range(1))
    return pack, pack._batch(*[tensor[:, 0] for tensor in inputs])


def moved(parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights away from the first ones, where many gradients are 0."""
    draw = torch.Generator().manual_seed(0)
    return {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=draw)
        for name, tensor in parameters.items()
    }


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.architecture)
def test_gradients_are_those_of_the_loops_and_lie_in_one_tensor(folder, shape, monkeypatch):
    pack, batch = batch_of(folder / shape.architecture, shape)
    parameters = moved(pack.parameters)
    losses, slopes = steps.gradients(parameters, batch, shape, SETTINGS.execution)
    monkeypatch.setattr(strategy, "as_one", lambda device: True)
    losses_as_one, as_one = steps.gradients(parameters, batch, shape, SETTINGS.execution)
    assert (losses - losses_as_one).abs().max() < 1e-5
    for name, slope in slopes.items():
        whole = as_one[name]
        # The optimizer copies none of them.
        assert isinstance(whole, torch.Tensor) and stacked(whole) is whole
        assert whole.stride() == parameters[name].stride()
        assert (whole - stacked(slope)).norm() < 1e-5 * whole.norm()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.architecture)
def test_a_training_ends_where_the_loops_end(folder, shape, monkeypatch):
    """Members of different lengths leave on the way."""
    members = [replace(member, steps=4 + i // 2) for i, member in enumerate(eight()[:4])]
    loops = run(folder / shape.architecture, members, shape=shape)
    monkeypatch.setattr(strategy, "as_one", lambda device: True)
    assert apart(run(folder / shape.architecture, members, shape=shape), loops) < 1e-4


def weights(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    shapes = {
        "attention": (2, 4, 8, 8),
        "mlp": (2, 3, 8, 24),
        "embedding": (30, 8),
        "norms": (5, 8),
    }
    return {name: torch.randn(MEMBERS, *shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", ["muon-adamw", "adamw"])
@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("courses", [([4, 4, 4], [1, 1, 1]), ([4, 5, 4], [1, 1, 0.5])])
def test_updates_are_those_of_one_member_after_another(name, clip, courses, monkeypatch):
    recipe = RECIPE | {"name": name, "clip": clip, "weight_decay": 0.1}
    results = []
    for together in (False, True):
        monkeypatch.setattr(strategy, "as_one", lambda device, result=together: result)
        parameters = weights(0)
        optimizer = Optimizer(parameters, recipe, *courses)
        for step in range(3):
            optimizer.schedule(step)
            optimizer.update(weights(step + 1))
        results.append(parameters | optimizer.state)
    loops, as_one = results
    for key, tensor in loops.items():
        assert torch.allclose(tensor, as_one[key], rtol=1e-6, atol=1e-6), key
    assert not torch.allclose(as_one["embedding"], weights(0)["embedding"], atol=1e-3)


def test_members_of_one_course_are_updated_in_two_calls(as_one, monkeypatch):
    """One with weight decay and one without, however many members and parameters there are."""
    calls = []
    fused = torch._fused_adamw_
    monkeypatch.setattr(
        torch, "_fused_adamw_", lambda *args, **options: calls.append(fused(*args, **options))
    )
    optimizer = Optimizer(weights(0), RECIPE | {"name": "adamw"}, [4] * MEMBERS)
    optimizer.schedule(0)
    optimizer.update(weights(1))
    assert len(calls) == 2


def test_each_member_is_clipped_by_its_own_norm():
    gradients = list(weights(3).values())
    for gradient in gradients:
        gradient.mul_(torch.tensor([0.001, 1.0, 30.0]).view(-1, *[1] * (gradient.dim() - 1)))
    by_member = [[gradient[k] for gradient in gradients] for k in range(MEMBERS)]
    over = excess_as_one(gradients, 2.0)
    assert over[0] == 1 < over[1] < over[2]
    assert torch.allclose(over, excess(by_member, 2.0), rtol=1e-6)


def test_a_compiled_body_takes_all_members_at_once(folder, as_one, monkeypatch):
    """Some leave on the way, so that it is compiled again for any number of them."""
    graphs = []
    plain = torch._dynamo.lookup_backend("aot_eager")

    def counted(graph, inputs):
        graphs.append(graph)
        return plain(graph, inputs)

    monkeypatch.setattr(steps, "BACKEND", counted)
    shape = replace(SHAPE, layers=1)
    lengths = [2, 2, 3, 4, 4]
    members = [
        replace(member, steps=steps) for member, steps in zip(eight(), lengths, strict=False)
    ]
    eager = run(folder / "llama", members, shape=shape)
    compiled = run(folder / "llama", members, replace(SETTINGS, compiled=True), shape)
    # Five members, then a number of them that is left open: it serves three and two.
    assert len(graphs) == 2
    assert apart(compiled, eager) < 1e-5


def product(plain):
    """torch's product on CUDA that hands over float32, on a CPU."""

    def computed(*factors, out_dtype=None, out=None, **options):
        if out_dtype is None:
            return plain(*factors, **options) if out is None else plain(*factors, out=out)
        result = plain(*(factor.to(out_dtype) for factor in factors), **options)
        return result if out is None else out.copy_(result)

    return computed


@pytest.mark.parametrize("shape", [SHAPE, BERT], ids=["llama", "bert"])
def test_products_that_are_handed_over_in_float32_are_nearer_to_the_truth(
    folder, shape, as_one, monkeypatch
):
    pack, batch = batch_of(folder / shape.architecture, shape)
    parameters = moved(pack.parameters)
    truth = steps.gradients(parameters, batch, shape, SETTINGS.execution)[1]
    half = replace(SETTINGS, precision="bfloat16").execution
    rounded = steps.gradients(parameters, batch, shape, half)[1]
    monkeypatch.setattr(strategy, "sums_in_float32", lambda _, dtype: dtype == torch.bfloat16)
    monkeypatch.setattr(torch, "bmm", product(torch.bmm))
    monkeypatch.setattr(torch, "baddbmm", product(torch.baddbmm))
    unrounded = steps.gradients(parameters, batch, shape, half)[1]
    for name, exact in truth.items():
        off = (unrounded[name] - exact).norm() / exact.norm()
        assert 0 < off < 0.05, name
        assert not torch.equal(unrounded[name], rounded[name]), name


def test_sums_over_rows_are_one_sum_and_those_of_members_apart(as_one, monkeypatch):
    rows, unit = torch.randn(2, 3, 7, 5)
    both = kernels._row_sums(rows), kernels._scale_and_shift_sums(rows, unit)
    monkeypatch.setattr(strategy, "as_one", lambda device: False)
    for one, other in zip(
        both, (kernels._row_sums(rows), kernels._scale_and_shift_sums(rows, unit)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-6)
