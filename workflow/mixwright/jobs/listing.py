"""Which GPUs this machine has, as `nvidia-smi -L` lists them, also where that program is missing.

It is missing in many containers, and on WSL it is not on the path.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

NVIDIA_SMI = ("nvidia-smi", "-L")
VARIABLE = "CUDA_VISIBLE_DEVICES"
SECONDS = 60  # that a program may take to answer
# torch's answer in the same form. What AMD's GPUs are called is left to torch: see docs/cluster.md
BY_TORCH = """
import torch
if torch.version.hip is None:
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        print(f"GPU {number}: {facts.name} (UUID: GPU-{facts.uuid})")
"""
# a driver is here: of Linux, or of the Windows around it
DRIVERS = ("nvidia[0-9]*", "dxg")

Ask = Callable[[Sequence[str]], str]


def list_gpus(
    ask: Ask | None = None, devices: Path = Path("/dev"), driver: Path = Path("/proc/driver/nvidia")
) -> str:
    """Returns the GPUs as `nvidia-smi -L` prints them; an empty text where there are none.

    Without that program the driver's files are read. Where they say nothing, as in WSL, torch is
    asked, in a process of its own, which takes seconds. MIG instances are known to the program
    alone: without it, none is listed of a machine that has some.

    Args:
        ask: returns what a program prints.
        devices: where the files of devices are.
        driver: the folder of facts of NVIDIA's driver.
    """
    if ask is None:
        ask = output_of
    answer = ask(NVIDIA_SMI)
    if "UUID: " in answer:
        return answer
    if has_instances(driver):
        return ""
    answer = of_driver(devices, driver)
    if answer:
        return answer
    files = [path for pattern in DRIVERS for path in devices.glob(pattern)]
    if not files:
        return ""
    return ask((sys.executable, "-c", BY_TORCH))


def of_driver(devices: Path, driver: Path) -> str:
    """Returns the GPUs that the driver lists in files, in the order of their places on the bus.

    A container sees the files of all GPUs of its machine, and may have some of them only: those
    whose device is there.
    """
    lines: list[str] = []
    for file in sorted(driver.glob("gpus/*/information")):
        facts = dict(re.findall(r"^([^:\n]+?):\s*(.*?)\s*$", file.read_text(), re.MULTILINE))
        uuid = facts.get("GPU UUID", "")
        number = facts.get("Device Minor", "")
        # the driver writes question marks until a GPU has been used
        if not uuid.startswith("GPU-") or "?" in uuid:
            return ""
        if (devices / f"nvidia{number}").exists():
            lines.append(f"GPU {len(lines)}: {facts.get('Model', 'GPU')} (UUID: {uuid})\n")
    return "".join(lines)


def has_instances(driver: Path) -> bool:
    """Returns whether a GPU is cut into MIG instances."""
    return any(driver.glob("capabilities/gpu*/mig/gi*"))


def output_of(command: Sequence[str]) -> str:
    """Returns what a program prints with all GPUs in sight; nothing where it cannot be run."""
    variables = {name: value for name, value in os.environ.items() if name != VARIABLE}
    try:
        done = subprocess.run(
            list(command), capture_output=True, text=True, timeout=SECONDS, env=variables
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
