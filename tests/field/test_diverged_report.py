"""Final models that diverged: the report names them, and compares the others."""

import json

import pandas as pd
import pytest

import figure_results
import study_tables
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.report.by_target import by_target
from mixwright.report.comparison import compare
from mixwright.report.figures import draw, entry, tabulate
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.summary import summarise
from mixwright.study.study import Study

SEEDS = (1, 2, 3)
ALL = [(mixer, seed) for mixer in study_tables.ARMS for seed in SEEDS]


def finals(lost: set[tuple[str, int]]) -> pd.DataFrame:
    rows = []
    for mixer, seed in ALL:
        diverged = (mixer, seed) in lost
        row = {"mixer": mixer, "goal": None, "seed": seed, "store_key": "k", "tokens": 9}
        row |= {"folder": None if diverged else "f", "seconds": 1.0, "realised": []}
        row |= {"train_loss": None if diverged else 2.0}
        row |= {"status": "diverged" if diverged else None, "step": 5 if diverged else None}
        rows.append(row)
    return tables.check(pd.DataFrame(rows), tables.FINALS, "finals")


def summed(lost: set[tuple[str, int]], **config):
    scores = study_tables.scores(noise=0.003, seeds=SEEDS)
    has_score = [pair not in lost for pair in zip(scores.mixer, scores.seed, strict=True)]
    scores = scores[has_score]
    design, losses = study_tables.proxies()
    return summarise(
        Study(study_tables.study() | config),
        scores,
        design,
        losses,
        study_tables.mixtures(),
        finals=finals(lost),
        reads=study_tables.READS,
    )


@pytest.mark.parametrize(
    "lost",
    [
        {("regmix", 1)},
        {("regmix", seed) for seed in SEEDS},
        {("effective-data", 1), ("mixmin", 2)},
        {("natural", 3), ("uniform", 3)},
        {("effective-data", 1), ("mixmin", 2), ("natural", 3)},
        {pair for pair in ALL if pair[0] != "natural"},
    ],
    ids=["one", "a-mixer", "two-seeds", "natural-once", "no-shared-seed", "all-but-natural"],
)
def test_a_summary_names_what_diverged_and_compares_the_rest(lost):
    summary = summed(lost)
    (caveat,) = [caveat for caveat in summary.caveats if "diverged and have no" in caveat.text]
    assert caveat.serious and "final.optimizer.muon_lr" in caveat.text
    for mixer, seed in lost:
        assert f"{mixer} with seed {seed} (step 5)" in caveat.text
    gone = {mixer for mixer in study_tables.ARMS if all((mixer, seed) in lost for seed in SEEDS)}
    assert {arm.mixer for arm in summary.arms} == set(study_tables.ARMS) - gone
    assert "diverged and have no score" in summary_page(summary, {})
    json.dumps(as_json(summary), allow_nan=False)


def test_who_drops_what_diverged_is_told_and_not_warned():
    summary = summed({("regmix", 1)}, diverged="drop")
    (caveat,) = [caveat for caveat in summary.caveats if "diverged and have no" in caveat.text]
    assert not caveat.serious


def test_nothing_is_named_where_nothing_diverged():
    assert not [caveat for caveat in summed(set()).caveats if "have no score" in caveat.text]


@pytest.mark.parametrize("lost", [{pair for pair in ALL if pair[0] == "natural"}, {*ALL}])
def test_without_natural_there_is_one_line_with_the_remedy(lost):
    with pytest.raises(MixwrightError, match="every final model of natural") as refused:
        summed(lost)
    assert "final.optimizer.muon_lr" in str(refused.value) and "\n" not in str(refused.value)


def test_cells_by_target_are_those_of_the_finals_that_have_a_score():
    scores = study_tables.scores(seeds=SEEDS)
    scores = scores[scores.mixer != "regmix"]
    targets = dict.fromkeys(study_tables.TARGETS, 1 / 3)
    cells = by_target(scores, targets, Study(study_tables.study()).learner, None)
    assert all("regmix" not in mixers for mixers in cells.values())
    assert "regmix" not in compare(scores, targets).means.index


@pytest.mark.parametrize("figure", ["finals", "targets"])
@pytest.mark.parametrize("lost", ["a mixer", "a seed"])
def test_figures_are_drawn_of_what_has_a_score(figure, lost):
    results = {**figure_results.trained()}
    for name in ("scores", "documents"):
        frame = results[name]
        gone = frame.mixer == "regmix"
        if lost == "a seed":
            gone &= frame.seed == frame.seed.min()
        results[name] = frame[~gone]
    registered = entry(figure)
    names = [*registered.inputs, *registered.optional]
    table = tabulate(figure, **{name: results[name] for name in names if name in results})
    assert draw(figure, table).axes
