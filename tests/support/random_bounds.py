"""Random bounds with a mixture inside, and what it means to lie inside."""

import numpy as np

from mixwright.simplex.bounds import Group


def random_box(rng, domains):
    natural = rng.dirichlet(np.ones(domains))
    return rng.uniform(0, 0.5, domains) * natural, np.minimum(1, rng.uniform(1.1, 3) * natural)


def random_groups(rng, domains):
    """Draws a box and two or three groups, with a common mixture inside all of them.

    Now and then one group is held at its sum.
    """
    inside = rng.dirichlet(np.ones(domains))
    lower, upper = (
        rng.uniform(0, 0.9, domains) * inside,
        np.minimum(1, rng.uniform(1.1, 6) * inside),
    )
    order, groups = rng.permutation(domains), []
    for g in range(rng.integers(2, 4)):
        members = tuple(order[3 * g : 3 * g + rng.integers(2, 4)].tolist())
        total = inside[list(members)].sum()
        least, most = (
            (total, total)
            if rng.random() < 0.2
            else (rng.uniform(0.3, 1) * total, rng.uniform(1, 1.5) * total)
        )
        groups.append(Group(f"g{g}", members, float(least), float(min(1, most))))
    return lower, upper, tuple(groups)


def on_simplex(rows, lower, upper, groups=()):
    rows = np.atleast_2d(rows)
    sums = [(rows[:, list(group.members)].sum(axis=1), group) for group in groups]
    held = all(
        (total >= group.lower - 1e-12).all() and (total <= group.upper + 1e-12).all()
        for total, group in sums
    )
    return (
        held
        and (rows >= lower).all()
        and (rows <= upper).all()
        and np.abs(rows.sum(axis=1) - 1).max() < 1e-12
    )


def group_rows(groups, domains):
    """(A, b) of A w <= b for scipy."""
    rows = np.array([[float(i in group.members) for i in range(domains)] for group in groups])
    return np.concatenate([rows, -rows]), np.array(
        [*(group.upper for group in groups), *(-group.lower for group in groups)]
    )
