"""What a cluster costs and survives, on a throw-away Slurm of this machine (root).

python benchmarks/slurm.py overhead          CPU-seconds a proxy beside its training, in packs of 16
python benchmarks/slurm.py kills 10          a study whose driver is killed ten times
"""

import random
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HOUSE = Path(__file__).parents[1]
sys.path[:0] = [str(HOUSE / "tests" / "cluster"), str(HOUSE / "workflow")]

from driven import CORPUS, Driven  # noqa: E402
from slurm import Slurm, install, throw_away  # noqa: E402

RUNS = 32  # of the study whose drivers are killed
LOSSES = ["--until", "collect_losses"]


def study(runs: int, per_job: int, tokens: int) -> dict[str, Any]:
    """The smoke study with this swarm and nothing to train beside it."""
    smoke = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())
    proxy = smoke["proxy"] | {
        "tokens": tokens,
        "per_job": per_job,
        "checkpoint_seconds": 1,
        "wave": 4,
    }
    return smoke | {
        "proxy": proxy,
        "designs": {"swarm": {"runs": runs}, "repeat": {"runs": 0}},
        "mixers": {"regmix-linear": {}},
    }


@contextmanager
def prepared(config: dict[str, Any]) -> Iterator[tuple[Driven, Driven]]:
    """Prepares the study for a cluster, its corpus made already.

    Beside it is the same study finished without a cluster, in packs of 64.
    """
    install()
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    with tempfile.TemporaryDirectory() as work, throw_away(folder) as cluster:
        proxy = config["proxy"] | {"per_job": 64}
        alone = Driven(Path(work) / "alone", cluster, config | {"proxy": proxy})
        alone.prepare()
        alone.snakemake("--cores", "1", *LOSSES)
        driven = Driven(Path(work) / "driven", cluster, config)
        driven.prepare()
        driven.take(alone, *CORPUS, "calibration.json")
        try:
            yield driven, alone
        finally:
            driven.end()


def cpu_seconds(cluster: Slurm) -> float:
    """Of all jobs so far, by Slurm's accounting."""
    spent = cluster.ask("sacct", "--noheader", "--parsable2", "--format=JobID,TotalCPU")
    steps = re.findall(r"^\d+\.\w+\|(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)$", spent, re.MULTILINE)
    return sum(
        float(d or 0) * 86400 + float(h or 0) * 3600 + float(m) * 60 + float(s)
        for d, h, m, s in steps
    )


def children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def overhead(runs: int = 64, per_job: int = 16) -> None:
    """(driver + jobs - one process that trains all of it) / proxies."""
    with prepared(study(runs, per_job, 8_192)) as (driven, alone):
        shutil.rmtree(alone.store)
        before = children()
        alone.snakemake("--cores", "1", *LOSSES, "--forcerun", "train_proxies")
        training = children() - before
        before = children()
        alone.snakemake("--cores", "1", *LOSSES, "--forcerun", "collect_losses")
        training -= children() - before  # Snakemake itself and what it did beside
        before = children()
        assert driven.start(*LOSSES).wait() == 0, driven.said()
        driver, jobs = children() - before, cpu_seconds(driven.slurm)
        each = (driver + jobs - training) / runs
        print(
            f"{runs} proxies, {per_job} a job: driver {driver:.1f}, jobs {jobs:.1f}, "
            f"training {training:.1f} CPU-s"
        )
        print(f"beside training a proxy costs {each:.2f} CPU-s")


def kills(times: int) -> None:
    """Kills the driver at random moments while packs train.

    The losses must be those of the undisturbed study. No member is trained twice.
    """
    with prepared(study(RUNS, 4, 65_536)) as (driven, alone):
        for _ in range(times):
            driver = driven.start(*LOSSES)
            time.sleep(random.uniform(5, 40))
            driven.end()
            print(
                f"driver killed ({driver.returncode}), {len(driven.stored())} of {RUNS} stored",
                flush=True,
            )
            driven.snakemake("--profile", "slurm", "--unlock")
        assert driven.start(*LOSSES).wait() == 0, driven.said()
        pd.testing.assert_frame_equal(losses(driven), losses(alone), check_exact=True)
        logs = [log for texts in driven.attempts("train_proxies").values() for log in texts]
        ended = sum(
            max(map(int, re.findall(r"(\d+)/\d+ members trained", log)), default=0) for log in logs
        )
        print(
            f"losses identical; {len(logs)} jobs, {len(driven.stored())} members stored, "
            f"{ended} trained to their end"
        )


def losses(run: Driven) -> pd.DataFrame:
    table = pd.read_parquet(run.results / "losses" / "swarm.parquet")
    return table.sort_values(["run", "target", "step"], ignore_index=True)


if __name__ == "__main__":
    overhead() if sys.argv[1] == "overhead" else kills(int(sys.argv[2]))
