"""Names at parse time: what changes a run, a pack, an arm, and what does not."""

import copy

import pytest

from least_study import CONFIG, LEAST, domains_of, names, study
from mixwright.errors import MixwrightError
from mixwright.study.config import resolve
from mixwright.study.scoring import BATCH_RUNS
from mixwright.study.study import Study


def test_only_the_roles_that_a_mixer_reads_are_trained_and_the_repeats():
    assert set(study().runs) == {"swarm", "vertex", "perturb", "repeat"}
    only = copy.deepcopy(LEAST) | {"mixers": {"mixmin": {}}}
    assert set(Study(resolve(only, CONFIG)).runs) == {"vertex", "repeat"}


def test_runs_are_counted_as_designed():
    counts = {role: len(runs) for role, runs in study().runs.items()}
    assert counts == {"swarm": 32, "vertex": 3, "perturb": 2 * 7, "repeat": 4}


def test_a_second_model_size_sees_the_swarm_s_first_mixtures():
    plain, asked = study(), study(transfer={"model": "small", "mixtures": 5})
    assert {role: names(asked, role) for role in plain.runs} == {
        role: names(plain, role) for role in plain.runs
    }
    runs = asked.runs["transfer"]
    assert [(run.role, run.kind, run.row, run.model, run.tokens) for run in runs] == [
        ("transfer", "swarm", k, "small", 100_352) for k in range(5)
    ]
    assert names(study(transfer={"model": "small"}, designs={"swarm": {"runs": 48}}), "transfer")[
        :5
    ] == names(asked, "transfer")
    assert not set(names(study(transfer={"model": "small", "tokens": 50_000}), "transfer")) & set(
        names(asked, "transfer")
    )
    pack = asked.packs_of(["transfer"])[0]
    assert (
        asked.of_pack(pack).config["proxy"]["shape"]["width"] == 96
        and asked.of_pack(asked.packs_of(["swarm"])[0]) is asked
    )
    assert "transfer" not in asked.scaled_roles and asked.roles_of("regmix") == ["swarm"]
    only = copy.deepcopy(LEAST) | {"mixers": {"uniform": {}}, "transfer": {"model": "small"}}
    assert set(Study(resolve(only, CONFIG)).runs) == {"swarm", "repeat", "transfer"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"transfer": {"model": "small", "mixtures": 33}},
            "33 are more than designs.swarm.runs 32",
        ),
        (
            {"transfer": {"model": "tiny-bert"}},
            "transfer.model tiny-bert is no model for learner causal-lm",
        ),
        ({"transfer": {"mixtures": 6}}, "transfer: nothing differs from the swarm"),
    ],
)
def test_a_second_size_that_cannot_be_is_refused(change, said):
    with pytest.raises(MixwrightError, match=said):
        study(**change)


def test_growing_the_swarm_keeps_every_earlier_run_and_pack():
    small, large = study(), study(designs={"swarm": {"runs": 48}})
    assert names(large, "swarm")[:32] == names(small, "swarm")
    assert set(small.packs) < set(large.packs)
    assert len(large.packs) == len(small.packs) + 1


def test_a_pack_size_changes_packs_but_no_run():
    sixteen, eight = study(), study(proxy={"per_job": 8, "wave": 2, "checkpoint_seconds": 5})
    assert names(sixteen, "swarm") == names(eight, "swarm")
    assert not set(sixteen.packs_of(["swarm"])) & set(eight.packs_of(["swarm"]))
    one = study(proxy={"per_job": 1})
    assert len(one.packs) == sum(map(len, one.runs.values()))


def test_packs_are_cut_in_row_order_of_a_role_whatever_the_lengths_and_hold_every_run_once():
    asked = study(proxy={"per_job": 9})
    rows = [[(run.role, run.row) for run in runs] for runs in asked.packs.values()]
    assert all(pack == sorted(pack) and pack[0][0] == pack[-1][0] for pack in rows)
    assert (
        len(asked.packs_of(["perturb"])) == 2
        and max(len({run.steps for run in runs}) for runs in asked.packs.values()) > 2
    )
    assert sorted(run.name for runs in asked.packs.values() for run in runs) == sorted(
        n for role in asked.runs for n in names(asked, role)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"proxy": {"tokens": 50_000}},
        {"proxy": {"optimizer": {"muon_lr": 0.03}}},
        {"seed": 1},
        {"corpus": {"sample": 99_999}},
        {"goal": {"max_epochs": 2}},
        {"tokenizer": {"vocabulary": 1024}},
        {"proxy": {"simulated_epochs": True}},
        {"learner": "masked-lm", "proxy": {"model": "tiny-bert"}, "final": {"model": "small-bert"}},
    ],
)
def test_what_changes_the_weights_changes_the_names(change):
    assert not set(names(study(), "swarm")) & set(names(study(**change), "swarm"))


@pytest.mark.parametrize(
    "change",
    [
        {"study": "other"},
        {"final": {"seeds": [5]}},
        {"targets": {"pytests": {"source": "installed", "weight": 3}}},
        {"targets": {"prose": {}, "cython": {"source": "installed"}}},
        {"corpus": {"target_bytes": 10_000}},
        {"evaluation": {"tokens": 4096, "steps": 3, "examples": 5, "final_tokens": 4096}},
        {"evaluation": {"likelihood": "token"}},
        {"proxy": {"keep": "none"}},
    ],
)
def test_what_changes_no_weight_changes_no_name(change):
    assert names(study(), "swarm") == names(study(**change), "swarm")
    assert study().packs.keys() == study(**change).packs.keys()
    assert study().batches == study(**change).batches


def test_a_batch_is_consecutive_packs_of_one_role():
    asked = study(designs={"swarm": {"runs": 150}}, proxy={"per_job": 5})
    assert [pack for batch in asked.batches.values() for pack in batch] == list(asked.packs)
    sizes = []
    for packs in asked.batches.values():
        runs = [run for pack in packs for run in asked.packs[pack]]
        assert len({run.role for run in runs}) == 1
        sizes.append(len(runs))
    assert sizes[:3] == [60, 60, 30] and max(sizes) <= BATCH_RUNS
    assert asked.batches_of(["swarm"]) == list(asked.batches)[:3]
    large = study(proxy={"per_job": 100}, designs={"swarm": {"runs": 100}})
    assert len(large.batches_of(["swarm"])) == 1, "a pack is not cut"


def test_growing_the_swarm_keeps_its_full_batches():
    small = study(designs={"swarm": {"runs": 128}})
    large = study(designs={"swarm": {"runs": 144}})
    unchanged = set(small.batches_of(["swarm"])) & set(large.batches_of(["swarm"]))
    assert len(unchanged) == 2 and len(large.batches_of(["swarm"])) == 3


def test_simulated_epochs_are_those_of_the_goal_s_tokens():
    longer = [
        study(
            proxy={"simulated_epochs": on}, goal={"tokens": tokens, "caps": {}, "max_epochs": None}
        )
        for on, tokens in SIMULATED
    ]
    assert longer[0].epochs_of == longer[0].final_tokens and longer[2].epochs_of is None
    assert names(longer[0], "vertex") != names(longer[1], "vertex") and names(
        longer[2], "vertex"
    ) == names(longer[3], "vertex")


SIMULATED = [(True, 204_800), (True, 409_600), (False, 204_800), (False, 409_600)]


def test_how_masked_examples_are_scored_is_no_part_of_a_run():
    masked = {
        "learner": "masked-lm",
        "proxy": {"model": "tiny-bert"},
        "final": {"model": "small-bert"},
    }
    alone = {"evaluation": {"masked": "alone"}}
    assert names(study(**alone), "vertex") == names(study(), "vertex")
    assert names(study(**masked, **alone), "vertex") == names(study(**masked), "vertex")
    assert study(**masked, **alone).scoring != study(**masked).scoring


def test_perturbed_runs_have_their_own_tokens():
    asked = study(designs={"perturb": {"tokens": [102_400]}})
    changes = {
        (run.parameters["domain"], run.parameters["change"]): run.tokens
        for run in asked.runs["perturb"]
    }
    assert changes[None, 1.0] == 102_400
    assert changes["cpp", 3.0] == pytest.approx(102_400 * (1 + 2 / 3), rel=0.01)
    assert changes["cpp", 1 / 3] == pytest.approx(102_400 * (1 - 2 / 9), rel=0.01)


def test_scales_that_round_to_the_same_steps_are_refused():
    with pytest.raises(MixwrightError, match="move its scales apart"):
        _ = study(designs={"perturb": {"tokens": [50_000, 50_010]}}).runs


def test_another_final_seed_changes_its_own_packs_only():
    first, second = (
        study(final={"per_job": 5, "seeds": [1, 2]}),
        study(final={"per_job": 5, "seeds": [1, 3]}),
    )
    assert len(set(first.final_packs) & set(second.final_packs)) == 1


def test_the_goal_counts_epochs_and_refuses_an_empty_box():
    goal = study(goal={"tokens": 102_400}).goal(
        domains_of({"cpp": 10_000, "prose": 1_000_000, "pycode": 1_000_000})
    )
    assert goal.bounds.upper[0] == pytest.approx(4 * 10_000 / 102_400)
    with pytest.raises(MixwrightError, match=r"caps .* sum to 0.1172, under 1"):
        study(goal={"tokens": 102_400}).goal(
            domains_of(dict.fromkeys(("cpp", "prose", "pycode"), 1_000))
        )


def test_a_domain_without_tokens_is_named():
    with pytest.raises(
        MixwrightError,
        match="domains: prose has no training tokens; give it more text or leave it out",
    ):
        study().goal(domains_of({"cpp": 10_000, "prose": 0, "pycode": 10_000}))


def test_a_study_reads_back_as_it_was_written(tmp_path):
    study().write(tmp_path / "study.json")
    before = (tmp_path / "study.json").stat().st_mtime_ns
    study().write(tmp_path / "study.json")
    assert (
        Study.read(tmp_path / "study.json") == study()
        and (tmp_path / "study.json").stat().st_mtime_ns == before
    )


def test_a_goal_for_each_target_leaves_its_own_domain_out():
    targets = {"cpp": {}, "prose": {"weight": 2}, "pytests": {"source": "installed", "weight": 0}}
    asked = study(targets=targets, goal={"leave_target_out": True, "max_epochs": None})
    assert asked.goals == ("cpp", "prose")
    assert asked.arms["regmix@prose"] == ("regmix", "prose") and len(asked.arms) == 2 * len(
        asked.mixers
    )
    goal = asked.goal(domains_of(dict.fromkeys(asked.domains, 1000)), "prose")
    assert goal.targets == {"prose": 1.0} and goal.bounds.upper.tolist() == [1, 0, 1]


def test_one_goal_calls_its_arms_by_their_mixers():
    assert (
        study().arms == {mixer: (mixer, "") for mixer in study().mixers}
        and study().targets_of("") == study().target_weights
    )


def test_a_mixer_s_goals_stand_side_by_side_so_that_an_added_mixer_leaves_their_packs():
    some = {
        "targets": {"cpp": {}, "prose": {}, "pytests": {"source": "installed", "weight": 0}},
        "goal": {"leave_target_out": True},
    }
    before = study(**some, final={"per_job": 2})
    after = study(**some, final={"per_job": 2}, mixers={"best-of-swarm": {}})
    assert set(before.final_packs) < set(after.final_packs)


def test_a_variant_is_one_more_of_a_kind():
    asked = study(mixers={"published": {"like": "mixmin", "method": "published"}})
    assert asked.method("published") is asked.method("mixmin") and asked.roles_of("published") == [
        "vertex"
    ]
    assert '"method": "published"' in asked.settings(
        "published"
    ) and '"tau": "auto"' in asked.settings("published")
    assert asked.method_name("published") == "mixmin" and asked.method_name("regmix") == "regmix"
