"""The clock of a device."""

import time


def now(device: str = "cpu") -> float:
    """Returns seconds: of this process on a CPU; with a GPU the wall's, once the device is done."""
    if device == "cpu":
        return time.process_time()
    # Here, so that a process that only reads the clock of a CPU imports no torch.
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()
