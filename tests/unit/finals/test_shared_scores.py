"""Processes that share the scoring of finals: the tables of one, and one word where memory is full.

A choice of batches that differs between them would leave windows out, or count some twice.
"""

from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import PreTrainedModel

from final_study import FINAL, SHAPE, study
from mixwright import tables
from mixwright.finals.models import build
from mixwright.finals.processes import joined
from mixwright.finals.score import evaluate_finals, model_losses
from mixwright.finals.snapshot_scores import evaluate_snapshots
from mixwright.jobs.launch import launch, placement
from mixwright.jobs.resources import scoring_minutes
from mixwright.proxies.device import prepare
from mixwright.study.config import resolve
from mixwright.study.study import Study
from shard_files import END, VOCABULARY, examples, make_shards
from torchrun_forks import together

HELD = {"held": examples(5, count=40)}
HOUSE = Path(__file__).parents[3]


def model_of(seed: int, architecture: str = "llama") -> PreTrainedModel:
    model = build(SHAPE | {"architecture": architecture}, VOCABULARY, END, seed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)
    return model


@pytest.fixture(scope="module")
def finals(tmp_path_factory) -> pd.DataFrame:
    """Two finals with a copy of each, of three arms; and one that diverged."""
    rows = []
    folder = tmp_path_factory.mktemp("finals")
    for number, mixer in enumerate(["natural", "uniform", "regmix", "lost"]):
        place = folder / str(min(number, 1))
        for part, seed in (("model", number), ("snapshots/640", 10 + number)):
            if number < 2:
                model_of(seed).save_pretrained(place / part)
        realised = [{"domain": "a", "tokens": 640, "epochs": 1.0}]
        path = None if mixer == "lost" else str(place / "model")
        names = {"mixer": mixer, "goal": None, "seed": 1, "store_key": str(number)}
        rows.append(names | {"folder": path, "realised": realised})
    return pd.DataFrame(rows)


def scored(finals, shards, processes: dict, to: Path) -> None:
    """Writes what one process, or each of several, makes of the finals and of their copies."""
    prepare("cpu")
    plan = study(snapshots=[640])
    plan = Study(plan.config | {"targets": {"held": {}, "a": {}}, "learner": "causal-lm"})
    lines: list[str] = []
    result = evaluate_finals(finals, HELD, shards, plan, log=lines.append, **processes)
    copies = evaluate_snapshots(finals, HELD, shards, plan, log=lines.append, **processes)
    to.mkdir()
    result.scores.to_parquet(to / "scores")
    result.documents.to_parquet(to / "documents")
    copies.to_parquet(to / "copies")
    (to / "lines").write_text("\n".join(lines))


@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_make_the_tables_of_one(size, finals, tmp_path):
    shards = make_shards(tmp_path / "shards")
    scored(finals, shards, {}, tmp_path / "one")

    def work(rank: int) -> None:
        with joined(FINAL | {"processes": size}, trains=False) as processes:
            scored(finals, shards, {"processes": processes}, tmp_path / str(rank))

    assert together(work, size) == [0] * size
    for name in ("scores", "documents", "copies"):
        one = pd.read_parquet(tmp_path / "one" / name)
        assert len(one) > 10
        for rank in range(size):
            # terms are summed in float64, in another order
            other = pd.read_parquet(tmp_path / str(rank) / name)
            pd.testing.assert_frame_equal(one, other, rtol=1e-13, atol=0.0)
    tables.check(pd.read_parquet(tmp_path / "0/scores"), tables.SCORES, "scores")
    lines = (tmp_path / "0/lines").read_text()
    assert lines == (tmp_path / "one/lines").read_text() and lines
    assert not (tmp_path / "1/lines").read_text()


def test_each_reads_a_part_and_all_take_smaller_batches_where_one_is_full(tmp_path, monkeypatch):
    model = model_of(1)
    prepare("cpu")
    expected = model_losses(model, HELD, SHAPE["context"])["held"]
    monkeypatch.setattr("mixwright.proxies.scoring.BATCH_TOKENS", 256)

    def work(rank: int) -> None:
        prepare("cpu")
        rows = [0, 0]

        def limited(module, inputs):
            (tokens,) = inputs
            if rank == 1 and tokens.numel() > 64:
                rows[0] += 1
                raise torch.OutOfMemoryError("full")
            rows[1] += len(tokens)

        model.get_input_embeddings().register_forward_pre_hook(limited)
        with joined(FINAL | {"processes": 2}, trains=False) as processes:
            losses = model_losses(model, HELD, SHAPE["context"], processes=processes)
        torch.save((losses["held"], rows), tmp_path / f"{rank}.pt")

    assert together(work) == [0, 0]
    for rank in (0, 1):
        losses, rows = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        torch.testing.assert_close(losses, expected, rtol=1e-5, atol=0.0)
        assert (rows[0] > 0) == (rank == 1)


def test_a_job_that_scores_asks_for_a_gpu_a_process_and_no_warning():
    several = FINAL | {"device": "cuda", "processes": 4}
    assert placement(several, None) == {"gpu": 4, "nodes": 1}
    assert placement(FINAL, None) == {"gpu": 0}
    assert "slurm_extra" not in placement(several, None)
    nodes = placement(several | {"nodes": 2}, None)
    assert nodes["slurm_extra"] == "--ntasks-per-node=1 --gpus-per-node=4"
    assert launch(several).startswith("python -m mixwright.jobs.lease 4 torchrun ")


def test_more_processes_ask_for_less_time():
    domains = {name: {"source": "files", "files": "none.txt"} for name in "abc"}
    text = {"domains": domains, "targets": {"a": {}}, "mixers": {"natural": {}}}
    minutes = []
    for processes in (1, 8):
        final = {"model": "tinyllama-1b", "processes": processes, "device": "cuda"}
        config = text | {
            "study": "s",
            "tokenizer": {"vocabulary": 50432},
            "final": final,
            "evaluation": {"final_tokens": 10**8},
        }
        minutes.append(scoring_minutes(Study(resolve(config, HOUSE / "config")), 4))
    assert minutes[1] < minutes[0]
