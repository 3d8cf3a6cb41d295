"""What can be told before any text is read is told when the study is parsed."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.files import newest, write_json
from mixwright.measured.loss_tables import read_observations
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds
from mixwright.sources.places import Places
from mixwright.stages import measured as stages
from mixwright.study.config import resolve
from mixwright.study.study import Study
from published_runs import write


def answer(**change) -> str:
    """The line with which a change of the least study is refused."""
    with pytest.raises(MixwrightError) as caught:
        resolve(copy.deepcopy(LEAST) | change, CONFIG)
    assert "\n" not in str(caught.value)
    return str(caught.value)


THREE = {name: {"source": "installed"} for name in ("a", "b", "c")}


@pytest.mark.parametrize(
    "goal, message",
    [
        (
            {"caps": {"a": 0.3, "b": 0.3, "c": 0.3}},
            "config: goal: bounds: the caps (fixed weights counted in) sum to 0.9, under 1:"
            " 0.3 (a) + 0.3 (b) + 0.3 (c); raise some of them",
        ),
        (
            {"floors": {"a": 0.7, "b": 0.5}},
            "config: goal: bounds: the floors (fixed weights counted in) sum to 1.2, over 1:"
            " 0.7 (a) + 0.5 (b); lower some of them",
        ),
        ({"fixed": {"a": 0.2, "b": 0.3, "c": 0.4}}, "config: goal: bounds: the caps (fixed"),
        (
            {"caps": {"a": 0.2}, "floors": {"a": 0.5}},
            "config: goal: bounds: a has floor 0.5 above its cap 0.2",
        ),
        (
            {"fixed": {"a": 0.5}, "caps": {"a": 0.2}},
            "config: goal: bounds: a is fixed at 0.5, above its cap 0.2",
        ),
        (
            {"groups": {"g": {"domains": ["a", "b"], "most": 0.4}}, "caps": {"c": 0.5}},
            "config: goal: bounds: no mixture fits: the most of all is",
        ),
        (
            {"groups": {"g": {"domains": ["a", "b"], "least": 0.6}}, "floors": {"c": 0.5}},
            "config: goal: bounds: no mixture fits: the least of all is",
        ),
    ],
)
def test_bounds_without_a_mixture_are_told(goal, message):
    assert answer(domains=THREE, goal=goal).startswith(message)


def test_a_goal_without_its_own_domain_has_bounds_of_its_own():
    goal = {"leave_target_out": True, "caps": {"b": 0.4, "c": 0.4}}
    line = answer(domains=THREE, targets={"a": {}}, goal=goal)
    assert line.startswith("config: goal.leave_target_out: without a: bounds: the caps")


def test_bounds_that_parse_are_the_ones_that_have_a_mixture():
    """Random boxes: refused at parse time exactly where there is none."""
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        caps, floors = generator.uniform(0.1, 0.8, 3), generator.uniform(0, 0.4, 3)
        goal = {
            "caps": dict(zip("abc", caps.tolist(), strict=True)),
            "floors": dict(zip("abc", floors.tolist(), strict=True)),
        }
        empty = caps.sum() < 1 or floors.sum() > 1 or (floors > caps).any()
        study = copy.deepcopy(LEAST) | {"domains": THREE, "goal": goal}
        if not empty:
            resolve(study, CONFIG)
            continue
        refused += 1
        with pytest.raises(MixwrightError, match="config: goal: bounds:"):
            resolve(study, CONFIG)
    assert 5 < refused < 35


def test_limits_of_passes_wait_for_the_tokens():
    resolve(copy.deepcopy(LEAST) | {"goal": {"max_epochs": 0.001}}, CONFIG)
    with pytest.raises(MixwrightError, match="raise caps or max_epochs, or ask for fewer tokens"):
        Bounds.of([Domain("a", 10), Domain("b", 10)], 1000.0, max_epochs=1)


@pytest.mark.parametrize(
    "mixers, message",
    [
        (
            {"given": {"weights": {"x": 0.5, "z": 0.5}}},
            "config: mixers.given.weights.z is not a domain; known: x, y",
        ),
        (
            {"mine": {"like": "given", "weights": {"xx": 1}}},
            "config: mixers.mine.weights.xx is not a domain; did you mean x?",
        ),
        ({"given": {"weights": {"x": 0}}}, "config: mixers.given.weights gives no domain any"),
        ({"given": {}}, "config: mixers.given.weights gives no domain any weight"),
        ({"own-data": {}}, "config: mixers.own-data needs targets that are domains, and t is none"),
    ],
)
def test_a_mixer_that_cannot_propose_is_told(mixers, message):
    assert answer(mixers=mixers).startswith(message)


MEASURED = {
    "study": "measured",
    "measured": {"swarm": {"mixtures": "m.csv", "losses": "l.csv"}, "targets": {"loss": 1}},
}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"goal": {"floors": {"a": 0.7, "b": 0.7}}}, "config: goal: bounds: the floors"),
        ({"goal": {"fixed": {"a": 0.7}, "caps": {"a": 0.2}}}, "config: goal: bounds: a is fixed"),
        ({"goal": {"never_worse": ["los"]}}, "config: goal.never_worse: los is no target"),
        ({"goal": {"leave_target_out": True}}, "config: goal.leave_target_out says nothing where"),
        ({"mixers": {"given": {"weights": {}}}}, "config: mixers.given.weights"),
        ({"goal": 3}, "config: goal is 3, a int"),
    ],
)
def test_measured_studies_are_told_what_can_be_told(change, message):
    with pytest.raises(MixwrightError) as caught:
        resolve(MEASURED | change, CONFIG)
    assert str(caught.value).startswith(message)


def test_measured_studies_keep_every_limit():
    """Fixed weights, groups and never_worse were left out without a word."""
    goal = {
        "fixed": {"a": 0.2},
        "groups": {"g": {"domains": ["b", "c"], "most": 0.5}},
        "never_worse": "all",
    }
    study = Study(resolve(MEASURED | {"goal": goal}, CONFIG))
    domains = [Domain(name, None, 0.25) for name in "abcd"]
    goal_of_study = study.goal(domains)
    assert goal_of_study.bounds.lower[0] == goal_of_study.bounds.upper[0] == 0.2
    assert goal_of_study.bounds.groups[0].upper == 0.5
    assert goal_of_study.never_worse == ("loss",)
    with pytest.raises(MixwrightError, match=r"goal\.fixed\.a is not a domain"):
        study.goal(domains[1:])


def test_subsets_of_a_mixer_by_another_name_are_no_traceback():
    mixers = {"mine": {"like": "regmix"}, "flat": {"like": "uniform"}}
    measured = MEASURED["measured"] | {"subsets": {"mine": {"runs": [8]}}}
    assert resolve(MEASURED | {"measured": measured, "mixers": mixers}, CONFIG)
    measured = MEASURED["measured"] | {"subsets": {"flat": {"runs": [8]}}}
    with pytest.raises(MixwrightError, match="flat predicts nothing"):
        resolve(MEASURED | {"measured": measured, "mixers": mixers}, CONFIG)


def test_a_mixer_by_another_name_goes_through_every_stage_of_measured_runs(tmp_path):
    write(tmp_path)
    files = {}
    for name in ("swarm", "large"):
        files[name] = {key: f"{tmp_path}/{name}_{key}.csv" for key in ("mixtures", "losses")}
    measured = {
        "swarm": files["swarm"],
        "tests": {"large": files["large"]},
        "targets": {"prose": 1},
        "subsets": {"mine": {"runs": [20], "random": 1, "informative": False}},
    }
    mixers = {"mine": {"like": "regmix-linear", "samples": 200}}
    plan = Study(resolve({"study": "tiny", "measured": measured, "mixers": mixers}, CONFIG))
    study = tmp_path / "study.json"
    plan.write(study)
    design, losses = tmp_path / "design.parquet", tmp_path / "losses.parquet"
    swarm_files = [Path(file) for file in files["swarm"].values()]
    stages.import_runs(study, "swarm", *swarm_files, design, losses)
    swarm = read_observations([design], [losses])
    create("regmix-linear", {"samples": 200}).fit(swarm).save(tmp_path / "mine")
    outputs = [tmp_path / f"{name}.parquet" for name in ("tests", "subsets", "predictions")]
    stages.predict_tests(study, "mine", tmp_path / "mine", outputs[0])
    stages.score_subsets(study, "mine", "{}", [design], [losses], outputs[1])
    proposal = tmp_path / "mine.json"
    write_json(proposal, {"mixer": "mine", "weights": {"books": 0.5, "code": 0.2, "web": 0.3}})
    stages.predict_mixtures(study, [tmp_path / "mine"], [proposal], outputs[2])
    for output in outputs:
        assert set(pd.read_parquet(output)["mixer"]) == {"mine"}


@pytest.mark.parametrize("file", ["web.csv", "web.tsv.gz", "web.docx", "no-suffix"])
def test_a_file_of_another_kind_is_told_by_its_name(tmp_path, file):
    (tmp_path / file).write_text("a,b\n1,2\n")
    domains = {"web": {"source": "files", "files": str(tmp_path / "*")}, "x": LEAST["domains"]["x"]}
    study = Study(resolve(copy.deepcopy(LEAST) | {"domains": domains}, CONFIG))
    source = study.source("web")
    with pytest.raises(MixwrightError) as caught:
        source.check_inputs("config: domains.web", source.inputs())
    line = str(caught.value)
    assert line.startswith("config: domains.web.files: ") and file in line and ".jsonl" in line


def test_a_home_folder_and_variables_are_written_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CORPORA", str(tmp_path / "corpora"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "corpora" / "web.jsonl"
    file.parent.mkdir()
    file.write_text("{}\n")
    odd = tmp_path / "$CORPORA.jsonl"
    odd.write_text("{}\n")
    places = Places()
    for pattern in ("~/corpora/web.jsonl", "$CORPORA/*.jsonl", "${CORPORA}/web.jsonl"):
        assert places.inputs("web", pattern) == places.files("web", pattern) == [file]
        assert Path(places.located(pattern)[0]).parent == file.parent
    # A file of that very name is that file.
    assert places.inputs("web", "$CORPORA.jsonl") == [odd]
    monkeypatch.delenv("CORPORA")
    with pytest.raises(MixwrightError, match=r"no file matches \$CORPORA/.*, or set CORPORA$"):
        places.inputs("web", "$CORPORA/*.jsonl")


def test_the_newest_file_stands_for_many(tmp_path):
    import os

    paths = [tmp_path / name for name in ("a", "b", "c")]
    for number, path in enumerate(paths):
        path.write_text("")
        os.utime(path, ns=(0, [5, 9, 9][number]))
    assert newest(reversed(paths)) == paths[1]


def test_a_weight_of_a_target_names_no_run_and_no_final_anew():
    domains = {"a": {"source": "installed"}, "b": {"source": "installed"}}
    config = copy.deepcopy(LEAST) | {"domains": domains}
    studies = []
    for weight in (1, 5):
        targets = {"t": {"source": "installed", "weight": weight}, "a": {}}
        studies.append(Study(resolve(config | {"targets": targets}, CONFIG)))
    first, second = studies
    assert first.runs == second.runs and first.final_packs == second.final_packs
    assert first.corpus == second.corpus
    assert first.weighed_by("natural", "") == second.weighed_by("natural", "") == {}
    assert first.weighed_by("effective-data", "") != second.weighed_by("effective-data", "")
