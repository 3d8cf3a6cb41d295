"""Passes of a proposal beside those of the runs, whatever the mixer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mixwright.goal import Goal, Proposal
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.proposals.terminal import weights_table
from mixwright.report.your_data import data_rows, data_section
from mixwright.simplex.bounds import Bounds
from mixwright.trust.passes import covered, is_outside, notes_of
from mixwright.trust.proposal import propose_in_units
from repeated_swarm import repeated_swarm

# the final run passes 4 times over c where it takes 40 % of it
TOKENS = 1e6
AVAILABLE = {"a": 10**7, "b": 10**7, "c": 10**5}


def goal(tokens=TOKENS, available=AVAILABLE, fixed=None):
    domains = tuple(Domain(name, size) for name, size in available.items())
    bounds = Bounds.of(domains, tokens, fixed=fixed or {"c": 0.4})
    return Goal(domains, {"first": 1.0}, tokens, bounds)


def runs(most=2.0):
    """Runs that passed up to so often over c; repeats of one mixture passed ten times over it."""
    plain = repeated_swarm()
    epochs = np.full(plain.amounts.shape, 0.5)
    epochs[0, 2] = most
    epochs[-1, 2] = 10.0
    return replace(plain, epochs=epochs)


@pytest.mark.parametrize(
    "mixer", ["effective-data", "regmix-linear", "best-of-swarm", "log-linear"]
)
def test_every_mixer_that_reads_a_swarm_says_passes_beside_those_of_its_runs(mixer):
    fitted = create(mixer).fit(runs())
    proposal = propose_in_units(fitted, runs(), goal(fixed={"c": 0.4}), {}, draws=0)
    if mixer != "best-of-swarm":
        assert "passes over repeated domains: c 4 (runs up to 2)" in proposal.notes
    [note] = [note for note in proposal.notes if note.startswith("no run passed so often")]
    assert "over c:" in note
    record = proposal.as_json(goal())
    assert record["run_epochs"] == {"a": 0.5, "b": 0.5, "c": 2.0}
    assert record["epochs"]["c"] > 2


def test_the_repeats_of_a_mixture_are_no_runs_that_a_mixer_reads():
    assert covered("effective-data", runs(2.0))["c"] == 2.0
    assert covered("effective-data", None) == {}
    assert covered("effective-data", repeated_swarm()) == {}


def test_a_baseline_says_its_passes_alone():
    proposal = propose_in_units(create("uniform"), None, goal(fixed={"c": 0.4}), {}, draws=0)
    assert "passes over repeated domains: c 4" in proposal.notes
    assert proposal.run_passes == {} and not any("no run" in note for note in proposal.notes)


def test_runs_whose_passes_nobody_counted_are_said_so():
    plain = repeated_swarm()
    fitted = create("log-linear").fit(plain)
    notes = propose_in_units(fitted, plain, goal(), {}, draws=0).notes
    assert "how often the runs passed over their text was not counted" in notes
    assert not any("no run passed" in note for note in notes)


@pytest.mark.parametrize(
    ("passes", "most", "outside"),
    [(4.0, 2.0, True), (2.05, 2.0, False), (1.0, 0.1, False), (1.04, 0.1, False), (1.2, 0.1, True)],
)
def test_a_first_pass_is_no_repetition_and_a_little_more_is_the_same(passes, most, outside):
    assert is_outside(passes, most) == outside
    notes = notes_of({"c": passes}, {"c": most}, learns=True)
    assert any("no run passed so often over c" in note for note in notes) == outside


def test_nothing_is_said_where_nothing_repeats_or_tokens_are_unknown():
    weights = np.array([0.3, 0.3, 0.4])
    assert notes_of(goal(1e4).passes(weights), {"c": 2.0}, learns=True) == ()
    unknown = tuple(Domain(name, None, 1 / 3) for name in AVAILABLE)
    passes = replace(goal(), domains=unknown).passes(weights)
    assert set(passes.values()) == {None} and notes_of(passes, {}, learns=True) == ()
    # rows of tables, or weights alone: one unit of text is no token
    small = dict.fromkeys(AVAILABLE, 1)
    proposal = propose_in_units(create("uniform"), None, goal(1.0, small, {"c": 0.4}), {}, draws=0)
    assert not any("passes" in note for note in proposal.notes)


def test_of_many_domains_the_most_repeated_are_named():
    passes = {f"d{number}": 2.0 + number for number in range(9)}
    [note] = notes_of(passes, {}, learns=False)
    assert note.startswith("passes over repeated domains: d8 10, d7 9") and "and 3 more" in note


def test_the_terminal_s_table_has_both(capsys):
    proposal = Proposal("regmix", goal().mixture(np.array([0.3, 0.3, 0.4])), run_passes={"c": 2.0})
    passes = goal().passes(proposal.weights)
    Console(width=100).print(weights_table(proposal, passes))
    text = capsys.readouterr().out
    assert "most of a run" in text
    [line] = [line for line in text.splitlines() if line.startswith("c ")]
    assert line.split() == ["c", "0.400", "4", "2"]
    Console(width=100).print(weights_table(proposal, {}))
    assert "passes" not in capsys.readouterr().out


def test_your_data_sets_them_side_by_side_and_names_what_lies_outside(capsys):
    domains = pd.DataFrame(
        {
            "domain": list("ac"),
            "split": "train",
            "tokens": [10**7, 10**5],
            "source_tokens": [10**7, 10**5],
            "bytes": [10**7, 10**5],
            "counted": "counted",
            "read_before": 0,
            "documents": 10,
        }
    )
    mixture = {
        "mixer": "regmix",
        "weights": {"a": 0.6, "c": 0.4},
        "epochs": {"a": 0.06, "c": 4.0},
        "run_epochs": {"a": 0.5, "c": 2.0},
    }
    rows = data_rows(domains, [mixture], "regmix")
    page = data_section(rows, "regmix")
    assert "most passes of a run" in page and "No run passed so often over c." in page
    assert [row.run_passes for row in rows] == [0.5, 2.0]
    before = {name: value for name, value in mixture.items() if name != "run_epochs"}
    page = data_section(data_rows(domains, [before], "regmix"), "regmix")
    assert "of a run" not in page and "No run passed" not in page
