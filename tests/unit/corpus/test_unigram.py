import numpy as np

from mixwright.corpus.shards import Examples
from mixwright.corpus.unigram import scored_mask, unigram_losses

EXAMPLES = Examples.of([([1], [2, 2], 4), ([], [3], 2)], end_token=0)


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
