import gc

import numpy as np
import pytest

import plain_schedule
from mixwright.corpus import allocation, orders, turns
from mixwright.corpus.allocation import Schedule, lay_out
from mixwright.corpus.orders import block_order
from mixwright.corpus.turns import allocate
from mixwright.errors import MixwrightError
from shard_files import make_shards, split


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


WEIGHTS = [
    [0.2, 0.5, 0.3],
    [1 / 3, 1 / 3, 1 / 3],
    [0.25, 0.0, 0.75],
    [0.0, 1.0, 0.0],
    [0.998, 0.001, 0.001],
]


@pytest.fixture
def small(monkeypatch):
    """Windows so small that a short run has many, and counts that are soon forgotten."""
    monkeypatch.setattr(allocation, "WINDOW", 7)
    monkeypatch.setattr(allocation, "REMEMBERED", 5)


@pytest.mark.parametrize("domains", [1, 3, 50, 60, 100])
@pytest.mark.parametrize("few", [0, 10**9])
def test_lists_and_arrays_allocate_alike(domains, few, monkeypatch):
    monkeypatch.setattr(turns, "FEW", few)
    rng = np.random.default_rng(domains)
    # Draws, ties, and steps that are equal but for rounding.
    rows = [*rng.dirichlet(np.ones(domains), 3), np.full(domains, 1 / domains)]
    rows.append(np.round(rows[0] * 8) / max(1, np.round(rows[0] * 8).sum()))
    for weights in rows:
        assert allocate(weights, 900).tolist() == plain_schedule.domains_of(weights, 900)
    counts = np.stack([np.bincount(allocate(row, 333), minlength=domains) for row in rows])
    together = turns.allocate_next(np.stack(rows), counts, 333, 567)
    for weights, chosen in zip(rows, together, strict=True):
        assert chosen.tolist() == plain_schedule.domains_of(weights, 900)[333:]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shares", [(1.0, 1.0, 1.0), (0.1, 1.0, 0.03), (0.2, 0.2, 0.2)])
@pytest.mark.parametrize("window", [1, 7, 4096])
def test_every_position_is_what_a_plain_schedule_says(
    weights, shares, window, tmp_path, monkeypatch
):
    monkeypatch.setattr(allocation, "WINDOW", window)
    monkeypatch.setattr(allocation, "REMEMBERED", 5)
    shards = make_shards(tmp_path)
    plain = plain_schedule.schedule(weights, shards, 32, 240, 5, shares)
    schedule = Schedule.of(weights, shards, 32, 240, seed=5, share=np.array(shares))
    for batch in np.split(np.arange(240), 40):
        for expected, result in zip(plain, schedule.at(batch), strict=True):
            assert result.tolist() == expected[batch].tolist()
    counts = np.bincount(plain[0], minlength=3)
    assert schedule.counts.tolist() == counts.tolist()
    for shard, count, available in zip(shards, counts, schedule.available, strict=True):
        assert schedule.realised[shard.domain] == (count * 32, count / available)
    # in any order, again
    for batch in np.random.default_rng(0).integers(0, 240, (4, 30)):
        for expected, result in zip(plain, schedule.at(batch), strict=True):
            assert result.tolist() == expected[batch].tolist()
    assert schedule.places(np.array([239, 4])) == [
        ("abc"[plain[0][position]], plain[2][position]) for position in (239, 4)
    ]
    with pytest.raises(IndexError):
        schedule.at(np.array([240]))
    with pytest.raises(IndexError):
        schedule.at(np.array([4096]))


def test_runs_that_are_laid_out_together_are_those_laid_out_alone(tmp_path, small):
    shards = make_shards(tmp_path)
    lengths = [240, 100, 61, 14, 240]
    schedules = [
        Schedule.of(weights, shards, 32, length, seed=number // 2)
        for number, (weights, length) in enumerate(zip(WEIGHTS, lengths, strict=True))
    ]
    for first in range(0, 240, 10):
        at = np.arange(first, first + 10)
        here = [schedule for schedule in schedules if first + 10 <= len(schedule)]
        lay_out(here, at)
        for schedule in here:
            alone = Schedule.of(schedule.weights, shards, 32, len(schedule), schedule.seed)
            assert np.array_equal(schedule.at(at), alone.at(at))
    for schedule, weights in zip(schedules, WEIGHTS, strict=True):
        domains = plain_schedule.domains_of(weights, len(schedule))
        assert schedule.counts.tolist() == np.bincount(domains, minlength=3).tolist()


def laid_out(monkeypatch) -> list[tuple[int, int]]:
    """A list that grows by (first sequence, sequences) of what is laid out."""
    stretches = []

    def watched(weights, counts, first, length):
        stretches.append((first, length))
        return turns.allocate_next(weights, counts, first, length)

    monkeypatch.setattr(allocation, "allocate_next", watched)
    return stretches


def test_a_run_is_laid_out_as_it_is_read_and_holds_what_was_read_last(tmp_path, small, monkeypatch):
    stretches = laid_out(monkeypatch)
    schedule = Schedule.of([0.2, 0.5, 0.3], make_shards(tmp_path), 32, 10**15, seed=5)
    assert stretches == []
    schedule.at(np.arange(4))
    assert stretches == [(0, 7)]
    for first in range(0, 700, 4):
        schedule.at(np.arange(first, first + 4))
        assert len(schedule._windows) <= 2 and len(schedule._counts) <= 6
    assert stretches == [(first, 7) for first in range(0, 700, 7)]


def test_a_schedule_goes_on_from_a_state_without_what_came_before(tmp_path, small, monkeypatch):
    shards = make_shards(tmp_path)
    arguments = ([0.2, 0.5, 0.3], shards, 32, 240, 5, 0.1)
    first = Schedule.of(*arguments)
    for batch in np.split(np.arange(120), 30):
        first.at(batch)
    state = first.state(120)
    stretches = laid_out(monkeypatch)
    again = Schedule.of(*arguments)
    again.resume(state)
    plain = plain_schedule.schedule(*arguments[:5], [0.1] * 3)
    for batch in np.split(np.arange(120, 240), 30):
        for expected, result in zip(plain, again.at(batch), strict=True):
            assert result.tolist() == expected[batch].tolist()
    assert stretches[0] == (119, 7) and again.realised == Schedule.of(*arguments).realised


@pytest.mark.parametrize(
    "state",
    [
        {"sequence": 14, "counts": [3, 7, 5]},
        {"sequence": 15, "counts": [3, 7, 5]},
        {"sequence": 14, "counts": [7, 7]},
    ],
)
def test_a_state_of_other_windows_or_domains_changes_nothing(tmp_path, small, state):
    arguments = ([0.2, 0.5, 0.3], make_shards(tmp_path), 32, 60, 5)
    schedule = Schedule.of(*arguments)
    schedule.resume(state)
    assert np.array_equal(
        schedule.at(np.arange(20, 60)), Schedule.of(*arguments).at(np.arange(20, 60))
    )


def test_runs_of_one_seed_share_an_order_and_nobody_keeps_one_that_was_read(tmp_path, monkeypatch):
    monkeypatch.setattr(allocation, "WINDOW", 8)
    orders._orders.clear()
    shards = make_shards(tmp_path)
    schedules = [Schedule.of([0.2, 0.5, 0.3], shards, 32, 900, seed=5) for _ in range(3)]
    for first in range(0, 896, 8):
        for schedule in schedules:
            schedule.at(np.arange(first, first + 8))
        assert len(orders._orders) == 3
    assert all(order.dtype == np.int32 for order in orders._orders.values())
    del schedule, schedules
    gc.collect()
    assert len(orders._orders) == 0


def test_a_domain_without_a_sequence_that_the_run_never_reads_is_no_fault(tmp_path):
    shards = make_shards(tmp_path)
    for weight in (1e-9, 0.001, 0.004):
        weights = [0.5 - weight, weight, 0.5]
        assert 1 not in plain_schedule.domains_of(weights, 90)
        assert Schedule.of(weights, shards, 1024, 90, seed=0).counts[1] == 0
    assert 1 in plain_schedule.domains_of([0.49, 0.01, 0.5], 90)
    with pytest.raises(MixwrightError, match=r"^b: 900 tokens are under one sequence"):
        Schedule.of([0.49, 0.01, 0.5], shards, 1024, 90, seed=0)
    parts = [split(shard, tmp_path, [300]) for shard in shards]
    with pytest.raises(MixwrightError, match=r"^b: 900 tokens, in 2 parts, each under one seq"):
        Schedule.of([0.49, 0.01, 0.5], parts, 1024, 90, seed=0)
