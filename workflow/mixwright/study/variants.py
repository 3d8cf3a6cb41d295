"""A study as some of its runs see it: with a calibration's choices, at another size or rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from mixwright.goal import Goal
from mixwright.mixture import Domain, Run
from mixwright.study import epochs
from mixwright.study.scoring import Scoring
from mixwright.study.transfers import combinations_of, proxy_at


@dataclass(frozen=True)
class Variants(Scoring):
    """The part of a study that says which study a run belongs to."""

    @property
    def runs(self) -> Mapping[str, tuple[Run, ...]]:
        """Role -> its runs in row order."""
        raise NotImplementedError

    @property
    def packs(self) -> Mapping[str, tuple[Run, ...]]:
        """Pack name -> its runs."""
        raise NotImplementedError

    @property
    def goals(self) -> tuple[str, ...]:
        """Names of the goals."""
        raise NotImplementedError

    @property
    def final_tokens(self) -> int:
        """Training tokens of a final."""
        raise NotImplementedError

    def goal(self, domains: Sequence[Domain], name: str = "") -> Goal:
        """Returns the goal of this name over counted domains."""
        raise NotImplementedError

    def calibrated(self, choices: Mapping[str, Any]) -> Self:
        """Returns the study whose proxies are computed as a calibration chose."""
        return replace(self, config={**self.config, "proxy": {**self.proxy, **choices}})

    @property
    def epochs_of(self) -> int | None:
        """Training tokens of the runs whose epochs the proxies imitate.

        None where proxies may read all there is (`proxy.simulated_epochs: false`), and where
        `auto` is not settled yet.
        """
        if self.proxy.get("simulated_epochs") is True:
            return self.final_tokens
        return None

    def settled(self, domains: Sequence[Domain], role: str = "swarm") -> Self:
        """Returns the study with `proxy.simulated_epochs: auto` answered for a role.

        Args:
            domains: as a DOMAINS table counts them; none of them: nothing is repeated.
            role: of the runs.
        """
        if self.proxy.get("simulated_epochs") != epochs.AUTO:
            return self
        answer = epochs.decided(self.config, role)
        if answer is None:
            goals = [self.goal(domains, name) for name in self.goals] if domains else []
            answer = epochs.may_repeat(goals)
        return self.calibrated({"simulated_epochs": answer})

    def of_role(self, role: str, combination: int = -1) -> Self:
        """Returns the study as the runs of a role see it.

        Runs of the role `transfer` have a model, a number of tokens and learning rates of their
        own, those of a combination; the last one where none is said.

        Args:
            role: of the runs.
            combination: its place, see `combination_of`.
        """
        if role != "transfer":
            return self
        chosen = combinations_of(self.config)[combination]
        return replace(self, config={**self.config, "proxy": proxy_at(self.proxy, chosen)})

    def of_pack(self, pack: str) -> Self:
        """Returns the study as the runs of a pack see it."""
        first = self.packs[pack][0]
        return self.of_role(first.role, self.combination_of(first.name))

    def combination_of(self, run: str) -> int:
        """Returns the place of a run's combination of model, tokens and rates; 0 for all others.

        A calibrated study names its runs otherwise: look there before it is calibrated.
        """
        return self._combinations.get(run, 0)

    @cached_property
    def _combinations(self) -> dict[str, int]:
        """Run of the role transfer -> the place of its combination."""
        places = {}
        runs = self.runs.get("transfer", ())
        size = max(len(runs) // max(len(combinations_of(self.config)), 1), 1)
        for number, run in enumerate(runs):
            places[run.name] = number // size
        return places
