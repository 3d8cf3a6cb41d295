"""Prepares the device that a job computes on, and keeps the memory that it frees."""

import ctypes

import torch

from mixwright.errors import MixwrightError

# Parameters of glibc's mallopt, as malloc.h numbers them.
TRIM_THRESHOLD = -1
TOP_PAD = -2
MMAP_THRESHOLD = -3
# bytes
NEVER_TRIM = 2**31 - 1
PAD_BYTES = 16 << 20
# the largest that glibc accepts
LARGE_BYTES = 32 << 20


def prepare(device: str) -> None:
    """Makes this process ready to compute on `device`, cpu or cuda.

    On a CPU it computes with one thread: numbers are then exact, and jobs side by side do not
    slow each other down.

    Raises:
        MixwrightError: A GPU is required and torch finds none.
    """
    if device == "cpu":
        torch.set_num_threads(1)
        keep_memory()
    elif not torch.cuda.is_available():
        raise MixwrightError(
            f"device: {device} is asked for, and torch finds none;"
            " ask the scheduler for a GPU, or set the device to cpu"
        )


def out_of_memory(error: Exception) -> bool:
    """Returns whether memory is full; torch has no class of error for that of a CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error)


def keep_memory() -> None:
    """Makes glibc keep freed memory in the process, where the C library is glibc.

    Else it would hand the memory back, and writing to fresh pages costs ten times what writing to
    old ones does.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(TRIM_THRESHOLD, NEVER_TRIM)
    mallopt(TOP_PAD, PAD_BYTES)
    mallopt(MMAP_THRESHOLD, LARGE_BYTES)
