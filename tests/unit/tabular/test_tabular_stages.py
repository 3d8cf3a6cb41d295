"""Trees through the stages of the workflow, on tables of numbers.

Proxies, finals, scores and the report.
"""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from least_study import domains_of
from mixwright import tables
from mixwright.designs.resolve import resolve_design, resolve_mixtures
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.finals.arm import Arm
from mixwright.learners import LEARNERS
from mixwright.mixture import Mixture
from mixwright.proxies.collect import collect
from mixwright.report.cost import spent
from mixwright.report.origin import configuration
from mixwright.report.page import summary_page
from mixwright.report.summary import summarise
from mixwright.stages.tabular import make_datasets
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study
from mixwright.tabular.boosting import Trees
from mixwright.tabular.dataset import open_dataset
from mixwright.tabular.metrics import (
    average_precision,
    drawn_precision,
    positive_probability,
    score_draws,
)
from mixwright.tabular.pack import evaluate_batch, train_pack
from mixwright.tabular.pool import Pool
from mixwright.tabular.score import evaluate_finals
from mixwright.tabular.train import train_finals
from page_words import words

CONFIG = Path(__file__).parents[3] / "config"
LABELS = ["one", "three", "two"]
WRITTEN = {
    "study": "least",
    "learner": "trees",
    "tables": {"rows": {"file": "rows.csv", "features": ["a", "b", "c"], "labels": LABELS}},
    "targets": {"one": {}, "two": {}},
    "trees": {"library": "lightgbm", "trees": [5, 20], "depth": [3]},
    "mixers": {"natural": {}, "uniform": {}, "own-data": {}, "best-source": {}},
    "goal": {"leave_target_out": True},
}


@pytest.fixture
def study():
    return Study(resolve(WRITTEN, CONFIG))


@pytest.fixture
def datasets(study, tmp_path):
    """`one` and `two` depend on the first feature, `three` on another.

    Half of the labels of `two` are empty.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(size=(900, 3)).astype(np.float32)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame["one"], frame["three"] = (
        (values[:, 0] > 0.4).astype(float),
        (values[:, 2] > 0.8).astype(float),
    )
    frame["two"] = np.where(
        rng.random(900) < 0.5, np.nan, values[:, 0] + 0.5 * rng.normal(size=900) > 0.5
    )
    frame.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "study.json").write_text(json.dumps(study.config))
    make_datasets(tmp_path / "study.json", [tmp_path / "rows.csv"], tmp_path / "datasets")
    return [open_dataset(tmp_path / "datasets" / name) for name in study.domains]


def test_a_table_that_was_not_found_is_one_line(study, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(study.config))
    with pytest.raises(
        MixwrightError, match="1 tables are asked for and 0 were found; correct tables"
    ):
        make_datasets(tmp_path / "study.json", [], tmp_path / "datasets")


def packed(study, datasets, folder, role="vertex"):
    runs = study.runs[role]
    counts = {dataset.domain: len(dataset.where("train")) for dataset in datasets}
    goal = study.goal(domains_of(counts))
    train_pack(
        runs,
        resolve_mixtures(runs, goal.domains),
        datasets,
        {},
        study,
        folder / "store",
        folder / f"{role}.parquet",
    )
    measured = folder / f"measured-{role}.parquet"
    pack = folder / f"{role}.parquet"
    evaluate_batch([pack], [runs], {}, datasets, {}, study, folder / "store", measured)
    return {name: collect([measured], name) for name in ("losses", "loglikelihoods")}


def test_every_learner_names_functions_that_exist():
    for learner in LEARNERS.values():
        assert all(
            callable(learner.function(name))
            for name in (
                "open_domain",
                "train_pack",
                "evaluate_batch",
                "train_finals",
                "evaluate_finals",
            )
        )


def test_the_schema_s_trees_are_those_of_the_learner():
    defaults = {
        key: node["default"]
        for key, node in read_yaml(CONFIG / "schema.yaml")["properties"]["trees"][
            "properties"
        ].items()
    }
    assert Trees.of(defaults) == Trees()


def test_labels_of_a_table_are_domains_and_a_run_is_weights_alone(study):
    assert study.domains == LABELS and study.targets == []
    assert {run.tokens for runs in study.runs.values() for run in runs} == {
        1
    } and study.final_tokens == 1
    assert study.goal(domains_of(dict.fromkeys(LABELS, 7)), "two").bounds.upper.tolist() == [
        1,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learner": "causal-lm"}, "config: domains.one: a label of a table needs learner: trees"),
        (
            {"targets": {"four": {"source": "installed"}}},
            "config: targets.four: a target of trees is a domain's held-out rows",
        ),
        ({"mixers": {"autoscale": {}}}, "config: mixers.autoscale needs runs of several sizes"),
        (
            {"domains": {"text": {"source": "installed"}}},
            "config: domains.text: learner: trees reads labels of the section",
        ),
        (
            {"domains": {"x": {"source": "table", "table": "row", "label": "x"}}},
            "config: domains.x.table: row is none of the section",
        ),
        (
            {"domains": {"one": {"source": "table", "table": "other"}}},
            "config: tables.rows.labels: one is a domain already",
        ),
    ],
)
def test_what_does_not_go_with_trees_is_one_line(change, message):
    with pytest.raises(MixwrightError) as caught:
        resolve(WRITTEN | change, CONFIG)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_vertex_knows_what_is_near_it_and_records_rows_that_targets_share(
    study, datasets, tmp_path
):
    results = packed(study, datasets, tmp_path)
    losses = tables.check(results["losses"], tables.LOSSES, "losses")
    names = {run.name: run.parameters["domain"] for run in study.runs["vertex"]}
    wide = losses.assign(run=losses.run.map(names)).pivot(
        index="run", columns="target", values="loss"
    )
    assert (
        list(wide.columns) == ["one", "two"] and wide.loc["one", "two"] < wide.loc["three", "two"]
    )
    assert (losses.loss < losses.unigram_loss).any()
    pool = Pool.of(datasets)
    rows = results["loglikelihoods"]
    one = rows[(rows.run == rows.run.iloc[0]) & (rows.target == "one")]
    assert one.example.tolist() == pool.rows("one", "choose").tolist()
    assert -one.loglikelihood.mean() == pytest.approx(
        losses[(losses.run == one.run.iloc[0]) & (losses.target == "one")].loss.item()
    )


def test_the_store_answers_a_second_time(study, datasets, tmp_path, monkeypatch):
    first = packed(study, datasets, tmp_path)
    monkeypatch.setattr("mixwright.tabular.pack.grow", None)
    again = packed(study, datasets, tmp_path)
    pd.testing.assert_frame_equal(first["losses"], again["losses"])


def finals(study, datasets, folder):
    pool = Pool.of(datasets)
    arms = []
    for goal in study.goals:
        domains = domains_of(dict(zip(pool.domains, pool.sizes(), strict=True)))
        target = np.eye(3)[pool.domains.index(goal)]
        left = (1 - target) / 2
        natural = study.goal(domains, goal).natural * (1 - target)
        mixtures = {
            "natural": natural / natural.sum(),
            "uniform": left,
            "own-data": target,
            "best-source": natural / natural.sum(),
        }
        arms += [
            Arm(mixer, 1, Mixture(pool.domains, weights), goal)
            for mixer, weights in mixtures.items()
        ]
    train_finals(
        arms,
        datasets,
        None,
        study,
        folder / "store",
        folder / "finals.parquet",
        log=lambda line: None,
    )
    return tables.read(folder / "finals.parquet", tables.FINALS), arms


def test_equal_mixtures_of_a_goal_are_one_final_scored_on_rows_that_nothing_chose(
    study, datasets, tmp_path
):
    trained, _ = finals(study, datasets, tmp_path)
    assert (
        trained.set_index(["mixer", "goal"]).store_key.nunique() == 5
    )  # without `two` uniform is natural too
    scored = evaluate_finals(trained, {}, datasets, study)
    scores = tables.check(scored.scores, tables.SCORES, "scores")
    documents = tables.check(scored.documents, tables.DOCUMENTS, "documents")
    assert len(scores) == 2 * 8 and set(scores.metric) == {"loss", "average_precision"}
    pool = Pool.of(datasets)
    part = documents[(documents.task == "two") & (documents.mixer == "own-data")]
    assert part.example.tolist() == pool.rows("two", "report").tolist()
    value = scores[
        (scores.task == "two")
        & (scores.mixer == "own-data")
        & (scores.metric == "average_precision")
    ]
    assert value.value.item() == pytest.approx(
        average_precision(part.label.to_numpy(), positive_probability(part))
    )
    assert value.unigram.item() == pytest.approx(part.label.mean()) and value.value.item() > 0.5


def test_the_report_answers_by_average_precision_and_never_with_a_reference(
    study, datasets, tmp_path
):
    trained, arms = finals(study, datasets, tmp_path)
    scored = evaluate_finals(trained, {}, datasets, study)
    mixtures = [
        {
            "mixer": arm.mixer,
            "goal": arm.goal,
            "weights": arm.mixture.as_dict(),
            "notes": ["n"],
        }
        for arm in arms
    ]
    design = resolve_design(
        study.runs["vertex"], study.goal(domains_of(dict.fromkeys(LABELS, 9))).domains
    )
    losses = packed(study, datasets, tmp_path)["losses"]
    summary = summarise(study, scored.scores, design, losses, mixtures, documents=scored.documents)
    assert summary.arms[0].mixer == "own-data" and summary.chosen != "own-data"
    summary = replace(summary, spent=spent(study, {}, None), settings=configuration(study))
    page = words(summary_page(summary))
    assert "over test rows" in page or "Keep the natural mixture" in page
    assert "final models" in page and "training tokens of" not in page
    assert (
        summary.arm("own-data").natural.verdict == "better"
        and "average precision" in summary.arm("own-data").sentence
    )
    assert (
        summary.arm("best-source").tally.same == 2 and summary.arm("best-source").natural.identical
    )
    assert summary.arm("own-data").tally.better == 2 and summary.arm("own-data").notes == ("n",)
    text = " ".join(
        [
            summary.headline,
            *summary.detail,
            summary.method,
            *(caveat.text for caveat in summary.caveats),
        ]
    )
    assert not any(word in text for word in ("token", "unigram", "bits", "seeds", "document"))


def test_drawn_precision_is_that_of_the_rows_drawn():
    rng = np.random.default_rng(0)
    labels, scores = (rng.random(50) < 0.3).astype(float), rng.integers(0, 8, 50) / 8  # with ties
    counts = rng.multinomial(50, np.full(50, 1 / 50), 20)
    known = [
        average_precision(np.repeat(labels, often), np.repeat(scores, often)) for often in counts
    ]
    assert drawn_precision(labels, scores, counts) == pytest.approx(known)


def test_draws_are_shared_by_arms_and_by_targets_that_share_rows():
    rows = [
        (mixer, 1, task, j, np.log(0.6), 1, float(j % 2))
        for mixer in "ab"
        for task in ("s", "t")
        for j in range(40)
    ]
    documents = pd.DataFrame(
        rows,
        columns=["mixer", "seed", "task", "example", "loglikelihood", "scored_tokens", "label"],
    )
    scores = score_draws(documents, ["s", "t"], draws=30)
    assert scores.shape == (4, 30) and np.ptp(scores.to_numpy(), axis=0).max() == 0


def test_two_splits_that_test_the_same_molecules_are_no_surer_than_one(
    study, datasets, tmp_path, capsys
):
    """benchmarks/chemistry.py pools splits by molecule.

    A copy of a split adds no information, another test set does.
    """
    trained, arms = finals(study, datasets, tmp_path)
    scored = evaluate_finals(trained, {}, datasets, study)
    pooled = runpy.run_path(str(CONFIG.parent / "benchmarks" / "chemistry.py"))["main"]
    for name, shift in (("one", 0), ("copy", 0), ("other", 1_000)):
        for table, frame, columns in (
            ("scores", scored.scores, tables.SCORES),
            ("final_documents", scored.documents, tables.DOCUMENTS),
        ):
            moved = frame.assign(example=frame.example + shift) if "example" in frame else frame
            (tmp_path / name / table).mkdir(parents=True)
            tables.write(moved, tmp_path / name / table / "a.parquet", columns)
        write_json(tmp_path / name / "study.json", study.config)
        for arm in arms:
            mixture = {
                "mixer": arm.mixer,
                "goal": arm.goal,
                "weights": arm.mixture.as_dict(),
            }
            write_json(tmp_path / name / "mixtures" / f"{arm.mixer}@{arm.goal}.json", mixture)

    def width(*names):
        pooled([str(tmp_path / name) for name in names])
        lines = capsys.readouterr().out.splitlines()
        at = lines[0].split(" | ").index("own-data")
        low, high = re.findall(
            r"[+-][.\d]+", next(line for line in lines if "minus natural" in line).split(" | ")[at]
        )[1:3]
        return float(high) - float(low)

    assert width("one", "copy") == pytest.approx(width("one"), rel=0.1)
    assert width("one", "other") == pytest.approx(width("one") / np.sqrt(2), rel=0.1)
