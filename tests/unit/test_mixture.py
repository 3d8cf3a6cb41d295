"""The noun that everything passes on: a mixture is checked once, and says what is wrong with it."""

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.mixture import Domain, Mixture, natural_weights


def test_a_mixture_keeps_its_names_and_its_numbers_to_the_last_bit():
    weights = np.random.default_rng(0).dirichlet(np.ones(5))
    mixture = Mixture(tuple("abcde"), weights)
    assert mixture.weights.tolist() == weights.tolist()
    assert mixture == Mixture.of(mixture.as_dict()) and hash(mixture) == hash(
        Mixture.of(mixture.as_dict())
    )
    assert mixture["c"] == weights[2]
    assert mixture != Mixture(tuple("abcde"), weights[::-1])


def test_nobody_can_change_a_mixture():
    weights = np.array([0.5, 0.5])
    mixture = Mixture(("a", "b"), weights)
    weights[0] = 1.0
    assert mixture["a"] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        mixture.weights[0] = 1.0


@pytest.mark.parametrize(
    ("names", "weights", "message"),
    [
        (("a", "a"), (0.5, 0.5), "a domain stands there twice: a, a"),
        (("a", "b"), (1.0,), "2 domains and weights of shape"),
        (("a", "b"), (0.5, 0.6), "the weights sum to 1.1"),
        (("a", "b"), (-0.1, 1.1), "the least is -0.1"),
        (("a", "b"), (np.nan, 1.0), "give numbers from 0 on that sum to 1"),
        ((), (), "a mixture has one domain or more"),
    ],
)
def test_what_is_no_mixture_is_refused_in_one_line(names, weights, message):
    with pytest.raises(MixwrightError, match=message) as raised:
        Mixture(names, np.array(weights))
    assert "\n" not in str(raised.value)


def test_domains_come_in_another_order_and_one_with_weight_is_not_lost():
    mixture = Mixture.of({"a": 0.75, "b": 0.25, "c": 0.0})
    assert mixture.over("bxa").as_dict() == {"b": 0.25, "x": 0.0, "a": 0.75}
    with pytest.raises(MixwrightError, match=r"b has weight 0\.25 and is not among a, c"):
        mixture.over("ac")
    assert mixture.rounded() == {"a": 0.75, "b": 0.25}


def test_natural_is_of_tokens_or_of_shares_and_never_of_both():
    counted = [Domain("a", 30), Domain("b", 10)]
    shared = [Domain("a", None, 0.75), Domain("b", None, 0.25)]
    assert natural_weights(counted).tolist() == natural_weights(shared).tolist() == [0.75, 0.25]
    for mixed in ([counted[0], shared[1]], [shared[0], Domain("b", None)]):
        with pytest.raises(MixwrightError, match="natural: the size of b is unknown"):
            natural_weights(mixed)
