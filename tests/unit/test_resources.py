"""What a training job asks for grows with what it trains."""

from mixwright.resources import memory_mb, minutes, parameters
from test_study import study


def test_parameters_are_those_of_the_published_proxy():
    shape = {"layers": 2, "width": 256, "hidden": 512, "heads": 8, "context": 2048}
    assert parameters(shape, 0) == 1_312_000
    assert parameters(shape, 50_432) == 1_312_000 + 2 * 50_432 * 256


def test_memory_and_time_grow_with_the_work():
    small, wide = study().config, study(proxy={"wave": 16}).config
    assert 1_500 < memory_mb(small, "proxy") < memory_mb(wide, "proxy")
    assert minutes(small, "proxy", 10**6) < minutes(small, "proxy", 10**9)


def test_a_tokenizer_of_ones_own_is_taken_for_a_large_one():
    own = study(tokenizer={"folder": "somewhere"}).config
    assert memory_mb(own, "final") > memory_mb(study().config, "final")
