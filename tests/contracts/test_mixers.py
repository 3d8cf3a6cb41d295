"""Every mixer keeps every promise: a new entry of MIXERS is tested because it is listed.

Each is fitted, with the quick settings of its entry, to runs whose best mixture is known.
"""

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
from mixwright.mixers import MIXERS, ONLINE, create, ignored_limits, load
from mixwright.mixers.table import renewed
from mixwright.mixture import Domain
from mixwright.observations import Likelihoods, Observations, observe
from mixwright.simplex.bounds import Bounds

DOCS = Path(__file__).parents[2] / "docs"
DOMAINS = ("ants", "bees", "cats", "dogs")
AVAILABLE = (400_000, 90_000, 250_000, 160_000)
TARGETS = ("north", "south", "west")
# (targets, domains) how much each target needs of each domain
NEEDS = np.array([[1.0, 4.0, 0.4, 2.0], [0.3, 2.0, 1.0, 5.0], [0.6, 3.0, 0.2, 3.0]])
TOKENS = 100_000.0
LEARNERS = [name for name, method in MIXERS.items() if method.reads]
# a reference outside the bounds has its own tests
PROPOSERS = [name for name, method in MIXERS.items() if method.bounded]
PREDICTORS = [name for name, method in MIXERS.items() if method.predicts]
# a setting that no default can know: it names the study's domains
OF_THE_STUDY = {"given": {"weights": {"ants": 1.0, "bees": 2.0}}}


# what the run of each rival has learned, by domain
LEARNED = {
    "doremi": (0.1, 0.2, 0.3, 0.4),
    "odm": (0.25, 0.25, 0.1, 0.4),
    "fastmix": (0.7, 0.1, 0.15, 0.05),
}


def unfitted(name):
    return create(name, {**MIXERS[name].quick, **OF_THE_STUDY.get(name, {})})


def draws_mixtures(name):
    """Whether its proposal is the best of random mixtures, which depend on the order of domains."""
    return hasattr(unfitted(name), "samples")


def true_losses(amounts):
    """(runs, targets) losses, each a sum of power laws of the amounts (runs, domains)."""
    shares = np.asarray(amounts)[:, None, :] / TOKENS
    return 2 + (0.05 * NEEDS * (shares + 0.01) ** -0.5).sum(axis=2)


@cache
def study():
    """A swarm of 120 runs, vertices, two perturbed scales and repeats, with a little noise.

    Beside them two runs of each rival; the second tells the weights that it has learned.
    """
    rng = np.random.default_rng(0)
    m = len(DOMAINS)
    natural = np.array(AVAILABLE) / sum(AVAILABLE)
    rows = []
    for i, weights in enumerate(rng.dirichlet(np.full(m, 0.9), 120)):
        rows.append((f"swarm{i:03}", "swarm", weights * TOKENS))
    for i, weights in enumerate(np.eye(m)):
        rows.append((f"vertex{i}", "vertex", weights * TOKENS))
    for total in (TOKENS / 4, TOKENS):
        rows.append((f"perturb{total:.0f}base", "perturb", natural * total))
        for i in range(m):
            for factor in (1 / 3, 3.0):
                amounts = natural * total * factor ** np.eye(m)[i]
                rows.append((f"perturb{total:.0f}{i}{factor:.1f}", "perturb", amounts))
    rows += [(f"repeat{i}", "repeat", natural * TOKENS) for i in range(3)]
    for rival in ONLINE:
        rows += [(f"{rival}{i}", rival, natural * TOKENS) for i in range(2)]
    rows.sort(key=lambda row: row[0])
    runs, roles, amounts = zip(*rows, strict=True)
    learned = np.zeros((len(rows), m))
    for rival, weights in LEARNED.items():
        learned[runs.index(f"{rival}1")] = weights
    losses = true_losses(amounts) + rng.normal(0, 1e-3, (len(rows), len(TARGETS)))
    likelihoods = planted_likelihoods(rng)
    facts = (DOMAINS, TARGETS, runs, roles, np.array(amounts), losses, likelihoods)
    return Observations(*facts, learned=learned)


def planted_likelihoods(rng):
    """Examples of each target, drawn from the domains in proportion to its needs.

    Each vertex run knows the examples of its own domain best.
    """
    likelihoods = {}
    for target, needs in zip(TARGETS, NEEDS, strict=True):
        origin = rng.choice(len(needs), 300, p=needs / needs.sum())
        tokens = rng.integers(20, 60, 300).astype(float)
        values = -3.0 * tokens[:, None] + rng.normal(0, 1, (300, len(needs)))
        values[np.arange(300), origin] += 12
        likelihoods[target] = Likelihoods(values, tokens)
    return likelihoods


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
    return unfitted(name).fit(study())


@cache
def proposed(name):
    return fitted(name).propose(goal())


def reversed_study(observations):
    """The same facts under names that sort the other way round."""
    back = slice(None, None, -1)
    likelihoods = {
        target: replace(block, values=block.values[:, back])
        for target, block in observations.likelihoods.items()
    }
    amounts, learned = observations.amounts[:, back], observations.learned[:, back]
    return replace(observations, amounts=amounts, learned=learned, likelihoods=likelihoods)


def reversed_goal(aim):
    """The same goal under these names."""
    tokens = [domain.tokens for domain in aim.domains[::-1]]
    domains = tuple(Domain(name, count) for name, count in zip(DOMAINS, tokens, strict=True))
    groups = tuple(
        replace(group, members=tuple(3 - i for i in group.members)) for group in aim.bounds.groups
    )
    bounds = Bounds(aim.bounds.lower[::-1], aim.bounds.upper[::-1], groups)
    return Goal(domains, aim.targets, aim.tokens, bounds, aim.seed)


@pytest.mark.parametrize("name", MIXERS)
def test_a_mixer_knows_its_name_in_the_registry(name):
    assert unfitted(name).name == name


@pytest.mark.parametrize("bounds", GOALS)
@pytest.mark.parametrize("name", PROPOSERS)
def test_the_proposal_lies_on_the_simplex_inside_the_bounds(name, bounds):
    aim = goal(**GOALS[bounds])
    proposal = fitted(name).propose(aim)
    assert proposal.mixer == name
    assert abs(proposal.weights.sum() - 1) < 1e-12
    assert aim.bounds.contain(proposal.weights[None]).all()
    assert proposal.gap is None or 0 <= proposal.gap < 1e-6
    proposal.as_json(aim)


@pytest.mark.parametrize("name", PROPOSERS)
def test_the_same_seed_gives_the_same_answer(name):
    first = proposed(name)
    second = unfitted(name).fit(study()).propose(goal())
    assert first.weights.tolist() == second.weights.tolist()
    assert first.predicted == second.predicted
    assert first.notes == second.notes


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


@pytest.mark.parametrize("name", [name for name in PROPOSERS if name not in OF_THE_STUDY])
def test_permuting_domains_permutes_the_answer(name):
    groups = {"pets": {"domains": ["cats", "dogs"], "most": 0.35}}
    aim = goal(max_epochs=1.2, groups=groups)
    forwards = fitted(name).propose(aim).weights
    backwards = unfitted(name).fit(reversed_study(study())).propose(reversed_goal(aim)).weights
    # a search draws other mixtures
    tolerance = 0.06 if draws_mixtures(name) else 1e-5
    assert backwards[::-1] == pytest.approx(forwards, abs=tolerance)


@pytest.mark.parametrize("name", LEARNERS)
def test_only_the_roles_it_reads_are_read(name):
    part = study().of_role(*MIXERS[name].reads)
    if not MIXERS[name].needs_loglikelihoods:
        part = replace(part, likelihoods={})
    again = unfitted(name).fit(part)
    assert again.propose(goal()).weights.tolist() == proposed(name).weights.tolist()


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictions_have_a_column_a_target(name):
    predicted = fitted(name).predict(study().amounts[:5])
    assert predicted.shape == (5, len(fitted(name).targets)) and np.isfinite(predicted).all()
    proposal = fitted(name).propose(goal({"south": 1.0}))
    assert list(proposal.predicted) == ["south"]


@pytest.mark.parametrize("name", PREDICTORS)
def test_no_mixtures_have_no_predictions(name):
    """A search asks for none where every mixture that it draws keeps the limits."""
    assert fitted(name).predict(study().amounts[:0]).shape == (0, len(fitted(name).targets))


# Mixers that cannot follow the planted truth by their form: each has a test of its own truth below.
OTHER_TRUTHS = {"mixmin", "best-source", "regmix-linear", "log-linear", "olmix", "bimix", *ONLINE}
# share of the gain over natural that a proposal may leave, where it is not 0.3
LEFT = {"effective-data": 0.02, "joint": 0.15, "autoscale": 0.15}


def importance():
    """(targets,) weights in the goal."""
    return np.array([goal().targets[target] for target in TARGETS])


def objective(weights):
    """(mixtures,) the goal's objective of mixtures (mixtures, domains) by the planted truth."""
    return true_losses(np.atleast_2d(weights) * TOKENS) @ importance()


@pytest.mark.parametrize("name", [name for name in LEARNERS if name not in OTHER_TRUTHS])
def test_a_planted_optimum_is_approached(name):
    grid = np.random.default_rng(1).dirichlet(np.ones(4), 20_000)
    best = objective(grid).min()
    natural = objective(goal().natural)[0]
    left = (objective(proposed(name).weights)[0] - best) / (natural - best)
    assert left < LEFT.get(name, 0.3)


def test_mixmin_finds_the_domains_that_the_examples_were_drawn_from():
    shares = NEEDS / NEEDS.sum(axis=1, keepdims=True)
    expected = np.array([0.5, 0.3, 0.2]) @ shares
    assert proposed("mixmin").weights == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("name", ONLINE)
def test_a_rival_proposes_what_its_run_has_learned(name):
    assert proposed(name).weights == pytest.approx(LEARNED[name])
    assert proposed(name).notes == ()
    bounded = fitted(name).propose(goal(caps={"ants": 0.2, "dogs": 0.3}))
    assert "brought inside the bounds" in bounded.notes[0]


@pytest.mark.parametrize("name", ONLINE)
def test_a_rival_without_a_run_that_tells_its_weights_is_refused(name):
    with pytest.raises(MixwrightError, match="do not tell the weights"):
        unfitted(name).fit(replace(study(), learned=None))


def test_the_best_source_is_the_vertex_of_least_true_loss():
    proposal = fitted("best-source").propose(goal({"south": 1.0}))
    best = np.argmin(true_losses(np.eye(4) * TOKENS)[:, 1])
    assert proposal.weights.tolist() == np.eye(4)[best].tolist()


def test_regmix_linear_proposes_the_best_corner_where_the_truth_is_linear():
    observations = replace(study(), losses=study().weights @ NEEDS.T)
    proposal = unfitted("regmix-linear").fit(observations).propose(goal(caps={"cats": 0.6}))
    loss = importance() @ NEEDS @ proposal.weights
    assert loss == pytest.approx(importance() @ NEEDS @ [0.4, 0, 0.6, 0], abs=0.03)


def test_log_linear_proposes_the_optimum_where_losses_are_exponentials():
    observations = replace(study(), losses=2 + np.exp(-3 * study().weights @ NEEDS.T / 5))
    weights = create("log-linear").fit(observations).propose(goal()).weights
    grid = np.random.default_rng(1).dirichlet(np.ones(4), 20_000)
    best = (np.exp(-3 * grid @ NEEDS.T / 5) @ importance()).min()
    assert np.exp(-3 * weights @ NEEDS.T / 5) @ importance() <= best + 1e-3


def test_bimix_proposes_the_optimum_where_each_target_needs_one_domain():
    observations = replace(study(), losses=2 * (study().weights[:, :3] + 1e-3) ** -0.2)
    weights = create("bimix").fit(observations).propose(goal()).weights
    shares = np.append(importance() ** (1 / 1.2), 0.0)
    assert weights == pytest.approx(shares / shares.sum(), abs=0.01)


@pytest.mark.parametrize("name", ["effective-data", "additive", "ensemble"])
def test_a_planted_optimum_at_a_groups_limit_is_approached(name):
    aim = goal(groups={"pests": {"domains": ["bees", "dogs"], "most": 0.25}})
    proposal = fitted(name).propose(aim)
    grid = np.random.default_rng(1).dirichlet(np.ones(4), 60_000)
    grid = grid[aim.bounds.contain(grid)]
    losses = objective(grid)
    best = losses.min()
    pests = grid[losses.argmin()][[1, 3]].sum()
    assert pests > 0.24, "the limit must bind for this to test anything"
    natural = objective(fitted("natural").propose(aim).weights)[0]
    left = objective(proposal.weights)[0] - best
    assert left < {"effective-data": 0.02}.get(name, 0.3) * (natural - best)
    if name == "effective-data":
        assert aim.bounds.active(proposal.weights, aim.names) == ["pests<=0.25"]


@pytest.mark.parametrize("names", [("south",), TARGETS])
@pytest.mark.parametrize("name", PROPOSERS)
def test_limited_targets_are_predicted_no_worse_than_natural(name, names):
    aim = goal({"north": 1.0}, names, caps={"dogs": 0.4})
    proposal = fitted(name).propose(aim)
    assert aim.bounds.contain(proposal.weights[None]).all()
    assert bool(ignored_limits(name, aim)) != MIXERS[name].limits
    if not MIXERS[name].limits:
        return
    free = fitted(name).propose(replace(aim, never_worse=()))
    mixtures = np.stack([aim.natural, proposal.weights, free.weights]) * TOKENS
    natural, limited, unlimited = (
        dict(zip(TARGETS, row, strict=True)) for row in fitted(name).predict(mixtures).tolist()
    )
    assert all(limited[target] <= natural[target] + 1.01e-6 for target in names)
    assert limited["north"] <= natural["north"] + 1e-6
    assert set(proposal.predicted) == {"north", *names}
    assert "no worse than natural" in " ".join(proposal.notes)
    assert proposal.gap is None or proposal.gap < 1e-6
    free_keeps = all(unlimited[target] <= natural[target] for target in names)
    if proposal.gap is not None and free_keeps:
        assert limited["north"] == pytest.approx(unlimited["north"], abs=1e-6), (
            "a limit that does not bind costs nothing"
        )


@pytest.mark.parametrize("name", [name for name in MIXERS if MIXERS[name].limits])
def test_natural_outside_the_bounds_is_said_and_brought_inside(name):
    aim = goal({"north": 1.0}, ["south"], caps={"ants": 0.3})
    proposal = fitted(name).propose(aim)
    inside = fitted("natural").propose(aim).weights
    predicted = fitted(name).predict(np.stack([inside, proposal.weights]) * TOKENS)
    limit, loss = predicted[:, TARGETS.index("south")]
    assert loss <= limit + 1.01e-6
    assert any("natural lies outside the bounds" in note for note in proposal.notes)


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
        unfitted(name).propose(goal())


@pytest.mark.parametrize("name", LEARNERS)
def test_no_runs_and_nan_are_refused(name):
    observations = study()
    nothing = replace(observations.only(np.array([], dtype=np.int64)), likelihoods={})
    with pytest.raises(MixwrightError):
        unfitted(name).fit(nothing)
    likelihoods = {}
    if MIXERS[name].needs_loglikelihoods:
        for target, block in observations.likelihoods.items():
            values = np.where(np.eye(300, 4) > 0, np.nan, block.values)
            likelihoods[target] = replace(block, values=values)
    losses = np.where(np.arange(3) == 1, np.nan, observations.losses)
    with pytest.raises(MixwrightError, match="NaN"):
        unfitted(name).fit(replace(observations, losses=losses, likelihoods=likelihoods))


@cache
def long_tables(name):
    """The runs that the mixer reads as design, losses and log-likelihoods."""
    observations = study().of_role(*MIXERS[name].reads)
    rows = []
    for i, run in enumerate(observations.runs):
        for target, loss in zip(TARGETS, observations.losses[i], strict=True):
            for domain, weight in zip(DOMAINS, observations.weights[i], strict=True):
                rows.append((run, observations.roles[i], target, domain, weight, loss))
    frame = pd.DataFrame(rows, columns=["run", "role", "target", "domain", "weight", "loss"])
    tokens = dict(zip(observations.runs, observations.tokens, strict=True))
    frame = frame.assign(step=1, tokens=frame.run.map(tokens))
    scored = []
    if MIXERS[name].needs_loglikelihoods:
        vertices = observations.of_role("vertex").runs
        for target, block in observations.likelihoods.items():
            for vertex, values in zip(vertices, block.values.T, strict=True):
                for example, value in enumerate(values):
                    scored.append((vertex, target, example, value, block.scored_tokens[example]))
    columns = ["run", "target", "example", "loglikelihood", "scored_tokens"]
    return (
        frame.drop_duplicates(["run", "domain"]),
        frame.drop_duplicates(["run", "target"]),
        pd.DataFrame(scored, columns=columns),
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_a_diverged_run_is_refused_by_name_and_left_out_where_that_is_asked(name):
    """Of the first role that it reads; a mixer that needs every run says so, and which."""
    design, losses, scored = long_tables(name)
    lost = study().of_role(min(MIXERS[name].reads)).runs[0]
    losses = losses.assign(loss=losses.loss.where(losses.run != lost))
    likelihoods = scored[scored.run != lost] if len(scored) else None
    with pytest.raises(MixwrightError, match=f"diverged: {lost};.*diverged: drop"):
        observe(design, losses, None, likelihoods)
    mixer = unfitted(name)
    if MIXERS[name].needs_loglikelihoods or not mixer.spares:
        role = "|".join(MIXERS[name].reads)
        message = f"run {lost} diverged, and no other ({role})( or ({role}))* run stands for it"
        with pytest.raises(MixwrightError, match=message):
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
        unfitted(name).fit(study().only(np.array([*first, first[0] + 1])))


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(MixwrightError, match=r"mixers: regmixx is unknown; did you mean regmix\?"):
        create("regmixx", {})
    with pytest.raises(MixwrightError, match=r"regmix.sample is unknown; did you mean samples\?"):
        create("regmix", {"sample": 3})
    with pytest.raises(MixwrightError, match="models is unknown"):
        create("regmix", {"models": ()})
    with pytest.raises(MixwrightError, match="takes no settings"):
        create("natural", {"colour": 1})


def test_the_example_of_the_guide_approaches_the_planted_optimum():
    """The code of docs/how-to/add-a-mixer.md, as it stands there."""
    page = (DOCS / "how-to" / "add-a-mixer.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    module = {"__name__": "nearby"}
    exec(code, module)
    proposal = module["Nearby"](samples=10_000, keep=32).fit(study()).propose(goal())
    assert proposal.mixer == "nearby"
    natural, reached = objective(np.stack([goal().natural, proposal.weights]))
    best = objective(np.random.default_rng(1).dirichlet(np.ones(4), 20_000)).min()
    assert (reached - best) / (natural - best) < 0.3


def test_the_documentation_lists_every_mixer():
    page = (DOCS / "mixers.md").read_text()
    assert page == renewed(page), "docs/mixers.md is behind the registry: run `make docs`"


def test_a_page_without_the_marks_is_refused():
    with pytest.raises(MixwrightError, match="the page lacks the lines"):
        renewed("no table")


def test_the_registry_is_light_and_no_mixer_needs_torch():
    code = """
import sys
import mixwright.mixers as mixers
assert not {"numpy", "scipy", "pandas"} & set(sys.modules), "the registry is read at parse time"
for method in mixers.MIXERS.values():
    method.load_class()
import lightgbm, mixwright.trust.validation
assert not {"torch", "transformers", "datasets", "matplotlib", "snakemake"} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PYTHONPATH": str(Path(mixwright.__file__).parents[1])},
    )
