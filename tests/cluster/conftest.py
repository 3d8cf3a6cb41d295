"""One Slurm for all tests, and one study through it that suffers everything that happens on a cluster."""

import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from driven import HOUSE, Disturbed, Driven, kill, processes
from slurm import GPUS, NODES, Slurm, UninstallableError, install, throw_away, until

SMOKE = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())

# The smoke study with fewer mixers, and packs that train long enough to be disturbed.
STUDY: dict[str, Any] = SMOKE | {
    "proxy": SMOKE["proxy"] | {"tokens": 131_072, "per_job": 3, "checkpoint_seconds": 0.3, "wave": 4},
    "mixers": {name: SMOKE["mixers"][name] for name in ("mixmin", "natural", "regmix-linear")},
    "final": SMOKE["final"] | {"nodes": len(NODES), "seeds": [1]},
}
CORPUS = ("installed", "questions", "documents", "tokenizer", "shards", "targets", "domains.parquet", "texts.json", "calibration.json")


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    try:
        install()
    except UninstallableError as reason:
        pytest.skip(str(reason))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who ends the tests ends the cluster too
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # nodes read it as whoever they are
    with throw_away(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def doomed(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A study one of whose domains is too small, started; it waits for its jobs beside the other one."""
    folder = tmp_path_factory.mktemp("doomed")
    for name, documents in {"good": 8, "target": 8, "bad": 1}.items():  # one document can be learned from or held out, not both
        words = (" ".join(f"{name}{number}of{document}" for number in range(200)) for document in range(documents))
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in words))
    sources = {name: {"source": "files", "files": str(folder / f"{name}.jsonl")} for name in ("good", "bad", "target")}
    study = {"study": "doomed", "domains": {name: sources[name] for name in ("good", "bad")}, "targets": {"target": sources["target"]}}
    run = Driven(folder, slurm, study | {"mixers": {"natural": {}}})
    run.prepare()
    run.start(*(f"results/doomed/documents/{name}.parquet" for name in ("good", "bad")))
    yield run
    run.end()


@pytest.fixture(scope="session")
def driven(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """The study with profiles linked, not started yet."""
    run = Driven(tmp_path_factory.mktemp("study"), slurm, STUDY)
    run.prepare()
    yield run
    run.end()


@pytest.fixture(scope="session")
def disturbed(driven: Driven, doomed: Driven) -> Disturbed:
    """The study end to end: one pack cancelled, one killed, the controller restarted, the driver killed and started again."""
    run = driven
    run.start()

    def all_saved() -> dict[str, str]:
        """The running packs, once as many as there are devices have each a checkpoint."""
        packs = run.jobs("train_proxies")
        return packs if len(packs) == len(NODES) * GPUS == len([*(run.store / "checkpoints").glob("*.pt")]) else {}

    packs = until(all_saved, "four packs have a checkpoint", 1800)
    cancelled, beaten, *_ = packs
    run.slurm.ask("scancel", packs[cancelled])
    kill(processes(packs[beaten], "train-proxies"))
    run.slurm.restart_controller()
    until(lambda: any(run.jobs("train_proxies").get(pack, packs[pack]) != packs[pack] for pack in (cancelled, beaten)), "one is back")
    orphans = run.jobs("train_proxies")
    before = run.stored()
    run.end()
    run.snakemake("--profile", "slurm", "--unlock")
    status = run.start().wait(timeout=1200)
    return Disturbed(run, status, cancelled, beaten, orphans, before)


@pytest.fixture(scope="session")
def undisturbed(disturbed: Disturbed, tmp_path_factory: pytest.TempPathFactory) -> Driven:
    """The proxies of the same study on the same corpus, without a cluster and in other packs."""
    first = disturbed.run
    run = Driven(tmp_path_factory.mktemp("local"), first.slurm, STUDY | {"proxy": STUDY["proxy"] | {"per_job": 64}})
    run.prepare()
    run.results.mkdir(parents=True)
    for name in CORPUS:
        copy = shutil.copytree if (first.results / name).is_dir() else shutil.copy2
        copy(first.results / name, run.results / name)
    run.snakemake("--cores", "2", "--until", "collect_losses", "collect_loglikelihoods")
    return run
