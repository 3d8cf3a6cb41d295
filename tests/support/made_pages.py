"""Pages of made-up studies: with a winner, without one, of one seed, of many domains."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import study_tables
from mixwright.report import proposals_page, proposals_summary
from mixwright.report.drawings import Drawn, embedded
from mixwright.report.figures import draw, save, tabulate
from mixwright.report.origin import commands, configuration
from mixwright.report.page import summary_page
from mixwright.report.summary import Summary, summarise
from mixwright.study.study import Study

LONG = "a-rather-long-name-of-a-source-of-text-that-nobody-shortened"


def manifests(names=study_tables.DOMAINS) -> list[dict]:
    """What was counted of each domain; of the first, documents were cut and lines skipped."""
    content = []
    for number, name in enumerate(names):
        counts = {"read": 1000, "documents": 900, "bytes": 10**6, "bytes_read": 10**6}
        if number == 0:
            counts |= {"bytes_cut": 300_000, "broken": 3, "duplicates": 20}
        train = {"tokens": 10**6, "documents": 900, "bytes": 10**6, "sha256": name}
        manifest = {"domain": name, "tokenizer_sha256": "ab", "source_fingerprint": "cd"}
        content.append(manifest | {"cleaning": counts, "splits": {"train": train}, "unknown": 0.0})
    return content


def counted(names=study_tables.DOMAINS) -> pd.DataFrame:
    """A DOMAINS table of these domains."""
    rows = []
    for number, name in enumerate(names):
        size = 10**6 * (number + 1)
        row = {"domain": name, "split": "train", "tokens": 10**6, "documents": 900, "bytes": 10**6}
        rows.append(row | {"source_tokens": size, "counted": "estimated"})
        rows.append(row | {"split": "validation", "tokens": 10**5, "source_tokens": None})
    return pd.DataFrame(rows)


def summed(config=None, **more) -> Summary:
    """The summary of the made-up study; arguments as of `summarise`."""
    design, losses = study_tables.proxies()
    study = Study(config or study_tables.study())
    inputs = {
        "scores": study_tables.scores(noise=0.003),
        "design": design,
        "losses": losses,
        "mixtures": study_tables.mixtures(),
        "validation": study_tables.validation(),
        "reads": study_tables.READS,
        "manifests": manifests(),
        "domains": counted(),
    }
    summary = summarise(study, **(inputs | more))
    files = {"html": Path("results/demo/report/summary.html")}
    return replace(
        summary, settings=configuration(study), commands=commands(study, "summarise", files)
    )


def figures(folder: Path) -> tuple[Drawn, ...]:
    """Two drawn figures of the made-up study, with their tables."""
    study = Study(study_tables.study())
    inputs = {
        "mixtures": {"mixtures": study_tables.mixtures()},
        "finals": {"scores": study_tables.scores(noise=0.003), "study": study},
    }
    paths = []
    for name, results in inputs.items():
        table = tabulate(name, **results)
        paths.append(folder / f"{name}.svg")
        save(draw(name, table), paths[-1])
        table.to_csv(folder / f"{name}.csv", index=False)
    return embedded(paths)


def of_domains(names: list[str]) -> Summary:
    """A study of these domains, one mixer beside natural, and two seeds of finals."""
    rng = np.random.default_rng(0)
    config = study_tables.study() | {
        "domains": {name: {"source": "files", "files": f"{name}/*.jsonl"} for name in names},
        "mixers": {"natural": {}, "effective-data": {}},
    }
    natural = np.arange(1, len(names) + 1) / sum(range(1, len(names) + 1))
    weights = rng.dirichlet(natural * len(names) + 0.2)
    mixtures = []
    for mixer, mixture in {"natural": natural, "effective-data": weights}.items():
        pairs = dict(zip(names, mixture.tolist(), strict=True))
        record = {"mixer": mixer, "weights": pairs, "epochs": pairs, "notes": []}
        mixtures.append(record | {"active_bounds": [f"{names[-1]}<=0.4"]})
    design, losses = study_tables.proxies()
    rows = []
    for run, tokens in design.groupby("run").tokens.first().items():
        role = design.role[design.run == run].iloc[0]
        for name, weight in zip(names, rng.dirichlet(np.ones(len(names))), strict=True):
            rows.append((run, role, "tiny", tokens, 0, name, weight))
    design = pd.DataFrame(rows, columns=design.columns)
    arms = {"natural": 0.0, "effective-data": 0.2}
    return summed(
        config,
        scores=study_tables.scores(arms=arms, noise=0.003),
        design=design,
        losses=losses,
        mixtures=mixtures,
        validation=None,
        manifests=manifests(names),
        domains=counted(names),
    )


def several_goals() -> Summary:
    """A study whose mixers propose for each target alone."""
    mixtures = []
    for mixture in study_tables.mixtures():
        for target in study_tables.TARGETS:
            mixtures.append(mixture | {"goal": target})
    return summed(mixtures=mixtures)


def no_winner() -> Summary:
    arms = {name: 0.002 * number for number, name in enumerate(study_tables.ARMS)}
    return summed(scores=study_tables.scores(arms=arms, noise=0.02))


def one_seed() -> Summary:
    return summed(scores=study_tables.scores(seeds=(1,)))


def worse_somewhere() -> Summary:
    """The best mixture is worse than natural on one target."""
    scores = study_tables.scores(noise=0.003)
    of_cell = (scores.mixer == "effective-data") & (scores.task == "cython")
    scores.loc[of_cell & (scores.metric == "loss"), "value"] += 0.1
    others = (scores.mixer == "effective-data") & scores.task.isin(["comments", "pytests"])
    scores.loc[others & (scores.metric == "loss"), "value"] -= 0.1
    return summed(scores=scores)


SUMMARIES: dict[str, Callable[[], Summary]] = {
    "winner": summed,
    "no winner": no_winner,
    "one seed": one_seed,
    "worse somewhere": worse_somewhere,
    "several goals": several_goals,
    "one domain": lambda: of_domains(["only"]),
    "many domains": lambda: of_domains([f"{LONG}-{number}" for number in range(25)]),
    "without validation": lambda: summed(validation=None, manifests=(), domains=None),
    "no documents": lambda: summed(documents=study_tables.documents()),
}


def proposals_of(sentence: str = "", **more) -> proposals_summary.Proposals:
    """The proposals of the made-up study; `sentence` is the verdict on effective-data's."""
    mixtures = []
    for mixture in study_tables.mixtures():
        if sentence and mixture["mixer"] == "effective-data":
            intervals = mixture["intervals"] | {"verdict": sentence}
            mixture = mixture | {"intervals": intervals}
        mixtures.append(mixture)
    design, losses = study_tables.proxies()
    inputs = {"validation": study_tables.validation(), "mixtures": mixtures}
    inputs |= {"manifests": manifests(), "domains": counted()}
    study = Study(study_tables.study() | {"finals": "none"})
    return proposals_summary.summarise(study, design, losses, **(inputs | more))


PROPOSALS: dict[str, Callable[[], proposals_summary.Proposals]] = {
    "predicted better": proposals_of,
    "not distinguishable": lambda: proposals_of(
        "not distinguishable from natural ([-0.100, +0.200] nats/token)"
    ),
    "cannot tell": lambda: proposals_of("these runs cannot tell: all are alike"),
    "nothing held out": lambda: proposals_of(validation=study_tables.validation().iloc[:0]),
}


def pages() -> dict[str, Callable[[], str]]:
    """Kind of a study -> a function that makes its page."""
    made: dict[str, Callable[[], str]] = {}
    for name, make in SUMMARIES.items():
        made[f"finals: {name}"] = lambda make=make: summary_page(make())
    for name, propose in PROPOSALS.items():
        made[f"proposals: {name}"] = lambda propose=propose: proposals_page.page(propose())
    return made
