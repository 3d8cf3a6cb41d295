import numpy as np
import pytest

import plain_schedule
from mixwright.corpus.shards import Examples
from mixwright.corpus.unigram import Unigrams, scored_counts, scored_mask, unigram_losses

EXAMPLES = Examples.of([([1], [2, 2], 2), ([], [3], 2)], end_token=0)


def test_only_scored_tokens_count():
    assert EXAMPLES.tokens[scored_mask(EXAMPLES)].tolist() == [2, 2, 3]


def test_the_loss_is_that_of_the_smoothed_mixture():
    counts = np.array([[0, 0, 90, 10], [0, 0, 0, 300]])
    probability = (np.array([0.45, 0.55]) * 200 + 1) / 204
    expected = -(2 * np.log(probability[0]) + np.log(probability[1])) / 3
    assert np.isclose(unigram_losses([0.5, 0.5], counts, EXAMPLES), expected, rtol=1e-14)


def test_many_mixtures_at_once_and_unseen_tokens_stay_finite():
    counts = np.array([[0, 0, 90, 10], [0, 0, 0, 300]])
    weights = np.array([[0.5, 0.5], [0.0, 1.0]])
    losses = unigram_losses(weights, counts, EXAMPLES)
    assert losses.shape == (2,) and np.isfinite(losses).all() and losses[1] > losses[0]
    assert np.isclose(losses[0], unigram_losses(weights[0], counts, EXAMPLES), rtol=1e-14)


@pytest.mark.parametrize(("domains", "vocabulary"), [(1, 100), (7, 511), (100, 5003)])
def test_losses_of_all_targets_at_once_are_those_of_each_to_the_last_bit(domains, vocabulary):
    rng = np.random.default_rng(domains)
    # The last domain is empty, and of most tokens a domain has none.
    counts = rng.integers(0, 1000, (domains, vocabulary)) * (
        rng.random((domains, vocabulary)) < 0.3
    )
    counts[1:][-1:] = 0
    targets = {}
    scored = {}
    for name, length in (("long", 3000), ("short", 5), ("none", 0)):
        row = (rng.integers(0, vocabulary, 4), rng.integers(0, vocabulary, length), 4)
        targets[name] = Examples.of([row], end_token=0)
        scored[name] = scored_counts(targets[name], vocabulary).astype(np.float64)
    unigrams = Unigrams.of(counts)
    for weights in rng.dirichlet(np.ones(domains), 5):
        losses = unigrams.losses(weights, scored)
        for name, examples in targets.items():
            expected = plain_schedule.unigram_losses(weights, counts, examples)
            assert losses[name] == expected == unigram_losses(weights, counts, examples)
    mixtures = rng.dirichlet(np.ones(domains), (2, 3))
    expected = plain_schedule.unigram_losses(mixtures, counts, targets["long"])
    assert (unigram_losses(mixtures, counts, targets["long"]) == expected).all()
