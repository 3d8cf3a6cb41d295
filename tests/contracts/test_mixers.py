"""Every mixer keeps every promise: a new line in MIXERS is tested because it is listed."""

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixwright
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers import MIXERS, create, ignored_limits, load
from mixwright.mixture import Domain
from mixwright.observations import Likelihoods, Observations, observe
from mixwright.simplex.bounds import Bounds

DOMAINS = ("ants", "bees", "cats", "dogs")
AVAILABLE = (400_000, 90_000, 250_000, 160_000)
TARGETS = ("north", "south", "west")
NEEDS = np.array(
    [[1.0, 4.0, 0.4, 2.0], [0.3, 2.0, 1.0, 5.0], [0.6, 3.0, 0.2, 3.0]]
)  # of each domain, by target
TOKENS = 100_000.0
SETTINGS = {
    "given": {"weights": {"ants": 1.0, "bees": 2.0}},
    "mixmin": {"draws": 10},  # its intervals have tests of their own
    "regmix": {"iterations": 300, "learning_rate": 0.05, "samples": 10_000, "keep": 32},
    "regmix-linear": {"samples": 10_000, "keep": 32},
    "ensemble": {
        "members": {
            "effective-data": {},
            "regmix": {"iterations": 40, "learning_rate": 0.1},
            "additive": {},
        },
        "samples": 500,
    },
}
LEARNERS = [name for name, entry in MIXERS.items() if entry.reads]
PROPOSERS = [
    name for name, entry in MIXERS.items() if entry.bounded
]  # a reference outside the bounds has its own tests
PREDICTORS = [name for name, entry in MIXERS.items() if entry.predicts]
SAMPLERS = {"regmix", "regmix-linear", "ensemble"}


def true_losses(amounts):
    """(runs, targets): every target loses as separate power laws of the amounts, so that the best mixture is known."""
    return 2 + (0.05 * NEEDS * (np.asarray(amounts)[:, None, :] / TOKENS + 0.01) ** -0.5).sum(
        axis=2
    )


@cache
def study():
    """One swarm of 120 runs, vertices, two perturbed scales and repeats of the planted truth, with a little noise."""
    rng = np.random.default_rng(0)
    m = len(DOMAINS)
    natural = np.array(AVAILABLE) / sum(AVAILABLE)
    rows = [
        (f"swarm{i:03}", "swarm", w * TOKENS)
        for i, w in enumerate(rng.dirichlet(np.full(m, 0.9), 120))
    ]
    rows += [(f"vertex{i}", "vertex", w * TOKENS) for i, w in enumerate(np.eye(m))]
    for total in (TOKENS / 4, TOKENS):
        rows.append((f"perturb{total:.0f}base", "perturb", natural * total))
        for i in range(m):
            rows += [
                (
                    f"perturb{total:.0f}{i}{factor:.1f}",
                    "perturb",
                    natural * total * factor ** np.eye(m)[i],
                )
                for factor in (1 / 3, 3.0)
            ]
    rows += [(f"repeat{i}", "repeat", natural * TOKENS) for i in range(3)]
    rows.sort(key=lambda row: row[0])
    amounts = np.array([row[2] for row in rows])
    losses = true_losses(amounts) + rng.normal(0, 1e-3, (len(rows), len(TARGETS)))
    return Observations(
        DOMAINS,
        TARGETS,
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        amounts,
        losses,
        planted_likelihoods(rng),
    )


def planted_likelihoods(rng):
    """Examples of each target drawn from the domains in the proportions of its needs; each proxy knows its own domain's best."""
    found = {}
    for target, needs in zip(TARGETS, NEEDS, strict=True):
        origin = rng.choice(len(needs), 300, p=needs / needs.sum())
        tokens = rng.integers(20, 60, 300).astype(float)
        values = -3.0 * tokens[:, None] + rng.normal(0, 1, (300, len(needs)))
        values[np.arange(300), origin] += 12
        found[target] = Likelihoods(values, tokens)
    return found


def goal(targets=None, never_worse=(), **bounds):
    domains = tuple(Domain(name, tokens) for name, tokens in zip(DOMAINS, AVAILABLE, strict=True))
    return Goal(
        domains,
        targets or {"north": 0.5, "south": 0.3, "west": 0.2},
        TOKENS,
        Bounds.of(domains, TOKENS, **bounds),
        3,
        tuple(never_worse),
    )


GOALS = {
    "free": {},
    "epochs": {"max_epochs": 1.2, "caps": {"dogs": 0.3}},
    "floors": {"caps": {"dogs": 0.2, "bees": 0.3}, "floors": {"cats": 0.25, "ants": 0.1}},
    "tight": {"caps": {"ants": 0.26, "bees": 0.26, "cats": 0.26, "dogs": 0.26}},
    "groups": {
        "groups": {"pets": {"domains": ["cats", "dogs"], "least": 0.2, "most": 0.3}},
        "caps": {"ants": 0.5},
    },
    "groups held": {
        "groups": {
            "pets": {"domains": ["dogs", "cats"], "least": 0.5, "most": 0.5},
            "insects": {"domains": ["ants", "bees"], "least": 0.4},
        },
        "floors": {"dogs": 0.1},
    },
    "fixed": {
        "fixed": {"cats": 0.3},
        "groups": {"few": {"domains": ["bees", "dogs"], "most": 0.25}},
    },
    "one point": {"floors": dict(zip(DOMAINS, (0.4, 0.3, 0.2, 0.1), strict=True))},
}


@cache
def fitted(name):
    return create(name, SETTINGS.get(name)).fit(study())


@cache
def proposed(name):
    return fitted(name).propose(goal())


def reversed_study(seen):
    """The same facts under names that sort the other way round."""
    back = slice(None, None, -1)
    likelihoods = {
        target: replace(block, values=block.values[:, back])
        for target, block in seen.likelihoods.items()
    }
    return replace(seen, amounts=seen.amounts[:, back], likelihoods=likelihoods)


@pytest.mark.parametrize("bounds", GOALS)
@pytest.mark.parametrize("name", PROPOSERS)
def test_the_proposal_lies_on_the_simplex_inside_the_bounds(name, bounds):
    wanted = goal(**GOALS[bounds])
    proposal = fitted(name).propose(wanted)
    assert proposal.mixer == name
    assert abs(proposal.weights.sum() - 1) < 1e-12
    assert wanted.bounds.contain(proposal.weights[None]).all()
    assert proposal.gap is None or 0 <= proposal.gap < 1e-6
    proposal.as_json(wanted)


@pytest.mark.parametrize("name", PROPOSERS)
def test_the_same_seed_gives_the_same_answer(name):
    first, second = proposed(name), create(name, SETTINGS.get(name)).fit(study()).propose(goal())
    assert (
        first.weights.tolist() == second.weights.tolist()
        and first.predicted == second.predicted
        and first.notes == second.notes
    )


@pytest.mark.parametrize("name", PROPOSERS)
def test_a_saved_mixer_loads_equal(name, tmp_path):
    mixer = fitted(name)
    mixer.save(tmp_path / "fit")
    again = load(name, tmp_path / "fit")
    assert again.propose(goal()).weights.tolist() == proposed(name).weights.tolist()
    if MIXERS[name].predicts:
        amounts = study().amounts[:7]
        assert again.domains == mixer.domains and again.targets == mixer.targets
        assert (again.predict(amounts) == mixer.predict(amounts)).all()


@pytest.mark.parametrize("name", [name for name in PROPOSERS if name != "given"])
def test_permuting_domains_permutes_the_answer(name):
    groups = {"pets": {"domains": ["cats", "dogs"], "most": 0.35}}
    wanted = goal(max_epochs=1.2, groups=groups)
    here = fitted(name).propose(wanted).weights
    backwards = Goal(
        tuple(
            Domain(name, domain.tokens)
            for name, domain in zip(DOMAINS, wanted.domains[::-1], strict=True)
        ),
        wanted.targets,
        wanted.tokens,
        Bounds(
            wanted.bounds.lower[::-1],
            wanted.bounds.upper[::-1],
            tuple(
                replace(group, members=tuple(3 - i for i in group.members))
                for group in wanted.bounds.groups
            ),
        ),
        wanted.seed,
    )
    there = create(name, SETTINGS.get(name)).fit(reversed_study(study())).propose(backwards).weights
    assert there[::-1] == pytest.approx(
        here, abs=0.06 if name in SAMPLERS else 1e-5
    )  # samplers draw other points


@pytest.mark.parametrize("name", LEARNERS)
def test_only_the_roles_it_reads_are_read(name):
    part = study().of_role(*MIXERS[name].reads)
    if not MIXERS[name].needs_loglikelihoods:
        part = replace(part, likelihoods={})
    again = create(name, SETTINGS.get(name)).fit(part)
    assert again.propose(goal()).weights.tolist() == proposed(name).weights.tolist()


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictions_have_a_column_a_target(name):
    predicted = fitted(name).predict(study().amounts[:5])
    assert predicted.shape == (5, len(fitted(name).targets)) and np.isfinite(predicted).all()
    proposal = fitted(name).propose(goal({"south": 1.0}))
    assert list(proposal.predicted) == ["south"]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_planted_optimum_is_approached(name):
    if name == "mixmin":
        weights = proposed(name).weights
        shares = NEEDS / NEEDS.sum(axis=1, keepdims=True)
        assert weights == pytest.approx(np.array([0.5, 0.3, 0.2]) @ shares, abs=0.06)
        return
    wanted = goal()
    importance = np.array([wanted.targets[target] for target in TARGETS])
    if name == "best-source":
        alone = replace(wanted, targets={"south": 1.0})
        assert (
            fitted(name).propose(alone).weights.tolist()
            == np.eye(4)[np.argmin(true_losses(np.eye(4) * TOKENS)[:, 1])].tolist()
        )
        return
    if (
        name == "regmix-linear"
    ):  # proposes corners of what it has seen: right where the truth is linear, and only there
        line = replace(study(), losses=study().weights @ NEEDS.T)
        proposal = create(name, SETTINGS[name]).fit(line).propose(goal(caps={"cats": 0.6}))
        ideal = np.array([0.4, 0, 0.6, 0])
        assert importance @ NEEDS @ proposal.weights == pytest.approx(
            importance @ NEEDS @ ideal, abs=0.03
        )
        return

    if (
        name == "log-linear"
    ):  # proposes corners too, right where losses are exponentials of the weights
        own = replace(study(), losses=2 + np.exp(-3 * study().weights @ NEEDS.T / 5))
        grid = np.random.default_rng(1).dirichlet(np.ones(4), 20_000)
        proposal = create(name).fit(own).propose(wanted).weights
        assert (
            np.exp(-3 * proposal @ NEEDS.T / 5) @ importance
            <= (np.exp(-3 * grid @ NEEDS.T / 5) @ importance).min() + 1e-3
        )
        return
    if name == "bimix":  # right where every target needs one domain, and only there
        own = replace(study(), losses=2 * (study().weights[:, :3] + 1e-3) ** -0.2)
        proposal = create(name).fit(own).propose(wanted)
        shares = np.append(importance ** (1 / 1.2), 0.0)
        assert proposal.weights == pytest.approx(shares / shares.sum(), abs=0.01)
        return

    def objective(weights):
        return float(true_losses(weights[None] * TOKENS)[0] @ importance)

    grid = np.random.default_rng(1).dirichlet(np.ones(4), 20_000)
    best = (true_losses(grid * TOKENS) @ importance).min()
    left = (objective(proposed(name).weights) - best) / (objective(wanted.natural) - best)
    assert left < {"effective-data": 0.02, "joint": 0.15, "autoscale": 0.15}.get(name, 0.3)


@pytest.mark.parametrize("name", ["effective-data", "additive", "ensemble"])
def test_a_planted_optimum_at_a_groups_limit_is_approached(name):
    wanted = goal(groups={"pests": {"domains": ["bees", "dogs"], "most": 0.25}})
    importance = np.array([wanted.targets[target] for target in TARGETS])
    proposal = fitted(name).propose(wanted)
    grid = np.random.default_rng(1).dirichlet(np.ones(4), 60_000)
    grid = grid[wanted.bounds.contain(grid)]
    objective = true_losses(grid * TOKENS) @ importance
    found, start = (
        float(true_losses(w[None] * TOKENS)[0] @ importance)
        for w in (proposal.weights, fitted("natural").propose(wanted).weights)
    )
    assert grid[objective.argmin()][[1, 3]].sum() > 0.24, (
        "the limit must bind for this to test anything"
    )
    assert found - objective.min() < {"effective-data": 0.02}.get(name, 0.3) * (
        start - objective.min()
    )
    if name == "effective-data":
        assert wanted.bounds.active(proposal.weights, wanted.names) == ["pests<=0.25"]


@pytest.mark.parametrize("names", [("south",), TARGETS])
@pytest.mark.parametrize("name", PROPOSERS)
def test_limited_targets_are_predicted_no_worse_than_natural(name, names):
    wanted = goal({"north": 1.0}, names, caps={"dogs": 0.4})
    proposal = fitted(name).propose(wanted)
    assert wanted.bounds.contain(proposal.weights[None]).all()
    assert bool(ignored_limits(name, wanted)) != MIXERS[name].limits
    if not MIXERS[name].limits:
        return
    free = fitted(name).propose(replace(wanted, never_worse=()))
    mixtures = np.stack([wanted.natural, proposal.weights, free.weights]) * TOKENS
    natural, kept, broken = (
        dict(zip(TARGETS, row, strict=True)) for row in fitted(name).predict(mixtures).tolist()
    )
    assert all(kept[target] <= natural[target] + 1.01e-6 for target in names)
    assert kept["north"] <= natural["north"] + 1e-6
    assert set(proposal.predicted) == {"north", *names} and "no worse than natural" in " ".join(
        proposal.notes
    )
    assert proposal.gap is None or proposal.gap < 1e-6
    if proposal.gap is not None and all(broken[target] <= natural[target] for target in names):
        assert kept["north"] == pytest.approx(broken["north"], abs=1e-6), (
            "a limit that does not bind costs nothing"
        )


@pytest.mark.parametrize("name", [name for name in MIXERS if MIXERS[name].limits])
def test_natural_outside_the_bounds_is_said_and_brought_inside(name):
    wanted = goal({"north": 1.0}, ["south"], caps={"ants": 0.3})
    proposal = fitted(name).propose(wanted)
    inside = fitted("natural").propose(wanted).weights
    limit, found = fitted(name).predict(np.stack([inside, proposal.weights]) * TOKENS)[
        :, TARGETS.index("south")
    ]
    assert found <= limit + 1.01e-6 and any(
        "natural lies outside the bounds" in note for note in proposal.notes
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_goals_it_cannot_serve_are_refused(name):
    with pytest.raises(MixwrightError, match="never measured"):
        fitted(name).propose(goal({"moon": 1.0}))
    with pytest.raises(MixwrightError, match="never measured"):
        fitted(name).propose(goal(never_worse=["moon"]))
    others = replace(goal(), domains=tuple(Domain(name, 1000) for name in ("a", "b", "c", "d")))
    with pytest.raises(MixwrightError, match="fit again"):
        fitted(name).propose(others)
    with pytest.raises(MixwrightError, match="not fitted"):
        create(name, SETTINGS.get(name)).propose(goal())


@pytest.mark.parametrize("name", LEARNERS)
def test_no_runs_and_nan_are_refused(name):
    entry, seen = MIXERS[name], study()
    with pytest.raises(MixwrightError):
        create(name, SETTINGS.get(name)).fit(
            replace(seen.only(np.array([], dtype=np.int64)), likelihoods={})
        )
    spoilt = {
        target: replace(block, values=np.where(np.eye(300, 4) > 0, np.nan, block.values))
        for target, block in seen.likelihoods.items()
    }
    spoilt_losses = np.where(np.arange(3) == 1, np.nan, seen.losses)
    with pytest.raises(MixwrightError, match="NaN"):
        create(name, SETTINGS.get(name)).fit(
            replace(
                seen, losses=spoilt_losses, likelihoods=spoilt if entry.needs_loglikelihoods else {}
            )
        )


@cache
def long_tables(name):
    """The runs that the mixer reads as design, losses and log-likelihoods."""
    seen = study().of_role(*MIXERS[name].reads)
    facts = [
        (run, role, target, domain, amount, loss)
        for run, role, amounts, losses in zip(
            seen.runs, seen.roles, seen.weights, seen.losses, strict=True
        )
        for target, loss in zip(TARGETS, losses, strict=True)
        for domain, amount in zip(DOMAINS, amounts, strict=True)
    ]
    frame = pd.DataFrame(facts, columns=["run", "role", "target", "domain", "weight", "loss"])
    frame = frame.assign(
        step=1, tokens=frame.run.map(dict(zip(seen.runs, seen.tokens, strict=True)))
    )
    vertices = [run for run, role in zip(seen.runs, seen.roles, strict=True) if role == "vertex"]
    scored = [
        (vertex, target, example, value, tokens)
        for target, block in (seen.likelihoods if MIXERS[name].needs_loglikelihoods else {}).items()
        for k, vertex in enumerate(vertices)
        for example, (value, tokens) in enumerate(
            zip(block.values[:, k], block.scored_tokens, strict=True)
        )
    ]
    columns = ["run", "target", "example", "loglikelihood", "scored_tokens"]
    return (
        frame.drop_duplicates(["run", "domain"]),
        frame.drop_duplicates(["run", "target"]),
        pd.DataFrame(scored, columns=columns),
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_a_diverged_run_is_refused_by_name_and_left_out_where_that_is_asked(name):
    """Of the first role it reads; a mixer that needs every run says so, and which."""
    design, losses, scored = long_tables(name)
    lost = next(
        run
        for run, role in zip(study().runs, study().roles, strict=True)
        if role == min(MIXERS[name].reads)
    )
    losses = losses.assign(loss=losses.loss.where(losses.run != lost))
    likelihoods = scored[scored.run != lost] if len(scored) else None
    with pytest.raises(MixwrightError, match=f"diverged: {lost};.*diverged: drop"):
        observe(design, losses, None, likelihoods)
    mixer = create(name, SETTINGS.get(name))
    if MIXERS[name].needs_loglikelihoods or not mixer.spares:
        with pytest.raises(
            MixwrightError,
            match=f"run {lost} diverged, and no other (vertex|perturb) run stands for it",
        ):
            mixer.fit(observe(design, losses, None, likelihoods, "drop"))
        return
    dropped = mixer.fit(observe(design, losses, None, likelihoods, "drop"))
    never = mixer.fit(observe(design[design.run != lost], losses[losses.run != lost]))
    assert dropped.propose(goal()).weights.tolist() == never.propose(goal()).weights.tolist()


@pytest.mark.parametrize(
    "name", [name for name in PREDICTORS if not MIXERS[name].needs_loglikelihoods]
)
def test_two_runs_are_too_few(name):
    first = [study().roles.index(role) for role in MIXERS[name].reads]
    with pytest.raises(MixwrightError, match="or more and there are"):
        create(name, SETTINGS.get(name)).fit(study().only(np.array([*first, first[0] + 1])))


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(MixwrightError, match=r"mixers: regmixx is unknown; did you mean regmix\?"):
        create("regmixx", {})
    with pytest.raises(MixwrightError, match=r"regmix.sample is unknown; did you mean samples\?"):
        create("regmix", {"sample": 3})
    with pytest.raises(MixwrightError, match="models is unknown"):
        create("regmix", {"models": ()})
    with pytest.raises(MixwrightError, match="takes no settings"):
        create("natural", {"colour": 1})


def test_the_registry_is_light_and_no_mixer_needs_torch():
    code = """
import sys
import mixwright.mixers as mixers
assert not {"numpy", "scipy", "pandas"} & set(sys.modules), "the registry is read at parse time"
for entry in mixers.MIXERS.values():
    entry.load_class()
import lightgbm, mixwright.trust.validation
assert not {"torch", "transformers", "datasets", "matplotlib", "snakemake"} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PYTHONPATH": str(Path(mixwright.__file__).parents[1])},
    )
