"""One Slurm for all tests, and one study on it.

The study suffers everything that happens on a cluster.
"""

import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from driven import HOUSE, Disturbed, Driven, pending, processes, send
from slurm import GPUS, NODES, Slurm, UninstallableError, install, throw_away, until

SMOKE = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())

# The smoke study with fewer mixers, in more packs than there are devices.
# The packs train long enough to be disturbed. No mixture of the swarm is a single domain, as chosen
# ones are: the pack of single domains would have nothing to go on with once others are done.
STUDY: dict[str, Any] = SMOKE | {
    "proxy": SMOKE["proxy"]
    | {"tokens": 65_536, "per_job": 3, "checkpoint_seconds": 0.3, "wave": 4},
    "designs": {
        "swarm": SMOKE["designs"]["swarm"] | {"method": "dirichlet"},
        "repeat": {"runs": 0},
    },
    "mixers": {name: SMOKE["mixers"][name] for name in ("mixmin", "natural", "regmix-linear")},
    "final": SMOKE["final"] | {"nodes": len(NODES), "seeds": [1]},
}


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """Starts the study's corpus and proxies without a cluster, in other packs.

    The cluster is installed meanwhile.
    """
    run = Driven(
        tmp_path_factory.mktemp("local"), None, STUDY | {"proxy": STUDY["proxy"] | {"per_job": 64}}
    )
    run.prepare()
    run.start("--until", "collect_losses", "collect_loglikelihoods")
    yield run
    run.end()


@pytest.fixture(scope="session")
def undisturbed(alone: Driven) -> Driven:
    """The same, finished."""
    assert [driver.wait(timeout=1200) for driver in alone.drivers] == [0], alone.said()[-6000:]
    return alone


@pytest.fixture(scope="session")
def slurm(alone: Driven) -> Iterator[Slurm]:
    try:
        install()
    except UninstallableError as reason:
        pytest.skip(str(reason))
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # who ends the tests ends the cluster too
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # nodes read it as whoever they are
    with throw_away(folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def doomed(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """Starts a study with one domain that is too small.

    It waits for its jobs while the other study runs.
    """
    folder = tmp_path_factory.mktemp("doomed")
    for name, documents in {
        "good": 8,
        "target": 8,
        "bad": 1,
    }.items():  # one document can be learned from or held out, not both
        words = (
            " ".join(f"{name}{number}of{document}" for number in range(200))
            for document in range(documents)
        )
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in words)
        )
    sources = {
        name: {"source": "files", "files": str(folder / f"{name}.jsonl")}
        for name in ("good", "bad", "target")
    }
    study = {
        "study": "doomed",
        "domains": {name: sources[name] for name in ("good", "bad")},
        "targets": {"target": sources["target"]},
    }
    run = Driven(folder, slurm, study | {"mixers": {"natural": {}}})
    run.prepare()
    run.start(*(f"results/doomed/documents/{name}/0.parquet" for name in ("good", "bad")))
    yield run
    run.end()


@pytest.fixture(scope="session")
def disturbed(
    slurm: Slurm, doomed: Driven, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Disturbed]:
    """Runs the study to its end although it is disturbed.

    One pack is cancelled, one is killed, and the time of one is over. The controller is restarted.
    The driver is killed and started again.
    """
    run = Driven(tmp_path_factory.mktemp("study"), slurm, STUDY)
    run.prepare()
    run.start()
    packs = held(run)
    cancelled, beaten, late, *others = packs
    slurm.ask("scontrol", "update", f"JobId={packs[late]}", "TimeLimit=3")
    until(lambda: warned(packs[late]), "a pack is warned of the end of its time")
    send(signal.SIGCONT, packs[late])
    slurm.ask("scancel", packs[cancelled])
    send(signal.SIGKILL, packs[beaten])
    send(signal.SIGCONT, packs[cancelled])
    slurm.restart_controller()
    for pack in others:
        send(signal.SIGCONT, packs[pack])
    until(
        lambda: any(
            run.jobs("train_proxies").get(pack, packs[pack]) != packs[pack]
            for pack in (cancelled, beaten)
        ),
        "one is back",
    )
    orphans = run.jobs("train_proxies")
    before = run.stored()
    run.end()
    run.snakemake("--profile", "slurm", "--unlock")
    status = run.start().wait(timeout=1200)
    yield Disturbed(run, status, cancelled, beaten, late, packs[late], orphans, before)
    run.end()


def warned(job: str) -> bool:
    """Whether a pack that is stopped has got SIGTERM, or has ended by it: Slurm wakes it up."""
    return pending(signal.SIGTERM, job) or not any(processes(job, "train-proxies"))


def held(run: Driven) -> dict[str, str]:
    """Returns as many packs as there are devices, each with its job.

    The jobs are stopped before their end, and each has a checkpoint, however fast the machine is.
    """
    found: dict[str, str] = {}

    def begun() -> bool:
        found.update(
            {
                pack: job
                for pack, job in run.jobs("train_proxies").items()
                if send(signal.SIGSTOP, job)
            }
        )
        return len(found) == len(NODES) * GPUS

    until(begun, "a pack on every device", 1800)
    for job in found.values():
        send(signal.SIGCONT, job)
    until(
        lambda: len([*(run.store / "checkpoints").glob("*.pt")]) == len(found),
        "every pack has a checkpoint",
    )
    stopped = [send(signal.SIGSTOP, job) for job in found.values()]
    assert all(stopped)
    return found
