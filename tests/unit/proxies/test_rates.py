"""How learning rates rise and fall, of proxies and finals alike."""

import pytest

from mixwright.proxies.optimizer import rate_factor


def factors(steps: int, **recipe) -> list[float]:
    recipe = {"warmup": 0.0, "schedule": "linear", "minimum": 0.0, "decay": 0.2} | recipe
    return [rate_factor(step, steps, recipe) for step in range(steps)]


def before(step: int, steps: int, warmup: float) -> float:
    """The one schedule that there was."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (steps - step) / max(1, steps - rising)


@pytest.mark.parametrize("steps", [1, 4, 97, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.2, 0.99])
def test_a_line_to_zero_has_the_very_numbers_it_had(steps, warmup):
    line = factors(steps, warmup=warmup)
    assert line == [before(step, steps, warmup) for step in range(steps)]
    # a study that was stored before knows nothing of shapes
    assert line == [rate_factor(step, steps, {"warmup": warmup}) for step in range(steps)]


def test_it_rises_over_the_warmup_and_falls_to_zero():
    assert factors(4) == [1.0, 0.75, 0.5, 0.25]
    line = factors(10, warmup=0.2)
    assert line[:3] == pytest.approx([1 / 3, 2 / 3, 1.0]) and line[9] == pytest.approx(1 / 8)


@pytest.mark.parametrize("shape", ["linear", "cosine", "wsd", "constant"])
def test_a_share_and_its_number_of_steps_are_one_warmup(shape):
    assert factors(50, schedule=shape, warmup=0.1) == factors(50, schedule=shape, warmup=5)
    assert factors(50, schedule=shape, warmup=5)[:6] == [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0]


def test_a_warmup_of_one_is_one_step():
    assert factors(4, warmup=1) == [0.5, 1.0, pytest.approx(2 / 3), pytest.approx(1 / 3)]


def test_a_cosine_is_half_way_down_in_the_middle():
    curve = factors(100, schedule="cosine", minimum=0.1)
    assert curve[0] == 1.0 and curve[50] == pytest.approx(0.55)
    assert curve[25] == pytest.approx(0.1 + 0.9 * (2 + 2**0.5) / 4)
    # reached one step after the last
    assert rate_factor(100, 100, {"warmup": 0, "schedule": "cosine", "minimum": 0.1}) == 0.1


def test_wsd_is_flat_until_its_decay():
    curve = factors(100, schedule="wsd", decay=0.1, minimum=0.5)
    assert curve[:91] == [1.0] * 91
    assert curve[91:] == pytest.approx([0.5 + 0.05 * left for left in range(9, 0, -1)])


def test_a_decay_does_not_reach_into_the_warmup():
    assert factors(10, schedule="wsd", decay=1.0, warmup=4) == pytest.approx(factors(10, warmup=4))


def test_constant_stays_at_the_peak_whatever_the_minimum():
    assert factors(5, schedule="constant", minimum=0.1) == [1.0] * 5


def test_a_line_ends_at_the_minimum():
    assert factors(4, minimum=0.2) == pytest.approx([1.0, 0.8, 0.6, 0.4])
