"""fit, predict, propose and compare, typed by a user on tables of their own.

Tested too: the README's commands, and the published tables.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import own_tables
from mixwright import tables
from mixwright.__main__ import main
from mixwright.mixers import MIXERS

HOUSE = Path(__file__).parents[3]
MIRROR = os.environ.get("MIXWRIGHT_MIRROR")


def run(*words) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def fitted(tmp_path):
    mixtures, losses = own_tables.write(tmp_path)
    assert (
        run(
            "fit",
            "--mixtures",
            mixtures,
            "--losses",
            losses,
            "--mixer",
            "effective-data",
            "--to",
            tmp_path / "fit",
        )
        == 0
    )
    return tmp_path / "fit"


@pytest.mark.parametrize(
    "mixer", [name for name, entry in MIXERS.items() if entry.reads == {"swarm"}]
)
def test_permuted_rows_give_the_identical_fit(tmp_path, mixer):
    settings = json.dumps(MIXERS[mixer].quick)
    for name, order in (("a", None), ("b", np.random.default_rng(3).permutation(40).tolist())):
        mixtures, losses = own_tables.write(tmp_path / name, order=order)
        options = ("--mixer", mixer, "--settings", settings, "--to", tmp_path / name / "fit")
        assert run("fit", "--mixtures", mixtures, "--losses", losses, *options) == 0
    for file in ("fit.json", "runs.json"):
        assert (tmp_path / "a/fit" / file).read_bytes() == (tmp_path / "b/fit" / file).read_bytes()


def test_predictions_stand_beside_the_ids_in_the_order_asked(tmp_path, fitted):
    mixtures, _ = own_tables.write(tmp_path / "asked", order=list(range(39, -1, -1)))
    assert run("predict", "--fit", fitted, "--mixtures", mixtures, "--to", tmp_path / "P.csv") == 0
    predicted = pd.read_csv(tmp_path / "P.csv")
    assert list(predicted) == ["index", "prose", "questions"] and list(predicted["index"]) == [
        f"r{i}" for i in range(39, -1, -1)
    ]
    losses = pd.read_csv(tmp_path / "losses.csv").set_index("index").loc[predicted["index"]]
    assert spearmanr(predicted.prose, losses["prose"]).statistic > 0.98


def test_a_proposal_keeps_to_its_bounds_and_says_what_it_assumed(tmp_path, fitted, capsys):
    words = [
        "--target",
        "prose=2",
        "--target",
        "questions",
        "--cap",
        "web=0.3",
        "--floor",
        "code=0.2",
        "--to",
        tmp_path / "mixture.json",
    ]
    assert run("propose", "--fit", fitted, *words) == 0
    found = json.loads((tmp_path / "mixture.json").read_text())
    assert sum(found["weights"].values()) == pytest.approx(1) and found["gap"] <= 1e-6
    assert found["weights"]["web"] <= 0.3 + 1e-9 and found["weights"]["code"] >= 0.2 - 1e-9
    assert found["active_bounds"] == ["web<=0.3", "code>=0.2"] and set(found["predicted"]) == {
        "prose",
        "questions",
    }
    assert "tokens" not in found and any(
        "mean of the 40 fitted mixtures" in note for note in found["notes"]
    )
    spans = found["intervals"]
    assert all(
        0 <= low <= found["weights"][name] <= high <= 1
        for name, (low, high) in spans["weights"].items()
    )
    assert all(
        low < found["predicted"][name] < high for name, (low, high) in spans["predicted"].items()
    ) and set(spans["predicted"]) == {
        "prose",
        "questions",
    }
    assert (
        spans["gain"]["low"] < spans["gain"]["high"]
        and f"predicted {spans['verdict']}" in found["notes"]
        and spans["draws"] == 100
    )


def test_intervals_can_be_left_out(tmp_path, fitted):
    assert run("propose", "--fit", fitted, "--draws", 0, "--to", tmp_path / "mixture.json") == 0
    assert json.loads((tmp_path / "mixture.json").read_text())["intervals"] == {}


def test_epochs_bound_a_proposal(tmp_path, fitted):
    words = [
        "--available",
        "web=1e9",
        "code=2e9",
        "wiki=1e9",
        "--tokens",
        "4e9",
        "--max-epochs",
        "2",
        "--to",
        tmp_path / "mixture.json",
    ]
    assert run("propose", "--fit", fitted, *words) == 0
    found = json.loads((tmp_path / "mixture.json").read_text())
    assert max(found["epochs"].values()) <= 2 + 1e-6 and sum(
        found["tokens"].values()
    ) == pytest.approx(4e9)


def test_a_comparison_is_shown_and_kept(tmp_path, capsys):
    mixtures, losses = own_tables.write(tmp_path)
    mixers = ["--mixer", "effective-data", "regmix-linear", "--folds", 4]
    assert (
        run(
            "compare",
            "--mixtures",
            mixtures,
            "--losses",
            losses,
            *mixers,
            "--to",
            tmp_path / "table.parquet",
        )
        == 0
    )
    assert "effective-data" in capsys.readouterr().out
    assert len(tables.read(tmp_path / "table.parquet", tables.TOURNAMENT)) == 4


def test_mistakes_are_one_line(tmp_path, fitted, capsys):
    mixtures, losses = own_tables.write(tmp_path / "again")
    lacking = own_tables.save(tmp_path / "lacking.csv", [("id", "web", "code"), ("x", 0.5, 0.5)])
    unknown = own_tables.save(
        tmp_path / "unknown.csv", [("id", "web", "code", "wikis"), ("x", 0.5, 0.5, 0.0)]
    )
    few, small = (
        larger(tmp_path / "few", 4, lacking=True),
        own_tables.write(tmp_path / "small", runs=5),
    )
    table = ("fit", "--mixtures", mixtures, "--losses", losses, "--mixer")
    anchors = ("--anchor-mixtures", few[0], "--anchor-losses", few[1])
    to = ("--to", tmp_path / "x")
    for words, said in [
        (
            ("predict", "--fit", fitted, "--mixtures", lacking, *to),
            "lacking.csv: no column for domain wiki; add it",
        ),
        (
            ("predict", "--fit", fitted, "--mixtures", unknown, *to),
            "the fit knows no domain wikis; did you mean wiki?",
        ),
        (
            ("predict", "--fit", tmp_path / "none", "--mixtures", mixtures, *to),
            "none: no fit stands there; make it with mixwright fit",
        ),
        (
            ("predict", "--fit", fitted, "--mixtures", mixtures, "--anchor-losses", losses, *to),
            "go together; give both or neither",
        ),
        (
            ("predict", "--fit", fitted, "--mixtures", mixtures, *anchors, *to),
            "the anchor runs lack target questions of the fit; measure it",
        ),
        (("propose", "--fit", tmp_path / "none", *to), "none: no fit stands there"),
        (
            ("propose", "--fit", fitted, "--draws", 3, *to),
            "--draws 3: too few for an interval; ask for 10 or more",
        ),
        (
            ("fit", "--mixtures", mixtures, "--losses", losses, "--mixer", "regmx", *to),
            "regmx is unknown; did you mean regmix?",
        ),
        (
            (
                "fit",
                "--mixtures",
                mixtures,
                "--losses",
                losses,
                "--mixer",
                "regmix",
                "--settings",
                "{",
                *to,
            ),
            "--settings {: not JSON",
        ),
        (
            (
                "fit",
                "--mixtures",
                mixtures,
                "--losses",
                losses,
                "--mixer",
                "regmix",
                "--to",
                tmp_path,
            ),
            "give a new folder",
        ),
        (
            (
                "fit",
                "--mixtures",
                mixtures,
                "--losses",
                losses,
                "--mixer",
                "regmix",
                "--to",
                losses,
            ),
            "give a new folder",
        ),
        (
            ("fit", "--mixtures", mixtures, "--losses", losses, "--mixer", "mixmin", *to),
            "mixmin: it reads vertex runs and the tables hold none; train",
        ),
        (
            ("fit", "--mixtures", small[0], "--losses", small[1], "--mixer", "regmix", *to),
            "regmix needs 8 swarm runs or more and there are 5",
        ),
        (
            (*table, "regmix", "--settings", '{"iterations": "x"}', *to),
            "mixers: regmix.iterations is 'x'; give a whole number",
        ),
        (
            (*table, "regmix", "--settings", '{"mixup": 1}', *to),
            "mixers: regmix.mixup is 1; give true or false",
        ),
        (
            ("predict", "--fit", fitted, "--mixtures", fitted / "runs.json", *to),
            "runs.json: no mixture; write {",
        ),
        (
            ("compare", *table[1:5], "--mixer", "bimix", "--settings", '{"regmix": {}}'),
            "--settings: regmix is not compared; did you mean bimix",
        ),
        (
            ("compare", *table[1:5], "--mixer", "bimix", "--settings", '{"bimix": 3}'),
            "--settings: bimix is 3; write",
        ),
        (
            ("compare", *table[1:5], "--mixer", "natural", "uniform"),
            "natural predicts no losses (so 1 other mixer too, for reasons above)",
        ),
        (("learning-curve", *table[1:], "bimix", "--settings", "{", *to), "--settings {: not JSON"),
        (
            ("learning-curve", *table[1:], "bimix", "--more", -4, *to),
            "--more -4: a number of runs is not negative; give 1 or more, or 0 for a quarter",
        ),
        (
            ("pareto", "--fit", fitted, "--between", "a=prose", "a=questions", *to),
            "both objectives are called a",
        ),
    ]:
        assert run(*words) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("mixwright: ") and said in error
    assert mixtures.exists() and losses.exists()
    assert (
        run(
            "fit",
            "--mixtures",
            mixtures,
            "--losses",
            losses,
            "--mixer",
            "best-of-swarm",
            "--to",
            tmp_path / "best",
        )
        == 0
    )
    assert run("predict", "--fit", tmp_path / "best", "--mixtures", mixtures, *to) == 1
    assert "best-of-swarm predicts no losses" in capsys.readouterr().err


def larger(folder, count, lacking=False):
    """Anchor runs whose losses are .7 of the table's and .1 more."""
    mixtures, losses = own_tables.write(folder, runs=count, seed=9)
    lines = [line.split(",") for line in losses.read_text().splitlines()]
    rows = [[run, *(0.1 + 0.7 * float(value) for value in values)] for run, *values in lines[1:]]
    rows = [row[:2] for row in rows] if lacking else rows
    return mixtures, own_tables.save(losses, [lines[0][:2] if lacking else lines[0], *rows])


def test_a_few_larger_runs_give_predictions_their_level(tmp_path, fitted, caplog):
    for count, near in ((1, 0.2), (6, 0.02)):
        mixtures, losses = larger(tmp_path / f"{count}", count)
        words = ["--fit", fitted, "--mixtures", tmp_path / "mixtures.csv"]
        assert run("predict", *words, "--to", tmp_path / "P.csv") == 0
        with caplog.at_level("INFO"):
            assert (
                run(
                    "predict",
                    *words,
                    "--anchor-mixtures",
                    mixtures,
                    "--anchor-losses",
                    losses,
                    "--to",
                    tmp_path / "Q.csv",
                )
                == 0
            )
        here, there = (
            pd.read_csv(tmp_path / name, index_col=0).to_numpy() for name in ("P.csv", "Q.csv")
        )
        assert np.median(np.abs(there - (0.1 + 0.7 * here))) < near
        said = (
            "1 anchor run: no error can be told"
            if count == 1
            else "levels mapped through 6 anchor runs"
        )
        assert said in caplog.text


def test_a_proposal_s_own_losses_can_be_predicted(tmp_path, fitted):
    assert run("propose", "--fit", fitted, "--draws", 0, "--to", tmp_path / "mixture.json") == 0
    assert (
        run(
            "predict",
            "--fit",
            fitted,
            "--mixtures",
            tmp_path / "mixture.json",
            "--to",
            tmp_path / "P.csv",
        )
        == 0
    )
    row = pd.read_csv(tmp_path / "P.csv").iloc[0]
    proposed = json.loads((tmp_path / "mixture.json").read_text())["predicted"]
    assert row["mixture"] == "mixture" and all(
        row[name] == pytest.approx(value) for name, value in proposed.items()
    )


def test_weights_alone_refuse_mixtures_with_token_counts(tmp_path, fitted, capsys):
    rows = [("r", "swarm", "tiny", 1000, 0, name, 1 / 3) for name in own_tables.DOMAINS]
    tables.write(
        pd.DataFrame(rows, columns=tables.DESIGN.schema.names),
        tmp_path / "design.parquet",
        tables.DESIGN,
    )
    assert (
        run(
            "predict",
            "--fit",
            fitted,
            "--mixtures",
            tmp_path / "design.parquet",
            "--to",
            tmp_path / "P.csv",
        )
        == 1
    )
    assert (
        "run r has 1000 tokens and the fit is of weights alone; give weights as CSV"
        in capsys.readouterr().err
    )


def test_a_fit_takes_the_place_of_an_earlier_one(tmp_path, fitted):
    mixtures, losses = own_tables.write(tmp_path)
    assert (
        run(
            "fit",
            "--mixtures",
            mixtures,
            "--losses",
            losses,
            "--mixer",
            "regmix-linear",
            "--to",
            fitted,
        )
        == 0
    )
    assert json.loads((fitted / "runs.json").read_text())["mixer"] == "regmix-linear"


@pytest.mark.parametrize("mixer", ["effective-data", "regmix"])
def test_a_fit_from_a_cold_start_needs_no_torch(tmp_path, mixer):
    own_tables.write(tmp_path)
    program = f"""
import sys
from mixwright.__main__ import main
from mixwright.mixers import MIXERS
assert main("fit --mixtures mixtures.csv --losses losses.csv --mixer {mixer} --to fit".split()) == 0
heavy = {{"torch", "transformers", "datasets", "matplotlib", "snakemake"}} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {**os.environ, "PYTHONPATH": str(HOUSE / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def commands_of(text: str) -> list[str]:
    """The mixwright commands of a page, as typed."""
    lines = re.findall(r"^mixwright .*$", text.replace("\\\n", " "), re.MULTILINE)
    return [line.split("  #")[0] for line in lines]


@pytest.fixture
def tables_to_type_on(tmp_path, monkeypatch):
    """A folder with the files that the pages' commands name."""
    own_tables.write(tmp_path)
    own_tables.write(tmp_path / "new", seed=5)
    for name in ("mixtures", "losses"):
        (tmp_path / f"new/{name}.csv").rename(tmp_path / f"large_{name}.csv")
    shutil.copy(tmp_path / "large_mixtures.csv", tmp_path / "new.csv")
    monkeypatch.chdir(tmp_path)


def test_the_readme_s_commands_work(tables_to_type_on, capsys):
    section = (HOUSE / "README.md").read_text().split("## Your own loss table")[1].split("\n## ")[0]
    commands = commands_of(section)
    names = ["read-runs", "compare", "fit", "propose", "page"]
    assert [shlex.split(line)[1] for line in commands] == names
    for line in commands:
        assert run(*shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)


def test_the_commands_of_the_page_on_own_tables_work(tables_to_type_on, capsys):
    page = (HOUSE / "docs" / "own-tables.md").read_text()
    commands = commands_of(page)
    names = ["read-runs", "compare", "fit", "predict", "propose", "page", "figures"]
    names += [*["propose"] * 2, "predict", "pareto", "learning-curve", *["design"] * 3]
    names += ["regret", "regret", "design", "fit", *["surgery"] * 3]
    assert [shlex.split(line)[1] for line in commands] == names
    for line in commands:
        if "more_losses.csv" in line:
            own_tables.write_further(Path())
        # one of them reads a study; they run with all that the pages show
        if "regret" not in line:
            assert run(*shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)
    proposal = json.loads(Path("mixture.json").read_text())
    keys = re.findall(r"`(\w+)`", page.split("`mixture.json` has ")[1].split(".")[0])
    assert keys == ["weights", "predicted", "intervals", "active_bounds", "gap", "notes"]
    assert set(keys) <= set(proposal)


@pytest.mark.skipif(not MIRROR, reason="MIXWRIGHT_MIRROR is not set to a folder that holds regmix/")
def test_the_published_tables_from_end_to_end(tmp_path, capsys):
    pile = Path(MIRROR or "") / "regmix"
    files = (
        "--mixtures",
        pile / "train_mixture_1m.csv",
        "--losses",
        pile / "train_pile_loss_1m.csv",
    )
    assert run("fit", *files, "--mixer", "effective-data", "--to", tmp_path / "fit") == 0
    assert (
        run(
            "predict",
            "--fit",
            tmp_path / "fit",
            "--mixtures",
            pile / "test_mixture_1B.csv",
            "--to",
            tmp_path / "P.csv",
        )
        == 0
    )
    predicted = pd.read_csv(tmp_path / "P.csv").set_index("index")
    losses = pd.read_csv(pile / "test_pile_loss_1B.csv").set_index("index").loc[predicted.index]
    ranks = [spearmanr(predicted[name], losses[name]).statistic for name in predicted]
    assert len(ranks) == 13 and np.mean(ranks) > 0.953

    goal = (
        "--target",
        "pile_cc",
        "--cap",
        "pile_cc=0.6",
        "--floor",
        "github=0.05",
        "--draws",
        10,
        "--to",
        tmp_path / "mixture.json",
    )
    assert run("propose", "--fit", tmp_path / "fit", *goal) == 0
    found = json.loads((tmp_path / "mixture.json").read_text())
    assert (
        found["active_bounds"]
        == [
            "train_the_pile_pile_cc<=0.6",
            "train_the_pile_github>=0.05",
        ]
        and found["gap"] <= 1e-6
    )

    mixers = (
        "--mixer",
        "effective-data",
        "regmix-linear",
        "--folds",
        4,
        "--to",
        tmp_path / "table.parquet",
    )
    assert run("compare", *files, *mixers) == 0
    scores = (
        tables.read(tmp_path / "table.parquet", tables.TOURNAMENT).groupby("mixer").spearman.mean()
    )
    assert scores["effective-data"] > 0.985 and 0.78 < scores["regmix-linear"] < 0.86
    assert "worst target" in capsys.readouterr().out
