"""The study in which every method's choice is trained: planned whole, with its overlay too.

A dry run reads no text, so none of this needs the mini-pile. A run takes hours, and is not tested.
"""

import pytest

from mixwright.report.layout import drawn
from mixwright.study import epochs
from mixwright.study.config import resolve
from mixwright.study.study import Study
from workshop import HOUSE, merged, read_study

BASELINES = {"natural", "uniform", "unimax"}
OF_SWARM = {"best-of-swarm", "regmix", "regmix-linear", "effective-data", "wide-law", "olmix"}
OF_SWARM |= {"log-linear"}
OTHERS = {"mixmin": "vertex", "autoscale": "perturb"}
RIVALS = ("doremi", "odm", "fastmix")
ARMS = BASELINES | OF_SWARM | {"joint", *OTHERS, *RIVALS}
SEEDS = 3


def written(*overlays):
    config = read_study("minipile")
    for overlay in overlays:
        config = merged(config, read_study(overlay))
    return config


WHOLE = written("referee")
SHORT = written("referee", "referee-2cores")


@pytest.mark.parametrize("config", [WHOLE, SHORT], ids=["whole", "2cores"])
def test_every_job_is_listed_before_a_token_is_read(workshop, config):
    jobs = workshop.jobs(config)
    assert jobs["propose_mixture"] == len(ARMS) and jobs["summarise"] == 1
    # finals: two jobs a seed; proxies: swarm, vertices, scales, repeats, and one a rival
    assert jobs["train_finals"] == jobs["evaluate_finals"] == 2 * SEEDS
    assert jobs["train_proxies"] == 4 + 1 + 3 + 1 + len(RIVALS)
    assert jobs["draw_figure"] == len(drawn(Study(resolve(config, HOUSE / "config"))))


@pytest.mark.parametrize("config", [WHOLE, SHORT], ids=["whole", "2cores"])
def test_every_choice_is_trained_alike(config):
    study = Study(resolve(config, HOUSE / "config"))
    finals = [final for pack in study.final_packs.values() for final in pack]
    assert sorted(finals) == sorted((arm, seed) for arm in ARMS for seed in (1, 2, 3))
    assert "gain_cost" in drawn(study)
    # a swarm that favours no law, of proxies that repeat text where the finals do
    assert study.designs["swarm"]["method"] == "dirichlet"
    assert epochs.decided(study.config, "swarm") is None
    assert epochs.named(study.config, "swarm")["epochs"]["auto"] == study.final_tokens


@pytest.mark.parametrize("config", [WHOLE, SHORT], ids=["whole", "2cores"])
def test_each_method_has_a_cost_of_its_own_or_none(config):
    study = Study(resolve(config, HOUSE / "config"))
    roles = {mixer: study.roles_of(mixer) for mixer in study.mixers}
    expected = {mixer: [] for mixer in BASELINES}
    expected |= {mixer: ["swarm"] for mixer in OF_SWARM}
    expected |= {mixer: [role] for mixer, role in OTHERS.items()}
    expected |= {rival: [rival] for rival in RIVALS}
    expected["joint"] = ["swarm", "vertex", "perturb"]
    assert roles == expected


def test_the_overlay_shortens_runs_and_leaves_out_none():
    whole, short = (Study(resolve(config, HOUSE / "config")) for config in (WHOLE, SHORT))
    for role, runs in whole.runs.items():
        tokens = sum(run.tokens for run in short.runs[role])
        assert len(short.runs[role]) == len(runs)
        assert tokens < sum(run.tokens for run in runs)
    assert short.final_tokens < whole.final_tokens
    scored = [study.config["evaluation"]["final_tokens"] for study in (short, whole)]
    assert scored[0] < scored[1]
