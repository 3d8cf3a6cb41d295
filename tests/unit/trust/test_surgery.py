"""Runs carried to other domains: what the law moves, which runs are needed, and that they do."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from mixwright import mixers
from mixwright.designs import informative
from mixwright.designs.elsewhere import NO_BOUNDS, Wanted, designed
from mixwright.designs.surgery import Add, Drop, Merge, Split, Surgery
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.planted import KINDS
from mixwright.trust.surgery import Evidence, needed

OLD = ("a", "b", "c", "d", "e")
TARGETS = ("s", "t")
OPERATIONS = {
    "add": Add("z"),
    "drop": Drop("b"),
    "merge": Merge("z", {"b": 0.4, "c": 0.6}),
    "split": Split("b", {"y": 0.4, "z": 0.6}),
}
RUNS = 32


def observed(domains, weights, losses):
    names = tuple(f"r{number:03}" for number in range(len(weights)))
    roles = ("swarm",) * len(weights)
    return Observations(tuple(domains), TARGETS, names, roles, weights, losses, derived=True)


def design(domains, seed, runs=RUNS):
    sizes = tuple(Domain(name, None, 1 / len(domains)) for name in domains)
    wanted = Wanted(sizes, {**NO_BOUNDS, "tokens": 1.0}, runs, seed=seed)
    return designed(wanted).weights


@dataclass
class World:
    """Losses over the finest domains: all old ones, parts of split ones and those that come."""

    surgery: Surgery
    kind: str = "law"
    seed: int = 0
    noise: float = 0.02

    def __post_init__(self):
        self.rng = np.random.default_rng([self.seed, 1])
        names = [*OLD, "y", "z"]
        truth = KINDS[self.kind](np.random.default_rng(self.seed), len(names), len(TARGETS))
        # old domains and new ones as the finest ones that they read
        self.of_old = self._reads(self.surgery.old, names)
        self.of_new = self._reads(self.surgery.new, names)
        self.truth = truth
        plain = truth(design(OLD, 50, 100) @ self.of_old)
        self.spread = plain.std(axis=0)

    def _reads(self, domains, names):
        matrix = np.zeros((len(domains), len(names)))
        for row, domain in enumerate(domains):
            shares = {domain: 1.0}
            for operation in self.surgery.operations:
                is_part = isinstance(operation, Merge) or domain in self.surgery.old
                if getattr(operation, "parts", None) and operation.name == domain and is_part:
                    shares = operation.parts
            for name, share in shares.items():
                matrix[row, names.index(name)] = share
        return matrix

    def losses(self, weights, reads, noise=True):
        exact = self.truth(weights @ reads)
        if not noise:
            return exact
        return exact + self.noise * self.spread * self.rng.standard_normal(exact.shape)

    def before(self):
        weights = design(self.surgery.old, self.seed)
        return observed(self.surgery.old, weights, self.losses(weights, self.of_old))

    def trained(self, weights):
        return observed(self.surgery.new, weights, self.losses(weights, self.of_new))

    @property
    def free(self):
        return Bounds(np.zeros(len(self.surgery.new)), np.ones(len(self.surgery.new)))

    def judged(self, runs):
        """Rank correlation over new mixtures, and the true objective of the proposal."""
        fitted = mixers.create("effective-data").fit(runs)
        sizes = tuple(Domain(name, None, 1 / len(runs.domains)) for name in runs.domains)
        goal = Goal(sizes, dict.fromkeys(TARGETS, 0.5), 1.0, self.free)
        weights = fitted.propose(goal).weights
        value = self.losses(weights[None], self.of_new, noise=False).mean()
        others = np.random.default_rng(9).dirichlet(np.full(len(runs.domains), 0.5), 200)
        truth = self.losses(others, self.of_new, noise=False).mean(axis=1)
        return spearmanr(fitted.predict(others).mean(axis=1), truth).statistic, float(value)


def joined(first, second):
    runs = tuple(f"r{number:03}" for number in range(len(first.runs) + len(second.runs)))
    return replace(
        first,
        runs=runs,
        roles=("swarm",) * len(runs),
        amounts=np.concatenate([first.amounts, second.amounts]),
        losses=np.concatenate([first.losses, second.losses]),
    )


def evidence_of(name, **world):
    world = World(Surgery.of(OLD, [OPERATIONS[name]]), **world)
    evidence = Evidence.of(world.before(), world.surgery)
    middle = world.surgery.middle(np.full(len(OLD), 1 / len(OLD)))
    return world, evidence, needed(evidence, world.free, middle)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_runs_that_are_needed_do_what_a_new_swarm_does(name):
    ranks, values = [], []
    for seed in (0, 1):
        world, evidence, wanted = evidence_of(name, seed=seed)
        # of a domain that goes, or of several that join, the runs may have told enough
        assert int(name in ("add", "split")) <= len(wanted.weights) <= RUNS / 2
        assert wanted.after <= wanted.before
        new = world.trained(wanted.weights)
        redone = world.trained(design(world.surgery.new, 100 + seed))
        rank, value = world.judged(joined(evidence.runs, new))
        rank_redone, value_redone = world.judged(redone)
        room = float(world.spread.mean())
        ranks.append(rank - rank_redone)
        values.append((value - value_redone) / room)
    assert np.mean(ranks) > -0.02, ranks
    assert np.mean(values) < 0.05, values


@pytest.mark.parametrize("name", ["add", "split"])
def test_without_them_nobody_knows_the_new_domains(name):
    world, evidence, wanted = evidence_of(name)
    without, _ = world.judged(evidence.runs)
    rank, _ = world.judged(joined(evidence.runs, world.trained(wanted.weights)))
    assert rank > without + 0.05
    assert wanted.carried > 100 * wanted.before


def test_the_law_moves_losses_to_where_the_same_text_is_read():
    world, evidence, _ = evidence_of("merge")
    moved = np.abs(evidence.shifts).sum(axis=1) > 0
    assert moved.sum() == evidence.counts["moved by the law"] > 5
    truth = world.losses(evidence.runs.weights, world.of_new, noise=False)
    before = evidence.before.losses[evidence.carried.used]
    left = np.abs(evidence.runs.losses - truth)[moved].mean()
    assert left < 0.3 * np.abs(before - truth)[moved].mean()
    # a run that is moved far says less of the new mixture
    far = evidence.carried.distance[evidence.carried.used]
    assert evidence.noise[far == 0] == pytest.approx(informative.NOISE)
    assert (evidence.noise[moved] > informative.NOISE).all()


def test_a_number_of_runs_may_be_asked_for_and_bounds_hold():
    world, evidence, _ = evidence_of("split")
    lower, upper = np.zeros(6), np.array([1, 1, 1, 1, 0.3, 0.2])
    middle = np.full(6, 1 / 6)
    wanted = needed(evidence, Bounds(lower, upper), middle, runs=5)
    assert wanted.weights.shape == (5, 6) and wanted.weights[:, 5].max() <= 0.2
    assert (wanted.weights == needed(evidence, Bounds(lower, upper), middle, runs=5).weights).all()
    assert len(needed(evidence, world.free, middle, runs=0).weights) == 0


def test_no_evidence_is_an_error():
    surgery = Surgery.of(("a", "b", "c"), [Drop("a")])
    runs = Observations(
        ("a", "b", "c"), ("t",), ("r",), ("swarm",), np.array([[1.0, 0, 0]]), np.ones((1, 1))
    )
    with pytest.raises(MixwrightError, match="no run is evidence"):
        Evidence.of(runs, surgery)
