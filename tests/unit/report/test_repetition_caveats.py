"""What the report says of repetition and of learning rates, beside the headline."""

import pandas as pd
import pytest

from least_study import study
from mixwright.corpus.counts import Extent
from mixwright.report.evidence import transfer_part
from mixwright.report.next_steps import after_transfer
from mixwright.report.rate_caveats import rate_caveats
from mixwright.report.repetition_caveats import repetition_caveats, settled
from mixwright.trust.transfer import MEAN

GOAL = {"tokens": 409_600}


def sizes(pycode=100_000):
    counts = {"cpp": 10**9, "prose": 10**9, "pycode": pycode}
    return {name: Extent(name, n, "counted", n, 4 * n) for name, n in counts.items()}


def design(tokens=102_400, role="swarm"):
    return pd.DataFrame(
        [{"run": "r", "role": role, "domain": "cpp", "weight": 1.0, "tokens": tokens}]
    )


def mixture(passes, mixer="regmix"):
    return {"mixer": mixer, "epochs": {"pycode": passes, "cpp": 0.1, "prose": None}}


def told(setting, mixtures, runs=None, extents=None):
    plan = study(proxy={"simulated_epochs": setting}, goal=GOAL)
    if runs is None:
        runs = design()
    return repetition_caveats(plan, runs, mixtures, extents or sizes())


def test_what_a_proposal_repeats_and_the_proxies_did_not_is_serious():
    [caveat] = told(False, [mixture(3.2)])
    assert caveat.serious and "pycode (3.2 passes)" in caveat.text
    assert "proxy.simulated_epochs: auto" in caveat.text and "cpp" not in caveat.text


@pytest.mark.parametrize(
    ("setting", "mixtures", "runs"),
    [
        (False, [mixture(1.0)], None),
        (True, [mixture(3.2)], None),
        ("auto", [mixture(3.2)], None),
        # as many tokens as the final: it repeats as often
        (False, [mixture(3.2)], design(409_600)),
        # a baseline is no recommendation of proxies
        (False, [mixture(3.2, "uniform"), mixture(2.0, "natural")], None),
        # no mixture was trained
        (False, [mixture(3.2)], design(role="vertex")),
    ],
)
def test_nothing_is_said_where_proxies_repeat_as_often_or_nothing_repeats(setting, mixtures, runs):
    assert told(setting, mixtures, runs) == []


def test_auto_is_answered_by_what_was_counted():
    plan = study(goal=GOAL)
    assert settled(plan, sizes()).epochs_of == plan.final_tokens
    assert settled(plan, sizes(10**9)).epochs_of is None
    assert settled(plan, {}).epochs_of is None


RATES = {
    "verdict": "the order carries over: rank correlation 0.90",
    "ranks": {MEAN: {"value": 0.9, "low": 0.8, "high": 0.95}},
    "compared": "small, 400,000 tokens",
    "combinations": [
        {
            "name": "tiny, 400,000 tokens, rate x 0.3",
            "ranks": {MEAN: {"value": 0.4, "low": 0.0, "high": 0.7}},
            "regret": 0.01234,
            "mixtures": ["a", "b", "c", "d"],
        }
    ],
    "dependence": "The order of mixtures depends on the learning rate: rate x 0.3 0.40.",
    "rates": {"advice": "order of small: rate x 0.3 ranks more like it"},
}


def test_a_dependence_on_the_rate_is_a_serious_caveat_and_the_advice_a_step():
    [caveat] = rate_caveats(RATES)
    assert caveat.serious and caveat.text == RATES["dependence"]
    assert after_transfer(RATES) == ("Order of small: rate x 0.3 ranks more like it.",)
    page = transfer_part(RATES)
    for words in (
        "tiny, 400,000 tokens, rate x 0.3",
        "0.0123",
        RATES["dependence"],
        "Order of small",
        "at small, 400,000 tokens",
    ):
        assert words in page


def test_a_single_size_says_nothing_of_rates():
    plain = {"verdict": RATES["verdict"], "ranks": RATES["ranks"]}
    for result in (None, {}, plain, RATES | {"dependence": "", "rates": None}):
        assert rate_caveats(result) == [] and after_transfer(result) == ()
    assert "every size and learning rate" not in transfer_part(plain)
