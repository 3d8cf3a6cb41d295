"""The smoke study through the real workflow.

It runs once from end to end. Then come a user's later changes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mixwright.mixers import MIXERS
from workshop import HOUSE, Workshop, changed, read_study, without

ROLES = ("swarm", "vertex", "perturb", "repeat")


@pytest.fixture(scope="module")
def smoke() -> dict[str, Any]:
    """The smoke study at three scales of tokens, with a second model size.

    Mixers that share their rules with others are left out.
    """
    study = changed(read_study("smoke"), "designs.perturb.tokens", [4096, 8192, 16384])
    study = changed(study, "proxy.per_job", 12) | {
        "transfer": {"model": "tiny", "mixtures": 4, "tokens": 4096}
    }
    return without(study, "regmix-linear", "unimax")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, smoke) -> Workshop:
    """Runs the study without mixmin up to its mixtures, then with it to its end.

    So mixmin is a mixer whose runs were missing.
    """
    workshop = Workshop(tmp_path_factory.mktemp("smoke"))
    workshop.run(without(smoke, "mixmin"), "--until", "propose_mixture", "transfer")
    added = workshop.jobs(smoke)
    assert added["train_proxies"] == 1  # the three vertices
    assert {
        rule for rule in added if "domain" in rule or "token" in rule or "target" in rule
    } == set()
    workshop.run(smoke)
    return workshop


@pytest.fixture(scope="module")
def results(finished) -> Path:
    return finished.folder / "results" / "smoke"


def test_a_finished_study_has_nothing_to_do(finished, smoke):
    assert finished.jobs(smoke) == {}


def test_status_counts_every_run_and_every_job_says_how_it_ended(finished, results):
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    command = [sys.executable, "-m", "mixwright", "status"]
    said = subprocess.run(
        command, cwd=finished.folder, env=environment, capture_output=True, text=True, check=True
    ).stdout
    runs = sum(
        len(pd.read_parquet(results / "losses" / f"{role}.parquet").run.unique())
        for role in (*ROLES, "transfer")
    )
    assert f"proxies: {runs} of {runs} done\n" in said and "finals: 16 of 16 done\n" in said
    pulses = [json.loads(path.read_text()) for path in (results / "progress").glob("*.json")]
    assert len(pulses) == 7 == len([*results.glob("packs/*"), *results.glob("finals/*")])
    assert all(pulse["state"] == "finished" and pulse["done"] == pulse["runs"] for pulse in pulses)


def test_every_arm_is_proposed_trained_scored_and_reported(results, smoke):
    scores = pd.concat(map(pd.read_parquet, (results / "scores").glob("*.parquet")))
    assert set(scores.mixer) == set(smoke["mixers"])
    assert set(scores.task) == {*smoke["domains"], *smoke["targets"]}
    for mixer in smoke["mixers"]:
        proposal = json.loads((results / "mixtures" / f"{mixer}.json").read_text())
        assert sum(proposal["weights"].values()) == pytest.approx(1, abs=1e-9)
        assert max(proposal["epochs"].values()) <= 4 + 1e-6
    summary = json.loads((results / "report" / "summary.json").read_text())
    assert {arm["mixer"] for arm in summary["arms"]} == set(smoke["mixers"])
    page = (results / "report" / "summary.html").read_text()
    assert "natural" in page and "http://" not in page.replace("http://www.w3.org", "")


def test_losses_are_whole_and_realised_counts_are_near_the_design(results):
    design = pd.read_parquet(results / "design")
    for role in ROLES:
        losses = pd.read_parquet(results / "losses" / f"{role}.parquet")
        asked = design[design.role == role]
        assert set(losses.run) == set(asked.run)
        assert (losses.groupby("run").step.nunique() == 2).all()
        realised = pd.read_parquet(results / "realised" / f"{role}.parquet")
        both = asked.merge(realised, on=["run", "domain"], suffixes=("", "_realised"))
        assert len(both) == len(asked)
        assert (both.weight * both.tokens - both.tokens_realised).abs().max() <= 64  # a sequence


def test_three_scales_are_backtested_and_a_second_model_size_is_compared(results):
    summary = json.loads((results / "report" / "summary.json").read_text())
    backtest, transfer = summary["backtest"], summary["transfer"]
    assert len(backtest["scales"]) == 3 and {told["mixer"] for told in backtest["predictions"]} == {
        "autoscale",
        "joint",
    }
    assert not any("train a third" in note for note in backtest["notes"])
    design = pd.read_parquet(results / "design" / "transfer.parquet")
    assert set(design.model) == {"tiny"} and set(design.tokens) == {4096}
    assert len(transfer["mixtures"]) == 4 and set(transfer["mixtures"]) < set(
        pd.read_parquet(results / "design" / "swarm.parquet").run
    )
    page = (results / "report" / "summary.html").read_text()
    assert "Another model size" in page and transfer["verdict"].split(":")[0] in page


def test_a_final_loads_with_from_pretrained(finished, results):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    finals = pd.concat(map(pd.read_parquet, (results / "finals").glob("*.parquet")))
    folder = finished.folder / finals.folder.iloc[0]
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    assert (
        model(**tokenizer("def f(x):", return_tensors="pt")).logits.shape[-1]
        == len(tokenizer)
        == 512
    )


def test_another_mixer_of_the_same_runs_trains_its_final_alone_and_is_reported(finished, smoke):
    jobs = finished.jobs(changed(smoke, "mixers.regmix-linear", {"samples": 5000}))
    figures = jobs.pop("draw_figure")
    assert jobs == dict.fromkeys(
        (
            "fit_mixer",
            "validate_mixer",
            "propose_mixture",
            "surface",
            "train_finals",
            "evaluate_finals",
            "summarise",
            "all",
        ),
        1,
    )
    assert figures >= 3


def test_growing_the_swarm_by_a_pack_trains_that_pack(finished, smoke):
    jobs = finished.jobs(changed(smoke, "designs.swarm.runs", 18))
    assert jobs["train_proxies"] == 1 and jobs["collect_losses"] == 1
    assert jobs["fit_mixer"] == 4  # the readers of the swarm; not autoscale, not mixmin
    assert not {
        "clean_part",
        "tokenize_part",
        "train_tokenizer",
        "collect_loglikelihoods",
    } & set(jobs)


def test_forcing_the_fits_redoes_fits_and_what_follows(finished, smoke):
    jobs = finished.jobs(smoke, "--forcerun", "fit_mixer")
    assert jobs["fit_mixer"] == 6
    assert not {
        "train_proxies",
        "collect_losses",
        "resolve_design",
        "clean_part",
        "tokenize_part",
    } & set(jobs)


def test_another_final_seed_redoes_finals_only(finished, smoke):
    jobs = finished.jobs(changed(smoke, "final.seeds", [1, 3]))
    assert jobs["train_finals"] >= 1
    assert set(jobs) <= {"train_finals", "evaluate_finals", "draw_figure", "summarise", "all"}


def stored(workshop: Workshop) -> dict[str, int]:
    """Every file of proxies in the store and when it was written."""
    store = workshop.folder / "results" / "store"
    files = [*store.glob("[0-9a-f][0-9a-f]/*.parquet")]
    for folder in ("weights", "measured"):
        files += (store / folder).glob("*/*")
    return {str(path.relative_to(store)): path.stat().st_mtime_ns for path in files}


def tables(results: Path) -> dict[str, pd.DataFrame]:
    return {role: pd.read_parquet(results / "losses" / f"{role}.parquet") for role in ROLES}


def test_another_pack_size_trains_nothing_and_refresh_trains_all_with_the_same_numbers(
    finished, results, smoke
):
    before, losses = stored(finished), tables(results)
    finished.run(changed(smoke, "proxy.per_job", 11), "--until", "collect_losses")
    assert stored(finished) == before
    for role, table in tables(results).items():
        pd.testing.assert_frame_equal(table, losses[role])
    finished.run(
        smoke | {"store": "refresh"}, "--forcerun", "train_proxies", "--until", "collect_losses"
    )
    after = stored(finished)
    assert after.keys() == before.keys() and all(after[key] > before[key] for key in after)
    for role, table in tables(results).items():
        pd.testing.assert_frame_equal(table, losses[role])


def test_the_same_study_twice_gives_identical_tables(results, smoke, tmp_path):
    """All that baselines read is the count of tokens; mixers that read losses propose again.

    Each job has a hash seed of its own, which those of the first study had not.
    """
    learned = [f"mixtures/{mixer}.json" for mixer in smoke["mixers"] if MIXERS[mixer].reads]
    again = Workshop(tmp_path, warm=False)
    again.run(
        smoke,
        *(
            f"results/smoke/{path}"
            for path in [f"losses/{role}.parquet" for role in ROLES] + learned
        ),
    )
    twice = again.folder / "results" / "smoke"
    for path in ["domains.parquet"] + [f"losses/{role}.parquet" for role in ROLES]:
        pd.testing.assert_frame_equal(
            pd.read_parquet(twice / path), pd.read_parquet(results / path)
        )
    assert len(learned) == 6
    for path in learned:
        assert json.loads((results / path).read_text()) == json.loads((twice / path).read_text())


def test_a_study_can_end_at_its_proposals(finished, smoke, tmp_path):
    """`proposals` adds a page of them; with `finals: none` that page is the summary."""
    copy = Workshop(tmp_path / "copy")
    shutil.copytree(finished.folder, copy.folder, symlinks=True)
    report = copy.folder / "results" / "smoke" / "report"
    assert copy.jobs(smoke, "proposals") == {"summarise_proposals": 1, "proposals": 1}
    copy.run(smoke, "proposals")
    first = json.loads((report / "proposals.json").read_text())
    assert {proposal["name"] for proposal in first["proposals"]} == set(smoke["mixers"])
    assert set(first["judgement"]["losses"]) == set(smoke["mixers"])
    assert "arms" in json.loads((report / "summary.json").read_text())
    ending = smoke | {"finals": "none"}
    jobs = copy.jobs(ending)
    assert not {"train_proxies", "train_finals", "evaluate_finals", "summarise"} & set(jobs)
    copy.run(ending)
    summary = json.loads((report / "summary.json").read_text())
    assert summary["proposals"] == first["proposals"] and "arms" not in summary
    page = (report / "summary.html").read_text()
    assert "What next" in page and "results/smoke/mixtures/" in page
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    for words in (["show", "--full", "--summary", str(report / "summary.json")], ["status"]):
        command = [sys.executable, "-m", "mixwright", *words]
        done = subprocess.run(
            command, cwd=copy.folder, env=environment, capture_output=True, text=True, check=True
        )
        assert ("weights of regmix: " in done.stdout) == (words[0] == "show")
        assert "finals: 0 of" not in done.stdout
