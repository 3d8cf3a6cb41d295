"""Studies with mixers that learn their weights while a run trains."""

import numpy as np
import pytest

from least_study import CONFIG, domains_of, names, study
from mixwright.designs.resolve import resolve_mixtures
from mixwright.errors import MixwrightError
from mixwright.study.config import resolve

MASKED = {"proxy": {"model": "tiny-bert"}, "final": {"model": "tiny-bert"}}
RIVALS = ("doremi", "odm", "fastmix")


def with_mixers(**mixers):
    return study(mixers={"natural": {}, **mixers})


def test_each_rival_has_runs_of_its_role_and_doremi_a_reference():
    rivals = study(mixers={name: {} for name in RIVALS}, proxy={"per_job": 1})
    assert {role: len(rivals.runs[role]) for role in RIVALS} == {
        "doremi": 2,
        "odm": 1,
        "fastmix": 1,
    }
    packs = {runs[0].role: len(runs) for runs in rivals.packs.values()}
    # the reference and the run that is compared with it are one job, whatever a job's size
    assert packs["doremi"] == 2
    assert rivals.roles_of("doremi") == ["doremi"]


def test_a_run_that_learns_starts_at_uniform_and_the_reference_is_as_asked():
    asked = with_mixers(doremi={"reference": {"cpp": 3, "prose": 1}})
    domains = domains_of({"cpp": 10, "prose": 20, "pycode": 70})
    mixtures = resolve_mixtures(asked.runs["doremi"], domains)
    weights = [mixtures[run.name].weights for run in asked.runs["doremi"]]
    assert weights[0] == pytest.approx([0.75, 0.25, 0.0])
    assert weights[1] == pytest.approx(np.full(3, 1 / 3))


def test_settings_have_a_part_in_the_names_of_runs():
    usual, other = with_mixers(doremi={}), with_mixers(doremi={"eta": 0.5})
    assert names(usual, "doremi")[0] == names(other, "doremi")[0]
    assert names(usual, "doremi")[1] != names(other, "doremi")[1]


def test_fastmix_is_named_by_the_weights_of_targets_and_others_are_not():
    more = {"pytests": {"source": "installed", "weight": 2.0}, "prose": {"weight": 1.0}}
    mixers = {"fastmix": {}, "odm": {}}
    plain, weighed = study(mixers=mixers), study(mixers=mixers, targets=more)
    assert names(plain, "odm") == names(weighed, "odm")
    assert names(plain, "fastmix") != names(weighed, "fastmix")


def test_other_runs_keep_their_names_beside_rivals():
    plain, beside = study(), study(mixers={"doremi": {}, "odm": {}, "fastmix": {}})
    for role in ("swarm", "vertex", "perturb", "repeat"):
        assert names(plain, role) == names(beside, role)
    for pack, runs in plain.packs.items():
        assert beside.packs[pack] == runs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixers": {"doremi": {}, "fast": {"like": "doremi"}}}, "mixers.fast: doremi is a doremi"),
        ({"mixers": {"doremi": {"reference": {"poetry": 1}}}}, "reference.poetry is not a domain"),
        ({"mixers": {"doremi": {"reference": {"cpp": 0}}}}, "gives no domain weight"),
        ({"mixers": {"fastmix": {"every": 100_000}}}, "every: 100000 steps are not fewer"),
        (
            {"mixers": {"odm": {}}, "learner": "masked-lm", **MASKED},
            "losses of next tokens",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(changes, message):
    with pytest.raises(MixwrightError, match=message):
        study(**changes)


def test_fastmix_does_not_learn_for_one_target_at_a_time():
    domains = {name: {"source": "installed"} for name in ("cpp", "prose")}
    written = {"study": "least", "domains": domains, "targets": {"cpp": {}, "prose": {}}}
    written |= {"mixers": {"fastmix": {}}, "goal": {"leave_target_out": True}}
    with pytest.raises(MixwrightError, match="leave_target_out asks for one goal a target"):
        resolve(written, CONFIG)
