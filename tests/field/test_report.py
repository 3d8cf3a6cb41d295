"""What a person reads: whose weights they are, each target, and no more than the evidence holds."""

import itertools
import json
import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import least_study
import published_runs
import study_tables
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.learners import LOSS, TEXT
from mixwright.report import layout, measured_page, proposals_page, proposals_summary
from mixwright.report.figures import draw, tabulate
from mixwright.report.measured_summary import Measured
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.proposed import NO_INTERVAL, NO_PREDICTION, Proposed, alike, ranks
from mixwright.report.summary import summarise
from mixwright.report.terminal import print_summary
from mixwright.study.config import resolve
from mixwright.study.study import Study
from mixwright.trust.intervals import Interval
from page_words import outline, words

DOMAINS = ("arxiv", "books", "code", "forums", "news", "web")
CANNOT_TELL = "these runs cannot tell: no mixture was tried twice and all are alike"
VERDICTS = {
    "better than natural by 0.210 nats/token [0.120, 0.300]": "better",
    "worse than natural by 0.100 nats/token [0.050, 0.150]": "worse",
    "not distinguishable from natural ([-0.100, +0.200] nats/token)": "not distinguishable",
    CANNOT_TELL: "cannot tell",
    "the same mixture as natural": "identical",
}


def printed(content) -> str:
    """What the terminal shows of a summary, which must be JSON."""
    out = StringIO()
    content = json.loads(json.dumps(content, allow_nan=False))
    print_summary(content, Console(file=out, width=300, highlight=False))
    return out.getvalue()


def finals(seeds=(1, 2), mixtures=None, **more):
    design, losses = study_tables.proxies()
    return summarise(
        Study(study_tables.study()),
        study_tables.scores(seeds=seeds, **more),
        design,
        losses,
        mixtures or study_tables.mixtures(),
        reads=study_tables.READS,
    )


def proposals(mixtures=None, validation=None, **more):
    design, losses = study_tables.proxies()
    if validation is None:
        validation = study_tables.validation()
    return proposals_summary.summarise(
        Study(study_tables.study() | {"finals": "none"}),
        design,
        losses,
        study_tables.mixtures() if mixtures is None else mixtures,
        validation=validation,
        **more,
    )


def with_verdict(sentence, mixer="effective-data"):
    """The proposals of the study, where one mixer's intervals say `sentence`."""
    mixtures = []
    for mixture in study_tables.mixtures():
        if mixture["mixer"] == mixer:
            intervals = mixture["intervals"] | {"verdict": sentence}
            mixture = mixture | {"intervals": intervals}
        mixtures.append(mixture)
    return mixtures


def measured(correlations: dict[str, float], runs: int = 512) -> Measured:
    """A measured study of six domains, with held-out rank correlations by mixer."""
    rng = np.random.default_rng(0)
    rows = []
    for mixer, value in sorted(correlations.items(), key=lambda pair: -pair[1]):
        rows.append((mixer, "held out", runs, 2, value, value, 0.01))
    columns = ["mixer", "test", "runs", "targets", "spearman", "goal", "mse"]
    made = []
    for mixer in correlations:
        weights = dict(zip(DOMAINS, rng.dirichlet(np.ones(6)), strict=True))
        intervals = {
            "weights": {name: [0.9 * share, 1.1 * share] for name, share in weights.items()},
            "predicted": {"prose": [2.9, 3.1]},
            "objective": {"value": 3.0, "low": 2.9, "high": 3.1},
            "gain": {"value": 0.1, "low": 0.05, "high": 0.15},
            "verdict": "better than natural by 0.100 nats/token [0.050, 0.150]",
        }
        predicted = {"prose": 3.0}
        made.append(Proposed(mixer, weights, predicted=predicted, intervals=intervals))
    made.append(Proposed("natural", dict.fromkeys(DOMAINS, 1 / 6)))
    empty = pd.DataFrame()
    ranked = pd.DataFrame(rows, columns=columns)
    chosen = str(ranked.mixer.iloc[0])
    return Measured(
        study="pile",
        chosen=chosen,
        targets={"prose": 1.0},
        metric=LOSS,
        ranks=ranked,
        subsets=empty,
        published=empty,
        proposals=tuple(made),
        regions=(),
        notes=("a note.",),
    )


def whole(page: str) -> str:
    """The words of a page that is whole."""
    outline(page)
    return words(page)


SUMMARIES = {
    "one seed": lambda: as_json(finals(seeds=(1,))),
    "no winner": lambda: as_json(finals(arms=dict.fromkeys(study_tables.ARMS, 0.0))),
    "a winner": lambda: as_json(finals(noise=0.003)),
    "proposals": lambda: proposals().as_json(),
    "measured": lambda: measured({"effective-data": 0.99, "regmix": 0.9}).as_json(),
}


@pytest.mark.parametrize("kind", SUMMARIES)
def test_every_list_of_weights_at_the_terminal_has_its_owner(kind):
    text = printed(SUMMARIES[kind]())
    # a list of weights: a line with several shares
    lines = [line for line in text.splitlines() if len(re.findall(r"\d %", line)) > 2]
    assert lines
    for line in lines:
        if line.startswith(("Train on ", "In this demonstration")):
            # the answer: the next sentence says whose it is
            assert re.search(r"method \(mixer\) [a-z-]+ proposed it", text.partition(line)[2]), line
            continue
        assert re.search(r"weights of [a-z-]+: |[a-z-]+ proposes ", line), line


def test_where_no_mixture_wins_the_best_ones_weights_stand_there_too():
    summary = as_json(finals(seeds=(1,)))
    text = printed(summary)
    assert summary["chosen"] == "natural" and "weights of natural: " in text
    assert f"weights of {summary['arms'][0]['mixer']}: " in text


def test_every_target_has_its_results_and_its_predictions():
    summary = finals()
    assert set(summary.by_target) == set(study_tables.TARGETS)
    content = as_json(summary)
    for row in content["by_target"].values():
        assert set(row) == set(study_tables.ARMS)
        assert row["regmix"]["predicted"] == 5.0 and row["uniform"]["predicted"] is None
    page = whole(summary_page(summary))
    assert "Target by target" in page and "Losses predicted of each mixer" in page
    text = printed(content)
    for target in study_tables.TARGETS:
        assert re.search(rf"^ {target} .*\d\.\d{{3}}", text, re.MULTILINE), target


@pytest.mark.parametrize(("sentence", "verdict"), VERDICTS.items())
def test_a_verdict_reads_well_everywhere(sentence, verdict):
    summary = proposals(with_verdict(sentence))
    assert summary.proposals[0].verdict == verdict
    text, page = printed(summary.as_json()), whole(proposals_page.page(summary))
    sentence_words = sentence.replace("[-", "[−")
    assert f"effective-data: {'' if verdict == 'cannot tell' else 'predicted '}{sentence}" in text
    assert sentence_words in page and "predicted these runs" not in page + text
    assert (summary.chosen == "effective-data") == (verdict == "better")
    assert ("cannot tell which mixture is best" in summary.headline) == (verdict == "cannot tell")


def test_no_mixture_is_named_without_the_evidence():
    """A mixer that ranks held-out runs worse says better: that names no mixture."""
    worse = with_verdict("not distinguishable from natural ([-0.1, +0.2] nats/token)")
    better = {"verdict": next(iter(VERDICTS)), "gain": {"value": 0.2, "low": 0.1, "high": 0.3}}
    for mixture in worse:
        if mixture["mixer"] == "regmix":
            mixture["intervals"] = {**study_tables.intervals(np.ones(7) / 7), **better}
    summary = proposals(worse)
    assert summary.chosen == "natural" and "clearly better" in summary.headline


def test_without_held_out_runs_nothing_is_ranked():
    summary = proposals(validation=study_tables.validation().iloc[:0])
    assert summary.headline == "The proposals stand side by side." and summary.chosen == "natural"
    whole(proposals_page.page(summary))
    printed(summary.as_json())


def test_proposals_for_several_goals_stand_under_their_names():
    mixtures = []
    for mixture in study_tables.mixtures():
        for target in study_tables.TARGETS:
            mixtures.append(mixture | {"goal": target})
    summary = proposals(mixtures)
    assert "regmix@cython" in printed(summary.as_json())
    assert "regmix@cython" in whole(proposals_page.page(summary))


def test_a_proposal_without_interval_or_prediction_says_so():
    assert Proposed("a", {}, {"x": 1.0}).gain == NO_INTERVAL
    assert Proposed("a", {}).gain == NO_PREDICTION


def test_what_next_is_said_and_that_nothing_was_trained():
    summary = proposals()
    page, text = whole(proposals_page.page(summary)), printed(summary.as_json())
    for part in ("results/demo/mixtures/", "finals: trained", "No final model was trained"):
        assert part in page and part in text


@pytest.mark.parametrize(
    ("correlations", "runs", "headline"),
    [
        ({"effective-data": 0.9924, "bimix": 0.9917}, 512, "effective-data and bimix rank"),
        ({"effective-data": 0.99, "regmix": 0.9}, 512, "effective-data ranks held-out runs best."),
        ({"effective-data": 0.9, "bimix": 0.85, "regmix": 0.8}, 20, "effective-data, bimix and"),
        ({"effective-data": 0.9}, 32, "effective-data ranks held-out runs best."),
    ],
)
def test_mixers_are_ranked_no_finer_than_the_runs_can_tell(correlations, runs, headline):
    summary = measured(correlations, runs)
    assert summary.ranking.startswith(headline)
    assert summary.headline.startswith("Train on ") and "better than natural" in summary.headline
    text = printed(summary.as_json())
    assert summary.ranking in text
    assert ("than these runs can tell" in text) == (len(summary.alike) > 1)
    assert "99.24" not in text


def test_a_measured_study_shows_every_weight_with_its_interval_and_the_verdict(tmp_path):
    summary = measured({"effective-data": 0.99, "regmix": 0.9})
    measured_page.write_page(summary, {}, (), tmp_path / "summary.html")
    page, text = whole((tmp_path / "summary.html").read_text()), printed(summary.as_json())
    for proposal in summary.proposals:
        line = next(line for line in text.splitlines() if f"weights of {proposal.name}:" in line)
        for domain, weight in proposal.weights.items():
            assert f"{domain} {100 * weight:.1f} %" in line
            assert f"{100 * weight:.1f}" in page
    first = summary.proposals[0]
    low, high = first.intervals["weights"]["web"]
    assert f"[{100 * low:.1f}, {100 * high:.1f}]" in page
    assert "effective-data: predicted better than natural by 0.100" in text
    assert "predicted better than natural by 0.100" in page


def test_show_prints_each_kind_and_where_the_page_is(tmp_path, capsys):
    for kind, make in SUMMARIES.items():
        path = tmp_path / kind.replace(" ", "-") / "summary.json"
        path.parent.mkdir()
        path.write_text(json.dumps(make()))
        assert main(["show", "--summary", str(path)]) == 0
        assert "page: " not in capsys.readouterr().out
        path.with_suffix(".html").write_text("")
        assert main(["show", "--summary", str(path)]) == 0
        assert f"page: {path.with_suffix('.html')}" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["[]", "{}", '"x"', '{"headline": "a", "detail": []}', "\xff"])
def test_show_answers_another_file_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "summary.json"
    path.write_bytes(content.encode("latin-1"))
    assert main(["show", "--summary", str(path)]) == 1
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1 and str(path) in text


@pytest.mark.parametrize("seed", range(8))
def test_the_best_is_always_among_those_that_rank_alike(seed):
    """So are all that its interval holds; the order is that of the correlations."""
    rng = np.random.default_rng(seed)
    frame = study_tables.validation(seed, runs=int(rng.integers(8, 64)))
    ranked = ranks(frame, dict.fromkeys(study_tables.TARGETS, 1.0))
    values = [rank.value for rank in ranked.values()]
    assert values == sorted(values, reverse=True)
    names = alike(ranked)
    assert names[0] == next(iter(ranked))
    assert names == list(ranked)[: len(names)]
    assert alike({}) == [] and alike({"a": Interval(0.5, -1.0, 1.0)}) == ["a"]


def test_predictions_are_in_the_unit_of_the_proxies():
    assert f"in {TEXT.loss.unit}" in words(proposals_page.page(proposals()))


def test_a_study_that_ends_at_its_proposals_keeps_every_run():
    """The same proxies, whatever the final: `finals: trained` later trains none of them again."""
    trained, ending = least_study.study(), least_study.study(finals="none")
    assert trained.final_packs and ending.final_packs == {}
    assert ending.packs == trained.packs and ending.arms == trained.arms
    paths = layout.result_paths(ending, "results/least")
    assert paths["scores"] == [] and paths["documents"] == []
    assert layout.proposals_page(ending, "r") == "r/report/summary"
    assert layout.proposals_page(trained, "r") == "r/report/proposals"
    assert "finals" not in layout.drawn(ending) and "mixtures" in layout.drawn(ending)


@pytest.mark.parametrize(
    ("value", "words"),
    [("nune", "did you mean none?"), (None, "finals is None"), (0, "finals is 0")],
)
def test_another_word_for_finals_is_refused(value, words):
    with pytest.raises(MixwrightError) as refused:
        resolve({**least_study.LEAST, "finals": value}, least_study.CONFIG)
    assert words in str(refused.value) and "it takes trained or none" in str(refused.value)


def test_a_measured_study_has_no_finals_to_leave_out(tmp_path):
    study = published_runs.write(tmp_path)
    with pytest.raises(MixwrightError, match="finals says nothing where losses are measured"):
        resolve({**study, "finals": "none"}, least_study.CONFIG)


def test_a_measured_study_without_test_sets_has_figures_of_its_held_out_runs(tmp_path):
    study = published_runs.write(tmp_path)
    for key in ("tests", "subsets", "regions", "published"):
        study["measured"].pop(key, None)
    study["measured"].pop("natural", None)
    plan = Study(resolve(study, least_study.CONFIG))
    assert {"ranks", "tested"} <= set(layout.drawn(plan))
    rows = []
    rng = np.random.default_rng(0)
    for mixer in ("effective-data", "regmix-linear"):
        for run, target in itertools.product(range(12), ("prose", "programs")):
            actual = 3 + rng.normal()
            rows.append((mixer, target, f"r{run}", run % 3, actual, actual + rng.normal(0, 0.1)))
    columns = ["mixer", "target", "run", "fold", "actual", "predicted"]
    frame = pd.DataFrame(rows, columns=columns)
    for name in ("ranks", "tested"):
        table = tabulate(name, validation=frame, study=plan)
        assert set(table.test) == {"held out"}
        assert draw(name, table).axes


def proposed(name, verdict):
    return Proposed(name, {"a": 1.0}, intervals={"verdict": verdict} if verdict else {})


def test_the_headline_of_proposals_says_no_more_than_was_looked_at():
    ranked = {"regmix": Interval(0.9, 0.8, 0.95), "log-linear": Interval(0.89, 0.8, 0.95)}
    unclear = proposed("regmix", "not distinguishable from natural ([-0.1, +0.1] nats/token)")
    better = proposed("log-linear", "better than natural by 0.100 nats/token [0.050, 0.150]")
    headline, sentences, chosen = proposals_summary.conclude([unclear, better], ranked)
    assert headline.startswith("regmix's mixture is not predicted") and chosen == "natural"
    assert any("log-linear" in sentence for sentence in sentences)
    alone, _, _ = proposals_summary.conclude([unclear, unclear], ranked)
    assert alone == "No mixture is predicted to be clearly better than natural."
    unknown, _, chosen = proposals_summary.conclude([proposed("regmix", ""), better], ranked)
    assert unknown == "What regmix's mixture gains over natural is unknown." and chosen == "natural"
