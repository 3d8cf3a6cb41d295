"""Whether proxies repeat their text as a final would: the setting `proxy.simulated_epochs`.

Under `auto` they do where the goal's bounds let some domain be passed more than once. That needs
the tokens of every source, which are counted after the runs have their names. So a name holds the
question (see `named`), and a job answers it from the counts (see `may_repeat`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mixwright.goal import Goal
from mixwright.learners import LEARNERS
from mixwright.study.lengths import final_tokens
from mixwright.study.limits import LIMITS

AUTO = "auto"
# Passes from which a domain counts as repeated: less is a matter of rounding.
REPEATED = 1.01
# Roles whose runs are no mixtures for the goal: under `auto` they read all there is.
WHOLE = frozenset({"vertex"})


def named(config: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Returns what the names of a role's runs hold of `auto`; nothing where it is decided.

    Args:
        config: a resolved study.
        role: of the runs.
    """
    if decided(config, role) is not None:
        return {}
    goal = config["goal"]
    limits = {key: goal[key] for key in (*LIMITS, "max_epochs", "leave_target_out")}
    return {"epochs": {AUTO: final_tokens(config), "limits": limits}}


def decided(config: Mapping[str, Any], role: str) -> bool | None:
    """Returns whether a role's runs repeat text as a final would; None: the counts decide.

    Args:
        config: a resolved study.
        role: of the runs.
    """
    setting = config["proxy"].get("simulated_epochs", False)
    if setting != AUTO:
        return bool(setting)
    if not LEARNERS[config.get("learner", "causal-lm")].sized or role in WHOLE:
        return False
    most = config["goal"]["max_epochs"]
    if most is not None and most <= REPEATED:
        return False
    return None


def may_repeat(goals: Iterable[Goal]) -> bool:
    """Returns whether the bounds of a goal let some domain be passed more than once.

    Args:
        goals: over counted domains.
    """
    for goal in goals:
        passes = most_passes(goal)
        if passes.max() > REPEATED:
            return True
    return False


def most_passes(goal: Goal) -> np.ndarray:
    """Returns (domains,) passes over each source at the greatest weight that its bounds leave it.

    A weight is at most its cap, what the floors of the others leave, and what its group's most
    leaves beside the floors of the group's other domains.
    """
    lower, upper, groups = goal.bounds.parts
    floors_of_others = lower.sum() - lower
    most = np.minimum(upper, 1 - floors_of_others)
    for group in groups:
        members = list(group.members)
        floors = lower[members]
        floors_of_others = floors.sum() - floors
        left = group.upper - floors_of_others
        most[members] = np.minimum(most[members], left)
    available = np.array([domain.available for domain in goal.domains])
    tokens = most * goal.tokens
    return np.asarray(tokens / np.maximum(available, 1.0))
