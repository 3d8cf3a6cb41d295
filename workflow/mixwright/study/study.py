"""A study as the workflow sees it at parse time: roles, runs, packs, arms.

Pure names and no weights: weights need token counts, which are not known yet. Nothing heavy is
imported.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import MIXERS, ONLINE, Method
from mixwright.mixture import Domain, Run, digest
from mixwright.study import epochs
from mixwright.study.final_trainer import computed_by, final_settings, finals_a_job, trainer_of
from mixwright.study.goals import goal_of_shares, goal_of_tokens
from mixwright.study.lengths import final_tokens, steps
from mixwright.study.packing import runs_a_job
from mixwright.study.recipes import by_table, cut, keyed, rows_of, run_of, split
from mixwright.study.sample import trained_roles
from mixwright.study.scoring import batched
from mixwright.study.transfers import combinations_of
from mixwright.study.variants import Variants
from mixwright.versions import VERSIONS

ROLES = ("swarm", "vertex", "perturb", "repeat", "transfer", *ONLINE)
# Roles of runs of the proxies' own model size, each on one mixture.
PROXIES = ROLES[:4]
# Settings of a proxy that its losses depend on. How runs are packed is none of them.
PROXY_SETTINGS = (
    "shape",
    "batch",
    "optimizer",
    "device",
    "precision",
    "attention",
    "compile",
    "micro_batch",
)


@dataclass(frozen=True)
class Study(Variants):
    """A resolved config and what follows from it: runs, packs, arms."""

    # Mixers

    @property
    def mixers(self) -> list[str]:
        """Names of the study's mixers, sorted."""
        return sorted(self.config["mixers"])

    def settings(self, mixer: str) -> str:
        """Returns a mixer's settings as JSON."""
        return json.dumps(self.config["mixers"][mixer], sort_keys=True)

    def method_name(self, mixer: str) -> str:
        """Returns what the registry calls a mixer of the study.

        Several mixers of a study may be one method with different settings.
        """
        return str(self.config.get("like", {}).get(mixer, mixer))

    def method(self, mixer: str) -> Method:
        """Returns the registry's entry of a mixer of the study."""
        return MIXERS[self.method_name(mixer)]

    def roles_of(self, mixer: str) -> list[str]:
        """Returns the roles whose runs a mixer reads, as far as the study has or trains them."""
        method = self.method(mixer)
        available = set(self.runs) | method.trained
        return [role for role in ROLES if role in method.reads and role in available]

    # Proxies

    @cached_property
    def proxy_spec(self) -> dict[str, Any]:
        """What a proxy's weights depend on, beside its mixture, its tokens and its seed."""
        if not self.learner.sized:
            return self._trees | {"version": VERSIONS["proxy"]}
        spec = keyed({key: self.proxy[key] for key in PROXY_SETTINGS})
        spec["version"] = VERSIONS["proxy"]
        if self.proxy.get("init"):
            # in the store's key its fingerprint takes its place
            spec["init"] = self.proxy["init"]
        if self.epochs_of:
            spec["epochs_of"] = self.epochs_of
        return spec

    @cached_property
    def runs(self) -> dict[str, tuple[Run, ...]]:
        """Role -> its runs in row order.

        A role is there where a mixer needs it. The repeats always are, and with `transfer` the
        swarm's first mixtures at another model size. Roles that others measured have no runs here.
        """
        if self.measured:
            return {role: () for role in ROLES if role in self.measured}
        needed = trained_roles(self.config)
        runs = {}
        for role in ROLES:
            if role in needed and rows_of(self, role):
                runs[role] = self._runs(role)
        return runs

    @cached_property
    def tables(self) -> dict[str, tuple[Run, ...]]:
        """Table -> its runs: one a role, and one for each further round of the swarm."""
        return by_table(self.runs)

    @cached_property
    def packs(self) -> dict[str, tuple[Run, ...]]:
        """Pack name -> its runs, cut in row order for each table.

        A pack may mix lengths: its trainer puts runs of one length side by side.
        """
        packs: dict[str, tuple[Run, ...]] = {}
        size = runs_a_job(self.config, self.tables.values())
        for table, runs in self.tables.items():
            # a run that learns weights is trained beside its reference
            of_job = len(runs) if table in ONLINE else size
            # runs of one role differ in shape or recipe at the combinations of `transfer` alone
            for alike in split(runs, lambda run: self.combination_of(run.name)):
                packs |= cut(alike, of_job, lambda run: run.name)
        return packs

    def packs_of(self, tables: Iterable[str]) -> list[str]:
        """Returns the names of the packs that hold runs of these tables."""
        wanted = set(tables)
        return [pack for pack, runs in self.packs.items() if runs[0].table in wanted]

    @cached_property
    def batches(self) -> dict[str, tuple[str, ...]]:
        """Batch name -> its packs, which one job scores."""
        return batched(self.packs)

    def batches_of(self, tables: Iterable[str]) -> list[str]:
        """Returns the names of the batches that hold packs of these tables."""
        packs = set(self.packs_of(tables))
        return [batch for batch, members in self.batches.items() if members[0] in packs]

    def tables_of_role(self, role: str) -> list[str]:
        """Returns the tables of a role, its rounds in their order; none where it has no runs."""
        return [table for table in self.tables if table.partition("-")[0] == role]

    @property
    def merges(self) -> bool:
        """Whether merged single-domain proxies are compared with the swarm."""
        return "merged" in self.config

    @property
    def reads_loglikelihoods(self) -> bool:
        """Whether a mixer of the study reads log-likelihoods of the vertex runs."""
        return any(self.method(mixer).needs_loglikelihoods for mixer in self.mixers)

    # Scales

    @property
    def backtested(self) -> bool:
        """Whether the largest scale of the perturb design can be left out and predicted."""
        if self.measured or "perturb" not in self.runs:
            return False
        scales = self.designs["perturb"]["tokens"]
        return len(scales) > 1 and self.goals == ("",)

    @property
    def scaled_roles(self) -> list[str]:
        """Roles whose runs a backtest reads, as far as the study has them."""
        reads: set[str] = set()
        for method in MIXERS.values():
            if method.scales:
                reads |= method.reads
        return [role for role in ROLES if role in reads and role in self.runs]

    @property
    def scaled_settings(self) -> str:
        """Settings by name, as JSON, of the study's mixers that a backtest judges."""
        mixers = [name for name, method in MIXERS.items() if method.scales]
        settings = {name: self.config["mixers"][name] for name in mixers if name in self.mixers}
        return json.dumps(settings, sort_keys=True)

    # Trainers' files

    @property
    def exports(self) -> dict[str, dict[str, Any]]:
        """Format of a trainer -> its settings; every proposal is written in each."""
        section = self.config.get("export") or {}
        return dict(section.get("formats", {}))

    def export_inputs(self) -> list[Path]:
        """Returns the map of prepared sources that trainers' files are made with, if there is one.

        Raises:
            MixwrightError: it is not there.
        """
        file = (self.config.get("export") or {}).get("sources")
        if not file:
            return []
        return self.places.inputs("config: export.sources", file)

    # Goals, arms and finals

    @property
    def goals(self) -> tuple[str, ...]:
        """Names of the goals.

        One goal for each target, of its name, where each target is left out in turn; else a
        single one without a name.
        """
        if self.config["goal"]["leave_target_out"]:
            return tuple(self.target_weights)
        return ("",)

    @cached_property
    def arms(self) -> dict[str, tuple[str, str]]:
        """Arm -> (mixer, goal); an arm is `mixer`, or `mixer@goal` where goals have names."""
        arms = {}
        for mixer in self.mixers:
            for goal in self.goals:
                name = f"{mixer}@{goal}" if goal else mixer
                arms[name] = (mixer, goal)
        return arms

    @cached_property
    def final_packs(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """Pack name -> its finals, each (arm, seed).

        They are cut seed by seed, so that an added mixer or seed leaves other packs as they are.
        A study that ends at its proposals has none.
        """
        if self.ends_at_proposals:
            return {}
        settings = final_settings(self.final)
        spec = digest(settings | self.final_computed | self.final_processes | self._trees)
        finals = []
        for seed in self.final["seeds"]:
            for arm in self.arms:
                finals.append((arm, seed))
        size = finals_a_job(self.config, len(self.arms))
        return cut(finals, size, lambda final: [*final, spec, self.final_tokens])

    @property
    def final_trainer(self) -> str:
        """Who trains the finals: packed, or transformers."""
        return trainer_of(self.config)

    @property
    def final_computed(self) -> dict[str, Any]:
        """What the key of a final says of who computes it."""
        if not self.learner.sized:
            return {}
        return computed_by(self.config)

    @property
    def final_processes(self) -> dict[str, Any]:
        """How several processes share a final's batches, which changes its last digits.

        Empty where one process trains it.
        """
        final = self.final
        processes = final["nodes"] * final["processes"]
        if processes == 1:
            return {}
        return {"processes": processes, "parallel": final["parallel"]}

    @property
    def final_steps(self) -> int:
        """Steps of a final."""
        return steps(self.config, self.config["goal"]["tokens"], "final")

    @property
    def final_tokens(self) -> int:
        """Training tokens of a final: the goal's, rounded to whole steps."""
        return final_tokens(self.config)

    def targets_of(self, goal: str) -> dict[str, float]:
        """Returns target -> weight in the objective of a goal, summing to 1."""
        if goal:
            return {goal: 1.0}
        return self.target_weights

    def weighed_by(self, mixer: str, goal: str) -> dict[str, float]:
        """Returns the weights of targets that a mixer's proposal for a goal depends on.

        None of them where the mixer learns from no run and keeps the bounds: a baseline.
        """
        method = self.method(mixer)
        if method.bounded and not method.reads:
            return {}
        return self.targets_of(goal)

    def goal(self, domains: Sequence[Domain], name: str = "") -> Goal:
        """Returns the goal of this name over the study's domains, as a DOMAINS table counts them.

        A goal with a name counts that target alone, and the target's own domain gets no weight.

        Raises:
            MixwrightError: a domain has no tokens, or the bounds leave no mixture.
        """
        if self.measured:
            return goal_of_shares(self, domains)
        return goal_of_tokens(self, domains, self.final_tokens, self.targets_of(name), name)

    # From rows of a design to runs

    def _runs(self, role: str) -> tuple[Run, ...]:
        if role == "transfer":
            runs = tuple(self._transferred())
        else:
            context = self._context(role)
            runs = tuple(run_of(self, role, row, context) for row in rows_of(self, role))
        if len({run.name for run in runs}) < len(runs):
            raise MixwrightError(
                f"config: designs.{role}: two runs come out the same;"
                " move its scales apart by more than a step"
            )
        return runs

    def _transferred(self) -> Iterator[Run]:
        """The swarm's first mixtures, also where the swarm is larger, at every combination."""
        for place in range(len(combinations_of(self.config))):
            swarm = self.of_role("transfer", place)._runs("swarm")
            for run in swarm[: self.config["transfer"]["mixtures"]]:
                yield replace(run, role="transfer")

    def _context(self, role: str) -> str:
        """The hash of what all runs of a role share. Targets and evaluation are no part of it."""
        shared = {"corpus": self.corpus, "proxy": self.proxy_spec}
        if not self.learner.sized:
            shared["recorded"] = self.recorded
        return digest(shared | epochs.named(self.config, role))

    @property
    def _trees(self) -> dict[str, Any]:
        if self.learner.sized:
            return {}
        return {"trees": self.config["trees"]}
