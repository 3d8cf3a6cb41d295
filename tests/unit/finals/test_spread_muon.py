"""Muon's work dealt to processes: who does what, and that no bit of a weight depends on it."""

from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from final_study import FINAL, SHAPE, study, write_tokenizer
from killed_finals import same
from mixwright.finals import fsdp, spread
from mixwright.finals.fsdp import SlicedMuon
from mixwright.finals.models import build
from mixwright.finals.muon import PLAIN, Layout, Muon, update_of
from mixwright.finals.muon_adamw import MuonAdamW
from mixwright.finals.processes import joined
from mixwright.finals.spread import SpreadMuon, cost, dealt
from mixwright.proxies.device import prepare
from shard_files import END, VOCABULARY, make_shards
from torchrun_forks import together
from trained_finals import curve, folder_of, train

STEPS = 4
OPTIMIZER = FINAL["optimizer"] | {"weight_decay": 0.1}


@pytest.mark.parametrize("size", [2, 3, 8])
def test_every_matrix_has_one_owner_and_all_have_as_much_to_do(size):
    costs = [7, 100, 3, 90, 40, 95, 60, 60, 2, 2, 1]
    rounds = dealt(costs, size)
    owned = [number for one in rounds for number in one if number is not None]
    assert sorted(owned) == list(range(len(costs)))
    assert len(rounds) == -(-len(costs) // size)
    loads = [0] * size
    for one in rounds:
        for rank, number in enumerate(one):
            loads[rank] += 0 if number is None else costs[number]
    # what no dealing undercuts: the most costly one, or an equal share; and a little
    assert max(loads) <= 1.35 * max(max(costs), sum(costs) / size)


def test_products_that_lie_in_one_matrix_cost_what_each_of_them_does():
    assert cost((64, 32), PLAIN) == 64 * 32 * 32
    assert cost((96, 32), Layout(products=3, heads=2)) == 3 * 32**3
    assert cost((32, 96), Layout(turned=True, products=3)) == 3 * 32**3


class GatheredMuon(Muon):
    """What no process is spared: each gathers every direction, and orthogonalises it."""

    def _updates(self, numbers):
        for number in numbers:
            direction = self._direction(number)
            update = update_of(direction.full_tensor(), self.layouts[number], self.dtype)
            whole = DTensor.from_local(update.contiguous(), direction.device_mesh)
            yield number, whole.redistribute(placements=direction.placements)


def stepped(kind: type[Muon], architecture: str, dtype: torch.dtype, slices: int) -> dict:
    """The weights of a model after some steps on gradients that all processes draw alike."""
    shape = SHAPE | {"architecture": architecture, "layers": 2}
    model = build(shape, VOCABULARY, END, seed=1)
    if slices:
        fully_shard(model, mesh=init_device_mesh("cpu", (slices,)))
    optimizer = MuonAdamW.of(model, OPTIMIZER, kind, dtype)
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        for parameter in model.parameters():
            gradient = torch.randn(parameter.shape, generator=generator)
            if slices:
                whole = DTensor.from_local(gradient, parameter.device_mesh)
                gradient = whole.redistribute(placements=parameter.placements)
            parameter.grad = gradient
        optimizer.step()
    weights = {}
    for name, parameter in model.named_parameters():
        weight = parameter.full_tensor() if slices else parameter
        weights[name] = weight.detach()
    return weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "neox"])
@pytest.mark.parametrize("size", [2, 3])
def test_no_bit_of_a_weight_depends_on_who_orthogonalises(size, architecture, dtype, tmp_path):
    """Copies and slices, of two and three processes, and a process alone."""

    def work(rank: int) -> None:
        prepare("cpu")
        counted = []
        for room in (spread, fsdp):
            room.update_of = lambda *rest: counted.append(1) or update_of(*rest)
        with joined(FINAL | {"processes": size}):
            of_copies = stepped(SpreadMuon, architecture, dtype, 0)
            shares = len(counted)
            of_slices = stepped(SlicedMuon, architecture, dtype, size)
            every = stepped(GatheredMuon, architecture, dtype, size)
        counts = (shares, len(counted) - shares)
        torch.save((of_copies, of_slices, every, counts), tmp_path / f"{rank}.pt")

    assert together(work, size) == [0] * size
    prepare("cpu")
    alone = stepped(Muon, architecture, dtype, 0)
    spread_counts, sliced_counts = 0, 0
    for rank in range(size):
        results = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        of_copies, of_slices, every, counts = results
        assert same(of_copies, alone)
        assert same(of_slices, every)
        # AdamW's kernel rounds the ends of slices in its own way
        torch.testing.assert_close(of_slices, alone)
        spread_counts += counts[0]
        sliced_counts += counts[1]
        assert 0 < counts[0] < STEPS * 14
    hidden = {"llama": 14, "gpt2": 8, "neox": 8}[architecture]
    # each matrix is orthogonalised once a step, by one of them
    assert spread_counts == sliced_counts == STEPS * hidden


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_final_has_the_weights_that_it_has_where_all_do_all(parallel, tmp_path, monkeypatch):
    shards = make_shards(tmp_path / "shards")
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    config = study(processes=2, parallel=parallel, steps=10)

    def spread_work(rank: int) -> None:
        train(shards, tokenizer, tmp_path / "spread", config)

    def plain_work(rank: int) -> None:
        kind = Muon if parallel == "ddp" else GatheredMuon
        monkeypatch.setattr("mixwright.finals.trainer._muon", lambda *rest: kind)
        train(shards, tokenizer, tmp_path / "plain", config)

    assert together(spread_work) == together(plain_work) == [0, 0]
    one, other = tmp_path / "spread", tmp_path / "plain"
    assert curve(one).equals(curve(other))
    files = [folder_of(path) / "model/model.safetensors" for path in (one, other)]
    assert Path(files[0]).read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_gradients_and_losses_are_summed_in_float32_in_bfloat16_too(
    parallel, tmp_path, monkeypatch
):
    """What torch is handed to sum over processes, of a final with products in bfloat16."""
    shards = make_shards(tmp_path / "shards")
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    config = study(processes=2, parallel=parallel, precision="bfloat16", steps=2)

    def work(rank: int) -> None:
        types = {"copies": set(), "slices": set(), "sums": set()}

        def hook(state, bucket):
            buffer = bucket.buffer()
            types["copies"].add(buffer.dtype)
            future = distributed.all_reduce(buffer, async_op=True).get_future()
            return future.then(lambda done: done.value()[0] / 2)

        from torch.nn.parallel import DistributedDataParallel

        start = DistributedDataParallel.__init__

        def started(self, *rest, **named):
            start(self, *rest, **named)
            self.register_comm_hook(None, hook)

        scatter = distributed.reduce_scatter_single
        reduce = distributed.all_reduce

        def scattered(output, input, *rest, **named):
            types["slices"].add(input.dtype)
            return scatter(output, input, *rest, **named)

        def reduced(tensor, *rest, **named):
            types["sums"].add(tensor.dtype)
            return reduce(tensor, *rest, **named)

        monkeypatch.setattr(DistributedDataParallel, "__init__", started)
        monkeypatch.setattr(distributed, "reduce_scatter_single", scattered)
        monkeypatch.setattr(distributed, "all_reduce", reduced)
        train(shards, tokenizer, tmp_path / "trained", config)
        torch.save(types, tmp_path / f"{rank}.pt")

    assert together(work) == [0, 0]
    for rank in (0, 1):
        types = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        of_gradients = "copies" if parallel == "ddp" else "slices"
        assert types[of_gradients] == {torch.float32}
        assert types["sums"] == {torch.float32}
