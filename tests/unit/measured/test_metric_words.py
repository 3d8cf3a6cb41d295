"""The options that say what a table's numbers are."""

import shlex
from dataclasses import replace

import numpy as np
import pytest

from mixwright.learners import ACCURACY, CHOSEN, LOSS, PERCENT, PERPLEXITY, SCORE
from mixwright.measured.metric_options import read_metrics
from mixwright.measured.metric_words import words_of_metrics

METRICS = {
    "arc easy": replace(ACCURACY, questions=1172, chance=1 / 3),
    "bits": replace(LOSS, unit="bits/byte"),
    "lambada": LOSS,
    "mmlu": replace(PERCENT, questions=14042),
    "prose": PERPLEXITY,
    "taste": SCORE,
}


def read_back(words, targets):
    options = {"--metric": [], "--unit": []}
    option = ""
    for word in shlex.split(words):
        if word in options:
            option = word
        else:
            options[option].append(word)
    return read_metrics(options["--metric"], (), options["--unit"], targets)


def test_the_words_are_read_as_what_the_numbers_are():
    targets = tuple(METRICS)
    back = read_back(words_of_metrics(targets, METRICS), targets)
    assert {name: metric.name for name, metric in back.items()} == {
        name: metric.name for name, metric in METRICS.items()
    }
    assert back["arc easy"].questions == 1172 and back["arc easy"].chance == 1 / 3
    assert back["bits"].unit == "bits/byte" and back["lambada"].unit == "nats/token"
    assert back["mmlu"].whole == 100 and back["mmlu"].questions == 14042


def test_losses_alone_need_one_word():
    assert words_of_metrics(("a", "b"), {}) == "--unit nats/token"
    assert words_of_metrics(("a", "b"), {"b": PERPLEXITY}).startswith("--unit a=nats/token")


def test_a_probability_is_read_as_what_is_minimised_alike():
    probability = CHOSEN["probability"]
    back = read_back(words_of_metrics(("a",), {"a": probability}), ("a",))
    shares = np.array([0.2, 0.7])
    assert back["a"].minimised(shares) == pytest.approx(probability.minimised(shares))
