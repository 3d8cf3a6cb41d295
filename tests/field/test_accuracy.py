"""Numbers of which more is better, and losses of another unit: taken and answered as they are."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mixwright as mw
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal, Readout
from mixwright.learners import ACCURACY, LOSS, PERCENT, PERPLEXITY, SCORE
from mixwright.measured.metric_options import read_metrics
from mixwright.mixture import Domain
from mixwright.proposals.fits import Fit
from mixwright.proposals.options import make_options
from mixwright.simplex.bounds import Bounds
from mixwright.trust.anchors import fit_anchors
from mixwright.trust.chance import at_chance
from mixwright.trust.intervals import Difference
from mixwright.trust.learning_curve import learning_curve
from mixwright.trust.tournament import as_table, tournament
from planted_accuracies import TASKS, every, plant

BITS = replace(LOSS, unit="bits/byte")
QUESTIONS = replace(ACCURACY, questions=1000, chance=0.25)


@pytest.fixture(scope="module")
def planted():
    return plant()


@pytest.fixture(scope="module")
def fit(planted):
    return mw.fit(planted.observed(metrics=every(QUESTIONS)))


@pytest.fixture(scope="module")
def proposal(fit):
    return mw.propose(fit, draws=0)


def fitted_folder(tmp_path, observed):
    Fit.of(observed, "effective-data").save(tmp_path / "fit")
    return tmp_path / "fit"


def run(*words) -> int:
    return main([str(word) for word in words])


# The right way up


@pytest.mark.parametrize("seed", range(4))
def test_accuracies_are_raised(seed):
    table = plant(seed)
    fitted = mw.fit(table.observed(metrics=every(QUESTIONS)))
    chosen = mw.propose(fitted, draws=0)
    everything = np.random.default_rng(0).dirichlet(np.ones(5), 20_000)
    best = float(table.truth(everything).mean(axis=1).max())
    uniform = table.mean(np.full(5, 0.2))
    assert best - table.mean(chosen.weights) < 0.12 * (best - uniform)


def test_as_losses_the_same_table_leads_the_wrong_way(planted, proposal):
    wrong = mw.propose(mw.fit(planted.observed()), draws=0)
    assert planted.mean(wrong.weights) < planted.mean(np.full(5, 0.2))
    assert planted.mean(wrong.weights) < planted.mean(proposal.weights)


@pytest.mark.parametrize("mixer", ["regmix-linear", "log-linear", "additive", "best-of-swarm"])
def test_every_mixer_takes_accuracies_the_right_way_up(planted, mixer):
    chosen = mw.propose(mw.fit(planted.observed(metrics=every(QUESTIONS)), mixer), draws=0)
    assert planted.mean(chosen.weights) > planted.mean(np.full(5, 0.2)) - 0.01


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("{}/acc,none", ()),
        ("{}_accuracy", ()),
        ("{}", ("--higher-better", *TASKS)),
        ("{}", ("--metric", *(f"{task}=accuracy,questions=1000" for task in TASKS))),
        ("{}", ("--unit", "accuracy")),
    ],
)
def test_tables_of_accuracies_are_read_the_right_way_up(tmp_path, planted, heading, words):
    mixtures, losses = saved(tmp_path, planted, heading)
    fitted = ("--mixer", "effective-data", "--mixtures", mixtures, "--losses", losses)
    assert run("fit", *fitted, "--to", tmp_path / "fit", *words) == 0
    to = tmp_path / "mixture.json"
    assert run("propose", "--fit", tmp_path / "fit", "--draws", 20, "--to", to) == 0
    text = to.read_text()
    written = json.loads(text)
    weights = np.array([written["weights"][name] for name in planted.domains])
    assert planted.mean(weights) > planted.mean(np.full(5, 0.2))
    assert set(written["predicted"]) == {heading.format(task) for task in TASKS}
    assert "nats/token" not in text


def test_shares_that_nobody_explained_are_asked_about(tmp_path, planted, capsys):
    mixtures, losses = saved(tmp_path, planted, "{}")
    fitted = ("--mixer", "effective-data", "--mixtures", mixtures, "--losses", losses)
    assert run("fit", *fitted, "--to", tmp_path / "fit") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "--higher-better" in error and "arc" in error


def saved(folder, planted, heading):
    """Both tables as CSV, tasks under headings of this form."""
    weights = pd.DataFrame(planted.weights, columns=planted.domains)
    shares = pd.DataFrame(planted.shares, columns=[heading.format(task) for task in TASKS])
    for name, frame in (("mixtures", weights), ("losses", shares)):
        frame.insert(0, "run", [f"r{i:02}" for i in range(len(frame))])
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder / "mixtures.csv", folder / "losses.csv"


# One thing in several forms


def test_percent_and_shares_are_one_thing(planted, fit, proposal):
    percent = replace(QUESTIONS, whole=100.0, unit=PERCENT.unit)
    other = mw.fit(planted.observed(100 * planted.shares, every(percent)))
    again = mw.propose(other, draws=0)
    assert again.weights == pytest.approx(proposal.weights, abs=1e-6)
    for task in TASKS:
        assert again.predicted[task] == pytest.approx(100 * proposal.predicted[task])


@pytest.mark.parametrize(("scale", "shift"), [(100, 0), (1, 50), (0.001, -3)])
def test_scores_may_have_any_unit(planted, scale, shift):
    scores = mw.propose(mw.fit(planted.observed(metrics=every(SCORE)), "regmix-linear"), draws=0)
    scaled = planted.observed(scale * planted.shares + shift, every(SCORE))
    again = mw.propose(mw.fit(scaled, "regmix-linear"), draws=0)
    assert again.weights == pytest.approx(scores.weights, abs=1e-6)


def test_a_score_is_a_negated_loss(planted):
    scores = mw.propose(mw.fit(planted.observed(metrics=every(SCORE)), "log-linear"), draws=0)
    losses = mw.propose(mw.fit(planted.observed(-planted.shares), "log-linear"), draws=0)
    assert scores.weights == pytest.approx(losses.weights, abs=1e-9)
    assert scores.predicted["arc"] == pytest.approx(-losses.predicted["arc"])


def test_perplexities_are_losses_in_another_form(planted):
    losses = 3 - planted.shares
    plain = mw.propose(mw.fit(planted.observed(losses)), draws=0)
    again = mw.fit(planted.observed(np.exp(losses), every(PERPLEXITY)))
    chosen = mw.propose(again, draws=0)
    assert chosen.weights == pytest.approx(plain.weights, abs=1e-6)
    assert chosen.predicted["arc"] == pytest.approx(np.exp(plain.predicted["arc"]))
    assert "the goal is the mean logarithm of perplexity, nats/token" in chosen.notes


@pytest.mark.parametrize("metric", [ACCURACY, QUESTIONS, PERCENT, SCORE, PERPLEXITY, LOSS, BITS])
def test_a_metric_is_undone(metric):
    values = np.array([1.0, 2.5, 60.0]) / (1 if metric.whole > 1 or not metric.higher else 100)
    assert metric.measured(metric.minimised(values)) == pytest.approx(values)
    better = metric.minimised(values).argmin()
    assert better == (values.argmax() if metric.higher else values.argmin())


def test_no_right_answer_and_all_right_answers_are_finite():
    none_and_all = QUESTIONS.minimised(np.array([0.0, 1.0]))
    assert none_and_all == pytest.approx([-np.log(0.5 / 1000), 0.0])
    assert np.isfinite(ACCURACY.minimised(np.array([0.0]))).all()


# In the unit that was measured


def test_predictions_are_accuracies(planted, fit, proposal):
    predicted = mw.predict(fit, proposal.mixture)
    truth = planted.truth(proposal.weights[None])[0]
    assert predicted.to_numpy()[0] == pytest.approx(truth, abs=0.03)
    assert dict(proposal.predicted) == pytest.approx(predicted.iloc[0].to_dict())
    assert "nats/token" not in repr(proposal)
    assert "accuracy" in repr(proposal)


def test_a_proposal_says_its_units(tmp_path, planted, capsys, caplog):
    folder = fitted_folder(tmp_path, planted.observed(metrics=every(QUESTIONS)))
    to = tmp_path / "mixture.json"
    assert run("propose", "--fit", folder, "--to", to, "--draws", "20") == 0
    written = json.loads(to.read_text())
    assert written["units"] == {
        "predicted": dict.fromkeys(TASKS, "accuracy"),
        "objective": "points of accuracy",
        "gap": "nats",
    }
    for task in TASKS:
        low, high = written["intervals"]["predicted"][task]
        assert 0 < low < written["predicted"][task] < high < 1
    # the weights stand at the terminal
    shown = capsys.readouterr().out
    for domain in planted.domains:
        assert f"\n{domain} " in shown


def test_a_csv_of_predictions_is_in_the_units(tmp_path, planted):
    folder = fitted_folder(tmp_path, planted.observed(metrics=every(QUESTIONS)))
    rows = [["run", *planted.domains], ["a", *[0.2] * 5]]
    new = tmp_path / "new.csv"
    new.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    to = tmp_path / "predicted.csv"
    assert run("predict", "--fit", folder, "--mixtures", new, "--to", to) == 0
    predicted = pd.read_csv(to).iloc[0]
    truth = planted.truth(np.full((1, 5), 0.2))[0]
    assert predicted[list(TASKS)].to_numpy(float) == pytest.approx(truth, abs=0.03)


def test_mixers_are_compared_in_the_unit(planted):
    observed = planted.observed(metrics=every(QUESTIONS))
    frame = tournament(observed, ["effective-data"])
    assert set(frame.unit) == {"accuracy"}
    assert (frame.regret >= 0).all()
    assert frame.regret.max() < 0.2
    assert frame.rmse.max() < 0.1
    percent = replace(QUESTIONS, whole=100.0, unit=PERCENT.unit)
    hundredfold = tournament(
        planted.observed(100 * planted.shares, every(percent)), ["effective-data"]
    )
    assert hundredfold.rmse.to_numpy() == pytest.approx(100 * frame.rmse.to_numpy(), rel=1e-3)
    assert "regret and error: accuracy" in as_table(frame, 64).title


def test_no_mean_is_taken_of_different_units(planted):
    mixed = {"arc": QUESTIONS, "piqa": LOSS, "sciq": LOSS}
    values = np.where([True, False, False], planted.shares, 3 - planted.shares)
    frame = tournament(planted.observed(values, mixed), ["effective-data"])
    table = as_table(frame, 64)
    assert "different units" in table.title
    assert list(table.columns[4].cells) == ["-"]


def test_a_learning_curve_counts_regret_in_points(planted):
    observed = planted.observed(metrics=every(QUESTIONS))
    curve = learning_curve("log-linear", {}, observed, sizes=(20, 30, 50))
    record = curve.as_json()
    assert record["regret_unit"] == "points of accuracy"
    assert (curve.regret >= 0).all()


def test_a_front_is_shown_in_the_units(tmp_path, planted, capsys):
    percent = replace(QUESTIONS, whole=100.0, unit=PERCENT.unit)
    folder = fitted_folder(tmp_path, planted.observed(100 * planted.shares, every(percent)))
    to = tmp_path / "front.csv"
    words = ("--between", "arc", "both=piqa+sciq", "--points", "4", "--to", to)
    assert run("pareto", "--fit", folder, *words) == 0
    front = pd.read_csv(to)
    assert list(front.columns[:2]) == ["accuracy_arc", "points_both"]
    # from the best for the first to the best for the second
    assert front.accuracy_arc.is_monotonic_decreasing
    assert front.points_both.is_monotonic_increasing
    assert front.accuracy_arc.between(10, 100).all()
    assert "accuracy arc, %" in capsys.readouterr().out


def test_anchors_are_missed_in_the_unit():
    predicted = QUESTIONS.minimised(np.array([[0.4], [0.5], [0.6]]))
    measured = QUESTIONS.minimised(np.array([[0.6], [0.71], [0.79]]))
    anchors = fit_anchors(("arc",), predicted, measured, {"arc": QUESTIONS})
    assert "accuracy" in anchors.sentence and "nats" not in anchors.sentence
    assert 0 < anchors.error_by_unit["accuracy"] < 0.1
    shown = QUESTIONS.measured(anchors.apply(predicted))
    assert shown.ravel() == pytest.approx([0.6, 0.7, 0.8], abs=0.03)


# What a goal averages


def test_a_goal_is_read_out_as_people_say_it():
    shares = np.array([[0.5, 0.25], [0.6, 0.3]])
    halves = {"a": 0.5, "b": 0.5}
    accuracies = Readout.of(halves, ("a", "b"), {"a": QUESTIONS, "b": PERCENT})
    minimised = np.column_stack(
        [QUESTIONS.minimised(shares[:, 0]), PERCENT.minimised(100 * shares[:, 1])]
    )
    assert accuracies.objective(minimised) == pytest.approx([37.5, 45.0])
    assert accuracies.metric.unit == "points of accuracy" and accuracies.metric.higher
    bits = Readout.of(halves, ("a", "b"), {"a": BITS, "b": BITS})
    assert bits.metric == BITS and bits.objective(shares) == pytest.approx([0.375, 0.45])
    scores = Readout.of(halves, ("a", "b"), {"a": SCORE, "b": SCORE})
    assert scores.objective(-shares) == pytest.approx([0.375, 0.45]) and scores.metric.higher
    one = Readout.of({"b": 1.0}, ("a", "b"), {"a": QUESTIONS})
    assert one.metric == LOSS and one.objective(minimised) == pytest.approx(minimised[:, 1])


def test_a_plain_mean_of_different_units_is_refused(tmp_path, planted, capsys):
    mixed = {"arc": QUESTIONS, "piqa": LOSS, "sciq": BITS}
    values = np.where([True, False, False], planted.shares, 3 - planted.shares)
    folder = fitted_folder(tmp_path, planted.observed(values, mixed))
    words = ("propose", "--fit", folder, "--draws", "0", "--to", tmp_path / "m.json")
    for targets in ((), ("--target", "arc", "piqa")):
        assert run(*words, *targets) == 1
        error = capsys.readouterr().err.strip().splitlines()
        assert len(error) == 1
        assert "arc in accuracy; piqa in nats/token" in error[0]
        assert "--target arc=WEIGHT" in error[0]
    assert run(*words, "--target", "piqa") == 0
    assert run(*words, "--target", "arc=1", "piqa=2") == 0
    notes = json.loads((tmp_path / "m.json").read_text())["notes"]
    averaged = "arc (-log accuracy), piqa (nats/token)"
    assert f"the goal is a weighted mean of different units: {averaged}" in notes
    with pytest.raises(MixwrightError, match=r"targets=\{'arc': WEIGHT"):
        mw.propose(Fit.load(folder), draws=0)
    with pytest.raises(MixwrightError, match="--between both: a plain mean"):
        main_pareto(folder, tmp_path)


def main_pareto(folder, tmp_path):
    from mixwright.stages.proposals import pareto

    pareto(folder, ["both=arc+piqa", "sciq"], tmp_path / "front.csv")


def test_the_mean_accuracy_is_what_is_chosen_for():
    """A task that hardly anyone solves does not rule two that many do."""
    table = plant(3, chance=0.0)
    rare = np.array([0.02, 1.0, 1.0])
    fitted = mw.fit(table.observed(table.shares * rare, every(QUESTIONS)))
    chosen = mw.propose(fitted, draws=0)
    equal = fitted.mixer.propose(make_options(fitted.source).goal(fitted.source))
    both = np.stack([chosen.weights, equal.weights])
    means = (table.truth(both) * rare).mean(axis=1)
    assert means[0] >= means[1]


def test_a_target_at_chance_is_named(planted):
    guessed = planted.shares.copy()
    rng = np.random.default_rng(5)
    guessed[:, 1] = rng.binomial(1000, 0.25, len(guessed)) / 1000
    observed = planted.observed(guessed, every(QUESTIONS))
    notes = at_chance(observed, TASKS)
    assert len(notes) == 1 and notes[0].startswith("piqa tells no mixtures apart")
    chosen = mw.propose(mw.fit(observed), draws=0)
    assert notes[0] in chosen.notes
    assert at_chance(planted.observed(metrics=every(ACCURACY)), TASKS) == ()


# What numbers cannot be


@pytest.mark.parametrize(
    ("metric", "number", "words"),
    [
        (ACCURACY, 1.2, "arc is 1.2, no accuracy from 0 to 1"),
        (ACCURACY, -0.1, "arc is -0.1, no accuracy"),
        (PERCENT, 130.0, "no accuracy from 0 to 100"),
        (PERPLEXITY, 0.9, "no perplexity"),
    ],
)
def test_numbers_that_a_metric_cannot_have_are_named(planted, metric, number, words):
    values = planted.shares * 50 + 2 if metric is PERPLEXITY else planted.shares * metric.whole
    values[7, 0] = number
    with pytest.raises(MixwrightError, match=rf"^run r07: .*{words}.*; .*--(metric|unit)"):
        planted.observed(values, every(metric))


# As people say it

HEADINGS = ("arc_easy/acc,none", "prose_loss", "code=x", "mmlu", "elo")
VALUES = {
    "arc_easy/acc,none": np.array([0.2, 0.4]),
    "mmlu": np.array([24.0, 50.0]),
    "elo": np.array([900.0, 1200.0]),
}


@pytest.mark.parametrize(
    ("words", "name", "metric"),
    [
        (([], ["mmlu"], []), "mmlu", PERCENT),
        (([], ["elo"], []), "elo", SCORE),
        (([], ["arc_easy/acc,none"], []), "arc_easy/acc,none", ACCURACY),
        ((["mmlu=accuracy"], [], []), "mmlu", PERCENT),
        (
            (["acc,none=accuracy,questions=1172,chance=.25"], [], []),
            "arc_easy/acc,none",
            replace(ACCURACY, questions=1172, chance=0.25),
        ),
        (([], [], ["prose=bits/byte"]), "prose_loss", BITS),
        (([], [], ["code=x=bits/byte"]), "code=x", BITS),
        (([], [], ["perplexity"]), "prose_loss", PERPLEXITY),
        (([], ["elo"], ["elo=points"]), "elo", replace(SCORE, unit="points")),
        (([], ["mmlu"], ["bits/byte"]), "mmlu", PERCENT),
        ((["score"], [], ["prose=bits/byte"]), "elo", SCORE),
    ],
)
def test_words_say_what_a_column_holds(words, name, metric):
    assert read_metrics(*words, HEADINGS, VALUES)[name] == metric


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((["arcx=accuracy"], [], []), "--metric arcx=accuracy: arcx is no target"),
        ((["mmlu=acuracy"], [], []), "did you mean accuracy?"),
        ((["mmlu=accuracy,question=3"], [], []), "did you mean questions?"),
        ((["mmlu=accuracy,questions=2.5"], [], []), "questions is a count"),
        ((["mmlu=accuracy,chance=25"], [], []), "chance is a share of 1"),
        ((["mmlu=loss,questions=3"], [], []), "questions is a setting of accuracy, not of loss"),
        ((["mmlu=accuracy;3"], [], []), "write NAME=accuracy,questions=1172,chance=.25"),
        ((["mmlu=loss"], ["mmlu"], []), "give one of the two"),
        ((["mmlu=accuracy"], [], ["mmlu=nats/token"]), "give one of the two"),
        ((["mmlu=accuracy", "mmlu=loss"], [], []), "give one of the two"),
        (([], [], ["mmlu="]), "write NAME=UNIT"),
        (([], ["mmul"], []), "did you mean mmlu?"),
    ],
)
def test_words_that_cannot_be_are_told_in_one_line(words, message):
    with pytest.raises(MixwrightError) as error:
        read_metrics(*words, HEADINGS)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_gain_without_a_unit_is_one_clean_sentence():
    gain = Difference("law", "natural", 0.5, 0.1, 0.9, 3, 0.1, 0.1, metric=SCORE)
    assert gain.sentence == "better than natural by 0.500 [0.100, 0.900]"
    open_gain = replace(gain, low=-0.1)
    assert open_gain.sentence == "not distinguishable from natural ([-0.100, +0.900])"


def test_a_whole_that_is_said_is_not_overruled_by_the_numbers():
    values = {"x": np.array([40.0, 50.0, 60.0])}
    open_whole = read_metrics(["x=accuracy"], [], [], ["x"], values)["x"]
    named_whole = read_metrics(["x=accuracy,whole=1"], [], [], ["x"], values)["x"]
    assert (open_whole.whole, named_whole.whole) == (100.0, 1.0)


def test_a_mixture_without_predictions_is_written_in_the_goal_s_unit():
    domains = (Domain("a", None, 0.5), Domain("b", None, 0.5))
    goal = Goal(domains, {"arc": 1.0}, 1.0, Bounds.of(domains, 1.0))
    natural = Proposal("natural", goal.mixture(goal.natural)).in_units({"arc": ACCURACY})
    assert natural.as_json(goal)["units"]["objective"].startswith("points")
