"""One look at a running study, and the next: what is done, what runs, what failed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.jobs.status import Job, Swarm, counts, swarms
from mixwright.jobs.status_snakemake import Driver, Hold, last_lines
from mixwright.jobs.status_stages import Product, Reported, Stage, present, stages
from mixwright.study.study import Study

# Stages that are counted in runs, as the swarm of that name counts them.
IN_RUNS = ("proxies", "finals")
# Seconds without a word of any job after which a run of Snakemake may have been killed.
QUIET = 600.0


@dataclass(frozen=True)
class Row:
    """A stage as it stands: done of total, and the jobs that run in it now."""

    name: str
    done: int
    total: int
    unit: str
    running: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A job that failed: its log, and how the log ends."""

    job: str
    log: Path
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """A study at one moment."""

    study: str
    unit: str
    rows: tuple[Row, ...]
    swarms: tuple[Swarm, ...]
    failure: Failure | None
    # whether a run of Snakemake is at work on the study, as far as its files tell
    driven: bool
    # seconds since anything was written; None where nothing runs or nothing tells
    quiet: float | None
    # the page that ends the study, once all that leads to it is made
    page: Path | None

    @property
    def training(self) -> list[Job]:
        """The training jobs that run."""
        return [job for swarm in self.swarms for job in swarm.having("running")]

    @property
    def runs(self) -> bool:
        """Whether anything runs."""
        return self.driven or bool(self.training)


class Watch:
    """Looks at a study again and again, from the files that its jobs and Snakemake write."""

    def __init__(self, study: Study, results: Path, reported: Reported) -> None:
        """Prepares to look.

        Args:
            study: the study.
            results: the folder of its results.
            reported: the files that follow from its proposals, relative to `results`.
        """
        self._study = study
        self._results = results
        self._reported = reported
        self._driver = Driver(results)
        # what the last run of Snakemake set out to make
        self._last: Hold | None = None

    @cached_property
    def _stages(self) -> list[Stage]:
        return stages(self._study, self._results, self._reported)

    @cached_property
    def _logs(self) -> Path:
        return self._results.absolute().parent.parent / "logs" / self._results.absolute().name

    def look(self) -> Look:
        """Returns how the study stands now.

        Raises:
            MixwrightError: another version of mixwright wrote the study.
        """
        hold = self._driver.hold()
        self._last = hold or self._last
        swarm_list = self._swarms(hold)
        try:
            products = [product for stage in self._stages for product in stage.products]
        except KeyError as error:
            raise MixwrightError(
                f"{self._results}/study.json: another version's, without {error}; "
                "start snakemake, which writes it anew"
            ) from None
        made = present(self._results, products) - self._pending(hold)
        failure = self._failure(products, made, swarm_list, hold)
        failed = failure.job if failure else ""
        rows = tuple(self._rows(made, swarm_list, hold, failed))
        return Look(
            study=self._results.absolute().name,
            unit="tokens" if self._study.learner.sized else "runs",
            rows=rows,
            swarms=tuple(swarm_list),
            failure=failure,
            driven=hold is not None,
            quiet=self._quiet(hold, products, made),
            page=self._page(made, products, hold),
        )

    def _swarms(self, hold: Hold | None) -> list[Swarm]:
        if self._study.measured:
            return []
        return swarms(self._study, self._results, self._pending(hold))

    def _pending(self, hold: Hold | None) -> set[str]:
        """What is there and about to be made again: it is older than the run that makes it."""
        if hold is None:
            return set()
        pending = set()
        for path in hold.paths:
            if _modified(self._results / path) < hold.began:
                pending.add(path)
        return pending

    def _rows(
        self, made: set[str], swarm_list: Sequence[Swarm], hold: Hold | None, failed: str
    ) -> Iterator[Row]:
        by_kind = {swarm.kind: swarm for swarm in swarm_list}
        for stage in self._stages:
            if stage.name in IN_RUNS:
                total = counts(by_kind[stage.name].jobs)
                running = tuple(job.pack for job in by_kind[stage.name].having("running"))
                yield Row(stage.name, total["done"], total["runs"], "runs", running)
                continue
            done = sum(product.path in made for product in stage.products)
            running = tuple(self._running(stage, made, hold, failed))
            yield Row(stage.name, done, len(stage.products), "files", running)

    def _running(
        self, stage: Stage, made: set[str], hold: Hold | None, failed: str
    ) -> Iterator[str]:
        """The jobs of a stage that have begun to write a log, and are not done."""
        if hold is None:
            return
        for product in stage.products:
            if product.path in made or product.words == failed:
                continue
            if _modified(self._logs / product.log) >= hold.began:
                yield product.words

    def _failure(
        self,
        products: Sequence[Product],
        made: set[str],
        swarm_list: Sequence[Swarm],
        hold: Hold | None,
    ) -> Failure | None:
        """The last job that failed and is not done since."""
        undone = {product.log: product for product in products if product.path not in made}
        since = hold.began if hold else _modified(self._results / "study.json")
        logs = []
        for log in self._driver.failed(since):
            logs.append(log.split("/", 2)[2])
        # a job that was killed tells nobody; its pulse stands still
        for swarm in swarm_list:
            for job in swarm.having("failed", "killed", "silent"):
                logs += [log for log, one in undone.items() if one.job == job.pack]
        open_logs = [log for log in logs if log in undone]
        if not open_logs:
            return None
        log = max(open_logs, key=lambda name: _modified(self._logs / name))
        path = self._logs / log
        return Failure(undone[log].words, path, tuple(last_lines(path)))

    def _quiet(
        self, hold: Hold | None, products: Sequence[Product], made: set[str]
    ) -> float | None:
        """Seconds since Snakemake or a job that is not done wrote anything."""
        if hold is None:
            return None
        times = [self._driver.written(), hold.began]
        for product in products:
            if product.path not in made:
                times.append(_modified(self._logs / product.log))
        return max(0.0, time.time() - max(times))

    def _page(self, made: set[str], products: Sequence[Product], hold: Hold | None) -> Path | None:
        """The last page, where all is made; `snakemake proposals` ends with another."""
        if all(product.path in made for product in products):
            return self._results / f"{self._reported.page}.html"
        if hold is not None or self._last is None:
            return None
        pages = [path for path in self._last.paths if path.endswith(".html")]
        wanted = [self._results / path for path in self._last.paths]
        if pages and all(_modified(path) >= self._last.began for path in wanted):
            return self._results / pages[0]
        return None


def _modified(path: Path) -> float:
    """When a file or folder was last written, in seconds since 1970; 0 where it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
