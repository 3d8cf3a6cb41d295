"""What a masked model sees and predicts, and that it is a function of seed, domain and number."""

from dataclasses import replace

import numpy as np
import pytest

from mixwright.corpus.allocation import Schedule
from mixwright.errors import MixwrightError
from mixwright.finals.sequences import MaskedSequences
from mixwright.proxies.models.masking import Masking, mask_token, masked_sets
from shard_files import END, VOCABULARY, make_shards

MASK = VOCABULARY
MASKING = Masking(seed=5, mask=MASK, end=END, vocabulary=VOCABULARY + 1)
TEXT = 1 + np.arange(128) % 60


def masked(text, domain, number, masking=MASKING):
    """What is seen of a sequence, and its places to predict."""
    inputs, places = masking.masked(text[None], [(domain, number)])
    return inputs[0], places[0]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"), masked=True)


def test_fifteen_percent_are_chosen_and_most_of_them_hidden():
    """80 % masked, 10 % random, 10 % as they are: 5,700 chosen tokens, four standard errors."""
    inputs, places = zip(*(masked(TEXT, "a", number) for number in range(300)), strict=True)
    assert {len(at) for at in places} == {19} and round(0.15 * 128) == 19
    chosen = np.concatenate([row[at] for row, at in zip(inputs, places, strict=True)])
    truth = np.concatenate([TEXT[at] for at in places])
    assert abs((chosen == MASK).mean() - 0.8) < 0.022
    assert abs((chosen == truth).mean() - 0.1 * (1 + 1 / 65)) < 0.016
    others = chosen[(chosen != MASK) & (chosen != truth)]
    assert len(set(others.tolist())) > 60
    assert all(
        (np.delete(row, at) == np.delete(TEXT, at)).all()
        for row, at in zip(inputs, places, strict=True)
    )
    hits = np.bincount(np.concatenate(places), minlength=128)
    assert abs(hits - 300 * 19 / 128).max() < 5 * np.sqrt(300 * 0.15 * 0.85)


def test_a_mask_is_a_function_of_seed_domain_and_number_alone():
    first = masked(TEXT, "a", 3)
    assert all((one == other).all() for one, other in zip(first, masked(TEXT, "a", 3), strict=True))
    for other in (
        masked(TEXT, "b", 3),
        masked(TEXT, "a", 4),
        masked(TEXT, "a", 3, replace(MASKING, seed=6)),
    ):
        assert (first[1] != other[1]).any()


def test_a_mask_is_what_it_was_when_sequences_were_masked_one_by_one():
    """Stored runs were trained on such masks: another order of the draws would be other runs."""
    company = [("b", 0), ("a", 3), ("a", 4)]
    inputs, places = MASKING.masked(np.stack([TEXT] * 3), company)
    expected = [12, 18, 24, 27, 30, 42, 45, 50, 90, 91, 93, 94, 96, 99, 103, 112, 117, 118, 127]
    assert places[1].tolist() == expected
    assert inputs[1][expected].tolist() == [13, 38, 21, *[64] * 13, 58, 64, 64]


def test_end_tokens_are_predicted_only_where_nothing_else_is_left():
    ends = np.where(np.arange(128) % 4, TEXT, END)
    assert (ends[masked(ends, "a", 0)[1]] != END).all()
    assert len(masked(np.full(128, END), "a", 0)[1]) == 19


def test_a_run_reads_the_same_masks_in_any_order_and_another_at_every_pass(shards):
    """A domain's k-th sequence has one mask, whatever the mixture.

    Several passes over a text have several masks.
    """
    schedule = Schedule.of((0.2, 0.6, 0.2), shards, 16, 200, seed=5)
    whole = MASKING.read(schedule, np.arange(200))
    parts = [MASKING.read(schedule, np.array(at)) for at in ([7], [3, 150])]
    assert all((part[[0]] == of[[7]]).all() for part, of in zip(parts[0], whole, strict=True))
    assert all((part == of[[3, 150]]).all() for part, of in zip(parts[1], whole, strict=True))
    other = Schedule.of((0.0, 1.0, 0.0), shards, 16, 200, seed=5)
    of_b = np.flatnonzero(schedule.domains == 1)
    assert (MASKING.read(other, np.arange(len(of_b)))[0] == whole[0][of_b]).all()
    again = np.flatnonzero(schedule.blocks[of_b] == schedule.blocks[of_b[0]])
    assert len(again) > 1 and (whole[1][of_b[again[0]]] != whole[1][of_b[again[1]]]).any()


def test_finals_read_what_proxies_do(shards):
    schedule = Schedule.of((0.2, 0.6, 0.2), shards, 16, 40, seed=5)
    sequences = MaskedSequences(schedule, MASKING)
    batch = sequences.batched(sequences.__getitems__([4, 5, 6]))
    inputs, places, tokens = MASKING.read(schedule, np.array([4, 5, 6]))
    assert (batch["input_ids"].numpy() == inputs).all() and len(sequences) == 40
    assert (np.take_along_axis(batch["labels"].numpy(), places, 1) == tokens).all()
    assert (batch["labels"] != -100).sum() == places.size
    assert (sequences[5][0] == inputs[1]).all()


@pytest.mark.parametrize("count", [1, 3, 7, 30])
def test_sets_masked_together_hold_every_place_once(count):
    places = np.arange(10, 10 + count)
    sets = list(masked_sets(places, alone=False))
    assert sorted(np.concatenate(sets).tolist()) == places.tolist()
    assert len(sets) == min(7, count) and max(map(len, sets)) == -(-count // 7)
    assert [one.tolist() for one in masked_sets(places, alone=True)] == [
        [place] for place in places.tolist()
    ]


def test_a_tokenizer_without_a_mask_is_refused(shards):
    assert mask_token(shards[0]) == MASK
    with pytest.raises(
        MixwrightError, match="a: its tokenizer has no mask token; name one as mask_token"
    ):
        mask_token(replace(shards[0], mask_token=None))
