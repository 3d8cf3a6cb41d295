"""Runs of planted truths that are shorter than a final: swarms, single domains, changed amounts.

A truth of shares w is read as one of amounts n: a run of T tokens takes n_i = w_i T / T_final of
domain i, so that a final's amounts are its weights, and its best mixture is the truth's own.
Losses that fall as exp(t.w) have no meaning in amounts: `log-linear` is played at a final's own
tokens alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.designs import perturbation
from mixwright.designs.elsewhere import Wanted, designed
from mixwright.designs.row import Row
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.trust.planted import KINDS, Truth, domain_texts
from mixwright.trust.planted_optimum import optimum
from mixwright.trust.regret import Plan, Problem, trained

# kinds that mean something at other totals than a final's
OF_AMOUNTS = tuple(kind for kind in KINDS if kind != "log-linear")
# the kind whose targets are the domains' own texts
OF_DOMAINS = "own domains"
# scales of the changed amounts, as shares of a proxy's tokens; and by how much they change
SCALES = (0.5, 1.0)
FACTOR = 3.0
# mixtures whose losses tell how far they spread
SPREAD = 200


def plant(kind: str, seed: int, plan: Plan) -> Problem:
    """Plants a truth of a kind of KINDS, or OF_DOMAINS.

    Where the truth knows how much text a domain holds, the goal's domains hold as much.
    """
    if kind == OF_DOMAINS:
        return _of_domains(seed, plan)
    problem = Problem.of(kind, seed, plan)
    held = problem.truth.held
    if held is None:
        return problem
    goal = problem.goal
    domains = []
    for name, share in zip(goal.names, held, strict=True):
        tokens = round(share * goal.tokens)
        domains.append(Domain(name, tokens))
    return replace(problem, goal=replace(goal, domains=tuple(domains)))


def domain_losses(problem: Problem) -> Truth:
    """Returns the losses of the domains' own texts, which targets share with them or not."""
    if problem.kind == OF_DOMAINS:
        return problem.truth
    count = len(problem.goal.domains)
    return domain_texts(_rng_of_texts(problem.seed, count), count)


def _of_domains(seed: int, plan: Plan) -> Problem:
    """Plants the losses of the domains' own texts as those of the targets."""
    count = plan.domains
    rng = _rng_of_texts(seed, count)
    truth = domain_texts(rng, count)
    wide = replace(plan, targets=count)
    goal = wide.goal_of(rng, seed)
    importance = np.full(count, 1 / count)
    best = optimum(truth, importance, goal.bounds, seed)
    equal = np.full((1, count), 1 / count)
    losses = truth(equal) @ importance
    return Problem(OF_DOMAINS, seed, truth, goal, best, float(losses[0]))


def _rng_of_texts(seed: int, domains: int) -> np.random.Generator:
    """Draws the losses of the domains' own texts, whatever the kind of the targets' truth."""
    return np.random.default_rng([seed, domains, len(KINDS)])


@dataclass(frozen=True)
class PlantedRuns:
    """Proxies of a problem, each of a share of a final's tokens."""

    problem: Problem
    # tokens of a proxy, as a share of a final's
    share: float
    # standard deviation of a run's loss, as a share of the swarm's spread
    noise: float

    def swarm(self, plan: Plan) -> Observations:
        """Returns the swarm of a plan, in its rounds."""
        short = Truth(lambda weights: self._losses(weights * self.share))
        runs = trained(replace(self.problem, truth=short), plan)
        amounts = runs.amounts * self.share
        passes = self._passes(runs.weights * self.share)
        return replace(runs, amounts=amounts, epochs=passes)

    def vertices(self) -> Observations:
        """Returns a run of each domain alone; it may read all the text there is."""
        count = len(self.problem.goal.domains)
        amounts = self.share * np.eye(count)
        whole = np.ones(count)
        losses = self.problem.truth.at(amounts, whole)
        return self._observed("vertex", amounts, losses, self._passes(amounts, whole))

    def perturbed(self) -> Observations:
        """Returns runs with more and less of each domain, at two scales, around equal weights."""
        goal = self.problem.goal
        tokens = [scale * self.share * goal.tokens for scale in SCALES]
        perturb = {"base": "uniform", "factor": FACTOR, "tokens": tokens}
        domains = dict.fromkeys(goal.names)
        config = {"designs": {"perturb": perturb}, "domains": domains, "seed": 0}
        rows: list[Row] = perturbation.rows(config)
        totals = np.array([row.tokens for row in rows])
        weights = perturbation.weights(rows, goal.domains)
        amounts = weights * totals[:, None] / goal.tokens
        losses = self._losses(amounts)
        return self._observed("perturb", amounts, losses, self._passes(amounts))

    def _losses(self, amounts: Array) -> Array:
        """Returns (runs, targets) true losses of mixtures, whose text is cut as a final's."""
        return self.problem.truth.at(amounts, amounts.sum(axis=1))

    def _passes(self, amounts: Array, text: Array | None = None) -> Array | None:
        """Returns (runs, domains) passes over what each run may read; None: no run repeats any."""
        held = self.problem.truth.held
        if held is None:
            return None
        if text is None:
            text = amounts.sum(axis=1)
        passes: Array = amounts / (text[:, None] * held)
        return passes

    def _observed(
        self, role: str, amounts: Array, losses: Array, passes: Array | None
    ) -> Observations:
        """Returns runs of a role with the noise of the swarm's runs."""
        goal = self.problem.goal
        limits = {"tokens": goal.tokens}
        wanted = Wanted(goal.domains, limits, SPREAD, "dirichlet", seed=0)
        around = designed(wanted).weights * self.share
        spread = self._losses(around).std(axis=0)
        rng = np.random.default_rng([self.problem.seed, len(amounts), len(role)])
        deviations = rng.standard_normal(losses.shape)
        measured = losses + self.noise * spread * deviations
        count = len(amounts)
        labels = tuple(f"{role}{number:04}" for number in range(count))
        return Observations(
            goal.names,
            tuple(goal.targets),
            labels,
            (role,) * count,
            amounts * goal.tokens,
            measured,
            epochs=passes,
            derived=True,
        )


def together(parts: Sequence[Observations]) -> Observations:
    """Returns the runs of several roles as one table."""
    first = parts[0]
    runs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    passes = []
    for part in parts:
        runs += part.runs
        roles += part.roles
        if part.epochs is not None:
            passes.append(part.epochs)
    epochs = None
    if passes:
        epochs = np.concatenate(passes)
    return replace(
        first,
        runs=runs,
        roles=roles,
        amounts=np.concatenate([part.amounts for part in parts]),
        losses=np.concatenate([part.losses for part in parts]),
        epochs=epochs,
    )
