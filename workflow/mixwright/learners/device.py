"""Where a job computes."""

import torch

from mixwright.errors import MixwrightError


def prepare(device: str) -> None:
    """One thread on a CPU: numbers are exact, and jobs side by side do not slow each other; a GPU that was asked for must be there."""
    if device == "cpu":
        torch.set_num_threads(1)
    elif not torch.cuda.is_available():
        raise MixwrightError(f"device: {device} is asked for, and torch finds none; ask the scheduler for a GPU, or set the device to cpu")
