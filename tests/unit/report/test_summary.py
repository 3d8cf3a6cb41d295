"""The summary says what the tables say, warns of what it should, and is written whole."""

import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import study_tables
from mixwright import tables
from mixwright.errors import quantity
from mixwright.report.figures import draw, save, tabulate
from mixwright.report.outputs import (
    as_json,
    comparison_table,
    provenance,
    write_report,
)
from mixwright.report.page import summary_page
from mixwright.report.summary import summarise
from mixwright.report.terminal import print_summary
from mixwright.study.study import Study
from page_words import outline, words


def summed(config=None, scores=None, proxies=None, mixtures=None, **more):
    design, losses = proxies or study_tables.proxies()
    return summarise(
        Study(config or study_tables.study()),
        study_tables.scores() if scores is None else scores,
        design,
        losses,
        mixtures or study_tables.mixtures(),
        reads=study_tables.READS,
        **more,
    )


def caveats(summary, serious=None):
    return " | ".join(
        caveat.text for caveat in summary.caveats if serious in (None, caveat.serious)
    )


def test_unlike_shares_that_are_held_out_are_told():
    manifests = []
    for name, size in zip(study_tables.DOMAINS, (10**9, 10**6, 10**6), strict=False):
        splits = {"train": {"documents": 99, "tokens": 10**6}}
        manifests.append({"domain": name, "cleaning": {"bytes": size}, "splits": splits})
    summary = summed(manifests=manifests)
    told = [caveat for caveat in summary.caveats if "unlike shares" in caveat.text]
    assert len(told) == 1 and not told[0].serious


def test_headline_names_a_clear_winner():
    summary = summed(scores=study_tables.scores(noise=0.003))
    assert (
        summary.headline == "Use the mixture of the method effective-data."
        and summary.chosen == "effective-data"
    )
    assert (
        "interval widened for 6 comparisons" in summary.detail[0]
        and "Only the headline's is widened" in summary.method
    )
    assert summary.arms[0].mixer == "effective-data" and summary.arms[-1].mixer == "autoscale"


def test_headline_does_not_sell_noise():
    winners = [
        summed(scores=study_tables.scores(seed, arms=dict.fromkeys(study_tables.ARMS, 0.0))).chosen
        for seed in range(20)
    ]
    assert winners.count("natural") >= 18


def test_headline_keeps_natural_when_nothing_is_lower():
    summary = summed(
        scores=study_tables.scores(arms={"natural": 0.5, "uniform": 0.0, "regmix": 0.1})
    )
    assert summary.headline == "Keep the natural mixture." and summary.chosen == "natural"


def test_one_seed_chooses_nothing():
    summary = summed(scores=study_tables.scores(seeds=(1,)))
    assert (
        summary.headline == "Too few seeds to choose a mixture."
        and "fewer than two seeds" in caveats(summary, serious=True)
    )
    json.dumps(as_json(summary), allow_nan=False)


def test_sentences_hold_both_comparisons():
    summary = summed()
    sentence = summary.arm("effective-data").sentence
    assert sentence.startswith(
        "effective-data: better than natural by 0.053 nats/token [0.039, 0.066];"
        " better than uniform by"
    )
    assert summary.arm("unimax").sentence.endswith("the same mixture as uniform")
    assert "what all others are compared with" in summary.arm("natural").sentence


def test_mixers_are_charged_for_the_runs_they_read():
    summary = summed()
    cost = {arm.mixer: arm.proxy_tokens for arm in summary.arms}
    assert (
        cost["regmix"] == 32 * 100_000
        and cost["mixmin"] == 7 * 100_000
        and cost["autoscale"] == 5 * 100_000
        and cost["uniform"] == 0
    )
    assert summary.provenance["proxy runs"] == 48 and summary.provenance["final models"] == 14


def test_weak_signals_and_unigram_losers_are_named():
    design, losses = study_tables.proxies()
    noisy = losses.run.str.startswith("repeat") & (losses.target == "cython")
    losses.loc[noisy, "loss"] = losses.loc[noisy, "loss"] + np.random.default_rng(0).normal(
        0, 0.5, noisy.sum()
    )
    losses.loc[losses.target == "pytests", "unigram_loss"] = (
        losses[losses.target == "pytests"].loss.min() - 0.1
    )
    text = caveats(summed(proxies=(design, losses)), serious=True)
    assert "Signal-to-noise is under 3 on cython" in text and "comments" not in text
    assert "On pytests, 32 of 32 swarm proxies" in text


def test_no_repeats_means_unknown_signals():
    assert "unknown for comments, cython, pytests" in caveats(
        summed(proxies=study_tables.proxies(repeats=0))
    )


def test_finals_that_lose_to_a_unigram_model_are_serious():
    scores = study_tables.scores()
    scores.loc[(scores.task == "cython") & (scores.mixer == "autoscale"), "unigram"] = 1.0
    assert "On cython, a unigram model is no worse than the finals of autoscale" in caveats(
        summed(scores=scores), serious=True
    )


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (study_tables.DOMAINS, "uniform is as good as any mixture"),
        (("cython", "prose"), "Target prose is also a training domain"),
    ],
)
def test_training_domains_as_targets_are_named(targets, words):
    named = {name: {"source": "installed", "weight": 1.0} for name in targets}
    config = study_tables.study() | {"targets": named}
    assert words in caveats(summed(config))


def test_equal_mixtures_diverged_runs_and_missing_documents_are_told():
    design, losses = study_tables.proxies()
    losses.loc[(losses.run == "swarm003") & (losses.step == 97), ["loss", "bits_per_byte"]] = np.nan
    losses.loc[(losses.run == "swarm003") & (losses.step == 97), "status"] = "diverged"
    text = caveats(summed(proxies=(design, losses)))
    assert (
        "uniform and unimax chose the same mixture" in text and "1 of 48 proxies diverged" in text
    )
    assert "no losses per document" in text and "of 4 verdicts stand" in text
    assert "no losses per document" not in caveats(summed(documents=study_tables.documents()))
    assert "over documents (paired" in summed(documents=study_tables.documents()).method


def test_page_is_whole_and_self_contained(tmp_path):
    manifests = [
        {
            "domain": name,
            "tokenizer_sha256": "ab",
            "source_fingerprint": "cd",
            "splits": {"train": {"tokens": 10**6, "sha256": name}},
        }
        for name in study_tables.DOMAINS
    ]
    summary = summed(
        validation=study_tables.validation(),
        provenance=provenance(Study(study_tables.study()), manifests),
    )
    table = tabulate("mixtures", mixtures=study_tables.mixtures())
    save(draw("mixtures", table), tmp_path / "mixtures.svg")
    table.to_csv(tmp_path / "mixtures.csv", index=False)
    where = {
        "json": tmp_path / "summary.json",
        "table": tmp_path / "comparison.parquet",
        "figures": [tmp_path / "mixtures.svg"],
    }
    write_report(summary, tmp_path / "summary.html", **where)
    text = (tmp_path / "summary.html").read_text()
    page = outline(text)
    titles = page.headings
    assert titles[0].replace("\xa0", " ") == summary.answer.headline
    for title in ("The final models", "Target by target", "How far to trust the predictions"):
        assert title in titles
    # one that has nothing to say is left out
    assert "Tasks" not in titles
    assert 'id="figure-mixtures"' in text and "Numbers" in text
    for arm in summary.arms:
        assert arm.mixer in text
    assert "min_child_samples is 3" in text and "corpus fingerprint" in text
    frame = tables.read(
        tmp_path / "comparison.parquet", comparison_table("loss", "bits_per_byte")
    ).set_index("mixer")
    assert (
        frame.loc["autoscale", "verdict"] == "worse" and frame.loc["natural", "difference"] == 0.0
    )


def test_page_escapes_names():
    page = summary_page(summed(study_tables.study() | {"study": "<script>x"}))
    assert "<script>x" not in page and "&lt;script&gt;x" in page


def test_terminal_says_the_same_from_the_json():
    out = StringIO()
    summary = summed()
    print_summary(
        json.loads(json.dumps(as_json(summary), allow_nan=False)), Console(file=out, width=200)
    )
    assert summary.headline in out.getvalue() and all(
        arm.sentence in out.getvalue() for arm in summary.arms
    )


def test_quantities_are_read_by_people():
    assert [quantity(count) for count in (950, 12_345, 4_800_000, 1.5e9, 2.5e12)] == [
        "950",
        "12.3 k",
        "4.8 M",
        "1.5 B",
        "2.5 T",
    ]


def test_the_page_sets_what_was_promised_beside_what_came():
    summary = summed(scores=study_tables.scores(noise=0.003))
    page = summary_page(summary)
    text = words(page)
    assert (
        "What the proxies predicted" in text
        and "predicted, minus natural" in text
        and "5.000 [4.950, 5.050]" in text
        and "−0.210 [−0.300, −0.120]" in text
    )
    assert "<u style=" in page and "in 95 % of refits" in text  # effective-data is chosen
    assert as_json(summary)["arms"][0]["intervals"]["gain"]["value"] == 0.21
    bare = summary_page(
        summed(mixtures=[mixture | {"intervals": {}} for mixture in study_tables.mixtures()])
    )
    assert "predicted, minus natural" not in bare and "<u style=" not in bare
