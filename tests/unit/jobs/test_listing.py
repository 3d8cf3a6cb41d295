"""Lists of invented GPUs, without nvidia-smi and in containers: files of the test's own."""

import os
import sys
from pathlib import Path

import pytest

from mixwright.jobs import lease
from mixwright.jobs.container import in_container, is_mounted
from mixwright.jobs.lease import take, visible
from mixwright.jobs.listing import BY_TORCH, NVIDIA_SMI, list_gpus, output_of

INFORMATION = """Model: \t\t NVIDIA H100 80GB HBM3
IRQ:   \t\t 18
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.61.00.01
Bus Location: \t 0000:{bus}:00.0
Device Minor: \t {minor}
GPU Excluded:\t No
"""
# as nvidia-smi would list them: by their places on the bus, which are not their minors
BY_BUS = {"18": ("GPU-aaaa", 1), "2a": ("GPU-bbbb", 0), "3a": ("GPU-cccc", 2)}


@pytest.fixture
def machine(tmp_path):
    """The folder of devices, and that of the driver's facts."""
    devices, driver = tmp_path / "dev", tmp_path / "driver"
    devices.mkdir()
    for bus, (uuid, minor) in BY_BUS.items():
        folder = driver / f"gpus/0000:{bus}:00.0"
        folder.mkdir(parents=True)
        text = INFORMATION.format(uuid=uuid, minor=minor, bus=bus)
        (folder / "information").write_text(text)
        (devices / f"nvidia{minor}").touch()
    return devices, driver


def without_program(command):
    assert tuple(command) == NVIDIA_SMI
    return ""


def test_without_nvidia_smi_the_driver_s_files_name_the_gpus(machine):
    listed = list_gpus(without_program, *machine)
    assert list(visible(None, listed)) == ["GPU-aaaa", "GPU-bbbb", "GPU-cccc"]
    assert visible("2,0", listed) == {"2": "GPU-cccc", "0": "GPU-aaaa"}


def test_a_container_has_the_gpus_whose_devices_are_in_it(machine):
    devices, _ = machine
    (devices / "nvidia1").unlink()
    listed = list_gpus(without_program, *machine)
    assert list(visible(None, listed)) == ["GPU-bbbb", "GPU-cccc"]
    # its own numbers, and the names that other containers use
    assert visible("0", listed) == {"0": "GPU-bbbb"}


def test_what_the_program_says_goes_before_files(machine):
    answer = "GPU 0: NVIDIA H100 (UUID: GPU-1)\n"
    assert list_gpus(lambda command: answer, *machine) == answer
    failed = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
    listed = list_gpus(lambda command: failed, *machine)
    assert len(visible(None, listed)) == 3


@pytest.mark.parametrize("device", ["nvidia0", "dxg", None])
def test_torch_is_asked_where_there_is_a_driver_without_files(device, tmp_path):
    asked = []

    def ask(command):
        asked.append(tuple(command))
        return "GPU 0: RTX (UUID: GPU-1)\n" if command[0] == sys.executable else ""

    if device:
        (tmp_path / device).touch()
    listed = list_gpus(ask, tmp_path, tmp_path / "none")
    assert list(visible(None, listed)) == (["GPU-1"] if device else [])
    assert len(asked) == (2 if device else 1)


def test_uuids_that_the_driver_does_not_know_yet_are_left_to_torch(machine):
    devices, driver = machine
    file = driver / "gpus/0000:18:00.0/information"
    file.write_text(INFORMATION.format(uuid="GPU-????????-????", minor=1, bus="18"))
    answers = {NVIDIA_SMI: "", (sys.executable, "-c", BY_TORCH): "GPU 0: X (UUID: GPU-9)\n"}
    listed = list_gpus(lambda command: answers[tuple(command)], devices, driver)
    assert list(visible(None, listed)) == ["GPU-9"]


def test_instances_of_mig_are_leased_as_the_user_names_them(machine, tmp_path):
    devices, driver = machine
    (driver / "capabilities/gpu0/mig/gi1").mkdir(parents=True)
    assert list_gpus(without_program, devices, driver) == ""
    assert visible("MIG-1,MIG-2", "") == {"MIG-1": "MIG-1", "MIG-2": "MIG-2"}


def test_torch_s_list_is_a_program_that_runs_here_and_sees_all_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "none")
    look = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES', 'all'))"
    assert output_of((sys.executable, "-c", look)) == "all\n"
    assert output_of((sys.executable, "-c", BY_TORCH + "\nprint('ends')")).endswith("ends\n")
    assert output_of(["no-such-program"]) == ""


@pytest.fixture
def released():
    yield
    while lease._held:
        os.close(lease._held.pop())


def test_two_containers_that_share_a_folder_share_no_gpu(machine, tmp_path, released):
    """One has all GPUs, the other two of them under other numbers; they lease by UUID."""
    devices, driver = machine
    whole = list_gpus(without_program, devices, driver)
    (devices / "nvidia1").unlink()
    part = list_gpus(without_program, devices, driver)
    locks = tmp_path / "locks"
    assert take(2, {}, lambda: whole, locks) == ["GPU-aaaa", "GPU-bbbb"]
    assert take(1, {}, lambda: part, locks) == ["GPU-cccc"]


def test_what_kubernetes_assigned_is_left_alone(tmp_path):
    listed = "GPU 0: NVIDIA H100 (UUID: GPU-1)\n"
    assert take(1, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, lambda: listed, tmp_path) == []


@pytest.mark.parametrize(
    ("file", "text", "variables", "answer"),
    [
        (".dockerenv", "", {}, True),
        ("run/.containerenv", "", {}, True),
        ("proc/1/cgroup", "0::/kubepods/burstable/pod1\n", {}, True),
        ("proc/1/cgroup", "0::/init.scope\n", {}, False),
        ("etc/hostname", "a", {"container": "podman"}, True),
        ("etc/hostname", "a", {}, False),
    ],
)
def test_a_container_is_known_by_its_marks(file, text, variables, answer, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    assert in_container(tmp_path, variables) == answer


def test_a_folder_that_other_containers_do_not_see_is_told_once(tmp_path, monkeypatch, released):
    lines = []
    monkeypatch.setattr(lease, "say", lines.append)
    monkeypatch.setattr(lease, "in_container", lambda: True)
    listed = "".join(f"GPU {i}: H100 (UUID: GPU-{i})\n" for i in range(4))
    monkeypatch.setattr(lease, "is_mounted", lambda folder: True)
    take(1, {}, lambda: listed, tmp_path / "mounted")
    assert lines == []
    monkeypatch.setattr(lease, "is_mounted", lambda folder: False)
    for _ in range(2):
        take(1, {}, lambda: listed, tmp_path / "own")
    (line,) = lines
    assert "MIXWRIGHT_LEASES" in line and str(tmp_path / "own") in line
    monkeypatch.setattr(lease, "in_container", lambda: False)
    take(1, {}, lambda: listed, tmp_path / "machine")
    assert len(lines) == 1


def test_a_mount_is_told_from_the_root():
    assert not is_mounted(Path("/"))
    assert is_mounted(Path("/proc"))
