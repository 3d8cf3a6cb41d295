"""Who trains the finals of a study, and what follows of it at parse time."""

import pytest

from least_study import study
from mixwright.errors import MixwrightError
from mixwright.jobs.plan.work import one_run
from mixwright.jobs.resources import memory_mb
from mixwright.study.final_trainer import why_transformers

MUON_OF_ITS_OWN = {"muon": 2}


@pytest.mark.parametrize(
    ("final", "why"),
    [
        ({"compile": True}, "final.compile is a setting of transformers alone"),
        ({"attention": "sdpa"}, "final.attention is a setting of transformers alone"),
        ({"cross_entropy": "chunked"}, "final.cross_entropy"),
        ({"activation_checkpointing": True}, "final.activation_checkpointing"),
        ({"track": "tensorboard"}, "final.track"),
        ({"processes": 2}, "several processes"),
    ],
)
def test_what_only_transformers_has_is_left_to_it_and_refused_of_the_other(final, why):
    assert study(final=final).final_trainer == "transformers"
    assert why in why_transformers(study(final=final).config)
    with pytest.raises(MixwrightError, match=rf"final\.trainer packed .*{why}.*set final\.trainer"):
        study(final=final | {"trainer": "packed"})


def test_small_finals_are_packed_and_large_ones_are_not():
    assert study().final_trainer == "packed"
    large = study(final={"model": "gpt2-large"})
    assert large.final_trainer == "transformers"
    assert "M parameters, more than 100 M" in why_transformers(large.config)
    asked = study(final={"model": "gpt2-large", "trainer": "packed"})
    assert asked.final_trainer == "packed"


def test_finals_of_a_seed_share_a_job_unless_the_study_says_otherwise():
    packed = study(final={"seeds": [1, 2], "per_job": "auto"})
    assert [len(pack) for pack in packed.final_packs.values()] == [len(packed.arms)] * 2
    for finals in packed.final_packs.values():
        assert len({seed for _, seed in finals}) == 1
    alone = study(final={"trainer": "transformers", "seeds": [1, 2], "per_job": "auto"})
    assert {len(pack) for pack in alone.final_packs.values()} == {1}
    chosen = study(final={"seeds": [1, 2], "per_job": 3})
    assert len(next(iter(chosen.final_packs.values()))) == 3


def test_names_of_packs_follow_who_trains_and_not_how_it_was_said():
    packed = study(final={"trainer": "packed"})
    assert set(packed.final_packs) == set(study().final_packs)
    assert not set(packed.final_packs) & set(study(final={"trainer": "transformers"}).final_packs)


@pytest.mark.parametrize(
    ("final", "computed"),
    [
        ({"trainer": "packed"}, {"trainer": "packed"}),
        ({}, MUON_OF_ITS_OWN),
        ({"precision": "bfloat16"}, {}),
        ({"precision": "bfloat16", "model": "micro-gpt2"}, MUON_OF_ITS_OWN),
        ({"optimizer": {"name": "adamw"}}, {}),
    ],
)
def test_a_key_says_what_changed_numbers_and_nothing_else(final, computed):
    """What torch's Muon and AdamW trained before is still served."""
    assert study(final={"trainer": "transformers"} | final).final_computed == computed


def test_memory_and_time_follow_who_trains():
    packed, alone = study(), study(final={"trainer": "transformers"})
    assert memory_mb(packed, "final") != memory_mb(alone, "final")
    one = study(final={"per_job": 1})
    assert memory_mb(one, "final") < memory_mb(packed, "final")
    assert not one_run(packed, "final").by_transformers
    assert one_run(alone, "final").by_transformers
    assert not one_run(alone, "proxy").by_transformers
