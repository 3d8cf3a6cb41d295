"""One thread for the library's linear algebra: its matrices are small, and idle threads spin.

BLAS takes a thread a core unless it is told otherwise. For matrices of some dozens of rows the
threads wait for each other, which costs many times the CPU of one thread and is no faster.
"""

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

# What BLAS libraries read when they are loaded.
VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# Whoever set one of these chose a number of threads.
CHOSEN = (*VARIABLES, "OMP_NUM_THREADS")

P = ParamSpec("P")
R = TypeVar("R")


def bound_threads() -> None:
    """Gives one thread to BLAS libraries that this process loads later.

    A number of threads that the user set stays as it is.
    """
    if any(os.environ.get(name) for name in CHOSEN):
        return
    for name in VARIABLES:
        os.environ[name] = "1"


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Returns the function, which now runs with one thread of BLAS and gives the others back."""

    @wraps(function)
    def bounded(*arguments: P.args, **settings: P.kwargs) -> R:
        with _libraries().limit(limits=1, user_api="blas"):
            return function(*arguments, **settings)

    return bounded


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS libraries that are loaded; to find them takes milliseconds, so it is done once."""
    return ThreadpoolController()
