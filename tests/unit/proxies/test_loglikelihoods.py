import numpy as np
import pandas as pd
import pytest

from mixwright import tables
from mixwright.corpus.shards import Examples
from mixwright.observations import observe, split_of
from mixwright.proxies.loglikelihoods import TOKENS_AN_EXAMPLE, LikelihoodTexts

RNG = np.random.default_rng(0)


def texts(count, longest=60):
    rows = [
        (RNG.integers(1, 40, 5), RNG.integers(1, 40, int(RNG.integers(3, longest))), 6)
        for _ in range(count)
    ]
    return Examples.of(rows, 0)


def settings(level="sequence", examples=400, example_tokens=None):
    return {"likelihood": level, "examples": examples, "example_tokens": example_tokens}


def test_long_examples_are_kept_whole_unless_cut():
    examples = texts(10)
    whole = LikelihoodTexts.of(settings(), {"t": examples}).examples["t"]
    assert (whole.tokens == examples.tokens).all() and (
        whole.scored_tokens == examples.scored_tokens + 5
    ).all()
    assert (
        LikelihoodTexts.of(settings(example_tokens=12), {"t": examples})
        .examples["t"]
        .scored_tokens.max()
        == 11
    )
    assert (
        LikelihoodTexts.of(settings("answer"), {"t": examples}).examples["t"].scored_tokens
        == examples.scored_tokens
    ).all()


def test_a_fifth_reports_and_equal_texts_fall_together():
    examples = texts(400)
    twice = Examples.of(
        [
            (examples.tokens[a + 1 : b], [7], 1)
            for a, b in zip(examples.starts, examples.starts[1:], strict=False)
        ]
        * 2,
        0,
    )
    splits = LikelihoodTexts.of(settings(examples=800), {"t": twice}).splits["t"]
    assert splits[:400] == splits[400:]
    assert 0.14 < splits.count("report") / len(splits) < 0.26
    cut = LikelihoodTexts.of(settings(examples=800, example_tokens=4), {"t": twice})
    assert cut.splits["t"] == splits  # the text decides, not what is read of it


def test_rows_are_a_table_and_a_tokens_rows_are_sampled_over_all_examples():
    examples = texts(50, longest=200)
    record = LikelihoodTexts.of(settings("token"), {"t": examples})
    values = -RNG.random(int(examples.scored_tokens.sum()))
    rows = pd.DataFrame(record.rows({"t": values})).assign(run="r")
    tables.check(rows, tables.LOGLIKELIHOODS, "rows")
    assert len(rows) == TOKENS_AN_EXAMPLE * 50 and (rows.scored_tokens == 1).all()
    assert (rows.loglikelihood == values[rows.example]).all()
    owner = np.repeat(np.arange(50), examples.scored_tokens)[rows.example]
    assert len(set(owner)) == 50
    assert (np.array(record.splits["t"])[owner] == rows.split).all()


def test_a_table_without_splits_is_split_by_number():
    design = pd.DataFrame(
        {
            "run": ["a", "b"],
            "role": "vertex",
            "model": "m",
            "tokens": 1,
            "seed": 0,
            "domain": ["a", "b"],
            "weight": 1.0,
        }
    )
    losses = pd.DataFrame({"run": ["a", "b"], "target": "t", "step": 1, "loss": 1.0})
    rows = [
        {
            "run": r,
            "target": "t",
            "example": j,
            "loglikelihood": -1.0,
            "scored_tokens": 1,
            "bytes": 1,
        }
        for r in "ab"
        for j in range(500)
    ]
    table = tables.check(pd.DataFrame(rows), tables.LOGLIKELIHOODS, "rows")
    observed = observe(design, losses, None, table).likelihoods["t"]
    assert 0.14 < observed.report.mean() < 0.26
    assert observed.report.tolist() == [split_of(f"t/{j}") == "report" for j in range(500)]
    assert len(observed.choosing.values) + len(observed.reporting.values) == 500
    with_splits = table.assign(split=np.where(table.example < 100, "report", "choose"))
    assert observe(design, losses, None, with_splits).likelihoods["t"].report.tolist() == [
        j < 100 for j in range(500)
    ]
    alone = observe(design, losses, None, table.assign(split="report")).likelihoods["t"]
    assert not alone.report.any()  # one side is left: all choose


def test_another_column_that_lacks_is_still_refused():
    from mixwright.errors import MixwrightError

    with pytest.raises(MixwrightError, match="no column loglikelihood"):
        tables.check(
            pd.DataFrame({"run": ["a"]}).assign(target="t", example=0),
            tables.LOGLIKELIHOODS,
            "rows",
        )
