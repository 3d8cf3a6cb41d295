"""Tables are joined by key, never by row order."""

import numpy as np
import pandas as pd
import pytest

from mixwright.errors import MixwrightError
from mixwright.observations import left_out, observe

MIXTURES = {
    "r2": ("swarm", 0.8),
    "r1": ("swarm", 0.5),
    "v1": ("vertex", 0.0),
    "v2": ("vertex", 1.0),
}  # run -> role, weight of x
DESIGN = pd.DataFrame(
    [
        (run, role, "tiny", 100, 0, *pair)
        for run, (role, x) in MIXTURES.items()
        for pair in (("y", 1 - x), ("x", x))
    ],
    columns=["run", "role", "model", "tokens", "seed", "domain", "weight"],
)


def losses(*runs, **changes) -> pd.DataFrame:
    rows = [
        {
            "run": run,
            "target": target,
            "step": step,
            "tokens": 100,
            "loss": step + number,
            "bits_per_byte": 1.0,
            "scored_tokens": 9,
        }
        for number, run in enumerate(runs)
        for target in ("b", "a")
        for step in (10, 5)
    ]
    return pd.DataFrame(rows).assign(unigram_loss=9.0, status="ok", **changes)


def test_rows_in_any_order_give_the_same_observations():
    observations = observe(DESIGN, losses("r1", "r2"))
    again = observe(
        DESIGN.sample(frac=1, random_state=1), losses("r1", "r2").sample(frac=1, random_state=2)
    )
    assert (observations.domains, observations.targets, observations.runs, observations.roles) == (
        ("x", "y"),
        ("a", "b"),
        ("r1", "r2"),
        ("swarm", "swarm"),
    )
    np.testing.assert_allclose(observations.amounts, [[50, 50], [80, 20]])
    np.testing.assert_array_equal(observations.losses, [[10, 10], [11, 11]])  # the last step's
    np.testing.assert_array_equal(again.losses, observations.losses)
    np.testing.assert_array_equal(again.amounts, observations.amounts)


def test_realised_counts_replace_the_design():
    realised = pd.DataFrame(
        {"run": ["r1", "r1"], "domain": ["x", "y"], "tokens": [40, 60], "epochs": 0.1}
    )
    observations = observe(DESIGN, losses("r1"), realised)
    np.testing.assert_array_equal(observations.amounts, [[40, 60]])
    np.testing.assert_array_equal(observations.epochs, [[0.1, 0.1]])


def test_subsets_keep_runs_and_losses_together():
    observations = observe(DESIGN, losses("r1", "r2", "v1"))
    assert (
        observations.of_role("vertex").runs == ("v1",)
        and observations.of_role("vertex").losses[0, 0] == 12
    )
    assert observations.only(np.array([1])).runs == ("r2",)


def test_likelihoods_have_a_column_a_domain():
    table = pd.DataFrame(
        [
            (run, "t", example, value - example, 3, 7)
            for run, value in (("v1", -1.0), ("v2", -2.0))
            for example in (1, 0)
        ],
        columns=["run", "target", "example", "loglikelihood", "scored_tokens", "bytes"],
    )
    likelihoods = observe(DESIGN, losses("v1", "v2"), None, table).likelihoods["t"]
    np.testing.assert_array_equal(
        likelihoods.values, [[-2, -1], [-3, -2]]
    )  # domains x, y: v2 trained on x alone
    np.testing.assert_array_equal(likelihoods.scored_tokens, [3, 3])
    assert likelihoods.labels is None
    labelled = observe(
        DESIGN, losses("v1", "v2"), None, table.assign(label=table.example == 1)
    ).likelihoods["t"]
    np.testing.assert_array_equal(labelled.labels, [0, 1])
    again = pd.concat([DESIGN, DESIGN[DESIGN.run == "v1"].assign(run="v3")])
    with pytest.raises(MixwrightError, match="y has 2 vertex runs; keep one"):
        observe(
            again,
            losses("v1", "v2", "v3"),
            None,
            pd.concat([table, table[table.run == "v1"].assign(run="v3")]),
        )
    with pytest.raises(MixwrightError, match="no vertex run of x"):
        observe(DESIGN, losses("v1", "v2"), None, table[table.run == "v1"])


def test_diverged_runs_are_refused_by_name_or_left_out_as_asked(caplog):
    table = losses("r1", "r2", "v1")
    table.loc[(table.step == 10) & (table.run == "r2"), "loss"] = None
    table.loc[(table.step == 10) & (table.run == "v1") & (table.target == "a"), "loss"] = float(
        "inf"
    )
    with pytest.raises(MixwrightError) as refused:
        observe(DESIGN, table)
    assert "2 runs without a finite loss, diverged: r2, v1;" in str(
        refused.value
    ) and "diverged: drop (--diverged drop)" in str(refused.value)
    with caplog.at_level("INFO"):
        observations = observe(DESIGN, table, diverged="drop")
    assert observations.runs == ("r1",) and observations.dropped == (
        ("swarm", "r2"),
        ("vertex", "v1"),
    )
    assert "left out 2 runs without a finite loss, diverged: r2, v1" in caplog.text
    with pytest.raises(
        MixwrightError, match=r"diverged is dropp; it takes refuse or drop; did you mean drop\?"
    ):
        observe(DESIGN, table, diverged="dropp")


def test_many_diverged_runs_are_named_in_part():
    assert left_out("abc", 9, "drop") == {"a", "b", "c"}
    with pytest.raises(MixwrightError, match=r"7 runs .*: 1, 2, 3, 4, 5 and 2 more; train"):
        left_out("1234567", 9, "refuse")
    with pytest.raises(MixwrightError, match=r"lower learning rates$"):
        left_out("12", 2, "drop")  # none is left to drop them for


def test_a_vertex_whose_log_likelihoods_are_needed_is_refused_by_name():
    table = losses("r1", "v1", "v2")
    table.loc[(table.step == 10) & (table.run == "v1"), "loss"] = None
    scored = pd.DataFrame(
        [("v2", "t", 0, -1.0, 3, 7)],
        columns=["run", "target", "example", "loglikelihood", "scored_tokens", "bytes"],
    )
    with pytest.raises(
        MixwrightError,
        match="run v1 diverged, and no other vertex run stands for it; train it again",
    ):
        observe(DESIGN, table, None, scored, "drop")


@pytest.mark.parametrize(
    "table, message",
    [
        (losses("r1", loss=None), "1 run without a finite loss, diverged: r1"),
        (losses("zz"), "run zz is not in the design"),
        (losses("r1", "r2").iloc[:-2], "run r2 lacks a target"),
    ],
)
def test_what_cannot_be_joined_is_named(table, message):
    with pytest.raises(MixwrightError, match=message):
        observe(DESIGN, table)


def test_uncounted_runs_are_named_and_uncounted_domains_kept():
    realised = pd.DataFrame({"run": ["r1"], "domain": ["y"], "tokens": [60], "epochs": 0.1})
    observations = observe(DESIGN, losses("r1"), realised)
    assert observations.domains == ("x", "y") and observations.amounts.tolist() == [[0, 60]]
    with pytest.raises(MixwrightError, match="no counts of run r2"):
        observe(DESIGN, losses("r1", "r2"), realised)
