"""fit-mixer and propose-mixture as workflow/rules/mixers.smk types them.

They take long tables and empty options.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixwright import tables
from mixwright.__main__ import main
from mixwright.study.config import resolve
from mixwright.study.study import Study

CONFIG = Path(__file__).parents[3] / "config"
DOMAINS = ("cpp", "prose", "pycode")


@pytest.fixture
def results(tmp_path):
    """A folder with the tables of a small swarm, and its study."""
    config = {
        "study": "least",
        "domains": {name: {"source": "installed"} for name in DOMAINS},
        "targets": {"pytests": {"source": "installed"}},
        "mixers": {"regmix-linear": {"samples": 1000}, "uniform": {}},
        "goal": {"caps": {"prose": 0.4}},
    }
    (tmp_path / "study.json").write_text(json.dumps(Study(resolve(config, CONFIG)).config))
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 12)
    rows = [
        (f"r{i}", "swarm", "tiny", 1000, 0, name, w)
        for i, row in enumerate(weights)
        for name, w in zip(DOMAINS, row, strict=True)
    ]
    losses = [
        (f"r{i}", "pytests", 9, 1000, 3.0 - row[1], 1.0, 50, 7.0, "ok")
        for i, row in enumerate(weights)
    ]
    counts = [(name, "train", 10**6, 4 * 10**6, 100, "f" * 64, *[None] * 4) for name in DOMAINS]
    for name, table, content in (
        ("design", tables.DESIGN, rows),
        ("losses", tables.LOSSES, losses),
        ("domains", tables.DOMAINS, counts),
    ):
        tables.write(
            pd.DataFrame(content, columns=table.schema.names[: len(content[0])]),
            tmp_path / f"{name}.parquet",
            table,
        )
    return tmp_path


def run(folder, line):
    return main([word.replace("@", str(folder)) for word in line.split()])


def test_a_fit_and_its_proposal_inside_the_bounds_of_the_study(results):
    settings = '--settings {"samples":1000}'
    tables_of_it = (
        "--mixtures @/design.parquet --losses @/losses.parquet --realised --loglikelihoods"
    )
    assert (
        run(results, f"fit-mixer --mixer regmix-linear {settings} {tables_of_it} --to @/fit") == 0
    )
    goal = "--study @/study.json --domains @/domains.parquet"
    assert (
        run(
            results,
            f"propose-mixture {goal} --mixer regmix-linear {settings} "
            "--fit @/fit --to @/regmix-linear.json",
        )
        == 0
    )
    found = json.loads((results / "regmix-linear.json").read_text())
    assert found["weights"]["prose"] <= 0.4 + 1e-9 and set(found) >= {
        "tokens",
        "epochs",
        "predicted",
        "gap",
    }


def test_a_baseline_needs_no_fit(results):
    goal = "--study @/study.json --domains @/domains.parquet"
    assert (
        run(
            results,
            f"propose-mixture {goal} --mixer uniform --goal --settings {{}} "
            "--fit --to @/uniform.json",
        )
        == 0
    )
    assert json.loads((results / "uniform.json").read_text())["weights"] == pytest.approx(
        dict.fromkeys(DOMAINS, 1 / 3)
    )


def test_a_fit_of_long_tables_predicts_and_proposes_without_a_study(results):
    assert (
        run(
            results,
            "fit --mixer regmix-linear --mixtures @/design.parquet "
            "--losses @/losses.parquet --to @/fit",
        )
        == 0
    )
    assert run(results, "predict --fit @/fit --mixtures @/design.parquet --to @/P.csv") == 0
    predicted = pd.read_csv(results / "P.csv").set_index("run").pytests
    design = tables.read(results / "design.parquet", tables.DESIGN).pivot(
        index="run", columns="domain", values="weight"
    )
    np.testing.assert_allclose(predicted, 3 - design.prose.loc[predicted.index], atol=1e-9)
    assert run(results, "propose --fit @/fit --cap prose=0.3 --to @/own.json") == 0
    found = json.loads((results / "own.json").read_text())
    assert (
        sum(found["tokens"].values()) == pytest.approx(1000)
        and found["weights"]["prose"] <= 0.3 + 1e-9
    )


def test_propose_with_a_study_still_answers(results, capsys):
    goal = "--study @/study.json --domains @/domains.parquet"
    assert run(results, f"propose {goal} --mixer uniform --to @/uniform.json") == 0
    assert "propose-mixture" in capsys.readouterr().err
    assert json.loads((results / "uniform.json").read_text())["mixer"] == "uniform"
