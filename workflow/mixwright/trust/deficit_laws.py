"""Power laws of a deficit by the number of runs, as a grid of floors, each with its belief."""

import numpy as np

from mixwright.mixture import Array

# tried shares of the smallest deficit that no number of runs takes away
FLOORS = np.linspace(0.0, 0.95, 20)


def power_laws(sizes: Array, deficit: Array) -> tuple[Array, Array]:
    """Returns (floors, 3) power laws floor + scale n^-power, and (floors,) how far to believe each.

    None of them rises. Each floor of a grid has one, by least squares of the logarithms.
    Beliefs are (1 / squared error)^(sizes / 2), and sum to 1.
    """
    deficit = np.maximum(deficit, 1e-6)
    floors = FLOORS * deficit.min()
    log_sizes = np.log(sizes)
    centre = log_sizes.mean()
    x = log_sizes - centre
    logs = np.log(deficit - floors[:, None])
    slope = -(logs @ x) / (x @ x)
    power = np.clip(slope, 0.0, 4.0)
    scale = np.exp(logs.mean(axis=1) + power * centre)
    decay = sizes ** -power[:, None]
    fitted = floors[:, None] + scale[:, None] * decay
    misses = np.log(fitted) - np.log(deficit)
    error = (misses**2).sum(axis=1) + 1e-12
    belief = (error.min() / error) ** (len(sizes) / 2)
    laws = np.stack([floors, scale, power], axis=1)
    return laws, belief / belief.sum()
