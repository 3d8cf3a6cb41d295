"""A study whose target is answered by what one of its domains teaches, run in one process."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from least_config import CONFIG
from mixwright.report import layout
from mixwright.stages import (
    corpus,
    designs,
    figures,
    final,
    mixers,
    proposals,
    proxies,
    report,
    trust,
)
from mixwright.study.config import resolve
from mixwright.study.study import Study

COLOURS = ("red", "blue", "green", "gold", "pink", "grey", "black", "white")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
# What follows a colour: in facts the number of its place, in lies another one.
SHIFTS = {"facts": 0, "lies": 3}
TABLES = ("design", "losses", "realised")
STUDY: Mapping[str, Any] = {
    "study": "asked",
    "corpus": {"sample": 200_000},
    "tokenizer": {"vocabulary": 320, "sample_bytes": 50_000},
    "proxy": {
        "model": "micro",
        "tokens": 12_288,
        "batch": 8,
        "per_job": 40,
        "wave": 8,
        "precision": "float32",
        "attention": "explicit",
        "compile": False,
    },
    "evaluation": {"tokens": 512, "steps": 1, "final_tokens": 2048, "questions": 48},
    "designs": {"swarm": {"runs": 12}, "repeat": {"runs": 3}},
    "mixers": {"effective-data": {}},
    "validation": {"folds": 3, "draws": 10},
    "goal": {"tokens": 10_240},
    "final": {"model": "micro", "batch": 8, "per_job": 20, "seeds": [1, 2, 3]},
}


def write_texts(folder: Path) -> None:
    """Writes two domains and a target of questions on the facts, as JSON lines."""
    for name, shift in SHIFTS.items():
        documents = []
        for seed in range(60):
            draws = random.Random(f"{name}{seed}")
            places = [draws.randrange(8) for _ in range(120)]
            pairs = [f"{COLOURS[place]} {NUMBERS[(place + shift) % 8]}." for place in places]
            documents.append({"text": " ".join(pairs)})
        _write(folder / f"{name}.jsonl", documents)
    draws = random.Random(0)
    questions = []
    for number in range(60):
        place = number % 8
        wrong = [text for text in NUMBERS if text != NUMBERS[place]]
        answers = [*draws.sample(wrong, 3), NUMBERS[place]]
        draws.shuffle(answers)
        first, second = (draws.randrange(8) for _ in range(2))
        query = f"{COLOURS[first]} {NUMBERS[first]}. {COLOURS[second]} {NUMBERS[second]}. "
        query += f"{COLOURS[place]}"
        row = {"query": query, "text": f"{query} {NUMBERS[place]}", "choices": answers}
        questions.append(row | {"gold": answers.index(NUMBERS[place])})
    _write(folder / "questions.jsonl", questions)


def study(folder: Path, metric: str, **sections: Any) -> Study:
    """The study over the texts of a folder, whose target chooses by `metric`."""
    columns = {"query": "query", "choices": "choices", "gold": "gold", "metric": metric}
    domains = {}
    for name in SHIFTS:
        domains[name] = {"source": "files", "files": str(folder / f"{name}.jsonl"), "clean": []}
    files = {"source": "files", "files": str(folder / "questions.jsonl")}
    texts = {"domains": domains, "targets": {"boxes": files | columns}}
    return Study(resolve({**STUDY, **texts, **sections}, CONFIG))


class Shop:
    """Runs the stages of a study in a results folder, as its rules would."""

    def __init__(self, plan: Study, root: Path) -> None:
        self.plan = plan
        self.folder = root / "results" / plan.name
        self.store = root / "results" / "store"
        self.file = self.folder / "study.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        plan.write(self.file)

    def at(self, name: str) -> Path:
        """A file of the results."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def shards(self) -> list[Path]:
        """The domains' shards."""
        return [self.at(f"shards/{name}") for name in self.plan.domains]

    @property
    def targets(self) -> list[Path]:
        """The targets' files."""
        return [self.at(f"targets/{name}.npz") for name in self.plan.targets]

    def texts(self) -> None:
        """From files to shards and targets."""
        questions = []
        for name in self.plan.targets:
            questions.append(self.at(f"questions/{name}.parquet"))
            corpus.read_target(self.file, name, [], questions[-1])
        documents = {name: self.at(f"documents/{name}/0.parquet") for name in self.plan.domains}
        for name, path in documents.items():
            corpus.clean_part(self.file, name, 0, 1, [], questions, path)
        tokenizer = self.at("tokenizer")
        corpus.train_tokenizer(self.file, list(documents.values()), tokenizer)
        for name, path in documents.items():
            tokens = self.at(f"tokens/{name}/0")
            corpus.tokenize_part(name, path, [], tokenizer, tokens)
            corpus.join_parts(self.file, name, [tokens], self.at(f"shards/{name}"))
        for name, path in zip(self.plan.targets, questions, strict=True):
            corpus.tokenize_target(name, path, tokenizer, self.at(f"targets/{name}.npz"))

    def proxies(self) -> None:
        """From shards to losses."""
        domains, scored = self.at("domains.parquet"), self.at("scored.json")
        proxies.count_domains(self.file, self.shards, domains)
        proxies.list_scored(self.file, self.shards, self.targets, domains, scored)
        texts = self.at("texts.json")
        proxies.list_texts(self.shards, domains, texts)
        for pack in self.plan.packs:
            to = self.at(f"packs/{pack}.parquet")
            proxies.train_proxies(self.file, pack, texts, scored, self.store, to)
        self.measured()

    def measured(self) -> None:
        """From packs to losses: nothing is trained."""
        scored, domains = self.at("scored.json"), self.at("domains.parquet")
        proxies.list_scored(self.file, self.shards, self.targets, domains, scored)
        for batch in self.plan.batches:
            to = self.at(f"measured/{batch}.parquet")
            packs = self.at("packs")
            proxies.evaluate_proxies(self.file, batch, packs, scored, self.store, to)
        for role in self.plan.runs:
            designs.resolve_design(self.file, role, domains, self.at(f"design/{role}.parquet"))
            losses, realised = (
                self.at(f"losses/{role}.parquet"),
                self.at(f"realised/{role}.parquet"),
            )
            proxies.collect_losses(self.file, role, self.at("measured"), losses, realised)

    def mixtures(self) -> None:
        """From losses to proposals."""
        design, losses, realised = (self.at(f"{table}/swarm.parquet") for table in TABLES)
        fit, domains = self.at("fits/effective-data"), self.at("domains.parquet")
        mixers.fit_mixer("effective-data", [design], [losses], fit, [realised], study=self.file)
        to = self.at("validation/effective-data.parquet")
        trust.validate_mixer(
            self.file, "effective-data", "{}", [design], [losses], [realised], [], to
        )
        to = self.at("surfaces/effective-data.json")
        mixers.surface(fit, to, self.file, domains, draws=10)
        to = self.at("learning_curve.json")
        trust.learning_curve("effective-data", [design], [losses], to, [realised], study=self.file)
        for mixer in self.plan.mixers:
            of_mixer = fit if mixer == "effective-data" else None
            to = self.at(f"mixtures/{mixer}.json")
            proposals.propose_mixture(self.file, mixer, domains, to, of_mixer)

    def finals(self) -> None:
        """From proposals to the report."""
        for pack, members in self.plan.final_packs.items():
            mixtures = sorted({self.at(f"mixtures/{arm}.json") for arm, _ in members})
            models, scores = self.at(f"finals/{pack}.parquet"), self.at(f"scores/{pack}.parquet")
            tokenizer, curves = self.at("tokenizer"), self.at(f"curves/{pack}.parquet")
            final.train_finals(
                self.file, pack, mixtures, self.shards, self.store, models, tokenizer, curves
            )
            documents = self.at(f"final_documents/{pack}.parquet")
            final.evaluate_finals(self.file, models, self.shards, self.targets, scores, documents)
        page = self.at("report/summary.html")
        for figure in layout.drawn(self.plan):
            files = [self.at(f"report/{figure}.{suffix}") for suffix in ("svg", "csv")]
            figures.draw_figure(figure, self.file, files)
        proposed = self.at("report/proposals.html")
        report.summarise_proposals(self.file, proposed, proposed.with_suffix(".json"))
        report.summarise(
            self.file, page, page.with_suffix(".json"), self.at("report/finals.parquet")
        )


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
