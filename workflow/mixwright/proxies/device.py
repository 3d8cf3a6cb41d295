"""Where a job computes, and how it keeps its memory."""

import ctypes

import torch

from mixwright.errors import MixwrightError

TRIM, TOP_PAD, MMAP = -1, -2, -3  # mallopt's numbers for its thresholds (malloc.h)
PAD_BYTES, LARGE_BYTES = 16 << 20, 32 << 20  # LARGE: the most that glibc takes


def prepare(device: str) -> None:
    """One thread on a CPU: numbers are exact, and jobs side by side do not slow each other; a GPU that was asked for must be there."""
    if device == "cpu":
        torch.set_num_threads(1)
        keep_memory()
    elif not torch.cuda.is_available():
        raise MixwrightError(
            f"device: {device} is asked for, and torch finds none; ask the scheduler for a GPU, or set the device to cpu"
        )


def keep_memory() -> None:
    """What a step frees stays with the process: glibc would hand it back, and fresh pages cost ten times what writing to old ones does."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
    if mallopt:
        for threshold, size in ((TRIM, 2**31 - 1), (TOP_PAD, PAD_BYTES), (MMAP, LARGE_BYTES)):
            mallopt(threshold, size)
