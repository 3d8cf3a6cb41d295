"""A study as the workflow sees it at parse time: roles, runs, packs, arms. Pure names, no weights, nothing heavy imported."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from mixwright.designs import Row, kind_of, kinds
from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal
from mixwright.mixers import MIXERS, Entry
from mixwright.mixture import Domain, Run, digest
from mixwright.simplex.bounds import Bounds
from mixwright.study.material import Material
from mixwright.versions import VERSIONS

ROLES = ("swarm", "vertex", "perturb", "repeat", "transfer")
PROXIES = ROLES[:-1]  # roles of the proxies' own size


@dataclass(frozen=True)
class Study(Material):
    """A resolved config and what follows from it: what is trained on its material, by which mixers, to which end."""

    @property
    def diverged(self) -> str:
        """What mixers do with runs that diverged: refuse or drop."""
        return str(self.config.get("diverged", "refuse"))

    def settings(self, mixer: str) -> str:
        """A mixer's settings as JSON."""
        return json.dumps(self.config["mixers"][mixer], sort_keys=True)

    @property
    def mixers(self) -> list[str]:
        return sorted(self.config["mixers"])

    def method_name(self, mixer: str) -> str:
        """What the registry calls a mixer of the study; several may be one method with other settings."""
        return str(self.config.get("like", {}).get(mixer, mixer))

    def method(self, mixer: str) -> Entry:
        """The registry's entry of a mixer of the study."""
        return MIXERS[self.method_name(mixer)]

    @cached_property
    def proxy_spec(self) -> dict[str, Any]:
        """All that a proxy's losses depend on, beside its mixture, its tokens and its seed; never how runs are packed."""
        if not self.learner.sized:
            return self._trees | {"version": VERSIONS["proxy"]}
        keys = (
            "shape",
            "batch",
            "optimizer",
            "device",
            "precision",
            "attention",
            "compile",
            "micro_batch",
        )
        proxy = {key: self.config["proxy"][key] for key in keys}
        evaluation = {key: self.config["evaluation"][key] for key in ("tokens", "steps")}
        epochs = {"epochs_of": self.epochs_of} if self.epochs_of else {}
        return proxy | {"evaluation": evaluation, "version": VERSIONS["proxy"]} | epochs

    def calibrated(self, choices: Mapping[str, Any]) -> "Study":
        """The study whose proxies are computed as was chosen."""
        return Study({**self.config, "proxy": {**self.config["proxy"], **choices}})

    @property
    def epochs_of(self) -> int | None:
        """Training tokens of the runs whose epochs the proxies' are to match; none where proxies may show all there is."""
        return self.final_tokens if self.config["proxy"].get("simulated_epochs") else None

    @property
    def recorded(self) -> dict[str, Any]:
        """What a vertex run records beside its losses: whose examples, how many, how long."""
        keys = (("examples", "example_tokens", "likelihood") if self.learner.sized else ()) + (
            "masked",
        ) * self.learner.masked
        limits = {key: self.config["evaluation"][key] for key in keys}
        return limits | {"targets": sorted(self.config["targets"]), "version": VERSIONS["record"]}

    @cached_property
    def runs(self) -> dict[str, tuple[Run, ...]]:
        """Role -> its runs in row order, for every role that a mixer needs, the repeats, and the swarm's first at another model size."""
        if self.measured:
            return {
                role: () for role in ROLES if role in self.measured
            }  # theirs: no recipe, nothing to train
        read = set().union(
            *(self.method(mixer).trained for mixer in self.mixers),
            {"repeat"},
            {"swarm", "transfer"} if "transfer" in self.config else (),
        )
        return {role: self._runs(role) for role in ROLES if role in read and self._rows(role)}

    def of_role(self, role: str) -> "Study":
        """The study as the runs of a role see it: those of `transfer` have a model and a number of tokens of their own."""
        if role != "transfer":
            return self
        own = {key: self.config["transfer"][key] for key in ("model", "shape", "tokens")}
        return Study({**self.config, "proxy": {**self.config["proxy"], **own}})

    def of_pack(self, pack: str) -> "Study":
        """Returns the study as the runs of a pack see it."""
        return self.of_role(self.packs[pack][0].role)

    @cached_property
    def packs(self) -> dict[str, tuple[Run, ...]]:
        """Pack name -> its runs: cut in row order per role; a pack may mix lengths, its trainer puts like lengths side by side."""
        found: dict[str, tuple[Run, ...]] = {}
        for runs in self.runs.values():
            found |= _cut(list(runs), self.config["proxy"]["per_job"], lambda run: run.name)
        return found

    def packs_of(self, roles: Iterable[str]) -> list[str]:
        names = {run.name for role in roles for run in self.runs.get(role, ())}
        return [pack for pack, runs in self.packs.items() if runs[0].name in names]

    def roles_of(self, mixer: str) -> list[str]:
        return [
            role
            for role in ROLES
            if role in self.method(mixer).reads
            and (role in self.runs or role in self.method(mixer).trained)
        ]

    @property
    def backtested(self) -> bool:
        """Whether the smaller scales of the perturb design can be asked about the largest."""
        scales = (
            self.config["designs"]["perturb"]["tokens"]
            if "perturb" in self.runs and not self.measured
            else []
        )
        return len(scales) > 1 and self.goals == ("",)

    @property
    def scaled_roles(self) -> list[str]:
        """Roles whose runs a backtest reads: those of the joint law, as far as the study has them."""
        return [role for role in ROLES if role in MIXERS["joint"].reads and role in self.runs]

    @property
    def scaled_settings(self) -> str:
        """The settings of AutoScale and the joint law by name, as JSON, where the study has them."""
        return json.dumps(
            {
                name: self.config["mixers"][name]
                for name in ("autoscale", "joint")
                if name in self.mixers
            },
            sort_keys=True,
        )

    @property
    def goals(self) -> tuple[str, ...]:
        """The goals by name: one a target where each target is left out in its turn, else a single one without a name."""
        return tuple(self.target_weights) if self.config["goal"]["leave_target_out"] else ("",)

    @cached_property
    def arms(self) -> dict[str, tuple[str, str]]:
        """Arm -> its mixer and its goal; an arm is called `mixer`, or `mixer@goal` where there are several goals."""
        return {
            f"{mixer}@{goal}" if goal else mixer: (mixer, goal)
            for mixer in self.mixers
            for goal in self.goals
        }

    @cached_property
    def final_packs(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Pack name -> its (arm, seed) finals: cut seed by seed, so that an added mixer or seed leaves what it can."""
        aside = ("seeds", "per_job", "nodes", "processes", "parallel")
        spec = digest(
            {key: value for key, value in self.config["final"].items() if key not in aside}
            | self.final_processes
            | self._trees
        )
        arms = [(arm, seed) for seed in self.config["final"]["seeds"] for arm in self.arms]
        return _cut(
            arms, self.config["final"]["per_job"], lambda arm: [*arm, spec, self.final_tokens]
        )

    @property
    def final_processes(self) -> dict[str, Any]:
        """What it changes in a final's last digits that several processes share its batches; nothing where one trains it."""
        final = self.config["final"]
        processes = final["nodes"] * final["processes"]
        return {"processes": processes, "parallel": final["parallel"]} if processes > 1 else {}

    @property
    def final_tokens(self) -> int:
        """Training tokens of a final: the goal's, rounded to whole steps."""
        return self.final_steps * self._step_tokens("final")

    @property
    def final_steps(self) -> int:
        return self._steps(self.config["goal"]["tokens"], "final")

    def goal(self, domains: Sequence[Domain], name: str = "") -> Goal:
        """Returns the goal of this name over the study's domains, as a DOMAINS table counts them.

        A goal with a name counts that target alone, and the target's own domain gets no weight.
        """
        goal = self.config["goal"] | {
            "caps": self.config["goal"]["caps"] | ({name: 0.0} if name else {})
        }
        if self.measured:
            return self._goal_of_shares(domains, goal)
        domains = tuple(sorted(domains, key=lambda domain: domain.name))
        for domain in domains:
            if domain.available < 1:
                raise MixwrightError(
                    f"domains: {domain.name} has no training tokens; give it more text or leave it out"
                )
        limits = {key: goal[key] for key in ("caps", "floors", "max_epochs", "groups", "fixed")}
        bounds = Bounds.of(domains, self.final_tokens, **limits)
        wanted = (
            sorted(self.config["targets"]) if goal["never_worse"] == "all" else goal["never_worse"]
        )
        return Goal(
            domains,
            self.targets_of(name),
            self.final_tokens,
            bounds,
            self.config["seed"],
            tuple(wanted),
        )

    def targets_of(self, goal: str) -> dict[str, float]:
        """Target -> weight in the objective of a goal, summing to 1."""
        return {goal: 1.0} if goal else self.target_weights

    def _goal_of_shares(self, domains: Sequence[Domain], goal: Mapping[str, Any]) -> Goal:
        """Of a swarm that others measured shares are known, not tokens. Of perturbations the base
        run's total is known, and is the goal's."""
        tokens = float(self.measured.get("perturb", {"tokens": 1.0})["tokens"])
        domains = tuple(sorted(domains, key=lambda domain: domain.name))
        names = [domain.name for domain in domains]
        for section in ("caps", "floors"):
            for name in goal[section]:
                if name not in names:
                    raise MixwrightError(
                        f"config: goal.{section}.{name} is not a domain; {nearest(name, names)}"
                    )
        return Goal(
            domains,
            self.target_weights,
            tokens,
            Bounds.of(domains, tokens, goal["caps"], goal["floors"]),
            self.config["seed"],
        )

    def _runs(self, role: str) -> tuple[Run, ...]:
        if role == "transfer":  # of a larger swarm the same ones
            return tuple(
                replace(run, role=role)
                for run in self.of_role(role)._runs("swarm")[: self.config["transfer"]["mixtures"]]
            )
        runs = tuple(self._run(role, row) for row in self._rows(role))
        if len({run.name for run in runs}) < len(runs):
            raise MixwrightError(
                f"config: designs.{role}: two runs come out the same; move its scales apart by more than a step"
            )
        return runs

    def _rows(self, role: str) -> list[Row]:
        role = "swarm" if role == "transfer" else role
        return kinds()[kind_of(role, self.config)].rows(self.config)

    def _run(self, role: str, row: Row) -> Run:
        steps = self._steps(row.tokens, "proxy")
        return Run(
            role=role,
            model=self.config["proxy"]["model"]
            if self.learner.sized
            else self.config["trees"]["library"],
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

    @property
    def _trees(self) -> dict[str, Any]:
        return {} if self.learner.sized else {"trees": self.config["trees"]}

    def _step_tokens(self, part: str) -> int:
        if not self.learner.sized:
            return 1  # weights alone: a run learns from all rows
        return int(self.config[part]["batch"] * self.config[part]["shape"]["context"])

    def _steps(self, tokens: float, part: str) -> int:
        return max(1, round(tokens / self._step_tokens(part))) if self.learner.sized else 1


def _cut(items: list[Any], size: int, name: Any) -> dict[str, tuple[Any, ...]]:
    """Slices of at most `size`, named by the hash of their items' names."""
    slices = [tuple(items[start : start + size]) for start in range(0, len(items), size)]
    return {digest([name(item) for item in part]): part for part in slices}
