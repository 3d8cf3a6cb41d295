"""Callbacks of a Trainer: progress lines, checkpoints, copies, an end where it diverged.

transformers calls them after every step of a final model.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from mixwright.finals.processes import Processes
from mixwright.progress import Log, Pace

if TYPE_CHECKING:
    from mixwright.finals.trainer import FinalTrainer

# writes a model into a folder that is not there yet
Save = Callable[[Path, PreTrainedModel], None]


class Progress(TrainerCallback):
    """Logs step, loss, tokens/s and the seconds to go, now and then.

    Args:
        log: takes the lines.
        name: what the lines call the model.
        step_tokens: tokens that one step trains on.
        left: models of equal length that are trained after this one; the time to go counts them.
        every: seconds between two lines.
    """

    def __init__(
        self, log: Log, name: str, step_tokens: int, left: int = 0, every: float = 15.0
    ) -> None:
        self._log = log
        self._name = name
        self._step_tokens = step_tokens
        self._left = left
        self._every = every

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the clock, at the step from which a checkpoint goes on."""
        self._pace = Pace(self._log, self._step_tokens, self._every)
        self._first_step = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Logs a line, if the last one is long enough ago."""
        where = f"{self._name}: step {state.global_step}/{state.max_steps}"
        if state.log_history:
            where += f", loss {state.log_history[-1]['loss']:.3f}"
        done = state.global_step - self._first_step
        left = (1 + self._left) * state.max_steps - state.global_step
        self._pace.tell(where, done, left)


class Watch(TrainerCallback):
    """Decides after every step whether to save a checkpoint, and whether to stop.

    Told to end, a training saves a checkpoint and stops. Where a loss is not finite any more it
    stops and saves nothing; before every checkpoint the weights are looked at too, so that none
    holds spoilt ones. After the last step there is no checkpoint: the model itself is saved then.

    Args:
        trained: what is watched.
        processes: those that train together; they stop and save after the same step.
        terminated: whether this process is told to end.
        minutes: between checkpoints; None: Trainer counts steps.
    """

    def __init__(
        self,
        trained: "FinalTrainer",
        processes: Processes,
        terminated: Callable[[], bool],
        minutes: float | None = None,
    ) -> None:
        self._trained = trained
        self._processes = processes
        self._terminated = terminated
        self._seconds = math.inf if minutes is None else 60 * minutes
        self._saved = time.monotonic()
        self.diverged = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tells the Trainer whether to save, and whether to stop."""
        last = state.global_step >= state.max_steps
        now = last or control.should_save
        spoilt = not self._trained.finite(now)
        # the clock of one process counts
        due = self._processes.leads and time.monotonic() - self._saved >= self._seconds
        # asked after the last step too: of several processes all have to take part
        flags = (self._terminated(), due, spoilt)
        stops, due, self.diverged = self._processes.each(flags)
        control.should_save = (control.should_save or due or stops) and not last
        if control.should_save and not self.diverged:
            self.diverged = self._spoilt()
        if self.diverged:
            control.should_save = False
        if control.should_save:
            self._saved = time.monotonic()
        control.should_training_stop = last or stops or self.diverged

    def _spoilt(self) -> bool:
        """Whether a loss or a weight of any process is not finite."""
        sound = self._trained.finite(now=True) and finite(self._trained.model)
        return self._processes.any(not sound)


class Snapshots(TrainerCallback):
    """Keeps copies of the model as it was after some steps; none of spoilt weights.

    Args:
        trained: whose model it is.
        steps: step -> the name of its copy.
        processes: those that train together.
        folder: of the copies. One that is there already, of before a kill, stays.
        save: writes a model into a folder; every process calls it, the leader writes.
    """

    def __init__(
        self,
        trained: "FinalTrainer",
        steps: Mapping[int, str],
        processes: Processes,
        folder: Path,
        save: Save,
    ) -> None:
        self._trained = trained
        self._steps = steps
        self._processes = processes
        self._folder = folder
        self._save = save

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Saves a copy, if it is time."""
        name = self._steps.get(state.global_step)
        if name is None:
            return
        target = self._folder / name
        sound = self._trained.finite(now=True) and finite(self._trained.model)
        if self._processes.any(not sound) or self._processes.any(target.exists()):
            return
        self._save(target, self._trained.model)


@torch.no_grad()
def finite(model: nn.Module) -> bool:
    """Returns whether all weights of a model are finite, or this process's slices of them."""
    for parameter in model.parameters():
        weights: torch.Tensor = parameter
        if isinstance(parameter, DTensor):
            weights = parameter.to_local()
        if not bool(weights.isfinite().all()):
            return False
    return True
