"""Processes that share a final: which GPU each takes, and how they leave each other."""

import os

import pytest
import torch
from torch import distributed

from final_study import FINAL
from mixwright.errors import MixwrightError
from mixwright.finals import processes
from mixwright.finals.processes import joined, narrow_to_instance
from torchrun_forks import together

TWO = FINAL | {"processes": 2}
ON_GPUS = TWO | {"device": "cuda"}


@pytest.fixture
def met(monkeypatch):
    """What would be said to torch, and which GPU was taken before."""
    calls = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    monkeypatch.setattr(
        distributed, "init_process_group", lambda backend, **rest: calls.append((backend, rest))
    )
    monkeypatch.setattr(distributed, "new_group", lambda **rest: None)
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: calls.append("left"))
    return calls


def test_a_process_of_srun_that_sees_one_gpu_takes_it_whatever_its_number(met, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with joined(ON_GPUS):
        pass
    number, (backends, rest), left = met
    assert number == 0 and backends == "cuda:nccl,cpu:gloo" and left == "left"
    assert rest["device_id"] == torch.device("cuda", 0)
    # torchrun's processes all see the same GPUs: there it is one for two
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    with pytest.raises(MixwrightError, match="process 2 of this machine finds 1 GPUs"):
        joined(ON_GPUS).__enter__()


def test_each_process_names_its_own_mig_instance(met, monkeypatch):
    # as CUDA counts: one instance of a list
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-aa, MIG-bb")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "7")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with joined(ON_GPUS):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "MIG-bb"
    assert met[0] == 0


@pytest.mark.parametrize("names", ["0,1", "GPU-1,MIG-2", "", "MIG-aa"])
def test_other_lists_and_too_short_ones_stay_as_they_are(names):
    environment = {"CUDA_VISIBLE_DEVICES": names}
    assert not narrow_to_instance(environment, 1)
    assert environment == {"CUDA_VISIBLE_DEVICES": names}


def test_who_only_scores_takes_a_gpu_and_needs_no_nccl(met, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with joined(ON_GPUS, trains=False):
        pass
    number, (backends, rest), _ = met
    assert number == 1 and backends == "gloo" and "device_id" not in rest


def test_a_fault_with_a_message_under_way_ends_both_processes(tmp_path, monkeypatch):
    """One waits for an answer that the other never gives; gloo alone would wait for an hour."""
    monkeypatch.setattr(processes, "LEAVING_SECONDS", 1.0)

    def work(rank: int) -> None:
        with joined(TWO) as both:
            assert both.any(True)
            under_way = distributed.all_reduce(torch.ones(3), async_op=rank == 1)
            if rank == 1:
                # the leader takes part in this one, and in no other
                under_way.wait()
                distributed.all_reduce(torch.ones(3), async_op=True)
                (tmp_path / "failed").touch()
                raise ValueError("a fault")
            both.any(False)

    assert together(work) == [1, 1]
    assert (tmp_path / "failed").exists()


def test_who_is_told_to_end_leaves_the_others():
    def work(rank: int) -> None:
        with joined(TWO):
            raise SystemExit(143)

    assert together(work) == [143, 143]
    assert not distributed.is_initialized()
