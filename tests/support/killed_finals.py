"""Final models whose training is killed, and how their weights compare."""

import os
from pathlib import Path

import torch
from safetensors.torch import load_file

from mixwright.finals.callbacks import Progress


def weights(finals) -> dict[str, torch.Tensor]:
    return load_file(Path(finals.folder[0]) / "model.safetensors")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(
        torch.equal(left[name], right[name]) for name in left
    )


def in_a_process_that_dies(monkeypatch, at: int, how: int, work) -> int:
    """Runs `work` in a fork that sends itself signal `how` at the end of step `at`.

    Returns its wait status.
    """

    def send(self, args, state, control, **_) -> None:
        if state.global_step == at:
            os.kill(os.getpid(), how)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Progress, "on_step_end", send)
            work()
        except SystemExit as error:
            os._exit(error.code)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]
