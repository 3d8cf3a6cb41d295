import numpy as np
import pandas as pd
import pytest

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.observations import Observations
from mixwright.trust.validation import score, scores, validate
from repeated_swarm import repeated_swarm


def test_every_swarm_run_is_predicted_once_by_a_fit_without_it():
    frame = validate("effective-data", {}, repeated_swarm(), folds=5)
    tables.check(frame, tables.VALIDATION, "test")
    assert len(frame) == 40 * 2 and set(frame.fold) == set(range(5))
    assert set(frame.run) == {f"r{i:02}" for i in range(40)}
    assert scores(frame).set_index("target").spearman["first"] > 0.95


def test_held_out_losses_do_not_leak_into_their_own_predictions():
    seen = repeated_swarm()
    frame = validate("regmix-linear", {}, seen, folds=4, seed=1)
    chosen = frame[frame.fold == 2].run.unique()
    spoilt = np.where(np.isin(seen.runs, chosen)[:, None], 9.0, seen.losses)
    again = validate(
        "regmix-linear", {}, Observations(**{**vars(seen), "losses": spoilt}), folds=4, seed=1
    )
    held = frame.fold == 2
    assert again[held].predicted.tolist() == frame[held].predicted.tolist()
    assert again[~held].predicted.tolist() != frame[~held].predicted.tolist()


def test_a_mixer_that_reads_no_swarm_is_judged_on_all_of_it():
    frame = validate("mixmin", {}, repeated_swarm())
    assert set(frame.fold) == {0} and set(frame.target) == {"first"} and len(frame) == 40


def test_what_cannot_be_validated_is_refused():
    with pytest.raises(MixwrightError, match="predicts no losses"):
        validate("natural", {}, repeated_swarm())
    with pytest.raises(MixwrightError, match="too few"):
        validate("effective-data", {}, repeated_swarm(runs=1))


def test_scores_by_hand():
    found = score(np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 1.0, 3.0, 4.0]))
    assert found["pairwise"] == pytest.approx(5 / 6)
    assert found["kendall"] == pytest.approx(4 / 6)
    assert found["spearman"] == pytest.approx(0.8)
    assert found["regret"] == 1.0
    assert found["rmse"] == pytest.approx(np.sqrt(0.5))


def test_a_constant_prediction_ranks_nothing():
    found = score(np.array([1.0, 2.0, 6.0]), np.ones(3))
    assert (found["spearman"], found["kendall"], found["pairwise"], found["regret"]) == (
        0,
        0,
        0.5,
        2.0,
    )


def test_scores_are_kept_apart_by_mixer_and_target():
    rows = [
        ("m", t, f"r{i}", 0, float(i), float(i) * sign)
        for t, sign in (("up", 1), ("down", -1))
        for i in range(5)
    ]
    frame = pd.DataFrame(rows, columns=["mixer", "target", "run", "fold", "actual", "predicted"])
    assert scores(frame).set_index("target").spearman.to_dict() == pytest.approx(
        {"up": 1.0, "down": -1.0}
    )
