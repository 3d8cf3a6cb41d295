"""What the registry says of a mixer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# Roles of runs that learn weights and know no target of the goal.
BLIND = frozenset({"doremi", "odm"})


@dataclass(frozen=True)
class Method:
    """An entry of the registry: where a mixer's class is, what it does, which runs it reads.

    All of it is known without importing the class, because a study is cut into runs at parse time.
    """

    # "module:Class", the module's name relative to this package
    place: str
    # what it does, in one sentence, for docs/mixers.md
    text: str
    # "Name, arXiv number" of the paper; empty where there is none
    paper: str = ""
    # roles of the runs that it learns from; none where the goal alone is enough
    reads: frozenset[str] = frozenset()
    # of these roles: those that it reads where a study has them, and that no study trains for it
    optional: frozenset[str] = frozenset()
    # whether it learns from the log-likelihoods of the vertex runs
    needs_loglikelihoods: bool = False
    # whether it predicts the losses of a mixture
    predicts: bool = True
    # whether it extrapolates over scales, and is judged by the backtest
    scales: bool = False
    # whether its proposals keep the goal's never_worse
    limits: bool = False
    # whether it can minimise the worst target of a goal (`goal.objective`), and not the mean alone
    worst: bool = False
    # whether its proposals stay inside the goal's bounds; False for a reference that must not
    bounded: bool = True
    # whether it is boosted trees alone, which learn less from a swarm of chosen mixtures
    trees: bool = False
    # whether its law can be fitted to runs of larger models, around that of smaller ones
    anchored: bool = False
    # most refits that a bootstrap asks of it; few for a mixer that takes long to fit
    draws: int = 1_000
    # settings with which it is fitted in a second: every test of all mixers takes them
    quick: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """Name of the class; fit.json keeps it."""
        return self.place.partition(":")[2]

    @property
    def trained(self) -> frozenset[str]:
        """Roles whose runs a study trains for it."""
        return self.reads - self.optional

    @property
    def heeds_targets(self) -> bool:
        """Whether its proposal depends on the goal's targets: none does that reads no runs."""
        return bool(self.reads) and not self.reads <= BLIND

    @property
    def can_refit(self) -> bool:
        """Whether a bootstrap over the swarm's runs tells how far to trust its proposal."""
        return "swarm" in self.reads and self.predicts

    def load_class(self) -> Any:
        """Imports the module and returns the class."""
        module = import_module(f"mixwright.mixers.{self.place.partition(':')[0]}")
        return getattr(module, self.class_name)
