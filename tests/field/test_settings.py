"""Settings as people write them: understood as they are meant, or refused in one line.

The files are read as the workflow reads them: by Snakemake, then by `resolve`.
"""

import copy
import json
from pathlib import Path

import pytest
import yaml
from snakemake.common.configfile import load_configfile

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.study.config import resolve
from mixwright.study.study import Study

TEXT = """\
study: case
domains:
  web: {source: installed}
  code: {source: installed}
targets:
  questions: {source: installed}
"""


def read(folder: Path, text: str, name: str = "study.yaml") -> Study:
    """The study of a file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return Study(resolve(load_configfile(path), CONFIG, [path]))


def refused(folder: Path, text: str, name: str = "study.yaml") -> str:
    """The line with which a file is refused."""
    with pytest.raises(MixwrightError) as caught:
        read(folder, text, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def answer(**change) -> str:
    """The line with which a change of the least study is refused."""
    with pytest.raises(MixwrightError) as caught:
        resolve(copy.deepcopy(LEAST) | change, CONFIG)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "word, kind",
    [
        ("no", "true or false"),
        ("yes", "true or false"),
        ("ON", "true or false"),
        ("off", "true or false"),
        ("2023", "a number"),
        ("1.5", "a number"),
        ("2024-11-28", "a date"),
        ("null", "nothing"),
        ("~", "nothing"),
    ],
)
def test_a_name_that_yaml_takes_for_something_else_is_asked_for_in_quotes(tmp_path, word, kind):
    line = refused(tmp_path, TEXT.replace("web:", f"{word}:"))
    assert line == (
        f"config: study.yaml, line 3: the key domains.{word} is read as {kind}, not as text;"
        f' write it in quotes: "{word}"'
    )


def test_the_same_names_in_quotes_are_names(tmp_path):
    assert "no" in read(tmp_path, TEXT.replace("web:", '"no":')).domains


def test_such_a_name_is_refused_without_a_file_too():
    line = answer(domains={False: {"source": "installed"}, "y": {"source": "installed"}})
    assert line.startswith("config: the key domains.False is read as bool") and "quotes" in line


@pytest.mark.parametrize(
    "change, place",
    [
        ({"study": 2024}, "study"),
        ({"goal": {"groups": {"g": {"domains": ["x", False]}}}}, "goal.groups.g.domains.1"),
        (
            {"targets": {"t": {"source": "files", "files": ["a.txt", True]}}},
            "targets.t.files.1",
        ),
        ({"goal": {"never_worse": [False]}}, "goal.never_worse"),
    ],
)
def test_a_word_that_is_no_text_is_asked_for_in_quotes(change, place):
    line = answer(**change)
    assert line.startswith(f"config: {place} is ") and "in quotes" in line


@pytest.mark.parametrize("number", ["2e4", "2.0e+4", "20000.0", "'20000'", "2.E4", "+20000"])
def test_a_number_may_be_written_in_any_way(tmp_path, number):
    study = read(tmp_path, f"{TEXT}goal: {{tokens: {number}}}\n")
    assert study.config["goal"]["tokens"] == 20000
    assert type(study.config["goal"]["tokens"]) is int


def test_numbers_in_text_are_taken_in_every_section(tmp_path):
    text = f"{TEXT}mixers: {{regmix: {{learning_rate: 1e-2, samples: '4e3'}}}}\n"
    text += "designs: {swarm: {strengths: ['0.1', 5e0], runs: '12'}}\n"
    text += "proxy: {micro_batch: '4', simulated_epochs: 'no'}\ngoal: {max_epochs: 'null'}\n"
    config = read(tmp_path, text).config
    assert config["mixers"]["regmix"]["learning_rate"] == 0.01
    assert config["mixers"]["regmix"]["samples"] == 4000
    assert config["designs"]["swarm"]["strengths"] == [0.1, 5.0]
    assert config["designs"]["swarm"]["runs"] == 12
    assert config["proxy"]["micro_batch"] == 4 and config["proxy"]["simulated_epochs"] is False
    assert config["goal"]["max_epochs"] is None


WHOLE = [
    ("designs", {"swarm": {"runs": 12}}),
    ("proxy", {"per_job": 4, "batch": 2, "tokens": 20000}),
    ("final", {"seeds": [1, 2], "per_job": 2}),
    ("goal", {"tokens": 20000, "max_epochs": 4}),
    ("seed", 3),
    ("mixers", {"effective-data": {"iterations": 100}, "ensemble": {"folds": 4}}),
    ("validation", {"draws": 20}),
    ("tokenizer", {"vocabulary": 512}),
]


def as_floats(value):
    """The same with floats for whole numbers."""
    if isinstance(value, dict):
        return {name: as_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_floats(inner) for inner in value]
    return float(value)


@pytest.mark.parametrize("section, settings", WHOLE)
def test_a_whole_float_is_the_whole_number(section, settings):
    plain = Study(resolve(LEAST | {section: settings}, CONFIG))
    floats = Study(resolve(LEAST | {section: as_floats(settings)}, CONFIG))
    assert floats.config == plain.config
    assert floats.runs == plain.runs and floats.final_packs == plain.final_packs
    assert json.dumps(floats.config) == json.dumps(plain.config)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"goal": {"tokens": 12.5}},
            "config: goal.tokens is 12.5, a float; it takes a value of type integer",
        ),
        (
            {"goal": {"tokens": "2M"}},
            "config: goal.tokens is '2M', a str; it takes a value of type integer: write 2000000",
        ),
        (
            {"goal": {"tokens": "20,000"}},
            "config: goal.tokens is '20,000', a str; it takes a value of type integer: write 20000",
        ),
        ({"proxy": {"wave": "8k"}}, "config: proxy.wave is '8k'; it takes auto, or a number of"),
        ({"goal": {"tokens": float("nan")}}, "config: goal.tokens is nan; give a finite one"),
        (
            {"goal": {"max_epochs": float("inf")}},
            "config: goal.max_epochs is inf; give null for no limit",
        ),
        ({"goal": {"tokens": "1e999"}}, "config: goal.tokens is inf; give a finite one"),
        ({"seed": 10**40}, "config: seed has 41 digits, more than anything counts; give at most"),
        ({"goal": {"tokens": 0}}, "config: goal.tokens: 0 is less than the minimum of 1; give 1"),
        ({"proxy": {"batch": -2}}, "config: proxy.batch: -2 is less than the minimum of 1; give 1"),
        (
            {"designs": {"swarm": {"runs": 1e7}}},
            "config: designs.swarm.runs: 10000000 is greater than the maximum of 100000; give",
        ),
        ({"seed": True}, "config: seed is True, a bool; it takes a value of type integer"),
        ({"seed": None}, "config: seed is empty; give it an integer, or leave the key out"),
    ],
)
def test_a_number_that_cannot_be_meant_is_one_line(change, message):
    assert answer(**change).startswith(message)


@pytest.mark.parametrize("number, value", [("010", 8), ("1:30", 90), ("0x1F", 31)])
def test_a_number_that_yaml_reads_to_another_base_is_refused(tmp_path, number, value):
    line = refused(tmp_path, f"{TEXT}seed: {number}\n")
    assert line.startswith(f"config: study.yaml, line 7: seed: YAML reads {number} as {value};")


@pytest.mark.parametrize(
    "text, message",
    [
        (
            TEXT.replace("code:", "web:"),
            "config: study.yaml, line 4: domains.web stands in line 3 already;",
        ),
        (f"{TEXT}study: again\n", "config: study.yaml, line 7: study stands in line 1 already;"),
        (
            f"{TEXT}goal:\n  caps: {{web: 0.5, code: 0.6, web: 0.7}}\n",
            "config: study.yaml, line 8: goal.caps.web stands in line 8 already;",
        ),
        (
            f'{TEXT}mixers:\n  regmix: {{}}\n  "regmix": {{mixup: true}}\n',
            "config: study.yaml, line 9: mixers.regmix stands in line 8 already;",
        ),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_lines(tmp_path, text, message):
    assert refused(tmp_path, text) == f"{message} keep one of the two, or rename one"


def test_a_key_that_stands_twice_in_json_is_refused(tmp_path):
    config = yaml.safe_load(TEXT)
    text = json.dumps(config, indent="\t")
    assert read(tmp_path, text, "study.json").domains == ["code", "web"]
    twice = text.replace('"code"', '"web"')
    assert refused(tmp_path, twice, "study.json").startswith(
        "config: study.json, line 7: domains.web stands in line 4 already; keep one"
    )
    flat = json.dumps(config).replace('"code"', '"web"')
    assert "domains.web stands in line 1 already" in refused(tmp_path, flat, "study.json")


def test_anchors_and_merged_sections_are_no_repeats(tmp_path):
    text = TEXT.replace("{source: installed}", "&kind {source: installed}", 1)
    text = text.replace("code: {source: installed}", "code: *kind")
    text = text.replace("questions: {source: installed}", "questions: {<<: *kind, weight: 2}")
    assert read(tmp_path, text).target_weights == {"questions": 1.0}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"domain": LEAST["domains"]}, "config: domain is unknown; did you mean domains?"),
        ({"target": {}}, "config: target is unknown; did you mean targets?"),
        ({"tokens": 3}, "config: tokens is unknown; did you mean tokenizer or "),
        ({"seeds": [1]}, "config: seeds is unknown; did you mean seed or "),
        (
            {"mixers": {"ensemble": {"members": {"regmix": {"leafs": 3}}}}},
            "config: mixers.ensemble.members.regmix.leafs is unknown; did you mean leaves?",
        ),
        (
            {"mixers": {"ensemble": {"members": {"regmx": {}}}}},
            "config: mixers.ensemble.members.regmx is unknown; did you mean regmix?",
        ),
        (
            {"mixers": {"ensemble": {"members": {"mixmin": {}}}}},
            "config: mixers.ensemble.members.mixmin predicts nothing from a swarm alone;",
        ),
        ({"targets": {}}, "config: targets: the section is empty; name 1 or more"),
        ({"targets": None}, "config: targets: the section is empty; name 1 or more"),
        ({"domains": None}, "config: domains: the section is empty; name 2 or more"),
        (
            {"domains": ["x", "y"]},
            "config: domains is ['x', 'y'], a list; it takes a value of type object: a section",
        ),
        ({"domains": {"x": "web.txt", "y": {}}}, "config: domains.x is 'web.txt', a str; it"),
        (
            {"final": {"seeds": 3}},
            "config: final.seeds is 3, a int; it takes a value of type",
        ),
        (
            {"corpus": {"clean": "exact-duplicates"}},
            "config: corpus.clean is 'exact-duplicates', a str; it takes a value of type array or"
            " null: a list, [exact-duplicates]",
        ),
        ({"mixers": ["regmix"]}, "config: mixers is ['regmix'], a list; it takes a value of type"),
        ({"goal": [1]}, "config: goal is [1], a list; it takes a value of type object"),
        ({"mixers": {"a": {"like": ["b"]}}}, "config: mixers.a.like: ['b'] is unknown;"),
        ({"measured": 3, "goal": 4, "domains": {}}, "config: domains says nothing where losses"),
        (
            {"tables": {"t": {"file": "x", "labels": ["a"]}}, "domains": ["x"]},
            "config: domains is ['x'], a list",
        ),
        (
            {"domains": {"x": None, "y": {"source": "installed"}}},
            "config: domains.x.source is missing; give it (installed or files or ",
        ),
        ({"proxy": {"model": "../studies/smoke"}}, "config: proxy.model ../studies/smoke is unkno"),
        ({"study": "store"}, "config: study: results/store holds the computed runs of all studies"),
        ({"study": None}, "config: study is empty; give it a string"),
        ({"study": "my study"}, "config: study: 'my study' does not match what a name may be;"),
    ],
)
def test_a_section_of_another_form_is_one_line(change, message):
    assert answer(**change).startswith(message)


@pytest.mark.parametrize(
    "name", ["a/b", "two words", "-dash", ".hidden", "Bücher", "web\n", "", "x" * 101, "a{b}"]
)
def test_a_name_that_no_path_may_have_is_one_line(name):
    domains = {name: {"source": "installed"}, "y": {"source": "installed"}}
    line = answer(domains=domains)
    assert line.startswith("config: domains.") and line.endswith("rename it")


@pytest.mark.parametrize("name", ["a.b", "A-b_c.1", "7b", "x" * 100])
def test_other_names_stay_names(name):
    domains = {name: {"source": "installed"}, "y": {"source": "installed"}}
    assert name in resolve(LEAST | {"domains": domains}, CONFIG)["domains"]


def test_an_empty_entry_is_an_empty_section():
    study = resolve(LEAST | {"targets": {"x": None}, "mixers": {"regmix": None}}, CONFIG)
    assert study["targets"]["x"]["weight"] == 1 and study["mixers"]["regmix"]["iterations"] == 1000


def test_models_of_two_vocabularies_share_the_smaller_one():
    """Each error used to send to the other model's vocabulary."""
    models = {"proxy": {"model": "proxy-60m"}, "final": {"model": "pythia-160m"}}
    line = answer(**models)
    assert line == (
        "config: final.model pythia-160m has a vocabulary of 50304;"
        " set tokenizer.vocabulary to 50304, or take another model"
    )
    assert resolve(LEAST | models | {"tokenizer": {"vocabulary": 50304}}, CONFIG)
    larger = answer(**models, tokenizer={"vocabulary": 50432})
    assert "set tokenizer.vocabulary to 50304" in larger


def test_a_share_in_percent_and_an_endless_alias_are_one_line(tmp_path):
    assert answer(goal={"caps": {"x": "50%"}}).endswith("a value of type number: write 0.5")
    line = refused(tmp_path, f"{TEXT}goal: &goal\n  caps: *goal\n")
    assert "goal.caps is an alias of a section that it stands in" in line


def test_text_of_the_command_line_is_read_as_it_is_meant():
    """Snakemake makes text of what stands inside a section on its command line."""
    from snakemake.cli import parse_config

    typed = parse_config(["goal={tokens: 20000, leave_target_out: false}", "seed=7"])
    config = resolve(copy.deepcopy(LEAST) | typed, CONFIG)
    assert config["goal"]["tokens"] == 20000 and config["seed"] == 7
    assert config["goal"]["leave_target_out"] is False


@pytest.mark.parametrize(
    ("text", "number"),
    [("0,5", "0.5"), ("1,5", "1.5"), ("12,5%", "0.125"), ("1,500", "1500"), ("1,234.5", "1234.5")],
)
def test_a_decimal_comma_is_not_taken_for_thousands(text, number):
    line = answer(targets={"t": {"source": "installed", "weight": text}})
    assert line.endswith(f"write {number}")
