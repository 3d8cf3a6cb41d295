"""Prepares the device that a job computes on, and keeps the memory that it frees."""

import ctypes
from collections.abc import Iterator

import torch

from mixwright.errors import MixwrightError
from mixwright.progress import say_once

# Parameters of glibc's mallopt, as malloc.h numbers them.
TRIM_THRESHOLD = -1
TOP_PAD = -2
MMAP_THRESHOLD = -3
# bytes
NEVER_TRIM = 2**31 - 1
PAD_BYTES = 16 << 20
# the largest that glibc accepts
LARGE_BYTES = 32 << 20

# Words of errors that are no class of their own: of torch on a CPU, of CUDA and its libraries, and
# of ROCm.
FULL = (
    "DefaultCPUAllocator",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "HIP out of memory",
    "HIP error: out of memory",
    "hipErrorOutOfMemory",
)
# compute capability from which a GPU has TF32
TF32_FROM = 8


def prepare(device: str, precision: str | None = None) -> None:
    """Makes this process ready to compute on `device`, cpu or cuda.

    On a CPU it computes with one thread: numbers are then exact, and jobs side by side do not
    slow each other down. On a GPU products of float32 are exact too: TF32 is turned off.

    Args:
        device: What is computed on.
        precision: Of products, where the job says what it costs; None says nothing of it.

    Raises:
        MixwrightError: A GPU is required and torch finds none.
    """
    if device == "cpu":
        torch.set_num_threads(1)
        keep_memory()
        return
    if not torch.cuda.is_available():
        raise MixwrightError(
            f"device: {device} is asked for, and torch finds none;"
            " ask the scheduler for a GPU, or set the device to cpu"
        )
    turn_off_tf32()
    if precision == "float32" and torch.cuda.get_device_capability()[0] >= TF32_FROM:
        say_once(
            "float32 products are IEEE float32, for TF32 is off; it would be several times as fast"
            " and keep 10 bits of 23; precision: bfloat16 is faster still"
        )


def turn_off_tf32() -> None:
    """Computes float32 products in IEEE float32, and says so where something had turned TF32 on.

    The store's key says float32, and a number must not depend on an environment variable.
    """
    if torch.backends.cuda.matmul.fp32_precision == "tf32":
        say_once("TF32 was on in torch's settings, for products of float32; it is off in this job")
    # torch's older name, which sets the newer one too; the other way round torch refuses to say
    # what is set, and its compiler asks
    torch.set_float32_matmul_precision("highest")


def out_of_memory(error: BaseException) -> bool:
    """Returns whether memory is full, by the error or by one that it came after.

    A recording that memory ends is told by the error that ends it, not by the first one.
    """
    return any(_is_full(cause) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, then the one that it came after, and so on to the first."""
    passed: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in passed:
        yield cause
        passed.add(id(cause))
        cause = cause.__cause__ or cause.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and any(word in words for word in FULL)


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
