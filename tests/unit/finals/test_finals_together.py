"""Several processes that train one final: forks that meet over gloo, and once torchrun itself."""

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from final_study import FINAL, study, write_tokenizer
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.callbacks import Progress
from mixwright.finals.loop import latest
from mixwright.finals.sequences import Sequences
from mixwright.finals.train import train_finals
from mixwright.finals.trainer import FinalTrainer
from mixwright.jobs.launch import launch, placement
from mixwright.mixture import Mixture
from mixwright.study.config import resolve
from mixwright.study.study import Study
from shard_files import make_shards
from torchrun_forks import together

ARM = Arm("regmix", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))
HOUSE = Path(__file__).parents[3]
# of the norm of all weights: gradients are summed in another order, and Muon's products are
# bfloat16
CLOSE = 0.02


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def shards(folder):
    return make_shards(folder)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


def train(arms, shards, tokenizer, folder: Path, **final):
    train_finals(
        arms,
        shards,
        tokenizer,
        study(**final),
        folder / "store",
        folder / "finals.parquet",
        log=lambda line: None,
    )


def weights(folder: Path, number: int = 0) -> dict[str, torch.Tensor]:
    return load_file(
        Path(tables.read(folder / "finals.parquet", tables.FINALS).folder[number])
        / "model.safetensors"
    )


def checkpoints(folder: Path) -> Path:
    (folder_of_one,) = (folder / "store/finals").glob("*.checkpoint")
    return folder_of_one


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Norm of the difference over the norm."""
    assert one.keys() == other.keys()
    between = sum(_square(one[name] - other[name]) for name in one)
    return float(np.sqrt(between / sum(map(_square, one.values()))))


def _square(tensor: torch.Tensor) -> float:
    return float(tensor.double().square().sum())


def dying(monkeypatch, rank: int, at: int, how: int, work):
    """`work`, whose process of one rank sends itself signal `how` at the end of step `at`."""

    def run(current: int) -> None:
        def send(self, args, state, control, **_) -> None:
            if current == rank and state.global_step == at:
                os.kill(os.getpid(), how)

        monkeypatch.setattr(Progress, "on_step_end", send)
        work(current)

    return run


@pytest.fixture(scope="module", params=["ddp", "fsdp"])
def both(request, shards, tokenizer, tmp_path_factory) -> Path:
    """What two processes made of two finals, undisturbed, and what each of them read.

    The folder's name says how they shared the model.
    """
    folder = tmp_path_factory.mktemp("both") / request.param
    reads: list[int] = []
    read = Sequences.__getitems__

    def work(rank: int) -> None:
        Sequences.__getitems__ = lambda self, at: reads.extend(map(int, at)) or read(self, at)
        train(
            [ARM, replace(ARM, seed=2)],
            shards,
            tokenizer,
            folder,
            processes=2,
            parallel=folder.name,
        )
        (folder / f"{rank}.json").write_text(json.dumps(reads))

    assert together(work) == [0, 0]
    return folder


def test_two_processes_train_what_one_trains(both, shards, tokenizer, tmp_path):
    train([ARM, replace(ARM, seed=2)], shards, tokenizer, tmp_path)
    one, two = (
        tables.read(folder / "finals.parquet", tables.FINALS) for folder in (tmp_path, both)
    )
    assert np.allclose(one.train_loss, two.train_loss, atol=1e-3)
    assert all(apart(weights(tmp_path, number), weights(both, number)) < CLOSE for number in (0, 1))
    first, second = (
        np.array(json.loads((both / f"{rank}.json").read_text())).reshape(-1, 2) for rank in (0, 1)
    )
    assert np.array_equal(
        np.hstack([first, second]).flatten(), [*range(80), *range(80)]
    )  # half of each batch, in the schedule's order
    assert AutoModelForCausalLM.from_pretrained(two.folder[0]).config.architectures == [
        "LlamaForCausalLM"
    ]
    # two finals, no lock and no checkpoint left
    assert len(list((both / "store/finals").iterdir())) == 2


@pytest.mark.parametrize("both", ["ddp"], indirect=True)
def test_one_that_is_told_to_end_ends_both_after_the_same_step(
    both, shards, tokenizer, tmp_path, monkeypatch
):
    def work(rank: int) -> None:
        train([ARM], shards, tokenizer, tmp_path, processes=2, parallel=both.name)

    assert together(dying(monkeypatch, 1, 7, signal.SIGTERM, work)) == [143, 143]
    assert latest(checkpoints(tmp_path)).endswith("checkpoint-7")
    assert together(work) == [0, 0]
    assert apart(weights(tmp_path), weights(both)) == 0


@pytest.mark.parametrize("both", ["fsdp"], indirect=True)
def test_one_that_is_killed_fails_the_job_and_the_next_goes_on(
    both, shards, tokenizer, tmp_path, monkeypatch
):
    def work(rank: int) -> None:
        train([ARM], shards, tokenizer, tmp_path, processes=2, parallel=both.name)

    codes = together(dying(monkeypatch, 1, 13, signal.SIGKILL, work))
    assert codes[0] != 0 and codes[1] == -signal.SIGKILL
    assert not (tmp_path / "finals.parquet").exists()
    assert latest(checkpoints(tmp_path)).endswith("checkpoint-10")
    assert together(work) == [0, 0]
    assert apart(weights(tmp_path), weights(both)) == 0


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_loss_that_is_lost_in_one_process_ends_the_final_in_both(
    parallel, shards, tokenizer, tmp_path, monkeypatch
):
    plain = FinalTrainer.compute_loss

    def work(rank: int) -> None:
        def spoilt(self, *args, **rest):
            if rank == 1 and self.args.seed == 1 and self.state.global_step == 4:
                for parameter in self.model.parameters():
                    parameter.data.fill_(float("nan"))
            return plain(self, *args, **rest)

        monkeypatch.setattr(FinalTrainer, "compute_loss", spoilt)
        arms = [ARM, replace(ARM, seed=2)]
        train(arms, shards, tokenizer, tmp_path, processes=2, parallel=parallel)

    assert together(work) == [0, 0]
    finals = tables.read(tmp_path / "finals.parquet", tables.FINALS).set_index("seed")
    assert finals.status[1] == "diverged" and finals.step[1] in (5, 6)
    assert finals.folder.isna().tolist() == [True, False]


def test_another_number_of_processes_than_asked_for_is_told_in_one_line(
    shards, tokenizer, tmp_path
):
    with pytest.raises(
        MixwrightError,
        match="2 processes are to train together and 1 run; "
        "start it with torchrun --nnodes 1 --nproc-per-",
    ):
        train([ARM], shards, tokenizer, tmp_path, processes=2)


def test_alone_the_key_is_what_it_was_and_together_it_is_another(shards, tokenizer):
    key = content_key(ARM, shards, tokenizer, study())
    assert content_key(ARM, shards, tokenizer, study(parallel="fsdp")) == key
    two, fsdp = (
        content_key(ARM, shards, tokenizer, study(processes=2, parallel=parallel))
        for parallel in ("ddp", "fsdp")
    )
    assert content_key(ARM, shards, tokenizer, study(nodes=2)) == two
    assert len({key, two, fsdp}) == 3


def test_alone_the_command_is_python_and_asks_for_nothing_more():
    assert launch(FINAL) == "python -m mixwright"
    warned = {"slurm_extra": "--signal=TERM@120"}
    assert placement(FINAL) == {"gpu": 0} | warned
    assert placement(FINAL | {"device": "cuda"}) == {"gpu": 1} | warned
    several = FINAL | {"device": "cuda", "processes": 4}
    assert placement(several) == {"gpu": 4, "nodes": 1} | warned
    assert launch(several).startswith(
        "python -m mixwright.jobs.lease 4 torchrun --nproc-per-node=4 "
    )


def test_several_nodes_meet_inside_srun():
    final = FINAL | {"device": "cuda", "nodes": 2, "processes": 4}
    resources = placement(final)
    assert (
        resources["slurm_extra"] == "--ntasks-per-node=1 --gpus-per-node=4 --signal=TERM@120"
        and resources["tasks"] == resources["nodes"] == 2
    )
    words = shlex.split(launch(final) + " train-finals --to 'a b'")
    script = words[words.index("-c") + 1]
    assert words[0] == "{resources.mpi}" and words[-3:] == ["train-finals", "--to", "a b"]
    assert "$SLURM_LAUNCH_NODE_IPADDR" in script and script.endswith('-m mixwright "$@"')
    assert not any("$" in word for word in words if word is not script)


def test_torchrun_trains_what_the_command_line_asks_for(folder, shards, tokenizer, tmp_path):
    domains = {name: {"source": "files", "files": "none.txt"} for name in "abc"}
    final = {"model": "micro", "batch": 4, "processes": 2, "parallel": "fsdp", "seeds": [1]}
    text = {"domains": domains, "targets": {"a": {}}, "mixers": {"natural": {}}}
    config = text | {"study": "both", "final": final, "goal": {"tokens": 2048}}
    planned = Study(resolve(config, HOUSE / "config"))
    planned.write(tmp_path / "study.json")
    write_json(tmp_path / "natural.json", {"weights": {"a": 0.5, "b": 0.25, "c": 0.25}})
    (pack,) = planned.final_packs
    folders = shlex.join(str(folder / shard.domain) for shard in shards)
    command = f"{launch(planned.config['final'])} train-finals --study study.json --pack {pack}"
    command += f" --mixtures natural.json --shards {folders}"
    command += f" --tokenizer {shlex.quote(str(tokenizer))} --store store --to finals.parquet"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = os.environ | {
        "PATH": path,
        "PYTHONPATH": str(HOUSE / "workflow"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("final 1/1: natural, seed 1: loss") == 1  # the leader's line alone
    (row,) = tables.read(tmp_path / "finals.parquet", tables.FINALS).itertuples()
    assert AutoModelForCausalLM.from_pretrained(tmp_path / row.folder).config.num_hidden_layers == 1
