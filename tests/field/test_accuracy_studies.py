"""Accuracies, perplexities and bits per byte in a study of runs that others measured."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.learners import ACCURACY, LOSS, PERPLEXITY, SCORE
from mixwright.measured.runs import natural
from mixwright.proposals.fits import Fit
from mixwright.report.figures import draw, tabulate
from mixwright.report.measured_page import write_page
from mixwright.report.measured_summary import summarise
from mixwright.stages import measured as stages
from mixwright.stages.mixers import fit_mixer
from mixwright.stages.proposals import propose, propose_mixture
from mixwright.stages.trust import validate_mixer
from mixwright.study.config import resolve
from mixwright.study.study import Study
from planted_accuracies import TASKS, plant

CONFIG = Path(__file__).parents[2] / "config"
SAID = {"weight": 1, "metric": "accuracy", "questions": 1000, "chance": 0.25}
TARGETS = {"arc": SAID, "piqa": SAID, "sciq": {"weight": 0, "metric": "accuracy"}}


def config(folder: Path, targets=TARGETS) -> dict:
    """A study of the tables in the folder; its public files are in the mirror there."""
    public = {}
    for path in sorted(folder.glob("*.csv")):
        public[path.stem] = {
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "mirror": path.name,
        }
    return {
        "study": "raised",
        "public": public,
        "measured": {
            "swarm": {"mixtures": "public:mixtures", "losses": "public:losses"},
            "tests": {"other": {"mixtures": "public:mixtures", "losses": "public:losses"}},
            "targets": targets,
            "regions": {"effective-data": {"draws": 10, "seeds": 1}},
        },
        "mixers": {"effective-data": {}, "log-linear": {}},
    }


def asked(folder: Path, targets=TARGETS) -> Study:
    return Study(resolve(config(folder, targets), CONFIG))


class Made:
    """What the stages of such a study wrote, without Snakemake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.planted = plant(1)
        runs = [f"r{i:02}" for i in range(64)]
        weights = pd.DataFrame(self.planted.weights, columns=self.planted.domains)
        weights.insert(0, "run", runs)
        weights.to_csv(folder / "mixtures.csv", index=False)
        shares = pd.DataFrame(self.planted.shares, columns=TASKS)
        shares.insert(0, "run", runs)
        shares.to_csv(folder / "losses.csv", index=False)
        results = folder / "results" / "raised"
        public = results / "public"
        public.mkdir(parents=True)
        for path in folder.glob("*.csv"):
            (public / path.name).write_bytes(path.read_bytes())
        self.study = results / "study.json"
        self.plan = asked(folder)
        self.plan.write(self.study)
        self.design = results / "design.parquet"
        self.losses = results / "losses.parquet"
        self.domains = results / "domains.parquet"
        self.fit = results / "fits" / "effective-data"
        self.mixture = results / "mixtures" / "effective-data.json"
        stages.import_runs(
            self.study,
            "swarm",
            folder / "mixtures.csv",
            folder / "losses.csv",
            self.design,
            self.losses,
        )
        stages.weigh_domains(self.study, self.design, self.domains)
        fit_mixer(
            "effective-data",
            [self.design],
            [self.losses],
            self.fit,
            study=self.study,
        )
        propose_mixture(self.study, "effective-data", self.domains, self.mixture, self.fit)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("raised"))


def test_a_study_says_what_its_targets_hold(tmp_path):
    (tmp_path / "mixtures.csv").write_text("")
    (tmp_path / "losses.csv").write_text("")
    targets = {
        "a": 2,
        "b": {"metric": "perplexity", "weight": 1},
        "c": {"metric": "accuracy", "whole": 100, "questions": 200},
        "d": {"unit": "bits/byte"},
        "e": {"metric": "score", "unit": "elo", "weight": 0},
    }
    plan = asked(tmp_path, targets)
    assert plan.target_weights == {"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.2}
    assert plan.metrics == {
        "a": LOSS,
        "b": PERPLEXITY,
        "c": replace(ACCURACY, whole=100.0, unit="%", questions=200),
        "d": replace(LOSS, unit="bits/byte"),
        "e": replace(SCORE, unit="elo"),
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "acuracy"}, "measured.targets.a.metric is 'acuracy'; did you mean accuracy"),
        ({"questions": 20}, "measured.targets.a: questions is a setting of accuracy, not of loss"),
        ({"metric": "accuracy", "chance": 25}, "measured.targets.a.chance"),
        ({"metric": "accuracy", "unit": "x"}, "measured.targets.a: unit is that of a loss"),
        ({"metrics": "accuracy"}, "measured.targets.a.metrics is unknown; did you mean"),
        (-1, "measured.targets.a"),
    ],
)
def test_what_a_target_cannot_be_is_told_when_the_study_is_read(tmp_path, entry, message):
    (tmp_path / "mixtures.csv").write_text("")
    (tmp_path / "losses.csv").write_text("")
    with pytest.raises(MixwrightError) as error:
        asked(tmp_path, {"a": entry, "b": 1})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_best_mixture_is_proposed_in_the_unit(made):
    proposal = json.loads(made.mixture.read_text())
    weights = np.array([proposal["weights"][name] for name in made.planted.domains])
    chosen = made.planted.truth(weights[None])[0, :2].mean()
    uniform = made.planted.truth(np.full((1, 5), 0.2))[0, :2].mean()
    assert chosen > uniform
    assert proposal["units"]["predicted"] == {"arc": "accuracy", "piqa": "accuracy"}
    assert 0.25 < proposal["predicted"]["arc"] < 1


def test_propose_starts_from_the_goal_of_the_study(made, tmp_path):
    assert Fit.load(made.fit).source.goal.targets == {"arc": 0.5, "piqa": 0.5}
    to = tmp_path / "mixture.json"
    propose(fit=made.fit, to=to, draws=0)
    again = json.loads(to.read_text())
    assert "the goal is that of the study: arc 0.5, piqa 0.5" in again["notes"]
    assert set(again["predicted"]) == {"arc", "piqa"}
    first = json.loads(made.mixture.read_text())
    assert again["weights"] == pytest.approx(first["weights"], abs=1e-6)
    propose(fit=made.fit, to=to, target=["sciq"], draws=0)
    assert set(json.loads(to.read_text())["predicted"]) == {"sciq"}


def test_pages_and_figures_show_the_unit(made, tmp_path):
    validation = tmp_path / "validation.parquet"
    tested = tmp_path / "tests.parquet"
    predictions = tmp_path / "predictions.parquet"
    region = tmp_path / "region.json"
    validate_mixer(
        made.study,
        "effective-data",
        "{}",
        [made.design],
        [made.losses],
        [],
        [],
        validation,
    )
    frame = stages.tests.predict_tests(
        "effective-data",
        Fit.load(made.fit).mixer,
        {
            "other": stages.runs.read_measured(
                made.folder / "mixtures.csv", made.folder / "losses.csv", made.plan.metrics
            )
        },
    )
    tables.write(frame, tested, tables.TESTED)
    stages.predict_mixtures(made.study, [made.fit], [made.mixture], predictions)
    stages.find_region(
        made.study,
        "effective-data",
        "{}",
        [made.design],
        [made.losses],
        made.domains,
        region,
    )
    results = {
        "validation": tables.read(validation, tables.VALIDATION),
        "tests": tables.read(tested, tables.TESTED),
        "predictions": tables.read(predictions, tables.PREDICTIONS),
        "regions": [json.loads(region.read_text())],
    }
    summary = summarise(
        made.plan,
        mixtures=[json.loads(made.mixture.read_text())],
        **results,
    )
    words = " ".join(summary.detail)
    assert "points of accuracy" in words and "nats" not in words
    page = tmp_path / "page.html"
    write_page(summary, {}, [], page)
    html = page.read_text()
    assert "predicted mean accuracy" in html and "points of accuracy" in html
    assert "nats/token" not in html
    published = tabulate("published", predictions=results["predictions"], study=made.plan)
    assert published.unit.tolist() == ["points of accuracy"]
    assert 25 < published.goal[0] < 100
    tested_rows = tabulate(
        "tested",
        validation=results["validation"],
        tests=results["tests"],
        study=made.plan,
    )
    of_goal = tested_rows[tested_rows.of == "goal"]
    measured = 100 * made.planted.shares[:, :2].mean(axis=1)
    assert sorted(of_goal.actual) == pytest.approx(sorted(measured))
    for name, rows in (("published", published), ("tested", tested_rows)):
        drawn = draw(name, rows)
        text = [drawn.get_supxlabel(), *(axes.get_xlabel() for axes in drawn.axes)]
        assert "points of accuracy" in " ".join(text)
    ranks = tabulate(
        "ranks",
        tests=results["tests"],
        validation=results["validation"],
        study=made.plan,
    )
    # squares of errors of shares
    assert ranks.mse.max() < 0.01


def test_a_number_that_the_metric_cannot_have_names_the_line_and_the_key(made, tmp_path):
    losses = pd.read_csv(made.folder / "losses.csv")
    losses.loc[3, "arc"] = 52.0
    losses.to_csv(tmp_path / "losses.csv", index=False)
    words = r"losses\.csv: line 5.*arc is 52, no accuracy from 0 to 1; .*measured\.targets"
    with pytest.raises(MixwrightError, match=words):
        stages.runs.import_runs(
            "swarm",
            made.folder / "mixtures.csv",
            tmp_path / "losses.csv",
            ["arc"],
            metrics=made.plan.metrics,
        )


def tables_of(folder: Path, **columns) -> tuple[Path, Path]:
    """Tables of 40 runs over four domains, `id` one of them, and an accuracy `arc`."""
    rng = np.random.default_rng(0)
    weights = pd.DataFrame(rng.dirichlet([2.0] * 4, 40), columns=["id", "th", "vi", "en"])
    runs = [f"r{number:02}" for number in range(40)]
    shares = pd.DataFrame({"arc": 0.3 + 0.3 * weights.th}).assign(**columns)
    weights.assign(run=runs).to_csv(folder / "mixtures.csv", index=False)
    shares.assign(run=runs).to_csv(folder / "losses.csv", index=False)
    return folder / "mixtures.csv", folder / "losses.csv"


def imported(folder: Path, tables_: tuple[Path, Path], **change) -> pd.DataFrame:
    """The design of a study of these tables."""
    settings = config(folder, {"arc": {"metric": "accuracy"} | change.pop("arc", {})})
    settings["measured"]["swarm"] |= change
    plan = Study(resolve(settings, CONFIG))
    plan.write(folder / "study.json")
    design = folder / "design.parquet"
    stages.import_runs(folder / "study.json", "swarm", *tables_, design, folder / "losses.parquet")
    return pd.read_parquet(design)


def test_a_study_says_which_columns_are_domains_and_which_names_the_runs(tmp_path):
    made_ = tables_of(tmp_path)
    domains = ["en", "id", "th", "vi"]
    design = imported(tmp_path, made_, domains=domains, key="run")
    assert sorted(design.domain.unique()) == domains
    with pytest.raises(MixwrightError, match=r"^domains th2: .*did you mean th"):
        imported(tmp_path, made_, domains=["id", "th2"])
    with pytest.raises(
        MixwrightError, match=r"^key: rum: no column of the tables; did you mean run"
    ):
        imported(tmp_path, made_, key="rum")


def test_a_study_is_answered_with_its_own_keys_not_with_options(tmp_path):
    arc = np.full(40, 0.4)
    arc[3] = np.nan
    with pytest.raises(MixwrightError) as caught:
        imported(tmp_path, tables_of(tmp_path, arc=arc))
    assert "leave them out with diverged: drop" in str(caught.value)
    assert "--" not in str(caught.value)


def test_accuracies_of_one_are_no_percent(tmp_path):
    with pytest.raises(
        MixwrightError, match="and no number of this target is over 1 percent; correct"
    ):
        imported(tmp_path, tables_of(tmp_path), arc={"whole": 100})


def test_natural_that_nothing_was_published_for_is_told_where_to_say_it(tmp_path):
    tables_of(tmp_path)
    settings = config(tmp_path, {"arc": {"metric": "accuracy"}})
    settings["measured"]["natural"] = "published"
    with pytest.raises(
        MixwrightError, match=r"no published mixture; give it in measured\.published"
    ):
        resolve(settings, CONFIG)


def test_a_natural_mixture_that_does_not_sum_to_one_is_said(caplog):
    design = pd.DataFrame({"domain": ["a", "b", "c"], "role": "swarm", "weight": [0.2, 0.3, 0.5]})
    frame = natural(design, {"a": 60, "b": 20}, {})
    assert list(frame.share) == [0.75, 0.25, 0.0]
    assert "c not named, weight 0" in caplog.text
    assert "the weights sum to 80 and are divided by it" in caplog.text
    caplog.clear()
    natural(design, {"a": 0.5, "b": 0.25, "c": 0.25}, {})
    assert not caplog.text
    with pytest.raises(MixwrightError, match="all weights are 0; give one of them more"):
        natural(design, {"a": 0.0}, {})
