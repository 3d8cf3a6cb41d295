"""What a study costs with another swarm, where its own checks take that swarm."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.jobs.plan.estimate import Estimate, Hardware, estimate
from mixwright.jobs.plan.jobs import USUAL_FIGURES
from mixwright.jobs.plan.money import Budget
from mixwright.study.resized import resized
from mixwright.study.study import Study


@dataclass(frozen=True)
class Model:
    """A shape that proxies can have."""

    name: str
    shape: Mapping[str, Any]
    parameters: int


@dataclass(frozen=True)
class Swarm:
    """So many proxies, of so many tokens, of one model."""

    # that are drawn: a study may have mixtures of its own beside them
    runs: int
    tokens: int
    model: Model

    @property
    def tokens_per_parameter(self) -> float:
        """Training tokens of a proxy for each of its parameters."""
        return self.tokens / self.model.parameters

    def of(self, study: Study) -> Study:
        """Returns the study with this swarm.

        Raises:
            MixwrightError: the study's own checks refuse it.
        """
        proxy = {
            "tokens": self.tokens,
            "model": self.model.name,
            "shape": self.model.shape,
        }
        return Study(resized(study.config, self.runs, proxy))

    def keys(self, study: Study) -> list[str]:
        """Returns the lines of YAML that give the study this swarm."""
        swarm = f"runs: {self.runs}"
        written = study.config["designs"]["swarm"]
        candidates = self.of(study).config["designs"]["swarm"]["candidates"]
        if candidates > written["candidates"]:
            swarm += f", candidates: {candidates}"
        return [
            f"designs: {{swarm: {{{swarm}}}}}",
            f"proxy: {{model: {self.model.name}, tokens: {self.tokens}}}",
        ]


@dataclass(frozen=True)
class Spending:
    """A study whose swarm is bought, and what it is bought with."""

    # its other runs, finals and mixers stay as they are
    study: Study
    hardware: Hardware
    budget: Budget
    # that it draws
    figures: int = USUAL_FIGURES
    # (runs, tokens, model) -> what the study takes with that swarm
    known: dict[tuple[int, int, str], Estimate] = field(default_factory=dict)

    @property
    def domains(self) -> int:
        """How many domains the study mixes."""
        return len(self.study.config["domains"])

    @cached_property
    def beside(self) -> int:
        """How many runs the swarm has beside those that it draws: listed, or without a domain."""
        drawn = self.study.config["designs"]["swarm"]["runs"]
        return len(self.study.runs["swarm"]) - drawn

    @cached_property
    def least_runs(self) -> int:
        """The fewest runs to draw that the study's own checks let pass: its own number does."""
        drawn = self.study.config["designs"]["swarm"]["runs"]
        return bisect_left(range(drawn), True, key=self._takes)

    def _takes(self, runs: int) -> bool:
        """Whether the study takes so many runs to draw."""
        try:
            resized(self.study.config, runs, {})
        except MixwrightError:
            return False
        return True

    def in_all(self, swarm: Swarm) -> int:
        """Returns the runs of a swarm with those that the study has beside it."""
        return swarm.runs + self.beside

    def estimate(self, swarm: Swarm) -> Estimate:
        """Returns what the study takes with a swarm.

        Raises:
            MixwrightError: the study's own checks refuse it.
        """
        key = (swarm.runs, swarm.tokens, swarm.model.name)
        if key not in self.known:
            changed = swarm.of(self.study)
            self.known[key] = estimate(changed, self.hardware, figures=self.figures)
        return self.known[key]

    def cost(self, swarm: Swarm) -> float:
        """Returns what the study costs with a swarm.

        Raises:
            MixwrightError: the study's own checks refuse it.
        """
        known = self.estimate(swarm)
        return self.budget.cost(known)

    @property
    def as_written(self) -> float:
        """What the study costs with the swarm that it has."""
        known = estimate(self.study, self.hardware, figures=self.figures)
        return self.budget.cost(known)

    def pays(self, swarm: Swarm) -> bool:
        """Whether the budget pays the study with a swarm that the study takes."""
        return self.costs_at_most(swarm, self.budget.amount)

    def costs_at_most(self, swarm: Swarm, price: float) -> bool:
        """Whether the study takes a swarm, and costs no more than a price with it."""
        try:
            return self.cost(swarm) <= price
        except MixwrightError:
            return False

    def reserved(self, swarm: Swarm) -> float:
        """Returns what all but the swarm costs; other runs are as long as the swarm's."""
        known = self.estimate(swarm)
        others = []
        for part in known.parts:
            if part.stage != "swarm":
                others.append(part)
        without = Estimate(tuple(others), self.hardware)
        return self.budget.cost(without)
