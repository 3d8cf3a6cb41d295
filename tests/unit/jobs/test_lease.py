"""Leases of GPUs that are not there: forks, invented listings, a folder of the test's own."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from least_study import study
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.jobs import lease
from mixwright.jobs.lease import take, visible
from mixwright.stages.final import evaluate_finals, evaluate_snapshots, train_finals
from mixwright.stages.proxies import train_proxies

FOUR = "\n".join(f"GPU {i}: NVIDIA H100 80GB HBM3 (UUID: GPU-{i}{i}{i}{i}-aaaa)" for i in range(4))
MIG = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0000-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736-a)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590-b)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-1111-aaaa)
"""


def taken(
    folder: Path, count: int = 1, environment=None, listing: str = FOUR, pause: float = 0.001
) -> list[str]:
    return take(count, {} if environment is None else environment, lambda: listing, folder, pause)


def fork(work) -> int:
    """The process id of a fork that runs `work` and ends with it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


@pytest.fixture(autouse=True)
def released(monkeypatch):
    monkeypatch.setattr(lease, "in_container", lambda: False)
    yield
    while lease._held:
        os.close(lease._held.pop())


@pytest.mark.parametrize(
    ("variable", "listing", "devices"),
    [
        (None, FOUR, [f"GPU-{i}{i}{i}{i}-aaaa" for i in range(4)]),
        ("2, 0", FOUR, ["GPU-2222-aaaa", "GPU-0000-aaaa"]),
        ("1,-1,3", FOUR, ["GPU-1111-aaaa"]),
        ("GPU-33,GPU-1111-aaaa", FOUR, ["GPU-3333-aaaa", "GPU-1111-aaaa"]),
        ("", FOUR, []),
        ("0,7", "", ["0", "7"]),
        (None, "", []),
        (None, MIG, ["MIG-c7384736-a", "MIG-a28ad590-b", "GPU-1111-aaaa"]),
        ("0,1", MIG, ["MIG-c7384736-a", "GPU-1111-aaaa"]),
        ("MIG-a28ad590-b", MIG, ["MIG-a28ad590-b"]),
    ],
)
def test_devices_are_those_that_cuda_would_see(variable, listing, devices):
    assert list(visible(variable, listing).values()) == devices


def test_a_process_that_asks_twice_keeps_its_device(tmp_path, monkeypatch):
    """A batch of packs that were computed in two ways asks once for each."""
    asked = []

    def take_one(count):
        asked.append(count)
        return taken(tmp_path, count)

    monkeypatch.setattr(lease, "take", take_one)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for _ in range(2):
        lease.hold_gpu({"device": "cuda"})
    assert asked == [1] and len(lease._held) == 1


def test_many_jobs_on_four_devices_never_share_one(tmp_path):
    """Every job writes when it has a device and when it lets go.

    On each device the two alternate.
    """
    gate, opened = os.pipe()

    def job(number: int) -> None:
        os.close(opened)
        os.read(gate, 1)  # all start at once, when the test closes its end
        (device,) = taken(tmp_path / "locks")
        log = os.open(tmp_path / device, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.write(log, b"%d has\n" % number)
        hashlib.pbkdf2_hmac("sha256", b"work", b"", 20_000)
        os.write(log, b"%d leaves\n" % number)

    children = [fork(lambda number=number: job(number)) for number in range(24)]
    os.close(opened)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 24
    logs = [path.read_text().split("\n")[:-1] for path in tmp_path.iterdir() if path.is_file()]
    assert len(logs) == 4 and sum(map(len, logs)) == 48
    for lines in logs:
        assert lines == [
            f"{line.split()[0]} {word}" for line in lines[::2] for word in ("has", "leaves")
        ]


def test_a_job_that_crashes_frees_its_device(tmp_path):
    child = fork(lambda: (taken(tmp_path, 4), os.kill(os.getpid(), signal.SIGKILL)))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert len(taken(tmp_path, 4)) == 4


def test_who_waits_says_so_once_and_holds_nothing(tmp_path, monkeypatch):
    lines, tries = [], []
    monkeypatch.setattr(lease, "say", lines.append)
    taken(tmp_path, 3)

    def freed(pause: float) -> None:
        tries.append(
            lease._locked(tmp_path, "GPU-3333-aaaa")
        )  # the fourth is free for others while two are waited for
        os.close(tries[-1])
        if len(tries) == 3:
            os.close(lease._held.pop())

    monkeypatch.setattr(lease.time, "sleep", freed)
    assert taken(tmp_path, 2) == ["GPU-2222-aaaa", "GPU-3333-aaaa"]
    assert (
        lines == [f"waiting for 2 of 4 GPUs; other jobs hold them ({tmp_path})"]
        and None not in tries
    )


def test_only_what_was_leased_stays_in_sight_as_it_was_spelled(tmp_path):
    environment = {"CUDA_VISIBLE_DEVICES": "3,GPU-1111"}
    assert taken(tmp_path, environment=environment) == ["3"]
    assert environment == {"CUDA_VISIBLE_DEVICES": "3"}
    assert taken(tmp_path, environment={"CUDA_VISIBLE_DEVICES": "GPU-3333-aaaa,1"}) == [
        "1"
    ]  # the other is the same device by another name


def test_what_a_scheduler_assigned_is_left_alone_and_a_wider_allocation_is_shared(tmp_path):
    assigned = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0"}
    for _ in range(2):  # two jobs that Slurm lets share a device
        assert (
            taken(tmp_path, environment=assigned) == [] and assigned["CUDA_VISIBLE_DEVICES"] == "0"
        )
    wide = {"SLURM_JOB_ID": "8"}
    assert (
        taken(tmp_path, environment=wide) == ["GPU-0000-aaaa"]
        and wide["CUDA_VISIBLE_DEVICES"] == "GPU-0000-aaaa"
    )


def test_too_few_devices_are_told_in_one_line_and_unknown_ones_left_to_torch(tmp_path):
    with pytest.raises(
        MixwrightError,
        match="device: 2 GPUs are needed and 1 in sight; "
        "widen CUDA_VISIBLE_DEVICES, or ask for fewer",
    ):
        taken(tmp_path, 2, {"CUDA_VISIBLE_DEVICES": "1"})
    assert taken(tmp_path, listing="") == []


def test_stages_on_a_cpu_and_processes_of_torchrun_lease_nothing(monkeypatch):
    monkeypatch.setattr(lease, "take", lambda count: pytest.fail("leased"))
    lease.hold_gpu({"device": "cpu"})
    monkeypatch.setenv("LOCAL_RANK", "0")
    lease.hold_gpu({"device": "cuda"})


def test_every_stage_on_a_gpu_leases_before_it_reads_anything(tmp_path, monkeypatch):
    planned = study(proxy={"device": "cuda"}, final={"device": "cuda"})
    planned.write(tmp_path / "study.json")
    write_json(tmp_path / "texts.json", {"shards": ["none"], "targets": ["none"]})
    monkeypatch.setattr(lease, "take", lambda count: sys.exit(f"leased {count}"))
    none = Path("none")
    for stage in (
        lambda: train_proxies(
            tmp_path / "study.json",
            next(iter(planned.packs)),
            tmp_path / "texts.json",
            none,
            tmp_path,
            none,
        ),
        lambda: train_finals(tmp_path / "study.json", "pack", [none], [none], none, none),
        lambda: evaluate_finals(tmp_path / "study.json", none, [none], [none], none, none),
        lambda: evaluate_snapshots(tmp_path / "study.json", none, [none], [none], none),
    ):
        with pytest.raises(SystemExit, match="leased 1"):
            stage()


def test_the_command_that_follows_keeps_the_lease(tmp_path):
    """A fake nvidia-smi on the path; the command waits for its input to end."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{FOUR}\nEND\n")
    tool.chmod(0o755)
    house = Path(__file__).parents[3] / "workflow"
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(house),
        "MIXWRIGHT_LEASES": str(tmp_path / "locks"),
    }
    command = [
        sys.executable,
        "-m",
        "mixwright.jobs.lease",
        "2",
        "sh",
        "-c",
        "echo $CUDA_VISIBLE_DEVICES; read end",
    ]
    job = subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert job.stdout.readline() == "GPU-0000-aaaa,GPU-1111-aaaa\n"
    free = {uuid: lease._locked(tmp_path / "locks", uuid) for uuid in visible(None, FOUR).values()}
    assert [uuid for uuid, lock in free.items() if lock is None] == [
        "GPU-0000-aaaa",
        "GPU-1111-aaaa",
    ]
    job.communicate()
    assert lease._locked(tmp_path / "locks", "GPU-0000-aaaa") is not None
