"""A study as the workflow sees it at parse time: roles, runs, packs, arms. Pure names, no weights, nothing heavy imported."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from mixwright.designs import Row, kind_of, kinds
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json
from mixwright.mixers import MIXERS
from mixwright.mixture import Bounds, Domain, Goal, Run, digest
from mixwright.versions import VERSIONS

ROLES = ("swarm", "vertex", "perturb", "repeat")


def targets_of(study: Mapping[str, Any]) -> dict[str, float]:
    """The targets that have weight, sorted by name, their weights summing to 1."""
    weights = {name: float(target["weight"]) for name, target in sorted(study["targets"].items()) if target["weight"] > 0}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


@dataclass(frozen=True)
class Study:
    """A resolved config (see mixwright.config.resolve) and what follows from it."""

    config: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Study":
        return cls(read_json(path))

    @property
    def domains(self) -> list[str]:
        return sorted(self.config["domains"])

    @property
    def targets(self) -> list[str]:
        """The held-out targets, those with a source of their own."""
        return sorted(name for name in self.config["targets"] if name not in self.config["domains"])

    @cached_property
    def target_weights(self) -> dict[str, float]:
        """Target -> weight in the objective, summing to 1."""
        return targets_of(self.config)

    def source(self, name: str) -> Mapping[str, Any]:
        """Where the text of a domain or a target comes from."""
        return self.config["domains"].get(name) or self.config["targets"][name]

    def part(self, key: str) -> Any:
        """The value of a dotted key; names may hold dots themselves."""
        section, _, name = key.partition(".")
        value = self.config[section]
        if not name or name in value:
            return value[name] if name else value
        for step in name.split("."):
            value = value[step]
        return value

    def settings(self, mixer: str) -> str:
        """A mixer's settings as JSON."""
        return json.dumps(self.config["mixers"][mixer], sort_keys=True)

    def write(self, path: str | Path) -> None:
        """Writes what `read` reads, unless it stands there already."""
        if not Path(path).exists() or read_json(path) != self.config:
            write_json(path, self.config)

    @property
    def mixers(self) -> list[str]:
        return sorted(self.config["mixers"])

    @property
    def corpus(self) -> dict[str, Any]:
        """What the tokens on disk depend on."""
        targets = {name: {**target, "weight": None} for name, target in self.config["targets"].items() if name in self.targets}
        return {key: self.config[key] for key in ("corpus", "domains", "tokenizer")} | {"targets": targets}

    @cached_property
    def proxy_spec(self) -> dict[str, Any]:
        """All that a proxy's losses depend on, beside its mixture, its tokens and its seed; never how runs are packed."""
        proxy = {key: self.config["proxy"][key] for key in ("shape", "batch", "optimizer", "device", "precision")}
        evaluation = {key: self.config["evaluation"][key] for key in ("tokens", "steps")}
        return proxy | {"evaluation": evaluation, "version": VERSIONS["proxy"]}

    @property
    def recorded(self) -> dict[str, Any]:
        """What a vertex run records beside its losses: whose examples, how many, how long."""
        limits = {key: self.config["evaluation"][key] for key in ("examples", "example_tokens", "likelihood")}
        return limits | {"targets": sorted(self.config["targets"]), "version": VERSIONS["record"]}

    @cached_property
    def runs(self) -> dict[str, tuple[Run, ...]]:
        """Role -> its runs in row order, for every role that a mixer of the study reads, and the repeats."""
        read = set().union(*(MIXERS[mixer].reads for mixer in self.mixers), {"repeat"})
        return {role: self._runs(role) for role in ROLES if role in read and self._rows(role)}

    @cached_property
    def packs(self) -> dict[str, tuple[Run, ...]]:
        """Pack name -> its runs: cut in row order per role and number of steps, so that a pack's members train side by side."""
        found: dict[str, tuple[Run, ...]] = {}
        for runs in self.runs.values():
            for _, alike in groupby(sorted(runs, key=lambda run: run.steps), key=lambda run: run.steps):
                found |= _cut(list(alike), self.config["proxy"]["per_job"], lambda run: run.name)
        return found

    def packs_of(self, roles: Iterable[str]) -> list[str]:
        names = {run.name for role in roles for run in self.runs.get(role, ())}
        return [pack for pack, runs in self.packs.items() if runs[0].name in names]

    def roles_of(self, mixer: str) -> list[str]:
        return [role for role in ROLES if role in MIXERS[mixer].reads]

    @cached_property
    def final_packs(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Pack name -> its (mixer, seed) arms: cut seed by seed, so that an added mixer or seed leaves what it can."""
        spec = digest({key: value for key, value in self.config["final"].items() if key not in ("seeds", "per_job")})
        arms = [(mixer, seed) for seed in self.config["final"]["seeds"] for mixer in self.mixers]
        return _cut(arms, self.config["final"]["per_job"], lambda arm: [*arm, spec, self.final_tokens])

    @property
    def final_tokens(self) -> int:
        """Training tokens of a final: the goal's, rounded to whole steps."""
        return self.final_steps * self._step_tokens("final")

    @property
    def final_steps(self) -> int:
        return self._steps(self.config["goal"]["tokens"], "final")

    def goal(self, tokens: Mapping[str, int]) -> Goal:
        """The goal, given the training tokens that each domain has."""
        domains = tuple(Domain(name, int(tokens[name])) for name in self.domains)
        goal = self.config["goal"]
        limits = {key: goal[key] for key in ("caps", "floors", "max_epochs", "groups", "fixed")}
        bounds = Bounds.of(domains, self.final_tokens, **limits)
        wanted = sorted(self.config["targets"]) if goal["never_worse"] == "all" else goal["never_worse"]
        return Goal(domains, self.target_weights, self.final_tokens, bounds, self.config["seed"], tuple(wanted))

    def _runs(self, role: str) -> tuple[Run, ...]:
        runs = tuple(self._run(role, row) for row in self._rows(role))
        if len({run.name for run in runs}) < len(runs):
            raise MixwrightError(f"config: designs.{role}: two runs come out the same; move its scales apart by more than a step")
        return runs

    def _rows(self, role: str) -> list[Row]:
        return kinds()[kind_of(role, self.config)].rows(self.config)

    def _run(self, role: str, row: Row) -> Run:
        steps = self._steps(row.tokens, "proxy")
        return Run(
            role=role,
            model=self.config["proxy"]["model"],
            tokens=steps * self._step_tokens("proxy"),
            steps=steps,
            seed=row.seed,
            kind=kind_of(role, self.config),
            parameters=row.parameters,
            row=row.row,
            context=self._context,
        )

    @cached_property
    def _context(self) -> str:
        return digest({"corpus": self.corpus, "proxy": self.proxy_spec, "recorded": self.recorded})

    def _step_tokens(self, part: str) -> int:
        return int(self.config[part]["batch"] * self.config[part]["shape"]["context"])

    def _steps(self, tokens: float, part: str) -> int:
        return max(1, round(tokens / self._step_tokens(part)))


def _cut(items: list[Any], size: int, name: Any) -> dict[str, tuple[Any, ...]]:
    """Slices of at most `size`, named by the hash of their items' names."""
    slices = [tuple(items[start : start + size]) for start in range(0, len(items), size)]
    return {digest([name(item) for item in part]): part for part in slices}
