import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mixwright.corpus import allocation, turns
from mixwright.mixture import Mixture
from mixwright.proxies import checkpoint
from mixwright.proxies.train import Member, Result
from shard_files import examples
from small_packs import FOURS, LONG, RECIPE, SETTINGS, STEPS, eight, numbers, run, started


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.fixture(scope="module")
def pack_of_eight(folder) -> dict[str, Result]:
    return run(folder, eight())


def test_a_member_learns_from_context_what_its_mixture_holds(folder):
    only = [Member("only", Mixture(tuple("abc"), (0.0, 0.0, 1.0)), 60, seed=0)]
    last = {row["target"]: row for row in run(folder, only)["only"].losses}
    assert last["c"]["loss"] < last["c"]["unigram_loss"] - 1
    assert last["held"]["loss"] < last["held"]["unigram_loss"] - 1
    assert last["a"]["loss"] > last["c"]["loss"] + 1


@pytest.mark.parametrize("wave", [1, 2, 3])
def test_numbers_are_the_same_alone_in_twos_in_threes_and_in_a_pack_of_eight(
    folder, pack_of_eight, wave
):
    results = run(folder, eight(), replace(SETTINGS, wave=wave))
    assert {key: numbers(result) for key, result in results.items()} == {
        key: numbers(result) for key, result in pack_of_eight.items()
    }


def test_bfloat16_is_as_independent_of_company_and_near_float32(folder, pack_of_eight):
    halves = replace(SETTINGS, precision="bfloat16")
    packed, alone = run(folder, eight(), halves), run(folder, eight()[:3], replace(halves, wave=1))
    assert {key: numbers(packed[key]) for key in alone} == {
        key: numbers(result) for key, result in alone.items()
    }
    pairs = [
        (row["loss"], exact["loss"])
        for key in packed
        for row, exact in zip(packed[key].losses, pack_of_eight[key].losses, strict=True)
    ]
    assert 0 < max(abs(near - exact) for near, exact in pairs) < 0.1


def test_rows_say_what_was_measured_and_read(pack_of_eight):
    result = pack_of_eight["key1"]
    assert [(row["step"], row["target"]) for row in result.losses] == [
        (step, name) for step in (6, 12) for name in ("held", "a", "b", "c")
    ]
    assert {row["tokens"] for row in result.losses} == {6 * 4 * 32, 12 * 4 * 32}
    assert all(
        row["status"] == "ok" and row["loss"] > 0 and row["bits_per_byte"] > 0
        for row in result.losses
    )
    assert sum(tokens for tokens, _ in result.realised.values()) == STEPS * 4 * 32
    scored = examples(2, seed=9)
    last = result.losses[-4]
    assert last["scored_tokens"] == scored.scored_tokens.sum()
    assert np.isclose(
        -result.loglikelihoods["held"].sum() / last["scored_tokens"], last["loss"], rtol=1e-12
    )
    assert pack_of_eight["key0"].loglikelihoods == {}


def test_a_member_that_diverges_is_null_from_then_on_and_the_others_do_not_notice(
    folder, pack_of_eight, monkeypatch
):
    from mixwright.proxies import wave

    plain = wave.Wave.advance

    def poisoned(self: wave.Wave) -> None:
        plain(self)
        if self.step == 8:
            with torch.no_grad():
                self.parameters["mlp"][2] = float("nan")

    monkeypatch.setattr(wave.Wave, "advance", poisoned)
    results = run(folder, eight())
    assert [(row["loss"] is None, row["status"]) for row in results["key2"].losses] == [
        (False, "ok")
    ] * 4 + [(True, "diverged")] * 4
    for key in set(pack_of_eight) - {"key2"}:
        assert numbers(results[key]) == numbers(pack_of_eight[key])


def test_finished_members_are_not_trained_again(folder, pack_of_eight):
    results = run(
        folder,
        eight(),
        replace(SETTINGS, wave=4),
        finished={"key0", "key1", "key2", "key3", "key6"},
    )
    assert sorted(results) == ["key4", "key5", "key7"]
    assert all(numbers(results[key]) == numbers(pack_of_eight[key]) for key in results)


def unequal() -> list[Member]:
    """The eight members with lengths and rates of their own, in no order."""
    lengths, rates = (5, 12, 2, 12, 9, 5, 12, 7), (1.0, 0.5, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0)
    return [
        replace(member, steps=steps, rate=rate)
        for member, steps, rate in zip(eight(), lengths, rates, strict=True)
    ]


@pytest.fixture(scope="module")
def each_alone(folder) -> dict[str, list]:
    return {
        key: numbers(result)
        for member in unequal()
        for key, result in run(folder, [member]).items()
    }


@pytest.mark.parametrize("wave", [3, 8])
def test_members_of_unequal_length_are_trained_as_if_alone(folder, pack_of_eight, each_alone, wave):
    results = {
        key: numbers(result)
        for key, result in run(folder, unequal(), replace(SETTINGS, wave=wave)).items()
    }
    assert results == each_alone
    assert all(
        results[key] == numbers(pack_of_eight[key]) for key in ("key3", "key6")
    )  # as long as those, at their rate
    assert [row["step"] for row in run(folder, [unequal()[0]])["key0"].losses] == [2] * 4 + [5] * 4


def test_a_rate_multiplies_both_learning_rates(folder, each_alone):
    halved = RECIPE | {"muon_lr": 0.02, "adam_lr": 0.01}
    assert (
        numbers(run(folder, [eight()[1]], replace(SETTINGS, optimizer=halved))["key1"])
        == each_alone["key1"]
    )


def test_a_member_is_handed_over_when_it_ends_and_not_trained_again_after_a_stop(
    folder, tmp_path, each_alone, monkeypatch
):
    """In one wave of eight: four end and are stored, the process stops, the others go on there."""
    monkeypatch.setattr(
        checkpoint, "SHARE", float("inf")
    )  # every end is saved, however short the steps
    results: dict[str, Result] = {}

    def fail_at_fifth(member: Member, result: Result) -> None:
        if len(results) == 4:
            raise KeyboardInterrupt
        results[member.key] = result

    with pytest.raises(KeyboardInterrupt):
        run(folder, unequal(), checkpoints=tmp_path, on_finished=fail_at_fifth)
    assert list(results) == ["key2", "key0", "key5", "key7"]
    (path,) = tmp_path.glob("*.pt")
    assert torch.load(path, weights_only=True)["step"] == 9
    rest = run(folder, unequal(), checkpoints=tmp_path, finished=set(results))
    assert list(rest) == ["key4", "key1", "key3", "key6"]
    assert {key: numbers(result) for key, result in {**results, **rest}.items()} == each_alone


@pytest.mark.parametrize("older", [False, True])
def test_a_resumed_wave_goes_on_in_its_schedules_and_in_those_of_an_older_checkpoint(
    folder, tmp_path, each_alone, monkeypatch, older
):
    """An older checkpoint does not say how far the schedules were: they start from the first."""
    monkeypatch.setattr(allocation, "WINDOW", 16)
    monkeypatch.setattr(checkpoint, "SHARE", float("inf"))
    stop = lambda member, result: (_ for _ in ()).throw(KeyboardInterrupt)  # noqa: E731
    waiting = [member for member in unequal() if member.steps > 7]
    with pytest.raises(KeyboardInterrupt):
        run(folder, waiting, checkpoints=tmp_path, on_finished=stop)
    (path,) = tmp_path.glob("*.pt")
    state = torch.load(path, weights_only=True)
    if older:
        del state["schedules"]
        torch.save(state, path)
    firsts = []

    def watched(weights, counts, first, length):
        firsts.append(first)
        return turns.allocate_next(weights, counts, first, length)

    monkeypatch.setattr(allocation, "allocate_next", watched)
    results = run(folder, waiting, checkpoints=tmp_path)
    assert {key: numbers(result) for key, result in results.items()} == {
        member.key: each_alone[member.key] for member in waiting
    }
    position = 4 * state["step"]
    assert position > 32 and min(firsts) == (0 if older else position - position % 16)


@pytest.fixture(scope="module")
def unbroken(folder) -> dict[str, list]:
    return {key: numbers(result) for key, result in run(folder, eight(LONG), FOURS).items()}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_pack_goes_on_where_it_was_and_ends_with_the_same_numbers(
    folder, tmp_path, unbroken, blow
):
    child = started(folder, tmp_path)
    child.send_signal(blow)
    assert child.wait(60) == (143 if blow == signal.SIGTERM else -9)
    (path,) = tmp_path.glob("*.pt")
    assert 0 < torch.load(path, weights_only=True)["step"] < LONG
    resumed = run(folder, eight(LONG), FOURS, checkpoints=tmp_path)
    assert {key: numbers(result) for key, result in resumed.items()} == unbroken
    assert not list(tmp_path.glob("*.pt"))


def test_sigterm_while_results_are_measured_ends_the_pack_after_them(folder, tmp_path):
    results: list[str] = []

    def end(member: Member, result: Result) -> None:
        results.append(member.key)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        run(folder, eight(), replace(SETTINGS, wave=2), checkpoints=tmp_path, on_finished=end)
    assert ended.value.code == 143
    assert results == ["key0", "key1"]
    assert not list(tmp_path.glob("*.pt"))


def test_a_resumed_wave_trains_only_the_members_that_are_not_stored_yet(folder, tmp_path, unbroken):
    started(folder, tmp_path).kill()
    results = run(
        folder,
        eight(LONG),
        FOURS,
        checkpoints=tmp_path,
        finished={"key0", "key2", "key4", "key5", "key6", "key7"},
    )
    assert {key: numbers(result) for key, result in results.items()} == {
        key: unbroken[key] for key in ("key1", "key3")
    }


def test_what_is_stored_of_a_wave_survives_a_stop_between_two_results(folder, tmp_path, unbroken):
    results: dict[str, Result] = {}

    def fail_at_third(member: Member, result: Result) -> None:
        if len(results) == 2:
            raise KeyboardInterrupt
        results[member.key] = result

    with pytest.raises(KeyboardInterrupt):
        run(folder, eight(LONG), FOURS, checkpoints=tmp_path, on_finished=fail_at_third)
    (path,) = tmp_path.glob("*.pt")
    assert torch.load(path, weights_only=True)["step"] == LONG
    rest = run(folder, eight(LONG)[:4], FOURS, checkpoints=tmp_path, finished=set(results))
    assert {key: numbers(result) for key, result in {**results, **rest}.items()} == {
        f"key{i}": unbroken[f"key{i}"] for i in range(4)
    }
