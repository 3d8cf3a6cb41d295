"""The stages of a study: what its jobs make, stage by stage, and how much of that is on disk."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.sources.public import basename
from mixwright.study.copies import snapshot_packs
from mixwright.study.learning import curve_mixer
from mixwright.study.study import Study


@dataclass(frozen=True)
class Product:
    """What a job makes: a file or a folder below the results of its study."""

    path: str
    rule: str
    # the job's wildcards, as its log is named by them; empty where there is one job of its rule
    job: str = ""
    # what is made of it; once that is there, nobody makes the product again
    becomes: str = ""

    @property
    def log(self) -> str:
        """The job's log, below the logs of the study."""
        return f"{self.rule}/{self.job}.log" if self.job else f"{self.rule}.log"

    @property
    def words(self) -> str:
        """The job in words."""
        return f"{self.rule} {self.job}".rstrip()


@dataclass(frozen=True)
class Stage:
    """A stage of the flow, with all that the study makes in it."""

    name: str
    products: tuple[Product, ...]


@dataclass(frozen=True)
class Reported:
    """The files behind the proposals, relative to the results: what the report's room lists."""

    surfaces: Sequence[str]
    exports: Sequence[str]
    figures: Sequence[str]
    # without a suffix
    page: str


def stages(study: Study, results: Path, reported: Reported) -> list[Stage]:
    """Returns the stages of a study in the order of the flow; those that make nothing are left out.

    Args:
        study: the study.
        results: its folder of results.
        reported: what follows from its proposals.
    """
    if study.measured:
        makers = MEASURED
    else:
        makers = TRAINED
    listed = []
    for name, make in makers.items():
        products = tuple(make(study, results))
        if products:
            listed.append(Stage(name, products))
    listed.append(Stage("proposals", tuple(_proposals(study, reported))))
    if not study.measured:
        listed += _of_finals(study)
    listed.append(Stage("report", tuple(_report(study, reported))))
    return listed


def _public(study: Study, becomes: str) -> Iterator[Product]:
    """Public files. A machine with a mirror names some otherwise: what they become tells too."""
    files = {basename(entry) for entry in study.config.get("public", {}).values()}
    for file in sorted(files):
        yield Product(f"public/{file}", "fetch_public", file, becomes)


def _corpus(study: Study, results: Path) -> Iterator[Product]:
    yield from _public(study, "domains.parquet")
    if study.learner.rules == "corpus":
        yield from _text(study, results)
    else:
        for name in study.domains:
            yield Product(f"{study.learner.folder}/{name}", "make_datasets")
    yield Product("domains.parquet", "count_domains")
    yield Product("scored.json", "list_scored")
    yield Product("texts.json", "list_texts")
    if study.learner.sized:
        yield Product("calibration.json", "calibrate")


def _text(study: Study, results: Path) -> Iterator[Product]:
    if any(study.source(name).prepared() for name in study.domains + study.targets):
        yield Product("installed", "harvest_installed")
    for name in study.targets:
        target = f"targets/{name}.npz"
        yield Product(f"questions/{name}.parquet", "read_target", name, target)
        yield Product(target, "tokenize_target", name)
    yield Product("tokenizer", "train_tokenizer")
    for name in study.domains:
        shard = f"shards/{name}"
        for part in range(_parts(study, results, name)):
            job = f"{name}/{part}"
            yield Product(f"documents/{job}.parquet", "clean_part", job, shard)
            yield Product(f"tokens/{job}", "tokenize_part", job, shard)
        yield Product(shard, "join_parts", name)


def _parts(study: Study, results: Path, name: str) -> int:
    """In how many parts a domain is read: of one that was read, those that are there."""
    if not (results / "shards" / name).exists():
        # a study may be watched where its sources cannot be seen
        with suppress(MixwrightError, OSError):
            return study.parts(name)
    return max(1, len(list((results / "documents" / name).glob("*.parquet"))))


def _design(study: Study, results: Path) -> Iterator[Product]:
    for role in study.runs:
        yield Product(f"design/{role}.parquet", "resolve_design", role)
        for table in study.tables_of_role(role)[1:]:
            number = table.rpartition("-")[2]
            yield Product(f"design/{table}.parquet", "design_round", number)


def _proxies(study: Study, results: Path) -> Iterator[Product]:
    for pack in study.packs:
        yield Product(f"packs/{pack}.parquet", "train_proxies", pack)


def _scoring(study: Study, results: Path) -> Iterator[Product]:
    for batch in study.batches:
        yield Product(f"measured/{batch}.parquet", "evaluate_proxies", batch)
    for table in study.tables:
        yield Product(f"losses/{table}.parquet", "collect_losses", table)
    if study.reads_loglikelihoods:
        yield Product("loglikelihoods/vertex.parquet", "collect_loglikelihoods", "vertex")


def _fits(study: Study, results: Path) -> Iterator[Product]:
    for mixer in study.mixers:
        if study.method(mixer).reads:
            yield Product(f"fits/{mixer}", "fit_mixer", mixer)


def _validation(study: Study, results: Path) -> Iterator[Product]:
    if "swarm" in study.runs:
        for mixer in study.mixers:
            if study.method(mixer).predicts:
                yield Product(f"validation/{mixer}.parquet", "validate_mixer", mixer)
    if curve_mixer(study):
        yield Product("learning_curve.json", "learning_curve")
    if study.backtested:
        yield Product("backtest.json", "backtest")
    if "transfer" in study.runs:
        yield Product("transfer.json", "transfer")
    if study.merges:
        yield Product("merged.json", "merged")


def _tables(study: Study, results: Path) -> Iterator[Product]:
    yield from _public(study, "report/summary.html")
    for role in study.runs:
        yield Product(f"losses/{role}.parquet", "import_runs", role)
    yield Product("domains.parquet", "weigh_domains")
    if "optima" in study.measured:
        yield Product("ladder.parquet", "climb_ladder")


def _tests(study: Study, results: Path) -> Iterator[Product]:
    if study.tests and "swarm" in study.runs:
        for mixer in study.mixers:
            if study.method(mixer).predicts:
                yield Product(f"tests/{mixer}.parquet", "predict_tests", mixer)
    for mixer in study.measured["subsets"]:
        yield Product(f"subsets/{mixer}.parquet", "score_subsets", mixer)
    for mixer in study.measured["regions"]:
        yield Product(f"regions/{mixer}.json", "find_region", mixer)
    if "swarm" in study.runs:
        yield Product("predictions.parquet", "predict_mixtures")


def _proposals(study: Study, reported: Reported) -> Iterator[Product]:
    for arm in study.arms:
        yield Product(f"mixtures/{arm}.json", "propose_mixture", arm)
    for path in reported.surfaces:
        yield Product(path, "surface", Path(path).stem)
    for path in reported.exports:
        job = ".".join(Path(path).parts[-2:])
        yield Product(path, "export_mixture", job)


def _of_finals(study: Study) -> list[Stage]:
    """What is made of final models; nothing where a study ends at its proposals."""
    rules = {"finals": ("finals", "train_finals"), "final losses": ("scores", "evaluate_finals")}
    if snapshot_packs(study):
        rules["losses on the way"] = ("snapshot_scores", "evaluate_snapshots")
    if study.tasks:
        rules["tasks"] = ("task_scores", "evaluate_tasks")
    listed = []
    for name, (folder, rule) in rules.items():
        products = [Product(f"{folder}/{pack}.parquet", rule, pack) for pack in study.final_packs]
        if products:
            listed.append(Stage(name, tuple(products)))
    return listed


def _report(study: Study, reported: Reported) -> Iterator[Product]:
    for path in reported.figures:
        yield Product(path, "draw_figure", Path(path).stem)
    page = "summarise"
    if study.measured:
        page = "summarise_measured"
    elif study.ends_at_proposals:
        page = "summarise_proposals"
    yield Product(f"{reported.page}.html", page)


Maker = Callable[[Study, Path], Iterator[Product]]
# Stages before the proposals, of runs that the study trains and of those that others measured.
TRAINED: Mapping[str, Maker] = {
    "corpus": _corpus,
    "design": _design,
    "proxies": _proxies,
    "scoring": _scoring,
    "fits": _fits,
    "validation": _validation,
}
MEASURED: Mapping[str, Maker] = {
    "tables": _tables,
    "fits": _fits,
    "validation": _validation,
    "tests": _tests,
}


def present(results: Path, products: Iterable[Product]) -> set[str]:
    """Returns which of the products' paths are there; each folder is listed once."""
    folders: dict[str, set[str]] = {}

    def there(path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = _names(results / folder)
        return name in folders[folder]

    paths = set()
    for product in products:
        if there(product.path) or (product.becomes and there(product.becomes)):
            paths.add(product.path)
    return paths


def _names(folder: Path) -> set[str]:
    """What lies in a folder; nothing where there is none yet."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()
