"""Laws of larger models, fitted to a few of their runs around the law of smaller ones."""

import os
from dataclasses import replace

import numpy as np
import pytest

import own_tables
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.mixers import create
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.proposals.fits import Fit, FittedRuns
from mixwright.trust.anchored import anchored
from published_pile import pile

needs_tables = pytest.mark.skipif(
    "MIXWRIGHT_MIRROR" not in os.environ, reason="needs public tables"
)


def fit_of(name, runs):
    fitted = create(name).fit(runs)
    return Fit(FittedRuns.of(name, runs, fitted.targets), fitted, runs)


def ranks(mixer, runs):
    return 100 * spearman_of_rows(runs.losses.T, mixer.predict(runs.amounts).T).mean()


@needs_tables
def test_sixteen_of_the_billion_runs_rank_the_others_better_than_small_models_do():
    small = fit_of(
        "effective-data", pile("train_mixture_1m", "train_pile_loss_1m").only(np.arange(64) * 8)
    )
    large = pile("test_mixture_1B", "test_pile_loss_1B")
    gains = []
    errors = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(64)
        few, others = large.only(np.sort(order[:16])), large.only(np.sort(order[16:]))
        fit = anchored(small, few)
        gains.append(ranks(fit.mixer, others) - ranks(small.mixer, others))
        errors.append(np.sqrt(np.mean((fit.mixer.predict(others.amounts) - others.losses) ** 2)))
        alone = create("effective-data").fit(few)
        assert ranks(fit.mixer, others) > ranks(alone, others)
    assert np.mean(gains) > 0.4 and np.mean(errors) < 0.065


def test_an_anchored_fit_is_a_fit_that_is_saved_refitted_and_read(tmp_path, capsys):
    mixtures, losses = own_tables.write(tmp_path / "small")
    larger, measured = own_tables.write(tmp_path / "large", runs=12, seed=1)
    fit = ["fit", "--mixer", "effective-data"]
    tables = ["--mixtures", str(mixtures), "--losses", str(losses)]
    assert main([*fit, *tables, "--to", str(tmp_path / "fit")]) == 0
    few = ["--mixtures", str(larger), "--losses", str(measured), "--around", str(tmp_path / "fit")]
    assert main([*fit, *few, "--to", str(tmp_path / "anchored")]) == 0
    again = Fit.load(tmp_path / "anchored")
    assert again.mixer.around.shape == (2, 13) and len(again.runs.runs) == 12
    refitted = again.mixer.refit(again.runs)
    predicted = again.mixer.predict(again.runs.amounts)
    assert refitted.predict(again.runs.amounts) == pytest.approx(predicted, abs=2e-3)
    proposal = tmp_path / "mixture.json"
    words = ["--fit", str(tmp_path / "anchored"), "--draws", "10", "--to", str(proposal)]
    assert main(["propose", *words]) == 0 and proposal.is_file()


def test_another_mixers_fit_is_no_prior(tmp_path, capsys):
    mixtures, losses = own_tables.write(tmp_path)
    tables = ["--mixtures", str(mixtures), "--losses", str(losses)]
    assert main(["fit", "--mixer", "additive", *tables, "--to", str(tmp_path / "fit")]) == 0
    around = ["--around", str(tmp_path / "fit"), "--to", str(tmp_path / "other")]
    assert main(["fit", "--mixer", "effective-data", *tables, *around]) == 1
    assert "name a fit of effective-data" in capsys.readouterr().err
    assert main(["fit", "--mixer", "additive", *tables, *around]) == 1


def test_only_domains_that_differ_are_named(tmp_path, capsys):
    mixtures, losses = own_tables.write(tmp_path)
    words = ["fit", "--mixer", "effective-data", "--losses", str(losses), "--mixtures"]
    assert main([*words, str(mixtures), "--to", str(tmp_path / "fit")]) == 0
    other = tmp_path / "other.csv"
    other.write_text(mixtures.read_text().replace("wiki", "books", 1))
    around = ["--around", str(tmp_path / "fit"), "--to", str(tmp_path / "larger")]
    capsys.readouterr()
    assert main([*words, str(other), *around]) == 1
    message = "domains in the runs alone: books; in the fit alone: wiki; give runs over the fit's"
    assert message in capsys.readouterr().err


def test_too_few_runs_are_refused_without_advice_for_few(tmp_path, capsys, caplog):
    caplog.set_level("INFO")
    mixtures, losses = own_tables.write(tmp_path)
    fit = ["fit", "--mixer", "effective-data", "--mixtures", str(mixtures), "--losses", str(losses)]
    assert main([*fit, "--to", str(tmp_path / "fit")]) == 0
    for table in (mixtures, losses):
        heading, *rows = table.read_text().splitlines(keepends=True)
        table.write_text("".join([heading, *sorted(rows)[:6]]))
    around = ["--around", str(tmp_path / "fit"), "--to", str(tmp_path / "larger")]
    assert main([*fit, *around]) == 1
    message = capsys.readouterr().err
    assert "6 runs make no fit, which needs 8: with 8 or fewer go by the smaller" in message
    assert "mixwright predict --anchor-mixtures FILE" in message and message.count("\n") == 1
    assert "tell levels" not in caplog.text


@pytest.mark.parametrize(
    ("heading", "remedy"),
    [
        # the other target is the fit's own, and no other name of the one that is lacking
        ("index,prose\n", "of the fit; measure it\n"),
        ("index,prose,questoins\n", "of the fit; measure it, or did you mean questoins?\n"),
    ],
)
def test_a_target_that_runs_lack_is_not_taken_for_one_that_they_have(
    heading, remedy, tmp_path, capsys
):
    mixtures, losses = own_tables.write(tmp_path)
    tables = ["--mixtures", str(mixtures), "--losses", str(losses)]
    fit = ["fit", "--mixer", "effective-data"]
    assert main([*fit, *tables, "--to", str(tmp_path / "fit")]) == 0
    other = tmp_path / "other.csv"
    columns = heading.count(",") + 1
    rows = [",".join(row.split(",")[:columns]) for row in losses.read_text().splitlines()[1:]]
    other.write_text(heading + "\n".join(rows) + "\n")
    around = ["--around", str(tmp_path / "fit"), "--to", str(tmp_path / "larger")]
    anchors = ["--anchor-mixtures", str(mixtures), "--anchor-losses", str(other)]
    predict = ["predict", "--fit", str(tmp_path / "fit"), *tables[:2], *anchors]
    capsys.readouterr()
    for words in (
        [*fit, *tables[:2], "--losses", str(other), *around],
        [*predict, "--to", str(tmp_path / "predicted.csv")],
    ):
        assert main(words) == 1
        message = capsys.readouterr().err
        assert "lack target questions" in message and message.endswith(remedy)


@needs_tables
def test_runs_of_other_domains_or_units_are_refused():
    runs = pile("train_mixture_1m", "train_pile_loss_1m").only(np.arange(48) * 8)
    small = fit_of("effective-data", runs)
    fewer = runs.only(np.arange(12))
    with pytest.raises(MixwrightError, match="give runs over the fit's domains"):
        anchored(small, replace(fewer, domains=("x", *fewer.domains[1:])))
    with pytest.raises(MixwrightError, match="lack target"):
        anchored(small, replace(fewer, targets=("x", *fewer.targets[1:])))
    with pytest.raises(MixwrightError, match="in the fit's unit"):
        anchored(small, replace(fewer, losses=np.exp(fewer.losses)))
