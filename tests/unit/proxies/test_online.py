"""Members that learn their weights, in the packed trainer."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from mixwright.corpus.allocation import Schedule
from mixwright.mixture import Mixture
from mixwright.proxies.gradients import Batch, gradients
from mixwright.proxies.models.transformer import initial
from mixwright.proxies.online import learner_of
from mixwright.proxies.online.schedule import OnlineSchedule
from mixwright.proxies.online.watch import Alignment, Excess, Losses, by_domain, token_losses
from mixwright.proxies.online.wave import OnlineWave, Pupil
from mixwright.proxies.scoring import Exam
from mixwright.proxies.train import Member
from shard_files import examples, make_shards
from small_packs import SETTINGS, SHAPE, numbers, run

CHOSEN = {
    "doremi": {"eta": 1.0, "smoothing": 1e-3},
    "odm": {"scale": 10.0, "memory": None},
    "fastmix": {"rate": 0.05, "entropy": 0.0},
}

STEPS = 12
UNIFORM = Mixture(tuple("abc"), np.full(3, 1 / 3))


def member(key="learns", steps=STEPS):
    return Member(key, UNIFORM, steps, seed=3)


def with_head(seed, scale=0.3):
    """First weights with a head that is not zero: it predicts, and no better than chance."""
    weights = initial(SHAPE, seed)
    noise = torch.Generator().manual_seed(seed)
    head = torch.randn(weights["head"].shape, generator=noise)
    return weights | {"head": weights["head"] + scale * head}


def pupil(method, **changes):
    shape, execution = SHAPE, SETTINGS.execution
    learner = learner_of(method, 3, CHOSEN[method] | changes)
    if method == "odm":
        return Pupil(learner, Losses(shape, execution))
    if method == "doremi":
        return Pupil(learner, Excess(shape, execution, with_head(11)))
    exams = {"held": Exam.of({"held": examples(2, seed=9)}, shape.context)}
    return Pupil(learner, Alignment(shape, execution, 3, 2, {"held": 1.0}, exams))


def trained(folder, *methods, members=None, **rest):
    """Key -> result of members that learn by these methods, side by side."""
    pupils = {method: pupil(method) for method in methods}
    learning = [member(method) for method in methods]
    return run(folder, learning, make_wave=partial(OnlineWave, pupils=pupils), **rest)


def online(folder, seed=0):
    shards = make_shards(folder)
    return OnlineSchedule(Schedule.of(UNIFORM.weights, shards, SHAPE.context, 48, seed))


def test_a_schedule_reads_the_mean_of_its_weights(tmp_path):
    schedule = online(tmp_path)
    rng = np.random.default_rng(0)
    total = np.zeros(3)
    for _ in range(100):
        weights = rng.dirichlet(np.ones(3))
        total += 4 * weights
        schedule.extend(weights, 4)
        assert np.bincount(schedule.domains, minlength=3).sum() == 4
    assert np.abs(schedule.counts - total).max() <= 2


def test_a_schedule_goes_through_the_blocks_of_any_other_run_of_its_seed(tmp_path):
    schedule = online(tmp_path)
    alone = Schedule.of([0.0, 1.0, 0.0], schedule.plan.shards, SHAPE.context, 48, 0)
    for _ in range(12):
        schedule.extend(np.array([0.0, 1.0, 0.0]), 4)
        expected = alone.read(np.arange(schedule.first, schedule.first + 4))
        assert (schedule.read() == expected).all()


@pytest.mark.parametrize("method", CHOSEN)
def test_a_member_does_not_depend_on_those_beside_it(method, tmp_path):
    beside = trained(tmp_path, *CHOSEN)
    alone = trained(tmp_path, method)
    assert numbers(beside[method]) == numbers(alone[method])
    assert beside[method].answer == alone[method].answer
    assert sum(alone[method].answer.values()) == pytest.approx(1)
    assert max(alone[method].answer.values()) > 1 / 3 + 1e-3
    tokens = [count for count, _ in alone[method].realised.values()]
    assert sum(tokens) == STEPS * SETTINGS.batch * SHAPE.context


@pytest.mark.parametrize("stop", [2, 7])
def test_a_resumed_wave_goes_on_to_the_same_numbers(stop, tmp_path):
    whole = trained(tmp_path, *CHOSEN)

    def stops(wave):
        if wave.step == stop + 1:
            raise KeyboardInterrupt

    saves = {"settings": replace(SETTINGS, checkpoint_steps=1), "checkpoints": tmp_path / "saved"}
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, *CHOSEN, on_step=stops, **saves)
    steps = []
    again = trained(tmp_path, *CHOSEN, on_step=lambda wave: steps.append(wave.step), **saves)
    assert steps[0] == stop + 1
    for method in CHOSEN:
        assert numbers(again[method]) == numbers(whole[method])
        assert again[method].answer == whole[method].answer


def test_a_member_whose_weights_never_move_trains_as_one_with_fixed_weights(tmp_path):
    """The step is that of any other run: with the same text it gives the same weights."""
    never = Pupil(learner_of("fastmix", 3, CHOSEN["fastmix"]), Never())
    make_wave = partial(OnlineWave, pupils={"learns": never})
    learned = run(tmp_path, [member()], make_wave=make_wave)["learns"]
    fixed = run(tmp_path, [member()])["learns"]
    assert learned.realised == fixed.realised
    for name, tensor in fixed.weights.items():
        assert torch.equal(learned.weights[name], tensor)
    assert fixed.answer == {} and set(learned.answer) == set("abc")


class Never:
    """Looks at nothing."""

    def values(self, step, weights, tokens, schedule):
        return None


def test_losses_by_domain_are_those_of_the_step(tmp_path):
    schedule = online(tmp_path)
    schedule.extend(np.array([0.5, 0.5, 0.0]), 6)
    tokens = torch.from_numpy(schedule.read())
    weights = with_head(1)
    values = Losses(SHAPE, SETTINGS.execution).values(0, weights, tokens, schedule)
    assert values[0] != values[1] and np.isnan(values[2]) and np.isfinite(values[:2]).all()
    batch = Batch(tokens[None, :, :-1], tokens[None, :, 1:])
    loss, _ = gradients(weights, batch, SHAPE, SETTINGS.execution)
    assert values[:2].mean() == pytest.approx(loss.item(), rel=1e-5)
    few = replace(SETTINGS.execution, micro_batch=2)
    whole = token_losses(weights, tokens, SHAPE, SETTINGS.execution)
    assert torch.allclose(token_losses(weights, tokens, SHAPE, few), whole)
    assert by_domain(whole, schedule)[0] == pytest.approx(values[0])


def test_excess_counts_no_token_below_the_reference(tmp_path):
    schedule = online(tmp_path)
    schedule.extend(np.full(3, 1 / 3), 6)
    tokens = torch.from_numpy(schedule.read())
    weights, reference = with_head(1), with_head(2)
    watch = Excess(SHAPE, SETTINGS.execution, reference)
    assert watch.values(0, reference, tokens, schedule).tolist() == [0.0, 0.0, 0.0]
    ahead = token_losses(weights, tokens, SHAPE, SETTINGS.execution)
    behind = token_losses(reference, tokens, SHAPE, SETTINGS.execution)
    clipped = np.maximum((ahead - behind).numpy(), 0)
    assert (clipped == 0).any() and (clipped > 0).any()
    expected = clipped[schedule.domains == 1].mean()
    assert watch.values(0, weights, tokens, schedule)[1] == pytest.approx(expected, rel=1e-5)


def test_alignment_is_the_inner_product_of_gradients_at_the_head(tmp_path):
    """The target is the text of one domain's kind: its gradient is nearest to that domain's."""
    schedule = online(tmp_path)
    schedule.extend(np.full(3, 1 / 3), 6)
    tokens = torch.from_numpy(schedule.read())
    weights = with_head(1, scale=0.01)
    exam = Exam.of({"held": examples(2, seed=9)}, SHAPE.context)
    watch = Alignment(SHAPE, SETTINGS.execution, 3, 4, {"held": 1.0}, {"held": exam})
    assert watch.values(0, weights, tokens, schedule) is None
    assert watch.values(2, weights, tokens, schedule) is None
    values = watch.values(3, weights, tokens, schedule)
    assert values.argmax() == 2
    slopes = []
    for index in range(3):
        blocks = schedule.plan._blocks_of(index, 0, 4)
        read = torch.from_numpy(schedule.tokens_of(np.full(4, index), blocks))
        batch = Batch(read[None, :, :-1], read[None, :, 1:])
        _, of_all = gradients(weights, batch, SHAPE, SETTINGS.execution)
        slopes.append(of_all["head"][0].double())
    wanted = watch._wanted(weights, 0)
    expected = [float((slope * wanted).sum()) for slope in slopes]
    assert values == pytest.approx(expected, rel=1e-4)
