"""A response surface says what its fit says: in the library, in plain Python and in JavaScript."""

import importlib.util
import json
import logging
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import mixwright
from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.learners import ACCURACY, CHOSEN, PERPLEXITY, SCORE
from mixwright.measured.loss_tables import Mixtures
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit
from mixwright.proposals.options import make_options
from mixwright.proposals.typed_limits import LimitOptions
from mixwright.stages.mixers import predict, surface
from mixwright.stages.proposals import pareto, propose
from mixwright.trust.proposal import propose_within
from mixwright.trust.surface import reading, record
from mixwright.trust.surface.building import surface_of
from planted_swarm import TARGETS, plant

HOUSE = Path(__file__).parents[3]
DOCS = HOUSE / "docs"
PROGRAM = HOUSE / "workflow/mixwright/report/explorer/surface.js"
MIXERS = [name for name, method in mixers.MIXERS.items() if method.can_refit]
WITH_LAWS = [name for name in MIXERS if name not in ("regmix", "ensemble")]
NAMES = ("__proto__", 'a "b"\n', "c d", "e\\f", "ünï", "百科")


@cache
def runs(repeats: int = 4) -> Observations:
    """Runs of a known law; one domain is hardly tried, and a run that lies far off has much of it.

    Domains have names that JSON must write with care.
    """
    planted = plant(0, runs=40, repeats=repeats)
    weights = planted.seen.weights.copy()
    weights[:, 1] *= 0.1
    weights[:, 3] *= 0.15
    weights[1:, 0] = 0
    weights[:30, 5] = np.minimum(weights[:30, 5], 0.05)
    weights /= weights.sum(axis=1, keepdims=True)
    losses = planted.losses(weights)
    losses += planted.noise * np.random.default_rng(1).standard_normal(losses.shape)
    for row in (3, 4):
        weights[row] = 0, 0.6, 0.1, 0.01, 0.1, 0.19
        losses[row] += 40 * losses.std(axis=0)
    return replace(planted.seen, domains=NAMES, amounts=weights * 1e6, losses=losses)


@cache
def fitted(mixer: str) -> Fit:
    return Fit.of(runs(), mixer, dict(mixers.entry(mixer).quick))


@cache
def made(mixer: str):
    return surface_of(fitted(mixer))


def text_of(mixer: str) -> str:
    return record.as_text(record.record_of(made(mixer)), "here")


def reread(mixer: str, folder: Path):
    record.write(made(mixer), folder / "surface.json")
    return reading.read(folder / "surface.json")


def mixtures() -> np.ndarray:
    """Corners, zeros, the middle, and random ones, inside and outside what the runs covered."""
    rng = np.random.default_rng(2)
    random = rng.dirichlet(np.full(6, 0.5), 12)
    random[:4, 2] = 0
    near = runs().weights[:6]
    middle = np.tile(runs().weights.mean(axis=0), (4, 1))
    second = np.sort(np.delete(runs().weights, (3, 4), axis=0), axis=0)[-2]
    # as much of a domain as odd runs alone took; less and more of another than runs tell of
    for row, domain, times in ((1, 1, 1.9), (2, 3, 1.9), (3, 3, 2.1)):
        more = times * second[domain] - middle[row, domain]
        middle[row, domain] += more
        middle[row, [2, 4]] -= more / 2
    every = np.concatenate([np.eye(6), random, near, middle])
    return every / every.sum(axis=1, keepdims=True)


def table(weights: np.ndarray) -> Mixtures:
    ids = tuple(f"m{i}" for i in range(len(weights)))
    return Mixtures("new", "id", ids, NAMES, weights)


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    scale = np.maximum(1.0, np.abs(theirs))
    assert (np.abs(ours - theirs) / scale).max() < 1e-9


def in_python(text: str, at: str) -> list:
    spec = importlib.util.spec_from_file_location("portable", DOCS / "surface.py")
    portable = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(portable)
    content = json.loads(text)
    return [portable.evaluate(content, one, at) for one in shares()]


def in_javascript(text: str, at: str) -> list:
    if shutil.which("node") is None:
        pytest.skip("node is not installed: surface.js cannot be run")
    program = """
const { evaluate } = require(process.argv[1]);
const [surface, mixtures, at] = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(mixtures.map((mixture) => evaluate(surface, mixture, at))));
"""
    content = f"[{text}, {json.dumps(shares())}, {json.dumps(at)}]"
    done = subprocess.run(
        ["node", "-e", program, str(PROGRAM)],
        input=content,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shares() -> list[dict[str, float]]:
    return [dict(zip(NAMES, row.tolist(), strict=True)) for row in mixtures()]


def strict(text: str) -> dict:
    def refuse(word: str):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("mixer", WITH_LAWS)
def test_a_surface_predicts_what_its_fit_predicts(mixer, tmp_path):
    surface = reread(mixer, tmp_path)
    new = table(mixtures())
    same(surface.predict(new), fitted(mixer).predict(new))
    assert not surface.stands_for and record.record_of(surface)["represents"] is None


@pytest.mark.parametrize("mixer", ["regmix", "ensemble"])
def test_a_mixer_without_a_formula_is_represented_and_it_is_said(mixer, tmp_path):
    surface = reread(mixer, tmp_path)
    new = table(mixtures())
    same(surface.predict(new), Fit.of(runs(), "effective-data").predict(new))
    written = strict(text_of(mixer))
    assert written["mixer"] == mixer and written["law"] == "effective-data"
    assert f"{mixer} has no formula" in written["represents"]
    swarm = runs().of_role("swarm")
    theirs = fitted(mixer).mixer.predict(swarm.amounts)
    ours = surface.mixer.predict(swarm.amounts)
    for k, target in enumerate(written["targets"]):
        rmse = np.sqrt(((theirs - ours)[:, k] ** 2).mean())
        assert target["likeness"]["rmse"] == pytest.approx(rmse) and rmse > 0
        assert 0.5 < target["likeness"]["rank"] <= 1


@pytest.mark.parametrize("evaluate", [in_python, in_javascript])
@pytest.mark.parametrize("mixer", MIXERS)
def test_programs_without_the_library_agree_with_it(mixer, evaluate):
    surface = made(mixer)
    answers = evaluate(text_of(mixer), "runs")
    for key, values in zip(("value", "low", "high"), surface.intervals(mixtures()), strict=True):
        theirs = np.array([[target[key] for target in one["targets"]] for one in answers])
        same(theirs, values)
    reasons = agreed(surface, answers)
    assert not all(one["outside"] for one in answers)
    for words in ("only one mixture took", "at most one run took over", "lie far off"):
        assert any(words in reason for reason in reasons), words


def agreed(surface, answers: list) -> list[str]:
    """The library's reasons; wherever it has one, the programs have one, and nowhere else."""
    reasons = []
    for weights, answer in zip(mixtures(), answers, strict=True):
        reached = surface.reach.of_mixture(weights, surface.reach.centre)
        assert bool(answer["outside"]) == bool(reached.reasons), (answer, reached)
        reasons += reached.reasons
    return reasons


def test_a_proposal_is_doubted_for_the_targets_that_it_is_made_for():
    surface = made("effective-data")
    wanted = TARGETS[0]
    corner = np.eye(6)[:1]
    every = " ".join(surface.doubts(corner))
    of_one = surface.doubts(corner, {wanted: 2.0})
    assert all(target in every for target in TARGETS) and len(of_one) == 1
    # of one mixture there is no count
    assert of_one[0].startswith(f"{wanted}: these runs cannot tell: only one mixture took ")
    assert not any(target in of_one[0] for target in TARGETS if target != wanted)
    assert not surface.doubts(corner, ())


@pytest.mark.parametrize("evaluate", [in_python, in_javascript])
@pytest.mark.parametrize(
    ("key", "value", "words"), [("outermost", 0.3, "far out"), ("mixtures", 1, "one mixture")]
)
def test_programs_know_what_lies_far_out(key, value, words, evaluate, tmp_path):
    """Of runs nearer together, and of runs of one mixture."""
    path = tmp_path / "surface.json"
    path.write_text(spoiled(["region", key], value))
    answers = evaluate(path.read_text(), "runs")
    reasons = agreed(reading.read(path), answers)
    assert any(words in reason for reason in reasons)
    assert any(words in why for one in answers for why in one["outside"])


PERCENT = replace(ACCURACY, whole=100.0, unit="%", questions=500, chance=0.25)


@pytest.mark.parametrize("evaluate", [in_python, in_javascript])
@pytest.mark.parametrize("share", [PERCENT, CHOSEN["probability"]])
def test_numbers_are_in_the_targets_own_units(share, evaluate, tmp_path):
    """A perplexity, a score, and an accuracy in percent whose interval ends turn round."""
    plain = runs()
    losses = plain.losses - plain.losses.min(axis=0) + 0.1
    metrics = {
        TARGETS[0]: PERPLEXITY,
        TARGETS[1]: SCORE,
        TARGETS[2]: share,
    }
    fit = Fit.of(replace(plain, losses=losses, metrics=metrics), "log-linear")
    record.write(surface_of(fit), tmp_path / "surface.json")
    surface = reading.read(tmp_path / "surface.json")
    assert surface.source.metrics == metrics
    same(surface.predict(table(mixtures())), fit.predict(table(mixtures())))
    text = (tmp_path / "surface.json").read_text()
    answers = evaluate(text, "runs")
    for key, values in zip(("value", "low", "high"), surface.intervals(mixtures()), strict=True):
        theirs = np.array([[target[key] for target in one["targets"]] for one in answers])
        same(theirs, values)
    _, low, high = surface.intervals(mixtures())
    assert (low <= high).all()
    # a plain mean of three units means nothing, and no mixture is best for it
    assert strict(text)["goal"]["weights"] == {} and strict(text)["goal"]["best"] is None


def test_the_interval_is_that_of_propose_at_its_proposal():
    for mixer in ("effective-data", "log-linear", "regmix-linear"):
        fit = fitted(mixer)
        surface = surface_of(fit, draws=20)
        proposal = propose_within(fit, make_options(fit.source), 20)
        _, low, high = surface.intervals(proposal.weights[None])
        ends = [proposal.intervals["predicted"][target] for target in surface.targets]
        assert np.column_stack([low[0], high[0]]) == pytest.approx(np.array(ends), abs=1e-6)


@pytest.mark.parametrize("evaluate", [in_python, in_javascript])
def test_a_law_in_amounts_is_asked_at_the_goal_too(evaluate, tmp_path):
    """There domains repeat, and the numbers are those that the joint mixer proposes by."""
    goal = plant(0).goal
    few = [replace(goal.domains[i], name=name, tokens=60_000) for i, name in enumerate(NAMES)]
    goal = replace(goal, domains=tuple(few), tokens=3e6)
    record.write(surface_of(fitted("joint"), goal), tmp_path / "surface.json")
    surface = reading.read(tmp_path / "surface.json")
    expected = fitted("joint").mixer.at(goal).predict(mixtures())
    same(surface.intervals(mixtures(), "goal")[0], expected)
    assert not np.allclose(expected, surface.intervals(mixtures(), "runs")[0], atol=1e-3)
    answers = evaluate((tmp_path / "surface.json").read_text(), "goal")
    for key, values in zip(
        ("value", "low", "high"), surface.intervals(mixtures(), "goal"), strict=True
    ):
        theirs = np.array([[target[key] for target in one["targets"]] for one in answers])
        same(theirs, values)


def test_the_goal_of_a_study_goes_along(tmp_path):
    goal = plant(0).goal
    domains = [replace(goal.domains[i], name=name) for i, name in enumerate(NAMES)]
    goal = replace(goal, domains=tuple(domains), targets={"north": 0.75, "west": 0.25})
    made_for = surface_of(fitted("effective-data"), goal)
    record.write(made_for, tmp_path / "surface.json")
    written = strict((tmp_path / "surface.json").read_text())["goal"]
    assert written["weights"] == goal.targets and written["tokens"] == goal.tokens
    assert written["bounds"]["most"] == goal.bounds.upper.tolist()
    assert written["available"] == [domain.available for domain in goal.domains]
    best = np.array(written["best"]["weights"])
    assert goal.bounds.contain(best[None])[0] and written["best"]["gap"] < 1e-6
    again = reading.read(tmp_path / "surface.json")
    assert record.record_of(again) == record.record_of(made_for)


def test_commands_take_a_surface_in_place_of_a_fit(tmp_path, caplog):
    fit = fitted("effective-data")
    fit.save(tmp_path / "fit")
    surface(tmp_path / "fit", tmp_path / "surface.json")
    (tmp_path / "one.json").write_text(json.dumps({"weights": shares()[0]}))
    said = {}
    for name in ("fit", "surface.json"):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            predict(tmp_path / name, tmp_path / "one.json", tmp_path / f"{name}.csv")
        said[name] = caplog.text
        propose(
            tmp_path / name,
            tmp_path / f"{name}.proposal",
            limits=LimitOptions(cap=["c d=0.3"]),
            draws=0,
        )
    assert (tmp_path / "fit.csv").read_text() == (tmp_path / "surface.json.csv").read_text()
    assert "these runs cannot tell: " in said["fit"]
    assert said["surface.json"] == said["fit"]
    one, other = (
        json.loads((tmp_path / f"{name}.proposal").read_text()) for name in ("fit", "surface.json")
    )
    assert other["weights"] == pytest.approx(one["weights"], abs=1e-9)
    assert other["predicted"] == pytest.approx(one["predicted"], abs=1e-9)
    assert set(other["intervals"]["predicted"]) == set(TARGETS)
    assert any("from a surface" in note for note in other["notes"])
    with pytest.raises(MixwrightError, match="a fit is a folder and this is a file"):
        pareto(tmp_path / "surface.json", ["north", "west"], tmp_path / "front.csv")


def test_domains_without_their_study_are_refused(tmp_path):
    with pytest.raises(MixwrightError, match="give --study too"):
        surface(tmp_path / "fit", tmp_path / "to.json", domains=tmp_path / "domains.parquet")


def test_python_takes_a_surface_in_place_of_a_fit(tmp_path):
    record.write(made("additive"), tmp_path / "surface.json")
    surface = mixwright.load(str(tmp_path / "surface.json"))
    ours = mixwright.predict(surface, shares())
    theirs = mixwright.predict(fitted("additive"), shares())
    same(ours.to_numpy(), theirs.to_numpy())
    proposal = mixwright.propose(surface, caps={"c d": 0.3})
    expected = mixwright.propose(fitted("additive"), caps={"c d": 0.3}, draws=0)
    assert proposal.weights == pytest.approx(expected.weights, abs=1e-9)
    assert proposal.mixer == "additive"
    record.write(made("regmix"), tmp_path / "regmix.json")
    proposal = mixwright.propose(mixwright.load(tmp_path / "regmix.json"))
    assert proposal.mixer == "effective-data"
    assert any("stands for regmix" in note for note in proposal.notes)


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_file_is_strict_says_its_law_and_reads_back_whole(mixer, tmp_path):
    text = text_of(mixer)
    content = strict(text)
    assert text.isascii() and content["format"] == "mixwright-surface"
    assert tuple(content["domains"]) == NAMES
    assert all(target["convex"] for target in content["targets"])
    surface = reread(mixer, tmp_path)
    assert record.as_text(record.record_of(surface), "here") == text


def test_runs_too_few_to_hold_any_out_leave_no_interval(tmp_path):
    few = runs().only(np.arange(8))
    few = replace(few, roles=("swarm",) * 8)
    surface = surface_of(Fit.of(few, "effective-data"))
    record.write(surface, tmp_path / "surface.json")
    again = reading.read(tmp_path / "surface.json")
    value, low, high = again.intervals(mixtures())
    assert np.isfinite(value).all() and np.isnan(low).all() and np.isnan(high).all()
    content = strict((tmp_path / "surface.json").read_text())
    assert content["interval"]["refits"] == 0 and content["targets"][0]["held_out"] is None
    for answers in (in_python(json.dumps(content), "runs"),):
        assert answers[0]["targets"][0]["low"] is None


@pytest.mark.parametrize("mixer", ["effective-data", "log-linear", "regmix-linear", "joint"])
@pytest.mark.parametrize("case", ["a flat target", "one mixture", "no twice trained mixture"])
def test_runs_that_say_little_make_a_surface_all_the_same(case, mixer, tmp_path):
    poor = runs()
    if case == "a flat target":
        losses = poor.losses.copy()
        losses[:, 1] = 2.0
        poor = replace(poor, losses=losses)
    elif case == "one mixture":
        poor = replace(poor, amounts=np.tile(poor.amounts[:1], (len(poor.runs), 1)))
    else:
        # the two runs that lie far off are of one mixture
        poor = poor.of_role("swarm").only(np.delete(np.arange(40), 4))
    record.write(surface_of(Fit.of(poor, mixer)), tmp_path / "surface.json")
    text = (tmp_path / "surface.json").read_text()
    content = strict(text)
    answers = in_python(text, "runs")
    value, low, high = reading.read(tmp_path / "surface.json").intervals(mixtures())
    assert (low <= value).all() and (value <= high).all()
    same(np.array([[one["value"] for one in each["targets"]] for each in answers]), value)
    by_chance = []
    for target in content["targets"]:
        held_out = target["held_out"]
        by_chance.append(held_out is not None and not held_out["better_than_chance"])
    for each in (*answers, *in_javascript(text, "runs")):
        assert [one["by_chance"] for one in each["targets"]] == by_chance
    if case == "a flat target":
        assert by_chance[1]
    if case == "one mixture":
        assert all("one mixture" in each["outside"][0] for each in answers)
    if case == "no twice trained mixture":
        assert not any(target["noise"] for target in content["targets"])


@pytest.mark.parametrize("evaluate", [in_python, in_javascript])
@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"c d": 1.1, "e\\f": -0.1},
        {"c d": 0.9},
        {"c d": 60, "e\\f": 40},
        {"c d": 1.0, "web": 0.0},
        {"c d": "1"},
        {"c d": "0.5", "e\\f": "0.5"},
        {"c d": None},
    ],
)
def test_programs_refuse_what_is_no_mixture(wrong, evaluate, monkeypatch):
    """Each would be answered with numbers that mean nothing."""
    text = text_of("additive")
    monkeypatch.setitem(globals(), "shares", lambda: [wrong])
    with pytest.raises((ValueError, TypeError, AssertionError)) as refused:
        evaluate(text, "runs")
    if evaluate is in_javascript:
        assert "give shares of 0 or more" in str(refused.value)


def test_a_number_that_json_does_not_know_is_never_written(tmp_path):
    broken = made("effective-data")
    law = replace(broken.formula, scale=np.array([1.0, np.nan, 1.0]))
    with pytest.raises(MixwrightError, match="NaN or infinite"):
        record.write(replace(broken, formula=law), tmp_path / "surface.json")
    assert not [*tmp_path.iterdir()]


def test_a_mixer_that_learned_from_no_swarm_is_refused():
    without = Fit.of(runs(), "effective-data")
    other = replace(without, source=replace(without.source, mixer="autoscale"))
    with pytest.raises(MixwrightError, match="autoscale learns from no swarm"):
        surface_of(other)
    with pytest.raises(MixwrightError, match="--draws 3: too few"):
        surface_of(without, draws=3)


def spoiled(path: list, value) -> str:
    """The text of a surface with one value replaced; `...` takes the key away."""
    content = strict(text_of("effective-data"))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[1]", "no response surface"),
        ('{"weights": {"web": 1}}', "no response surface"),
        ((["version"], 2), "of version 2"),
        ((["domains"], ["a", "a"]), "domains are not names"),
        ((["domains"], []), "domains is empty"),
        ((["form"], "cubic"), "form cubic is unknown"),
        ((["law"], "cubic"), "mixer cubic is unknown"),
        ((["targets"], []), "targets have no names"),
        ((["targets", 1, "parameters"], ...), "targets[1].parameters is missing"),
        ((["targets", 1, "parameters", "K"], [1.0]), "targets[1].parameters.K has 1 entries"),
        ((["targets", 1, "parameters", "A"], "1"), "targets[1].parameters.A is no number"),
        ((["targets", 0, "parameters", "A"], float("nan")), "it holds NaN"),
        ((["targets", 0, "parameters", "eps"], -1.0), "targets[0].parameters.eps is below 0"),
        ((["targets", 1, "parameters", "K"], [1, 1, -1, 1, 1, 1]), "parameters.K is below 0"),
        ((["targets", 2, "form_variance"], -1e-6), "targets[2].form_variance is below 0"),
        ((["targets", 2, "form_variance"], None), "targets[2].form_variance is missing"),
        ((["targets", 0, "refits"], []), "targets[0].refits has 0 entries, not 40"),
        ((["region", "precision", 2], [1.0]), "region.precision has 1 entries"),
        ((["runs"], None), "runs is no object"),
        ((["goal", "weights"], {"no": 1.0}), "goal.weights.no is no target"),
        ((["amounts"], {"repetition": 15.0, "unit": 3.0}), "amounts.unit is not the middle"),
    ],
)
def test_a_foreign_or_damaged_file_is_one_line(text, words, tmp_path):
    path = tmp_path / "broken.json"
    path.write_text(text if isinstance(text, str) else spoiled(*text))
    with pytest.raises(MixwrightError) as refused:
        mixwright.load(path)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(path))
