"""Anchors at a larger scale are in the fit's unit, or refused."""

import re

import numpy as np
import pytest

import mixwright
from mixwright.__main__ import main
from run_tables import swarm, write


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Returns, for each kind, the folder of a fit and the table of four anchors in its unit."""
    folder = tmp_path_factory.mktemp("fits")
    made = {}
    mixtures, losses = swarm()
    few_mixtures, few = swarm(4, seed=9)
    for kind in ("nats", "perplexity", "percent"):
        runs = mixwright.read_runs(mixtures, _as(kind, losses))
        mixwright.fit(runs, "effective-data").save(folder / kind)
        made[kind] = (folder / kind, few_mixtures, _as(kind, few))
    return made


def _as(kind, losses):
    numbers = losses[["prose", "questions"]]
    if kind == "perplexity":
        numbers = np.exp(numbers).add_suffix("_ppl")
    elif kind == "percent":
        numbers = (100 * np.exp(-numbers / 4)).add_suffix("_acc")
    return numbers.assign(run=losses.run)


def _predict_by(folder, mixtures, anchors, to):
    paths = write(to, mixtures, anchors)
    words = ["predict", "--fit", folder, "--mixtures", paths[0], "--to", to / "x.csv"]
    words += ["--anchor-mixtures", paths[0], "--anchor-losses", paths[1]]
    return main([str(word) for word in words])


@pytest.mark.parametrize("kind", ["nats", "perplexity", "percent"])
def test_anchors_in_the_fits_unit_are_taken(kind, fits, tmp_path):
    assert not _predict_by(*fits[kind], tmp_path)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "percent",
            lambda table: _scaled(table, 0.01),
            "over 1 percent; multiply them by 100",
        ),
        ("perplexity", lambda table: _logs(table, ""), "this heading does not say so"),
        ("perplexity", lambda table: _logs(table, "_loss"), "lack target prose_ppl of the fit"),
        ("nats", lambda table: _perplexities(table, "_ppl"), "this heading does not say so"),
        ("nats", lambda table: _perplexities(table, ""), "times what the fit predicts"),
        ("nats", lambda table: _scaled(table, 0.01), "times what the fit predicts"),
        ("nats", lambda table: _scaled(table, 1000), "times what the fit predicts"),
    ],
)
def test_anchors_in_another_unit_are_refused(kind, change, message, fits, tmp_path, capsys):
    folder, mixtures, anchors = fits[kind]
    assert _predict_by(folder, mixtures, change(anchors), tmp_path)
    assert re.search(message, capsys.readouterr().err.replace("\n", " "))


def _scaled(table, factor):
    numbers = table.drop(columns="run")
    return (numbers * factor).assign(run=table.run)


def _logs(table, ending):
    numbers = np.log(table.drop(columns="run"))
    numbers.columns = [name.replace("_ppl", ending) for name in numbers.columns]
    return numbers.assign(run=table.run)


def _perplexities(table, ending):
    return np.exp(table.drop(columns="run")).add_suffix(ending).assign(run=table.run)
