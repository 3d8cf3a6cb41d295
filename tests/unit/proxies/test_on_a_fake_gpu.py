"""The code that a GPU runs, on a CUDA device that is not there: sizes and devices, no numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fake_cuda_steps

WORKFLOW = Path(__file__).parents[3] / "workflow"


@pytest.fixture(scope="module")
def cases() -> list[dict]:
    """In a process of its own, for torch is changed there."""
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, fake_cuda_steps.__file__], env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("what", ["training", "scoring"])
def test_every_architecture_runs_with_no_tensor_on_the_host_and_no_number_read(cases, what):
    """So that a CUDA graph can record it, as far as that shows without a device."""
    of_kind = [case for case in cases if case["what"] == what]
    assert len(of_kind) == 2 * len(fake_cuda_steps.SHAPES)
    assert {case["of"] for case in of_kind} == {"llama", "gpt2", "neox", "bert"}
    for case in of_kind:
        assert case["fault"] is None, f"{case}\n{case['fault']}"
        assert case["kernels"] > 50


def test_a_tensor_on_the_host_and_a_number_that_is_read_are_seen(cases):
    faults = {case["what"]: case["fault"] for case in cases}
    assert "on the host" in faults["host"]
    assert "DataDependent" in faults["number"]
