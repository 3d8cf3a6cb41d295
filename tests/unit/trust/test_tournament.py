"""Every applicable mixer is judged by the same held-out runs; the others are left out and said."""

import logging

import pytest

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.mixers import MIXERS
from mixwright.trust.tournament import as_table, standings, tournament
from repeated_swarm import repeated_swarm

QUICK = {"regmix": {"iterations": 30}}


def test_a_named_mixer_is_scored_target_by_target_and_ranked():
    frame = tournament(repeated_swarm(), ["regmix-linear", "effective-data"], folds=4)
    tables.check(frame, tables.TOURNAMENT, "test")
    assert len(frame) == 2 * 2 and set(frame.runs) == {40}
    first, second = standings(frame).to_dict("records")
    assert (first["mixer"], second["mixer"]) == ("effective-data", "regmix-linear")
    mine = frame[frame.mixer == "effective-data"].set_index("target")
    assert first["spearman"] == pytest.approx(mine.spearman.mean()) and first[
        "rmse"
    ] == pytest.approx(mine.rmse.mean())
    assert first["worst"] == mine.spearman.idxmin() and first["least"] == mine.spearman.min()


def test_none_named_means_all_that_predict_and_can_be_fitted(caplog):
    with caplog.at_level(logging.INFO):
        found = set(tournament(repeated_swarm(), settings=QUICK, folds=2).mixer)
    assert (
        {"regmix", "regmix-linear", "effective-data"}
        <= found
        <= {name for name, entry in MIXERS.items() if entry.predicts}
    )
    assert "autoscale is left out: it reads perturb runs and the tables hold none" in caplog.text
    assert "mixmin" not in found and "mixmin is left out: it reads vertex runs" in caplog.text


@pytest.mark.parametrize(
    "names, folds, message",
    [
        (["natural"], 4, "no mixer can be compared: natural: natural predicts no losses"),
        (["mixmin"], 4, "no mixer can be compared: mixmin: it reads vertex runs"),
        (["effective-data"], 1, "--folds 1: at least 2"),
        (["efective-data"], 4, "efective-data is unknown; did you mean effective-data?"),
    ],
)
def test_what_cannot_be_compared_is_refused(names, folds, message):
    with pytest.raises(MixwrightError, match=message.replace("?", r"\?")):
        tournament(repeated_swarm(), names, folds=folds)


def test_the_table_fits_a_terminal_and_names_the_worst_target(capsys):
    from rich.console import Console

    frame = tournament(repeated_swarm(), ["regmix-linear", "effective-data"], folds=4)
    Console(width=80).print(as_table(frame, 40))
    said = capsys.readouterr().out
    assert "40 held-out runs" in said and all(
        word in said
        for word in ("Spearman", "Kendall", "pairs", "regret@1", "error", "worst target")
    )
    assert "effective-data" in said and standings(frame).worst[0] in said and "…" not in said
