"""What a training job asks for grows with what it trains."""

import pytest

from mixwright.config import read_yaml
from mixwright.learners.final_models import build
from mixwright.resources import memory_mb, minutes, parameters
from test_study import CONFIG, study


def test_parameters_are_those_of_the_published_proxies():
    published = {"proxy-1m": 1_312_000, "proxy-60m": 58_998_528, "pythia-160m": 85_056_000}  # without embedding and head
    for model, body in published.items():
        shape = read_yaml(CONFIG / "models" / f"{model}.yaml")
        assert parameters(shape, 0) == body
        assert parameters(shape, shape["vocabulary"]) == body + 2 * shape["vocabulary"] * shape["width"]


@pytest.mark.parametrize("model", ["micro", "micro-gpt2", "micro-neox", "micro-bert"])
def test_parameters_are_those_that_transformers_counts(model):
    shape = read_yaml(CONFIG / "models" / f"{model}.yaml")
    trained = [parameter.numel() for parameter in build(shape, 100, end_token=0, seed=0).parameters() if parameter.requires_grad]
    assert parameters(shape, 100) == sum(trained)


def test_memory_and_time_grow_with_the_work():
    small, wide = study().config, study(proxy={"wave": 16}).config
    assert 1_500 < memory_mb(small, "proxy") < memory_mb(wide, "proxy")
    assert minutes(small, "proxy", 10**6) < minutes(small, "proxy", 10**9)


def test_a_tokenizer_of_ones_own_is_taken_for_a_large_one():
    own = study(tokenizer={"folder": "somewhere"}).config
    assert memory_mb(own, "final") > memory_mb(study().config, "final")


def test_a_shape_with_a_vocabulary_of_its_own_asks_for_its_rows():
    own = study(tokenizer={"folder": "somewhere"}, proxy={"model": "proxy-1m-8k"}).config
    other = study(tokenizer={"folder": "somewhere"}, proxy={"model": "proxy-1m"}).config
    assert memory_mb(own, "proxy") < memory_mb(other, "proxy")
    assert minutes(own, "proxy", 10**9) < minutes(other, "proxy", 10**9)
