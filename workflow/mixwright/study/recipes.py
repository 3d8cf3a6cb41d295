"""From rows of a design to runs: what the recipe of a run holds."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from mixwright.designs import KINDS, kind_of
from mixwright.designs.row import Row
from mixwright.mixture import Run, digest
from mixwright.study.lengths import step_tokens, steps
from mixwright.study.material import Material
from mixwright.study.steps import check_warmup
from mixwright.study.swarm import decided

Part = TypeVar("Part")

# Designs whose runs are a part of the swarm, after those that it draws.
BESIDE_SWARM = ("leave-one-out", "listed", "round")

# Settings of `final` and of an optimizer that came later, each with the value that stands for what
# was done before. At that value they are in no key: what was computed before is still served.
LATER: Mapping[str, Any] = {
    "from": None,
    "init": None,
    "context": None,
    "micro_batch": "auto",
    "attention": "auto",
    "cross_entropy": "auto",
    "compile": False,
    "activation_checkpointing": False,
    "schedule": "linear",
    "minimum": 0.0,
    "decay": 0.2,
    "snapshots": [],
}


def keyed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that a key is made of: without those of LATER that change nothing.

    Sections inside, such as `optimizer`, are treated alike.
    """
    content: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            content[name] = keyed(value)
        elif name not in LATER or value != LATER[name]:
            content[name] = value
    return content


def rows_of(study: Material, role: str) -> list[Row]:
    """Returns the rows of a role's design. The role transfer has the swarm's."""
    if role == "transfer":
        role = "swarm"
    config = decided(study.config)
    rows = KINDS[kind_of(role, config)].rows(config)
    if role == "swarm":
        for kind in BESIDE_SWARM:
            rows += KINDS[kind].rows(config)
    return rows


def run_of(study: Material, role: str, row: Row, context: str) -> Run:
    """Returns the run that a row of a design asks for.

    `context` is the hash of what all runs of the study share.
    """
    if study.learner.sized:
        model = study.proxy["model"]
    else:
        model = study.config["trees"]["library"]
    kind = row.kind or kind_of(role, decided(study.config))
    if "round" in row.parameters:
        kind = "round"
    run_steps = steps(study.config, row.tokens, "proxy")
    check_warmup(study.config, "proxy", run_steps)
    return Run(
        role=role,
        model=model,
        tokens=run_steps * step_tokens(study.config, "proxy"),
        steps=run_steps,
        seed=row.seed,
        kind=kind,
        parameters=row.parameters,
        row=row.row,
        context=context,
    )


def split(parts: Sequence[Part], kind: Callable[[Part], Any]) -> list[tuple[Part, ...]]:
    """Returns the longest stretches of parts that are of one kind each."""
    return [tuple(stretch) for _, stretch in groupby(parts, kind)]


def by_table(runs: Mapping[str, Sequence[Run]]) -> dict[str, tuple[Run, ...]]:
    """Returns table -> its runs, of role -> runs: a further round of a role has its own table."""
    tables: dict[str, tuple[Run, ...]] = {}
    for role, runs_of_role in runs.items():
        # a role whose runs others measured has a table, and no runs that are known here
        tables[role] = ()
        for table, members in groupby(runs_of_role, key=lambda run: run.table):
            tables[table] = tuple(members)
    return tables


def cut(
    parts: Sequence[Part], size: int, name: Callable[[Part], Any]
) -> dict[str, tuple[Part, ...]]:
    """Returns slices of at most `size` parts, each named by the hash of its parts' names."""
    packs = {}
    for start in range(0, len(parts), size):
        pack = tuple(parts[start : start + size])
        packs[digest([name(part) for part in pack])] = pack
    return packs
