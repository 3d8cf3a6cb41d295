"""Scores stored weights on the texts that were not scored while they were trained."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, shortened
from mixwright.progress import Log, Pace
from mixwright.proxies.checkpoint import TERMINATED, terminable
from mixwright.proxies.device import out_of_memory, prepare
from mixwright.proxies.measurements import Floats, Measurements, Texts
from mixwright.proxies.models.masking import mask_token
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import stack
from mixwright.proxies.scoring import Exam, batch_tokens
from mixwright.proxies.wave import PRECISIONS
from mixwright.proxies.weights import Weights
from mixwright.proxies.work import Work

# names of runs in an error
SHOWN = 3


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores trainings of one role, a wave of them side by side."""

    work: Work
    shape: Shape
    weights: Weights
    measurements: Measurements

    @classmethod
    def of(cls, work: Work, store: Path) -> "Scorer":
        """Returns the scorer of a store's weights."""
        proxy = work.study.proxy
        shape = Shape.of(proxy["shape"], work.shards[0].vocabulary, proxy["attention"])
        return cls(work, shape, Weights(store), Measurements(store))

    def score(self, keys: Sequence[str], log: Log) -> None:
        """Scores trainings on what their files lack, and adds it to them wave by wave.

        SIGTERM ends the process with 143 after a wave: what was scored is stored.

        Args:
            keys: Of the trainings.
            log: Takes progress.

        Raises:
            MixwrightError: Weights are gone, or memory does not hold one run.
        """
        self._check(keys)
        prepare(self.work.study.proxy["device"])
        pace = Pace(log, 1, unit="runs")
        done = 0
        with terminable() as stop:
            for wave, (losses, recorded) in self._waves(keys):
                self._score_fitting(wave, losses, recorded)
                done += len(wave)
                left = len(keys) - done
                pace.tell(f"{done}/{len(keys)} runs scored", done, left, at_once=not left)
                if stop.is_set():
                    raise SystemExit(TERMINATED)

    def _waves(self, keys: Sequence[str]) -> Iterator[tuple[list[str], tuple[Texts, Texts]]]:
        """Yields trainings that lack the same texts, as many as pass side by side."""
        alike: dict[str, list[str]] = {}
        texts: dict[str, tuple[Texts, Texts]] = {}
        for key in keys:
            measured = self.measurements.get(key)
            losses, recorded = self.work.lacking(key, measured)
            names = [sorted(losses.examples), sorted(recorded.examples)]
            name = str(names)
            alike.setdefault(name, []).append(key)
            texts[name] = (losses, recorded)
        width = self.work.study.proxy["wave"]
        for name, members in alike.items():
            for start in range(0, len(members), width):
                wave = members[start : start + width]
                yield wave, texts[name]

    def _score_fitting(self, keys: Sequence[str], losses: Texts, recorded: Texts) -> None:
        """Scores a wave, or half of it at a time where memory does not hold it."""
        try:
            self._score_wave(keys, losses, recorded)
            return
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            if len(keys) < 2:
                raise MixwrightError(
                    "proxy: memory does not hold one run that is scored; ask for more memory"
                ) from None
        half = len(keys) // 2
        self._score_fitting(keys[:half], losses, recorded)
        self._score_fitting(keys[half:], losses, recorded)

    def _score_wave(self, keys: Sequence[str], losses: Texts, recorded: Texts) -> None:
        parameters = self._read(keys)
        values: list[dict[str, Floats]] = [{} for _ in keys]
        for texts in (losses, recorded):
            scored = self._loglikelihoods(parameters, texts)
            for target, table in scored.items():
                name = texts.digests[target]
                for of_member, numbers in zip(values, table, strict=True):
                    of_member[name] = numbers
        for key, of_member in zip(keys, values, strict=True):
            self.measurements.put(key, of_member)

    def _loglikelihoods(self, parameters: Parameters, texts: Texts) -> Mapping[str, NDArray]:
        """Target -> (members, ...) log-likelihoods."""
        if not texts.examples:
            return {}
        proxy = self.work.study.proxy
        precision = PRECISIONS[proxy["precision"]]
        mask = None
        if self.shape.masked:
            mask = mask_token(self.work.shards[0])
        exam = Exam.of(
            texts.examples,
            self.shape.context,
            proxy["device"],
            texts.by_token,
            mask,
            bool(texts.alone),
            batch_tokens(self.shape, proxy["device"]),
        )
        return exam.loglikelihoods(parameters, self.shape, precision)

    def _read(self, keys: Sequence[str]) -> Parameters:
        """The weights of trainings, side by side."""
        device = self.work.study.proxy["device"]
        members = []
        for key in keys:
            weights = self.weights.get(key, self.shape, device)
            if weights is None:
                raise self._gone([key])
            members.append(weights)
        return stack(members)

    def _check(self, keys: Sequence[str]) -> None:
        gone = self.weights.missing(keys)
        if gone:
            raise self._gone(gone)

    def _gone(self, keys: Sequence[str]) -> MixwrightError:
        runs = []
        for run, key in self.work.keys.items():
            if key in keys:
                runs.append(run)
        names = shortened(runs, SHOWN)
        return MixwrightError(
            f"{self.weights.folder}: no weights of {len(runs)} runs that are to be scored"
            f" ({names}); train them again: snakemake --forcerun train_proxies, which trains these"
            " alone"
        )
