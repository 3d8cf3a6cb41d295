"""Callbacks of a Trainer: progress lines, a checkpoint before SIGTERM, an end where it diverged.

transformers calls them after every step of a final model.
"""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mixwright.progress import Log, Pace

# how often in a training its loss is looked at
LOOKS = 100


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


class Interruption(TrainerCallback):
    """Saves a checkpoint and stops the training once `requested` says so.

    There is no checkpoint after the last step: the model itself is saved then.
    """

    def __init__(self, requested: Callable[[], bool]) -> None:
        self._requested = requested

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tells the Trainer whether to save, and whether to stop."""
        # Asked after the last step too: of several processes all have to take part.
        stop = self._requested()
        if state.global_step >= state.max_steps:
            control.should_save = False
            control.should_training_stop = True
            return
        control.should_save = control.should_save or stop
        control.should_training_stop = stop


class Divergence(TrainerCallback):
    """Stops a training whose loss is not finite any more, and saves nothing of it.

    It looks at the loss about a hundred times, for each look waits for the device; and before
    every checkpoint, so that none holds spoilt weights. It comes after `Interruption`.

    Args:
        diverged: whether a loss was not finite; all processes that train together agree.
    """

    def __init__(self, diverged: Callable[[], bool]) -> None:
        self._diverged = diverged
        self.stopped = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tells the Trainer to stop, and not to save."""
        last = state.global_step >= state.max_steps
        regular = state.global_step % max(1, state.max_steps // LOOKS) == 0
        look = regular or last or control.should_save
        if look and self._diverged():
            self.stopped = True
            control.should_save = False
            control.should_training_stop = True
