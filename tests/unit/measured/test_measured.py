"""Runs that others measured are imported by key and scored on test sets.

Tested too: the region of their optimum, and mistakes, each answered in one line.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from least_study import domains_of
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.measured.published import read_published
from mixwright.measured.runs import import_runs, natural, read_measured
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import observe
from mixwright.report.figures import MEASURED, draw, tabulate
from mixwright.report.measured_summary import summarise
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.trust.region import find_region
from mixwright.trust.tests import predict_mixtures, predict_tests, score_subsets
from mixwright.trust.validation import validate
from published_runs import DOMAINS, losses, study, write

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("published")


@pytest.fixture(scope="module")
def asked(folder):
    return Study(resolve(write(folder), CONFIG))


def runs(folder, name):
    tables_of_set = (folder / f"{name}_mixtures.csv", folder / f"{name}_losses.csv")
    return read_measured(*tables_of_set, {})


@pytest.fixture(scope="module")
def swarm(folder, asked):
    return runs(folder, "swarm")


@pytest.fixture(scope="module")
def goal(folder, swarm, asked):
    design, _ = import_runs(
        "swarm", folder / "swarm_mixtures.csv", folder / "swarm_losses.csv", ["prose"]
    )
    shares = natural(
        design, "by_hand", read_published({"by_hand": folder / "by_hand.yaml"}, DOMAINS)
    )
    return asked.goal([Domain(row.domain, None, row.share) for row in shares.itertuples()])


def test_imported_runs_are_what_the_tables_say(folder, swarm, tmp_path):
    """The runs are the same after a round trip through the long tables.

    They are joined by key: the losses stand in another order.
    """
    design, measured = import_runs(
        "swarm", folder / "swarm_mixtures.csv", folder / "swarm_losses.csv", ["prose"]
    )
    tables.write(design, tmp_path / "design.parquet", tables.DESIGN)
    tables.write(measured, tmp_path / "losses.parquet", tables.LOSSES)
    seen = observe(
        tables.read(tmp_path / "design.parquet", tables.DESIGN),
        tables.read(tmp_path / "losses.parquet", tables.LOSSES),
    )
    assert (
        seen.targets == ("programs", "prose")
        and seen.domains == DOMAINS
        and set(seen.roles) == {"swarm"}
    )
    np.testing.assert_allclose(seen.weights, swarm.weights, atol=1e-12)
    np.testing.assert_allclose(seen.losses, losses(seen.weights)[:, ::-1], atol=1e-9)


def test_a_study_of_measured_runs_trains_nothing(asked):
    assert asked.packs == {} and asked.domains == [] and asked.targets == []
    assert list(asked.runs) == ["swarm"]
    assert asked.target_weights == pytest.approx({"programs": 1 / 3, "prose": 2 / 3})


def test_natural_is_given_by_name_by_weights_or_is_the_mean(folder, swarm):
    design, _ = import_runs("swarm", folder / "swarm_mixtures.csv", folder / "swarm_losses.csv", [])
    by_hand = read_published({"by_hand": folder / "by_hand.yaml"}, DOMAINS)
    for given, expected in (
        ("by_hand", (0.2, 0.2, 0.6)),
        ({"web": 3, "code": 1}, (0, 0.25, 0.75)),
        (None, swarm.weights.mean(axis=0)),
    ):
        shares = natural(design, given, by_hand)
        assert shares.tokens.isna().all()
        assert shares.share.to_numpy() == pytest.approx(np.array(expected), abs=1e-9)
    with pytest.raises(
        MixwrightError, match=r"measured\.natural\.wbe is not a domain; did you mean web\?"
    ):
        natural(design, {"wbe": 1.0}, {})


def test_published_mixtures_are_read_from_either_form_and_normalised(folder, tmp_path, caplog):
    found = read_published(
        {"by_hand": folder / "by_hand.yaml", "one_only": folder / "one_only.csv"}, DOMAINS
    )
    assert found["by_hand"] == pytest.approx([0.2, 0.2, 0.6]) and found[
        "one_only"
    ] == pytest.approx([0, 0, 1])
    (tmp_path / "half.yaml").write_text("train:\n  train_the_books: 0.25\n  train_the_web: 0.25\n")
    caplog.set_level("INFO")
    assert read_published({"half": tmp_path / "half.yaml"}, DOMAINS)["half"] == pytest.approx(
        [0.5, 0, 0.5]
    )
    assert "the weights of half sum to 0.500" in caplog.text
    (tmp_path / "odd.csv").write_text("domain,odd\nthe_books,.5\nthe_wbe,.5\n")
    for file, message in (
        (
            "odd.csv",
            r"odd\.csv: the_wbe is no domain of the measured runs; known: books, code, web",
        ),
        ("half.yaml", "no mixture"),
    ):
        (tmp_path / "half.yaml").write_text("valid:\n  the_books: 1\n")
        with pytest.raises(MixwrightError, match=message):
            read_published({"odd": tmp_path / file}, DOMAINS)


def test_test_runs_are_predicted_at_the_swarms_level_and_ranked(folder, swarm):
    frame = predict_tests(
        "effective-data", create("effective-data").fit(swarm), {"large": runs(folder, "large")}
    )
    tables.check(frame, tables.TESTED, "frame")
    assert len(frame) == 16 * 2
    assert (frame.predicted - frame.actual).to_numpy() == pytest.approx(
        np.ones(32), abs=0.05
    )  # the level differs by 1, nothing else


def test_a_test_set_of_other_domains_is_refused(folder, swarm):
    other = replace(runs(folder, "large"), domains=("books", "code", "wiki"))
    with pytest.raises(MixwrightError, match="domain web is in the swarm or in the test runs only"):
        predict_tests("regmix-linear", create("regmix-linear").fit(swarm), {"large": other})


def test_subsets_are_nested_and_all_runs_are_fitted_once(folder, swarm):
    tests, wanted, said = (
        {"large": runs(folder, "large")},
        {"runs": [12, 20, 32], "random": 2, "informative": True},
        [],
    )
    frame = score_subsets("effective-data", {}, swarm, tests, wanted, 0, said.append)
    tables.check(frame, tables.SUBSETS, "frame")
    counts = frame[frame.target == "prose"].groupby(["way", "runs"]).size().to_dict()
    assert counts == {
        ("random", 12): 2,
        ("random", 20): 2,
        ("random", 32): 1,
        ("informative", 12): 1,
        ("informative", 20): 1,
    }
    assert said[-1].startswith("effective-data: 7/7 subsets fitted, 0 s to go")
    whole = predict_tests("effective-data", create("effective-data").fit(swarm), tests)
    ranks = whole.groupby("target").apply(
        lambda part: part.actual.corr(part.predicted, method="spearman"), include_groups=False
    )
    everything = frame[frame.runs == 32].set_index("target").spearman
    assert everything.to_dict() == pytest.approx(ranks.to_dict())
    with pytest.raises(MixwrightError, match="40 runs are more than the 32 there are"):
        score_subsets("effective-data", {}, swarm, tests, wanted | {"runs": [40]}, 0)


def test_the_region_holds_the_optimum_and_stays_in_the_bounds(swarm, goal):
    found = find_region("effective-data", {}, swarm, goal, 10, 2)
    assert set(found["ranges"]) == {"refits", "alike", "seeds"} and found["worse"] >= 0
    for ranges in found["ranges"].values():
        for domain, (low, high) in ranges.items():
            assert (
                -1e-9 <= low <= found["weights"][domain] + 1e-9
                and found["weights"][domain] <= high + 1e-9
            )
            assert high <= (0.5 if domain == "web" else 1.0) + 1e-9
    noisy = replace(
        swarm, losses=swarm.losses + np.random.default_rng(1).normal(0, 0.1, swarm.losses.shape)
    )
    wider = find_region("effective-data", {}, noisy, goal, 10, 1)["ranges"]["alike"]
    sharp = found["ranges"]["alike"]
    assert sum(high - low for low, high in wider.values()) > 2 * sum(
        high - low for low, high in sharp.values()
    )


def test_every_figure_has_a_table_and_the_summary_says_who_was_chosen_and_how(
    folder, swarm, goal, asked
):
    fits = {name: create(name).fit(swarm) for name in ("effective-data", "regmix-linear")}
    proposals = [fit.propose(goal).as_json(goal) for fit in fits.values()]
    files = {"by_hand": folder / "by_hand.yaml", "one_only": folder / "one_only.csv"}
    tests = {"large": runs(folder, "large")}
    read = {
        "validation": pd.concat([validate(name, {}, swarm, 4) for name in fits]),
        "tests": pd.concat([predict_tests(name, fit, tests) for name, fit in fits.items()]),
        "subsets": score_subsets(
            "effective-data",
            {},
            swarm,
            tests,
            {"runs": [12, 32], "random": 1, "informative": False},
            0,
        ),
        "regions": [find_region("effective-data", {}, swarm, goal, 10, 1)],
        "predictions": predict_mixtures(fits, proposals, files),
    }
    of_a_swarm = {
        name: entry for name, entry in MEASURED.items() if set(entry.inputs) <= {*read, "study"}
    }
    assert {"ranks", "tested", "subsets", "region", "published"} <= set(of_a_swarm)
    # those of perturbations
    assert not {"optimum", "ladder", "scales"} & set(of_a_swarm)
    for name, entry in of_a_swarm.items():
        found = tabulate(
            name, **{what: asked if what == "study" else read[what] for what in entry.inputs}
        )
        assert len(found) and draw(name, found).axes
    said = summarise(asked, mixtures=proposals, **read)
    assert (
        said.chosen == "effective-data"
        and said.ranking == "effective-data ranks held-out runs best."
    )
    # it names the mixture, and that no interval says how sure its gain is
    assert said.headline.startswith("Train on ") and said.headline.endswith("is unknown.")
    assert said.answer.weights == pytest.approx(said.proposal.weights)
    assert said.ranking in said.detail
    assert list(said.ranks.test.unique()) == ["held out", "large"]
    published = said.published[said.published.mixer == "effective-data"].set_index("mixture").goal
    for name, weights in {"by_hand": (0.2, 0.2, 0.6), "one_only": (0.0, 0.0, 1.0)}.items():
        assert published[name] == pytest.approx(
            losses(np.array([weights]))[0] @ [2 / 3, 1 / 3], abs=0.05
        )
    assert any("Nothing was trained" in sentence for sentence in said.detail)


def test_the_choice_is_blind_to_the_tests(folder, swarm, goal, asked):
    """Tests that say the opposite change what is reported, never who is chosen."""
    fits = {name: create(name).fit(swarm) for name in ("effective-data", "regmix-linear")}
    tests = {"large": runs(folder, "large")}
    frame = pd.concat([predict_tests(name, fit, tests) for name, fit in fits.items()])
    turned = frame.assign(
        actual=np.where(frame.mixer == "effective-data", -frame.actual, frame.predicted)
    )
    validation = pd.concat([validate(name, {}, swarm, 4) for name in fits])
    proposals = [fit.propose(goal).as_json(goal) for fit in fits.values()]
    chosen = {
        summarise(asked, validation, proposals, tests=found).chosen for found in (frame, turned)
    }
    assert chosen == {"effective-data"}


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"domains": {"x": {}}},
            "config: domains says nothing where losses are measured by others; "
            "leave it or `measured` out",
        ),
        ({"proxy": {}}, "config: proxy says nothing where losses are measured by others"),
        (
            {"goal": {"tokens": 5}},
            "config: goal.tokens says nothing where losses are measured by others",
        ),
        (
            {"mixers": {"mixmin": {}}},
            "config: mixers.mixmin reads vertex runs and the measured ones are a swarm; "
            "leave it out",
        ),
        (
            {"measured": {"swarm": {"mixtures": "a.csv"}}},
            "config: measured.targets is missing; give it",
        ),
        (
            {"measured.natural": "by_hnd"},
            "config: measured.natural: by_hnd is no published mixture; did you mean by_hand?",
        ),
        (
            {"measured.swarm.losses": "public:x"},
            "config: measured.swarm.losses: public:x is not among the study's public files",
        ),
        (
            {"measured.subsets": {"regmix": {"runs": [8]}}},
            "config: measured.subsets.regmix is not among the study's mixers; add",
        ),
        (
            {"measured.regions": {"best-of-swarm": {}}},
            "config: measured.regions.best-of-swarm predicts nothing from a swarm",
        ),
        (
            {"measured.targets": {"prose": 0}},
            "config: the weights of all targets are 0; give one of them a weight",
        ),
    ],
)
def test_a_mistake_is_one_line(folder, asked, change, message):
    config = study(folder)
    for path, value in change.items():
        *sections, key = path.split(".")
        inner = config
        for section in sections:
            inner = inner[section]
        inner[key] = value
    with pytest.raises(MixwrightError) as caught:
        resolve(config, CONFIG)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_study_has_domains_and_targets_or_measured_losses():
    with pytest.raises(
        MixwrightError,
        match="config: neither domains and targets nor measured losses; give one of the two",
    ):
        resolve({"study": "a"}, CONFIG)


def test_an_unknown_cap_or_target_is_told_when_the_tables_are_read(folder, asked):
    capped = Study(resolve(study(folder) | {"goal": {"caps": {"wbe": 0.5}}}, CONFIG))
    with pytest.raises(
        MixwrightError, match=r"config: goal\.caps\.wbe is not a domain; did you mean web\?"
    ):
        capped.goal(domains_of(dict.fromkeys(DOMAINS, 10)))
    with pytest.raises(
        MixwrightError,
        match=r"measured\.targets\.verse was not measured in .*; did you mean prose\?",
    ):
        import_runs("swarm", folder / "swarm_mixtures.csv", folder / "swarm_losses.csv", ["verse"])


def test_a_target_is_named_by_its_heading_or_by_what_is_short_of_it(tmp_path):
    """A study keeps the name that it gives; columns that it does not name have the short one."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(3), 12)
    names = [f"r{number}" for number in range(12)]
    mixtures = pd.DataFrame(weights, index=names, columns=["web", "code", "wiki"])
    measured = pd.DataFrame(3 - weights, index=names, columns=["prose_loss", "py_loss", "qa_loss"])
    mixtures.to_csv(tmp_path / "m.csv", index_label="run")
    measured.to_csv(tmp_path / "l.csv", index_label="run")
    _, losses = import_runs("swarm", tmp_path / "m.csv", tmp_path / "l.csv", ["prose_loss", "qa"])
    assert sorted(losses.target.unique()) == ["prose_loss", "py", "qa"]
    of_target = losses.pivot(index="run", columns="target", values="loss").loc[names]
    np.testing.assert_allclose(of_target[["prose_loss", "py", "qa"]].to_numpy(), 3 - weights)
