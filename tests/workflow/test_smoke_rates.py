"""A small study whose proxies repeat text by `auto`, at two sizes and two learning rates."""

import json

import pandas as pd

from workshop import Workshop, changed, without


def test_sizes_and_rates_are_trained_compared_and_reported(tmp_path, smoke):
    workshop = Workshop(tmp_path)
    study = without(
        smoke, "mixmin", "regmix", "regmix-linear", "unimax", "autoscale", "joint", "uniform"
    )
    study = changed(study, "mixers.repeating", {})
    study = changed(study, "finals", "none")
    study = changed(study, "designs.repeat.runs", 0)
    study = changed(study, "proxy.per_job", 12)
    study |= {
        "transfer": {"models": ["tiny"], "tokens": 4096, "rates": [0.5, 1], "mixtures": 4},
    }
    workshop.run(study)
    results = workshop.folder / "results" / "smoke"
    content = json.loads((results / "transfer.json").read_text())
    combinations = [(entry["model"], entry["rate"]) for entry in content["combinations"]]
    assert combinations == [("micro", 0.5), ("tiny", 0.5), ("tiny", 1)]
    assert content["compared"] == "tiny, 4,096 tokens"
    assert content["rates"]["best"] in (0.5, 1)
    design = pd.read_parquet(results / "design" / "transfer.parquet")
    assert set(design.model) == {"micro", "tiny"} and design.run.nunique() == 3 * 4
    losses = pd.read_parquet(results / "losses" / "transfer.parquet")
    assert losses.run.nunique() == 12
    [page] = results.glob("report/*.html")
    text = page.read_text()
    assert "The swarm&#x27;s first mixtures" in text or "The swarm's first mixtures" in text
    # another recipe of the optimizer is another training
    first = losses[losses.run.isin(design.run[design.model == "micro"])]
    swarm = pd.read_parquet(results / "losses" / "swarm.parquet")
    assert not set(first.loss.round(6)) & set(swarm.loss.round(6))
    fit = json.loads((results / "fits" / "repeating" / "fit.json").read_text())
    assert "decays" in json.dumps(fit)
    # the cut is on where a goal can pass a small domain twice, and off where it cannot
    realised = pd.read_parquet(results / "realised" / "swarm.parquet")
    large = changed(study, "goal.max_epochs", 1)
    assert workshop.jobs(large)["train_proxies"] > 0 and realised.epochs.max() > 0
