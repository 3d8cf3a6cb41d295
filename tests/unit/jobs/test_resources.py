"""What a training job asks for grows with what it trains."""

import pytest

from least_study import CONFIG, study
from mixwright.finals.models import build
from mixwright.jobs.resources import (
    cleaning_mb,
    cleaning_minutes,
    final_minutes,
    memory_mb,
    proxy_minutes,
    scoring_minutes,
    tokenizing_mb,
    tokenizing_minutes,
    tokenizing_threads,
)
from mixwright.proxies.footprint import parameters
from mixwright.study.config import read_yaml
from mixwright.study.study import Study


def test_parameters_are_those_of_the_published_proxies():
    published = {
        "proxy-1m": 1_312_000,
        "proxy-60m": 58_998_528,
        "pythia-160m": 85_056_000,
    }  # without embedding and head
    for model, body in published.items():
        shape = read_yaml(CONFIG / "models" / f"{model}.yaml")
        assert parameters(shape, 0) == body
        assert (
            parameters(shape, shape["vocabulary"])
            == body + 2 * shape["vocabulary"] * shape["width"]
        )


@pytest.mark.parametrize("model", ["micro", "micro-gpt2", "micro-neox", "micro-bert"])
def test_parameters_are_those_that_transformers_counts(model):
    shape = read_yaml(CONFIG / "models" / f"{model}.yaml")
    trained = [
        parameter.numel()
        for parameter in build(shape, 100, end_token=0, seed=0).parameters()
        if parameter.requires_grad
    ]
    assert parameters(shape, 100) == sum(trained)


def test_memory_and_time_grow_with_the_work():
    small, wide = study(), study(proxy={"wave": 16})
    assert memory_mb(small, "proxy") < memory_mb(wide, "proxy")
    large = study(proxy={"tokens": 10**8}, goal={"tokens": 10**9})
    packs = [
        max(planned.packs.values(), key=lambda runs: sum(run.tokens for run in runs))
        for planned in (small, large)
    ]
    assert proxy_minutes(small, packs[0]) < proxy_minutes(small, packs[1])
    assert final_minutes(small, 10**6) < final_minutes(small, 10**9)
    assert scoring_minutes(small, 1) < scoring_minutes(study(evaluation={"final_tokens": 10**8}), 1)


@pytest.mark.parametrize(
    ("part", "model", "vocabulary", "batch", "wave", "measured"),
    [
        ("proxy", "tiny", 2048, 8, 4, 336),
        ("proxy", "tiny", 2048, 8, 16, 598),
        ("proxy", "proxy-1m-8k", 8192, 1, 4, 981),
        ("proxy", "proxy-1m", 50432, 1, 2, 1376),
        ("final", "small", 2048, 8, 1, 544),
        (
            "final",
            "proxy-1m",
            50432,
            1,
            1,
            1435 + 450,
        ),  # at a context of 1,024, half the shape's: 450 MB more of activations and logits
    ],
)
def test_memory_asked_for_is_what_was_measured_and_not_thrice_that(
    part, model, vocabulary, batch, wave, measured
):
    """Peaks of the resident set in MB, of two steps on a CPU."""
    settings = {"model": model, "batch": batch} | ({"wave": wave} if part == "proxy" else {})
    config = study(tokenizer={"vocabulary": vocabulary}, **{part: settings})
    assert 1.2 * measured < memory_mb(config, part) < 2 * measured + 800


def test_a_final_of_several_processes_asks_for_a_node_s_memory_and_less_time():
    one, four = study(), study(final={"processes": 4})
    assert memory_mb(one, "final") < memory_mb(four, "final", 4) < 4 * memory_mb(one, "final")
    assert final_minutes(four, 10**10) < final_minutes(one, 10**10) / 3
    assert scoring_minutes(four, 3_000) < scoring_minutes(one, 3_000) / 3


def test_on_a_gpu_the_machine_s_memory_holds_weights_and_no_batch():
    small, large = (study(final={"device": "cuda", "batch": batch}) for batch in (8, 800))
    assert memory_mb(small, "final") == memory_mb(large, "final") > 4_000


def test_masked_models_and_vertices_ask_for_the_time_of_their_scoring():
    # no document is longer than the context: a causal model reads each scored token once
    scored = study(evaluation={"examples": 10**6, "document_tokens": 64})
    (vertex,) = [runs for runs in scored.packs.values() if runs[0].role == "vertex"]
    assert proxy_minutes(scored, vertex) > proxy_minutes(study(), vertex)
    masked = Study({**scored.config, "learner": "masked-lm"})
    assert proxy_minutes(masked, vertex) > 5 * proxy_minutes(scored, vertex)


def test_a_tokenizer_of_ones_own_is_taken_for_a_large_one():
    folder = study(tokenizer={"folder": "somewhere"})
    assert memory_mb(folder, "final") > memory_mb(study(), "final")


def test_a_shape_with_a_vocabulary_of_its_own_asks_for_its_rows():
    rows_8k = study(tokenizer={"folder": "somewhere"}, proxy={"model": "proxy-1m-8k"})
    rows_50k = study(tokenizer={"folder": "somewhere"}, proxy={"model": "proxy-1m"})
    assert memory_mb(rows_8k, "proxy") < memory_mb(rows_50k, "proxy")
    runs = study(proxy={"tokens": 10**9}).packs.popitem()[1]
    assert proxy_minutes(rows_8k, runs) < proxy_minutes(rows_50k, runs)


def corpus(size: int | None, **settings) -> Study:
    """A study of which one domain holds so many bytes of text."""
    domains = {"cpp": {"source": "installed"}, "prose": {"source": "installed"}}
    planned = study(domains=domains, corpus={"sample": "all", **settings})
    planned.__dict__["sizes"] = dict.fromkeys(domains, size)
    return planned


def test_a_part_of_text_asks_for_what_it_reads_whatever_the_domain_holds():
    """The number of jobs grows with a domain, not what one of them needs."""
    small, part, huge = (corpus(size) for size in (10**6, 10**9, 10**12))
    assert [planned.parts("cpp") for planned in (small, part, huge)] == [1, 1, 1000]
    assert tokenizing_threads(small, "cpp") == 1
    for planned in (part, huge):
        assert cleaning_mb(planned, "cpp") == cleaning_mb(part, "cpp") < 1024
        assert tokenizing_mb(planned, "cpp") < 1024
        assert cleaning_minutes(planned, "cpp") == cleaning_minutes(part, "cpp") < 120
        assert tokenizing_threads(planned, "cpp") == 8
    assert cleaning_mb(small, "cpp") < cleaning_mb(part, "cpp")
    assert cleaning_minutes(small, "cpp") < cleaning_minutes(part, "cpp")
    assert tokenizing_minutes(small, "cpp") < tokenizing_minutes(part, "cpp")


def test_of_a_sample_a_job_reads_ten_times_as_much_and_tokenizes_that_much():
    sample = corpus(10**12, sample=10**8)
    assert sample.parts("cpp") == 1
    assert cleaning_minutes(sample, "cpp") == cleaning_minutes(corpus(10**9), "cpp")
    assert tokenizing_minutes(sample, "cpp") == tokenizing_minutes(corpus(10**8), "cpp")
    # of a source whose size nobody knows, as of a gigabyte
    assert cleaning_mb(corpus(None), "cpp") == cleaning_mb(corpus(10**9), "cpp")
