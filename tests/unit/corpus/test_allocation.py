import numpy as np
import pytest

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.orders import block_order
from mixwright.corpus.turns import allocate
from mixwright.errors import MixwrightError
from shard_files import make_shards


def test_every_prefix_is_near_the_mixture():
    rng = np.random.default_rng(0)
    for weights in rng.dirichlet(np.full(17, 0.5), 20):
        chosen = allocate(weights, 1000)
        counts = np.cumsum(chosen[:, None] == np.arange(17), axis=0)
        assert np.abs(counts - weights * np.arange(1, 1001)[:, None]).max() < 2
        assert 0.5 * np.abs(counts[-1] / 1000 - weights).sum() < 0.0045


def test_ties_go_to_the_lower_index_and_zero_weights_are_never_drawn():
    assert allocate(np.full(3, 1 / 3), 9).tolist() == [0, 1, 2] * 3
    assert allocate([0.25, 0.0, 0.5, 0.25], 4).tolist() == [2, 0, 3, 2]
    assert set(allocate([0.0, 0.3, 0.0, 0.7], 500)) == {1, 3}


def test_a_longer_run_opens_like_a_shorter_one():
    weights = np.random.default_rng(1).dirichlet(np.ones(5))
    assert np.array_equal(allocate(weights, 900)[:300], allocate(weights, 300))


def test_block_orders_are_permutations_that_differ_by_seed_domain_and_epoch():
    orders = [block_order(*key, 50) for key in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert block_order(0, "a", 0, 8).tolist() == [
        7,
        4,
        3,
        1,
        0,
        6,
        2,
        5,
    ]  # the stream is a promise: stored results depend on it


def test_a_schedule_reads_what_it_says(tmp_path):
    shards = make_shards(tmp_path)
    schedule = Schedule.of([0.2, 0.5, 0.3], shards, context=32, sequences=100, seed=5)
    tokens = schedule.read(np.array([7, 3, 99]))
    for row, position in zip(tokens, (7, 3, 99), strict=True):
        block = schedule.blocks[position] * 32
        assert np.array_equal(row, shards[schedule.domains[position]].tokens[block : block + 33])


def test_each_pass_over_a_domain_sees_every_block_once_and_epochs_are_counted(tmp_path):
    shards = make_shards(tmp_path)
    schedule = Schedule.of([0.2, 0.5, 0.3], shards, context=32, sequences=112, seed=5)
    blocks = schedule.blocks[schedule.domains == 1]
    assert len(blocks) == 56 and shards[1].sequences(32) == 28
    assert sorted(blocks[:28]) == sorted(blocks[28:]) == list(range(28))
    assert schedule.realised["b"] == (56 * 32, 2.0)
    assert sum(tokens for tokens, _ in schedule.realised.values()) == 112 * 32


def test_a_domain_shorter_than_a_sequence_is_refused_by_name(tmp_path):
    with pytest.raises(MixwrightError, match=r"^b: 900 tokens"):
        Schedule.of([0.5, 0.5, 0.0], make_shards(tmp_path), context=1024, sequences=4, seed=0)


def test_a_share_of_the_blocks_is_the_first_of_the_first_pass_and_repeats(tmp_path):
    shards = make_shards(tmp_path)
    whole, part = (
        Schedule.of((0.5, 0.3, 0.2), shards, 16, 300, seed=4, share=share) for share in (1.0, 0.1)
    )
    for index, shard in enumerate(shards):
        shown = round(shard.sequences(16) / 10)
        read, plain = (schedule.blocks[schedule.domains == index] for schedule in (part, whole))
        assert (read[:shown] == plain[:shown]).all()
        passes = [read[at : at + shown] for at in range(0, len(read) - shown, shown)]
        assert len(passes) > 2 and all(set(one) == set(read[:shown]) for one in passes)
        assert (passes[1] != passes[0]).any()
        assert part.realised[shard.domain] == (len(read) * 16, len(read) / shown)
    assert (
        Schedule.of((0.5, 0.3, 0.2), shards, 16, 300, seed=4, share=3.0).blocks == whole.blocks
    ).all()
    assert (Schedule.of((0.5, 0.3, 0.2), shards, 16, 9, seed=4, share=1e-9).available == 1).all()
