"""Gradient-boosted trees behind one interface."""

import sys

import numpy as np
import pytest

from mixwright.errors import MixwrightError
from mixwright.tabular.boosting import LIBRARIES, Model, Trees, train, weighted_loss
from mixwright.tabular.metrics import average_precision
from mixwright.tabular.pool import LabelledRows


@pytest.fixture(params=LIBRARIES)
def library(request):
    pytest.importorskip(request.param)
    return request.param


def examples(rows=600, seed=0, weights=None):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 6)).astype(np.float32)
    labels = (features[:, 0] * features[:, 1] + 0.3 * rng.normal(size=rows) > 0.4).astype(float)
    return LabelledRows(features, labels, np.ones(rows) if weights is None else weights)


def test_they_learn_and_the_grid_is_chosen_on_the_validation(library):
    model = train(examples(), examples(seed=1), Trees(library, trees=(2, 30), depth=(1, 4)), seed=0)
    test = examples(seed=2)
    assert (model.trees, model.depth) == (30, 4)
    p = model.probability(test.features)
    assert p.shape == (600,) and ((p > 0) & (p < 1)).all()
    assert average_precision(test.labels, p) > 0.7
    assert model.validation_loss == pytest.approx(
        weighted_loss(model.probability(examples(seed=1).features), examples(seed=1))
    )
    noise = LabelledRows(
        examples(seed=1).features,
        np.random.default_rng(0).permutation(examples(seed=1).labels),
        np.ones(600),
    )
    assert train(examples(), noise, Trees(library, trees=(2, 30), depth=(1, 4)), seed=0).trees == 2


def test_same_numbers_same_model(library):
    models = [
        train(examples(), examples(seed=1), Trees(library, trees=(20,), depth=(3,)), seed=0)
        for _ in range(2)
    ]
    assert (
        models[0].probability(examples().features) == models[1].probability(examples().features)
    ).all()


def test_saved_and_loaded_it_answers_the_same(library, tmp_path):
    model = train(examples(), examples(seed=1), Trees(library, trees=(5, 20), depth=(3,)), seed=0)
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert (again.probability(examples().features) == model.probability(examples().features)).all()
    assert (again.trees, again.depth, again.validation_loss) == (
        model.trees,
        model.depth,
        model.validation_loss,
    )
    next((tmp_path / "model").glob("model.*")).unlink()
    with pytest.raises(MixwrightError, match="no such model"):
        Model.load(tmp_path / "model")


def test_a_label_between_stands_for_rows_of_both_labels(library):
    """A row of weight 2 and label .5 is one row of each label: a union has each molecule once."""
    one = examples(weights=np.full(600, 2.0))
    one = LabelledRows(
        np.round(one.features * 4) / 4, one.labels, one.weights
    )  # few values: both give the same bins
    half = LabelledRows(one.features, np.where(np.arange(600) < 100, 0.5, one.labels), one.weights)
    twice = LabelledRows(
        np.concatenate([one.features, one.features]),
        np.concatenate(
            [
                np.where(np.arange(600) < 100, 0.0, one.labels),
                np.where(np.arange(600) < 100, 1.0, one.labels),
            ]
        ),
        np.ones(1200),
    )
    settings = Trees(library, trees=(20,), depth=(3,))
    features = examples(seed=2).features
    of_half = train(half, examples(seed=1), settings, seed=0).probability(features)
    of_twice = train(twice, examples(seed=1), settings, seed=0).probability(features)
    assert of_half == pytest.approx(of_twice, abs=2e-3)


def test_an_unknown_library_is_refused():
    with pytest.raises(MixwrightError, match="use lightgbm or xgboost"):
        Trees.of({"library": "catboost"})
    assert Trees.of({"trees": [10], "depth": [4]}) == Trees(trees=(10,), depth=(4,))


def test_a_library_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(
        MixwrightError,
        match=r"xgboost is not installed; install mixwright\[tabular\], or use lightgbm",
    ):
        train(examples(), examples(), Trees("xgboost"), seed=0)
