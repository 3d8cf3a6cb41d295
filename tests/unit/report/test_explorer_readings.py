"""What the explorer says of a mixture: readouts of goals, passes, tokens, steps of its history."""

import json

import numpy as np
import pytest

from explored_surfaces import NAMES, made, record_of
from javascript import EXPLORER, FILES, run
from mixwright.goal import Readout
from mixwright.report.explorer.explorer import PROGRAMS
from planted_swarm import TARGETS

OURS = (*FILES, "readings.js", "state.js", "worked.js")


def ours(expression: str, data=None):
    return run(expression, data, OURS)


def test_the_page_runs_every_program_in_one_scope() -> None:
    """Two names alike would be a syntax error, or one would hide the other."""
    files = [f"{name}.js" for name in PROGRAMS]
    assert set(OURS) < set(files)
    assert run("typeof start_explorer", files=files) == "function"
    names = "[...data.matchAll(/^(?:async )?(?:function|const) ([\\w]+)/gm)].map((one) => one[1])"
    declared = run(names, "\n".join((EXPLORER / name).read_text() for name in files))
    assert len(declared) == len(set(declared)) > 100


@pytest.mark.parametrize("units", ["losses", "units", "accuracies"])
@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 0.5), (0, 0, 3), (1, 0, 1)])
def test_a_goal_is_read_out_as_the_library_does(units: str, weights: tuple[float, ...]) -> None:
    surface = made("effective-data", units)
    by_name = dict(zip(TARGETS, weights, strict=True))
    ys = np.array([[2.0, 0.7, 1.1], [1.5, 0.2, 1.9]])
    readout = Readout.of(by_name, TARGETS, surface.source.metrics)
    program = """(() => {
      const shares = target_shares(data.surface, data.weights);
      const readout = goal_readout(data.surface, shares);
      return { ...readout, values: data.ys.map(readout.value) };
    })()"""
    content = record_of("effective-data", units)
    data = {"surface": content, "weights": by_name, "ys": ys.tolist()}
    answer = ours(program, data)
    assert answer["values"] == pytest.approx(readout.objective(ys).tolist(), abs=1e-12)
    assert answer["unit"] == readout.metric.unit
    assert answer["higher"] == readout.metric.higher


def test_targets_that_nobody_weighed_have_no_goal() -> None:
    assert ours("target_shares(data, {})", record_of("effective-data")) is None


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [("1.5B", 1.5e9), ("300M", 3e8), ("2e10", 2e10), ("20,000,000", 2e7), ("4 T tokens", 4e12),
     (".5g", 5e8), ("7k", 7e3), ("", None), ("-3", "NaN"), ("1.5X", "NaN"), ("0", "NaN"),
     ("B", "NaN"), ("1e", "NaN")],
)  # fmt: skip
def test_tokens_are_typed_as_people_write_them(typed: str, tokens) -> None:
    answer = ours("[tokens_typed(data)].map((one) => Number.isNaN(one) ? 'NaN' : one)", typed)
    assert answer == [tokens]


def test_tokens_are_read_back_from_their_words() -> None:
    counts = [1.5e9, 3e8, 2e12, 7000, 12]
    assert ours("data.map(tokens_words).map(tokens_typed)", counts) == counts
    assert ours("tokens_words(1e-6)") == "0"


def test_numbers_have_true_signs() -> None:
    assert ours("[-0.2481, 0.0004, -0.0004, 1].map((one) => decimals(one, 3))") == [
        "−0.248", "0.000", "0.000", "1.000",
    ]  # fmt: skip
    assert ours("[0.36249, 0.0004, 1e-7, 0, 1].map(percent_of)") == [
        "36.2 %", "0.04 %", "< 0.01 %", "0 %", "100 %",
    ]  # fmt: skip


def test_weights_of_a_file_sum_to_one_exactly() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(20, 0.3), 200)
    shares *= 1 + 1e-12 * rng.standard_normal((200, 1))
    exact = ours("data.map(exact)", shares.tolist())
    assert all(sum(row) == 1 for row in exact)
    assert np.abs(np.array(exact) - shares).max() < 1e-10


def test_an_effect_is_of_one_point_more() -> None:
    surface = made("effective-data")
    natural = surface.wish.natural
    program = """(() => {
      const shares = target_shares(data, data.goal.weights);
      const w = data.goal.natural;
      return effects_of(data, goal_readout(data, shares), w, "runs")
        .concat(effects_of(data, goal_readout(data, shares), [1, 0, 0, 0, 0, 0], "runs")[0]);
    })()"""
    *effects, none = ours(program, record_of("effective-data"))
    assert none is None
    for k, effect in enumerate(effects):
        more = natural * (0.99 - natural[k]) / (1 - natural[k])
        more[k] = natural[k] + 0.01
        both = surface.formula.predict(np.stack([more, natural])).mean(axis=1)
        assert effect == pytest.approx(both[0] - both[1], abs=1e-12)


def test_steps_are_undone_and_done_again() -> None:
    program = """(() => {
      let history = new_history({ a: 0 });
      for (const a of [1, 1, 2]) history = stepped(history, { a });
      const back = undone(undone(undone(history)));
      const forth = redone(back);
      const other = stepped(forth, { a: 7 });
      let long = history;
      for (let a = 0; a < 500; a += 1) long = stepped(long, { a });
      return [history.past.length, back.present.a, back.future.length, forth.present.a,
        other.future.length, redone(other).present.a, long.past.length];
    })()"""
    assert ours(program) == [2, 0, 2, 1, 0, 7, 200]


def test_orders_of_a_link_that_knows_none_are_the_first() -> None:
    assert ours("orders_of({ sort: 'x constructor' })") == {
        "domains": "name", "targets": "importance",
    }  # fmt: skip
    assert ours("by_falling([1, null, 3, 1])") == [2, 0, 3, 1]


def test_a_state_starts_at_its_preset() -> None:
    content = {
        "surfaces": [record_of("effective-data")],
        "views": [{"mixer": "effective-data"}],
        "presets": [
            {"title": "natural", "weights": dict.fromkeys(NAMES, 2.0)},
            {"title": "other", "weights": {NAMES[0]: 3.0, NAMES[5]: 1.0}},
        ],
        "start": "other",
        "tokens": 5,
    }
    state = ours("first_state(data)", json.loads(json.dumps(content)))
    assert state["weights"] == [0.75, 0, 0, 0, 0, 0.25]
    assert state["tokens"] == 5 and state["locks"] == [False] * 6
