"""Perturbation runs that others measured.

Tested: their rebuilt amounts, their optima, the ladder of totals, and AutoScale's published digits.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from least_study import domains_of
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.measured.perturbed import read_perturbed
from mixwright.measured.runs import as_tables, natural
from mixwright.mixers import create
from mixwright.mixers.autoscale.autoscale import extrapolate
from mixwright.mixture import Domain
from mixwright.observations import observe
from mixwright.report.figures import MEASURED, draw, tabulate
from mixwright.report.perturbed_summary import summarise
from mixwright.study.config import read_yaml, resolve
from mixwright.study.study import Study
from mixwright.trust.ladder import caveats, climb
from perturbed_runs import DOMAINS, losses, study, write

CONFIG = Path(__file__).parents[3] / "config"
MIRROR = os.environ.get("MIXWRIGHT_MIRROR")
published = pytest.mark.skipif(
    not MIRROR,
    reason="AutoScale's tables: set MIXWRIGHT_MIRROR to the folder that holds autoscale/",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("perturbed")


@pytest.fixture(scope="module")
def asked(folder):
    return Study(resolve(write(folder), CONFIG))


@pytest.fixture(scope="module")
def runs(folder, asked):
    return read_perturbed(folder / "runs.csv", asked.measured["perturb"], ["prose", "programs"])


@pytest.fixture(scope="module")
def ladder(folder, asked):
    return climb(folder / "optima.csv", asked.measured["optima"])


def proposals(asked, design, measured):
    """What the study's own mixers propose, through the long tables that its rules write."""
    shares = natural(design, None, {})
    goal = asked.goal([Domain(row.domain, None, row.share) for row in shares.itertuples()])
    seen = observe(design, measured)
    mixers = {
        name: create(asked.method_name(name), asked.config["mixers"][name]) for name in asked.mixers
    }
    found = {
        name: (mixer if name == "natural" else mixer.fit(seen)).propose(goal)
        for name, mixer in mixers.items()
    }
    return [proposal.as_json(goal) | {"mixer": name} for name, proposal in found.items()]


def test_amounts_are_rebuilt_and_perplexities_become_losses(runs, asked):
    design, measured = as_tables("perturb", runs)
    for frame, table in ((design, tables.DESIGN), (measured, tables.LOSSES)):
        tables.check(frame, table, "frame")
    seen = observe(design, measured)
    assert (
        seen.domains == DOMAINS
        and seen.targets == ("programs", "prose")
        and set(seen.roles) == {"perturb"}
    )
    base = seen.amounts[seen.runs.index("origin")]
    assert base == pytest.approx(np.full(3, 4e6 / 3), rel=1e-6)
    assert seen.amounts[seen.runs.index("code_less")] == pytest.approx(base * [1, 0.5, 1], rel=1e-6)
    assert seen.amounts[seen.runs.index("web_more")] == pytest.approx(base * [1, 1, 3], rel=1e-6)
    np.testing.assert_allclose(seen.losses[:, ::-1], losses(seen.amounts / base), atol=1e-6)
    assert (
        list(asked.runs) == ["perturb"]
        and asked.goal(domains_of(dict.fromkeys(DOMAINS, 1))).tokens == 4e6
    )


def test_a_base_mixture_and_losses_as_they_are(folder, asked):
    other = asked.measured["perturb"] | {
        "mixture": {"books": 2, "code": 1, "web": 1},
        "measure": "loss",
    }
    seen = read_perturbed(folder / "runs.csv", other, ["prose"])
    assert seen.amounts[seen.runs.index("origin")] == pytest.approx([2e6, 1e6, 1e6])
    shares = natural(as_tables("perturb", seen)[0], None, {})
    assert dict(zip(shares.domain, shares.share, strict=True)) == pytest.approx(
        {"books": 0.5, "code": 0.25, "web": 0.25}
    )
    assert seen.losses[seen.runs.index("origin"), 0] == pytest.approx(
        np.exp(losses(np.ones((1, 3)))[0, 0])
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"base": "orgin"},
            "config: measured.perturb.base: .* has no run orgin; did you mean origin?",
        ),
        (
            {"reduced": "{domain}_fewer"},
            "no run books_fewer; add it, or correct measured.perturb.reduced",
        ),
        (
            {"mixture": {"books": 1, "code": 1}},
            "config: measured.perturb.mixture.web: only the mixture or only the runs name it",
        ),
    ],
)
def test_runs_that_do_not_fit_are_told_by_name(folder, asked, change, message):
    with pytest.raises(MixwrightError, match=message):
        read_perturbed(folder / "runs.csv", asked.measured["perturb"] | change, ["prose"])


def test_columns_are_checked(folder, asked):
    with pytest.raises(
        MixwrightError,
        match=r"measured\.targets\.verse was not measured in .*; did you mean prose\?",
    ):
        read_perturbed(folder / "runs.csv", asked.measured["perturb"], ["verse"])
    with pytest.raises(
        MixwrightError, match=r"mean is 0, no perplexity; set measured\.perturb\.measure to loss"
    ):
        read_perturbed(folder / "runs.csv", asked.measured["perturb"], ["mean"])


@pytest.mark.parametrize(
    "change, message",
    [
        (
            {"swarm": {"mixtures": "a.csv", "losses": "b.csv"}},
            "config: measured has both swarm and perturb; give one of the two",
        ),
        ({"perturb": None}, "config: measured has neither swarm nor perturb; give one of the two"),
        (
            {"regions": {"autoscale": {}}},
            "config: measured.regions says nothing without a swarm; leave it out",
        ),
        (
            {"optima": {"file": "public:optma"}},
            "config: measured.optima.file: public:optma is not among the study's public files; "
            "did you mean",
        ),
        (
            {"perturb": {"losses": "a.csv", "tokens": 1, "reduced": "less"}},
            "config: measured.perturb: reduced and increased name runs by",
        ),
    ],
)
def test_a_mistake_in_the_config_is_one_line(folder, asked, change, message):
    config = study(folder)
    config["measured"] = {
        name: value for name, value in (config["measured"] | change).items() if value is not None
    }
    with pytest.raises(MixwrightError) as caught:
        resolve(config, CONFIG)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_mixer_of_a_swarm_is_refused(folder, asked):
    with pytest.raises(
        MixwrightError,
        match=r"mixers\.regmix reads swarm runs and the measured ones are perturbations; "
        "leave it out",
    ):
        resolve(study(folder) | {"mixers": {"regmix": {}}}, CONFIG)


def test_the_ladder_multiplies_alike_and_says_what_is_doubtful(ladder, folder, asked):
    tables.check(ladder, tables.LADDER, "frame")
    wide = ladder.pivot(index="step", columns="domain", values="tokens")
    assert wide.loc[0.0].to_numpy() == pytest.approx(np.array([1.5, 0.9, 0.6]) / 3 * 1e6)
    assert (wide.loc[2.0] / wide.loc[1.0]).to_numpy() == pytest.approx(
        (wide.loc[1.0] / wide.loc[0.0]).to_numpy()
    )
    assert wide.loc[1.5].to_numpy() == pytest.approx(
        np.sqrt(wide.loc[1.0] * wide.loc[2.0]).to_numpy()
    )
    assert caveats(ladder, 0.5) == (
        "The ladder is doubtful for web (least allowed amount in a published optimum).",
    )
    fallen = pd.DataFrame(
        {"step": [0.0, 0.0, 1.0, 1.0], "domain": ["a", "b"] * 2, "tokens": [1.0, 1.0, 0.9, 3.0]}
    )
    assert caveats(fallen, 0.1) == ("The ladder is doubtful for a (amount falls with scale).",)


@pytest.mark.parametrize(
    "text, message",
    [
        ("total,a,b\n1,1,1\n", "1 optimum; two scales are needed"),
        ("total,a,b\n1,1,1\n1.0,1.5,.5\n", "both optima are of 1 tokens; two different scales"),
        (
            "total,a,b\n1,1,1\ntwo,1,1\n",
            r"line 3 \(total two\): the first column is the scale's total tokens; write a number",
        ),
        (
            "total,a,b\n1,1,1\n2,.5,.6\n",
            r"line 3 \(total 2\): amounts above 0 whose mean is 1 are expected, and it is 0\.55",
        ),
    ],
)
def test_optima_that_make_no_ladder_are_refused(tmp_path, text, message):
    (tmp_path / "optima.csv").write_text(text)
    with pytest.raises(MixwrightError, match=message):
        climb(tmp_path / "optima.csv", {"unit": 1.0, "steps": 1})


def test_every_figure_has_a_table_and_the_summary_says_how_far_each_mixer_goes(asked, runs, ladder):
    design, measured = as_tables("perturb", runs)
    read = {"mixtures": proposals(asked, design, measured), "design": design, "ladder": ladder}
    for name in ("optimum", "ladder", "scales"):
        found = tabulate(
            name, **{what: read[what] for what in MEASURED[name].inputs + MEASURED[name].optional}
        )
        assert len(found) and draw(name, found).axes
    alone = tabulate("optimum", mixtures=read["mixtures"], design=design)
    assert set(alone.origin) == {"proposed"} and set(alone.mixer) == {"autoscale", "published"}
    assert alone.groupby("mixer").amount.sum().to_numpy() == pytest.approx([3, 3])
    said = summarise(asked, **read)
    assert said.moved.index[0] == "published"  # the higher perplexity, prose, counts for more
    shift = said.optimum.set_index(["mixer", "domain"]).weight["published"] - 1 / 3
    assert said.moved["published"] == pytest.approx(shift.abs().sum() / 2)
    assert said.notes[1].startswith("The ladder is doubtful for web")
    assert "The mixers differ most on " in said.detail[1] and "the ladder reaches" in said.detail[2]
    assert len(summarise(asked, read["mixtures"], design).detail) == 2


@published
def test_the_published_optimum_to_the_printed_digits():
    asked = Study(resolve(read_yaml(CONFIG / "studies" / "autoscale_published.yaml"), CONFIG))
    seen = read_perturbed(
        Path(MIRROR) / "autoscale/ddo_perplexity_1.2B.csv",
        asked.measured["perturb"],
        list(asked.target_weights),
    )
    design, measured = as_tables("perturb", seen)
    found = (
        tabulate("optimum", mixtures=proposals(asked, design, measured), design=design)
        .set_index(["mixer", "domain"])
        .amount
    )
    order = ["common_crawl", "github", "books", "wikipedia", "c4", "stackexchange", "arxiv"]
    golden = [1.6248, 0.2, 1.2742, 1.1798, 1.8519, 0.6372, 0.2322]
    assert [round(found["perplexity", name], 4) for name in order] == golden
    assert found["log-loss", "github"] == pytest.approx(0.61, abs=0.005) and found[
        "log-loss", "common_crawl"
    ] == pytest.approx(1.17, abs=0.005)


@published
def test_the_published_ladder_to_the_printed_digits():
    asked = resolve(read_yaml(CONFIG / "studies" / "autoscale_published.yaml"), CONFIG)["measured"][
        "optima"
    ]
    wide = climb(Path(MIRROR) / "autoscale/optima.csv", asked).pivot(
        index="step", columns="domain", values="tokens"
    )
    totals = wide.sum(axis=1) / 1e9
    printed = {2.0: "5.0005", 3.0: "21.389", 4.0: "93.228", 5.0: "412.44", 0.5: "0.59612"}
    assert {step: f"{totals[step]:.5g}" for step in printed} == printed
    for step, total in totals.items():  # the same as extrapolating to that total
        found = extrapolate(wide.loc[0.0], wide.loc[1.0], total * 1e9)
        assert found == pytest.approx(wide.loc[step].to_numpy(), rel=1e-6)
