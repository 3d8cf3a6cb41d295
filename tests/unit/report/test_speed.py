"""When mixtures reach natural's final value: crossings, intervals, and what stands for unknown."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import study_tables
from mixwright.learners import ACCURACY, LOSS, TEXT
from mixwright.report.figures import draw, tabulate
from mixwright.report.speed import Speed, crossing, goal_on_the_way, sentence, speeds

TARGETS = dict.fromkeys(study_tables.TARGETS, 1.0)


def points(**lines) -> pd.DataFrame:
    """Rows of (mixer, seed, tokens, value): mixer -> seed -> tokens -> value."""
    rows = []
    for mixer, seeds in lines.items():
        for seed, line in enumerate(seeds, start=1):
            for tokens, value in line.items():
                rows.append((mixer, seed, tokens, value))
    return pd.DataFrame(rows, columns=["mixer", "seed", "tokens", "value"])


def test_a_crossing_is_linear_in_the_log_of_tokens():
    tokens = np.array([100.0, 1000.0, 10_000.0])
    assert crossing(tokens, np.array([3.0, 1.0, -1.0])) == pytest.approx(1000 * 10**0.5)
    assert crossing(tokens, np.array([3.0, 0.0, -1.0])) == pytest.approx(1000)
    assert crossing(tokens, np.array([-1.0, 2.0, -1.0])) == 100.0
    assert crossing(tokens, np.array([3.0, -1.0, 2.0])) == pytest.approx(100 * 10**0.75)
    assert crossing(tokens, np.array([3.0, 2.0, 1e-9])) is None


def test_one_seed_tells_a_speed_and_no_interval():
    line = {100: 3.0, 200: 2.0}
    (speed,) = speeds(points(natural=[{200: 2.5}], quick=[line]))
    assert (speed.status, speed.seeds) == ("reached", 1)
    assert speed.tokens == pytest.approx(100 * 2**0.5) and speed.times == pytest.approx(2**0.5)
    assert np.isnan(speed.low) and np.isnan(speed.high) and speed.words == "× 1.41"
    said = sentence([speed], LOSS)
    assert "quick reaches natural's final loss with 71 % of the tokens (1.41 times as fast)" in said
    assert said.endswith("One seed tells no interval.")


def test_the_interval_is_of_all_tokens_whose_difference_is_not_beyond_chance():
    """Two mixtures and three seeds: the error is that of their paired differences."""
    natural = np.array([2.5, 2.6, 2.4])
    gaps = {100: [0.5, 0.52, 0.48], 200: [-0.5, -0.49, -0.51]}
    quick = [{tokens: natural[k] + gap[k] for tokens, gap in gaps.items()} for k in range(3)]
    (speed,) = speeds(points(natural=[{200: value} for value in natural], quick=quick))
    halves = []
    for gap in gaps.values():
        # of two mixtures the pooled error is that of a paired test
        halves.append(student.ppf(0.975, 2) * np.std(gap, ddof=1) / np.sqrt(3))
    expected = []
    for sign in (1, -1):
        above = 0.5 + sign * halves[0]
        below = -0.5 + sign * halves[1]
        expected.append(2 / 2 ** (above / (above - below)))
    assert [speed.low, speed.high] == pytest.approx(expected)
    assert speed.times == pytest.approx(2**0.5) and speed.low < speed.times < speed.high
    assert speed.words == f"× 1.41 [{speed.low:.2f}, {speed.high:.2f}]"


def test_where_more_is_better_a_line_rises_to_natural():
    accuracies = points(natural=[{200: 0.5}], quick=[{100: 0.4, 200: 0.6}])
    (speed,) = speeds(accuracies, ACCURACY)
    assert speed.status == "reached" and speed.times == pytest.approx(2**0.5)
    (as_loss,) = speeds(accuracies, LOSS)
    assert as_loss.status == "at once"
    assert "natural's final accuracy" in sentence([speed], ACCURACY)


def test_what_is_not_reached_reached_at_once_the_same_or_without_copies_is_said():
    natural = {100: 3.0, 200: 2.0}
    listed = speeds(
        points(
            natural=[natural],
            again=[natural],
            bare=[{200: 1.9}],
            first=[{100: 2.0, 200: 1.5}],
            slow=[{100: 3.0, 200: 2.1}],
        )
    )
    assert [(speed.mixer, speed.status) for speed in listed] == [
        ("first", "at once"),
        ("again", "same mixture"),
        ("slow", "never"),
        ("bare", "no copies"),
    ]
    assert listed[0].words == "× 2.00 or more" and np.isnan(listed[2].times)
    assert [speed.words for speed in listed[1:]] == ["same mixture", "not reached", "no copies"]
    said = sentence(listed, LOSS)
    assert "with at most 50 % of the tokens" in said
    assert "Not within their training: slow." in said and "Without copies on the way: bare" in said
    (none,) = speeds(points(natural=[natural], slow=[{100: 3.0, 200: 2.1}]))
    assert sentence([none], LOSS).startswith("No mixture reaches natural's final loss")
    assert sentence(speeds(points(natural=[{200: 2.0}], bare=[{200: 1.9}])), LOSS) == ""
    assert speeds(points(quick=[natural])) == []


def test_open_ends_of_intervals_in_words():
    assert Speed("a", "reached", 90, 1.1, low=0.0, high=1.3).words == "× 1.10 [under 1, 1.30]"
    assert Speed("a", "reached", 90, 1.1, low=1.0, high=np.inf).words == "× 1.10 [1.00, ∞)"
    assert Speed("a", "never", low=0.0, high=1.05).words == "not reached [under 1, 1.05]"
    assert Speed("a", "never", low=0.0, high=0.0).words == "not reached"


def test_the_goal_is_the_weighted_mean_and_a_seed_without_all_copies_is_left_out():
    scores, finals = study_tables.scores(), study_tables.finals()
    copies = study_tables.snapshot_scores(scores)
    whole, metric = goal_on_the_way(copies, scores, finals, TARGETS, TEXT)
    assert metric == LOSS and len(whole) == 2 * 4 * len(study_tables.ARMS)
    rows = copies[(copies.mixer == "regmix") & (copies.seed == 1) & (copies.metric == "loss")]
    weights = {name: number for number, name in enumerate(study_tables.TARGETS)}
    weighed, _ = goal_on_the_way(copies, scores, finals, weights, TEXT)
    at = weighed[(weighed.mixer == "regmix") & (weighed.seed == 1)].set_index("tokens").value
    of_copy = rows[rows.tokens == 50_000].set_index("task").value
    assert at[50_000] == pytest.approx(
        sum(of_copy[name] * weight for name, weight in weights.items()) / 3
    )
    lacking = (copies.mixer == "regmix") & (copies.seed == 1) & (copies.tokens == 50_000)
    part, _ = goal_on_the_way(copies[~lacking], scores, finals, TARGETS, TEXT)
    left = part[part.mixer == "regmix"]
    assert left[left.seed == 1].tokens.tolist() == [200_000]
    assert left[left.seed == 2].tokens.tolist() == [25_000, 50_000, 100_000, 200_000]
    speed = {speed.mixer: speed for speed in speeds(part)}["regmix"]
    assert speed.status == "reached" and speed.seeds == 1


def test_the_figure_without_copies_says_so_and_draws_the_finals():
    scores = study_tables.scores()
    empty = study_tables.snapshot_scores(scores).iloc[:0]
    table = tabulate(
        "speed_up",
        snapshot_scores=empty,
        scores=scores,
        finals=study_tables.finals(),
        targets=TARGETS,
        learner=TEXT,
    )
    assert set(table.status.dropna()) == {"no copies"}
    drawing = draw("speed_up", table)
    assert "No copies of the models on the way were kept" in drawing.texts[-1].get_text()
