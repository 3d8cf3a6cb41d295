"""How many proxies one training job has, where the study leaves it open."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mixwright.learners import LEARNERS
from mixwright.mixture import Run
from mixwright.study.final_trainer import weights_of

# What `per_job: auto` is on a CPU, and the least on a GPU for the sake of many jobs.
USUAL = 16
# As many as a calibration puts side by side on a GPU.
MOST_ON_GPU = 64
# On a GPU the largest role makes so many jobs at least, for a machine with 8 GPUs.
JOBS = 8
# Operations to train what one job has, at most: half a day of an A100 that trains models 256 wide,
# by the table of devices (jobs/plan/devices.py). With a factor of 2 for caution that is a
# scheduler's day.
JOB_FLOP = 3e18
# Narrower models than these reach less of a GPU, by this power of their width: .3 in the table, and
# 2 in what jobs ask for.
NARROW = 256
POWER = 2.3


def runs_a_job(config: Mapping[str, Any], roles: Iterable[Collection[Run]]) -> int:
    """Returns how many proxies a job trains; it changes no number.

    On a GPU `auto` is a power of two, so that a study that grows keeps its packs mostly.

    Args:
        config: A resolved study.
        roles: The runs of each role.
    """
    proxy = config["proxy"]
    per_job = proxy.get("per_job", "auto")
    if per_job != "auto":
        return int(per_job)
    if proxy["device"] == "cpu" or not LEARNERS[config["learner"]].sized:
        return USUAL
    by_role = [list(runs) for runs in roles]
    largest = max(map(len, by_role), default=0)
    size = MOST_ON_GPU
    while size > USUAL and size * JOBS > largest:
        size //= 2
    while size > 1 and size * _flop_of_longest(config, by_role) > _job_flop(proxy["shape"]):
        size //= 2
    return size


def _flop_of_longest(config: Mapping[str, Any], roles: Sequence[Sequence[Run]]) -> float:
    """Operations to train the longest run: 6 a weight and token."""
    tokens = [run.tokens for runs in roles for run in runs]
    return 6 * weights_of(config, "proxy") * max(tokens, default=0)


def _job_flop(shape: Mapping[str, Any]) -> float:
    """Operations that a job may have, of models so wide."""
    return float(JOB_FLOP * min(1.0, shape["width"] / NARROW) ** POWER)
