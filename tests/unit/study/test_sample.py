"""The sample that `auto` takes, what it does to names, and keys that say nothing."""

import math

import pytest

from least_study import names, study
from mixwright.errors import MixwrightError

FILES = {name: {"source": "files", "files": f"{name}.jsonl"} for name in ("cpp", "prose", "pycode")}
LEAST = 2**22


def on_files(**changes):
    domains = {name: FILES[name] | changes.pop(name, {}) for name in FILES}
    return study(domains=domains, **changes)


def test_a_short_study_takes_the_least_sample():
    assert on_files().text("cpp").sample == LEAST


def test_the_sample_holds_what_a_final_and_a_proxy_can_take_of_a_domain():
    for tokens in (3_000_000, 40_000_000, 2 * 10**9):
        plan = on_files(goal={"tokens": tokens, "max_epochs": None})
        sample = plan.text("cpp").sample
        text = 0.9 * sample
        assert text > 6 * plan.final_tokens
        assert math.log2(sample).is_integer() and sample < 4 * 6 * plan.final_tokens
    long = on_files(proxy={"tokens": 10**8}, finals="none")
    assert long.text("cpp").sample >= 6 * 10**8 / 0.9


def test_a_cap_makes_the_sample_of_its_domain_smaller():
    plan = on_files(goal={"tokens": 10**9, "max_epochs": None, "caps": {"cpp": 0.05}})
    assert plan.text("cpp").sample * 8 < plan.text("prose").sample
    grouped = on_files(
        goal={
            "tokens": 10**9,
            "max_epochs": None,
            "groups": {"code": {"domains": ["cpp", "pycode"], "most": 0.05}},
        }
    )
    assert grouped.text("pycode").sample == plan.text("cpp").sample


def test_a_study_without_finals_takes_what_its_proxies_need():
    plan = on_files(goal={"tokens": 30 * 10**9, "max_epochs": None}, finals="none")
    assert plan.text("cpp").sample == LEAST


def test_runs_of_a_scale_count_where_a_mixer_reads_them():
    scales = {"designs": {"perturb": {"tokens": [10**8]}}, "finals": "none"}
    assert on_files(**scales).text("cpp").sample > 6 * 10**8
    # mixers are added to those of the least study, which has autoscale
    config = study(domains=FILES, **scales).config
    without = {**config, "mixers": {"natural": {}, "regmix": {}}}
    assert type(on_files())(without).text("cpp").sample == LEAST


def test_much_that_is_held_out_is_read_besides():
    plan = on_files(
        corpus={"validation_share": 0.5}, goal={"tokens": 1_300_000, "max_epochs": None}
    )
    assert plan.text("cpp").sample / 2 > 6 * plan.final_tokens


@pytest.mark.parametrize(
    "change",
    [
        {"goal": {"tokens": 150_000, "max_epochs": 4}},
        {"cpp": {"tokens": 10**9}},
        {"cpp": {"sample": LEAST}},
        {"corpus": {"sample": LEAST}},
        {"corpus": {"on_error": "skip"}},
        {"cpp": {"clean": []}},
    ],
    ids=["final", "stated", "written out", "for all", "skip", "no steps"],
)
def test_what_leaves_the_text_as_it_is_changes_no_name_of_a_run(change):
    # A vertex run depends on no bounds.
    before = on_files(goal={"tokens": 140_000, "max_epochs": 4})
    after = on_files(**{"goal": {"tokens": 140_000, "max_epochs": 4}} | change)
    assert names(before, "vertex") == names(after, "vertex")


@pytest.mark.parametrize(
    "change",
    [
        {"cpp": {"sample": 5_000_000}},
        {"corpus": {"sample": "all"}},
        {"cpp": {"clean": ["exact-duplicates"]}},
        {"corpus": {"max_document_bytes": 10_000}},
        {"goal": {"tokens": 10**9, "max_epochs": None}},
    ],
    ids=["sample", "all", "a step", "cut", "a longer final"],
)
def test_what_changes_the_text_changes_the_names_of_runs(change):
    assert not set(names(on_files(), "vertex")) & set(names(on_files(**change), "vertex"))


def refusal(**changes) -> str:
    with pytest.raises(MixwrightError) as refused:
        on_files(**changes)
    return str(refused.value)


def test_a_sample_that_no_final_fits_into_is_refused_when_the_study_is_parsed():
    goal = {"tokens": 10**9, "max_epochs": None, "floors": {"cpp": 0.2}}
    message = refusal(goal=goal, cpp={"sample": 10**8})
    assert message.startswith("config: domains.cpp.sample: 100,000,000 bytes of cpp hold")
    assert "every final takes 199,9" in message and message.endswith("set it to auto or all")
    assert "config: corpus.sample: " in refusal(goal=goal, corpus={"sample": 10**8})
    fixed = goal | {"floors": {}, "fixed": {"cpp": 0.2}}
    assert "domains.cpp.sample" in refusal(goal=fixed, cpp={"sample": 10**8})
    # A byte a token may do, and a study without finals needs none of it.
    assert on_files(goal=goal, cpp={"sample": 3 * 10**8})
    assert on_files(goal=goal, cpp={"sample": 10**8}, finals="none")


def test_the_old_key_is_answered_with_the_new_one():
    message = refusal(corpus={"max_bytes": 99_999})
    assert "corpus.max_bytes is corpus.sample now" in message
    assert "write corpus.sample: 99999, or leave it out" in message and "\n" not in message


def test_tokens_of_what_is_counted_in_any_case_are_refused():
    with pytest.raises(MixwrightError, match=r"domains.cpp.tokens: all of the embedded corpus is"):
        study(domains={"cpp": {"source": "installed", "tokens": 5}})
    trees = {
        "learner": "trees",
        "tables": {"assays": {"file": "a.csv", "features": ["x"], "labels": ["a", "b"]}},
        "targets": {"a": {}},
        "mixers": {"mixmin": {}},
    }
    from least_study import CONFIG
    from mixwright.study.config import resolve

    for key, value in (("sample", 10**6), ("tokens", 5), ("clean", [])):
        domain = {"source": "table", "table": "assays", "label": "a", key: value}
        with pytest.raises(MixwrightError, match=f"domains.a.{key} says nothing of a table"):
            resolve({"study": "t", **trees, "domains": {"a": domain}}, CONFIG)
