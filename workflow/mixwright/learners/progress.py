"""What watches a Trainer: progress lines with the time to go, and a checkpoint before a SIGTERM ends the job."""

import signal
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Log = Callable[[str], None]
TERMINATED = 128 + signal.SIGTERM


class Progress(TrainerCallback):
    """One line every `every` seconds: step, loss, tokens/s, and seconds to go for this model and for all that are `left` after it."""

    def __init__(self, log: Log, name: str, step_tokens: int, left: int = 0, every: float = 15.0) -> None:
        self._log, self._name, self._step_tokens, self._left, self._every = log, name, step_tokens, left, every

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._began = self._told = time.monotonic()
        self._first = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        now = time.monotonic()
        if now - self._told < self._every:
            return
        self._told = now
        a_step = (now - self._began) / (state.global_step - self._first)
        to_go = a_step * (state.max_steps - state.global_step + self._left * state.max_steps)
        loss = f", loss {state.log_history[-1]['loss']:.3f}" if state.log_history else ""
        speed = f"{self._step_tokens / a_step:,.0f} tokens/s, {to_go:,.0f} s to go"
        self._log(f"{self._name}: step {state.global_step}/{state.max_steps}{loss}, {speed}")


class Interruption(TrainerCallback):
    """On SIGTERM, lets the step end, saves a checkpoint and stops; no checkpoint after the last step, the model itself is saved then."""

    def __init__(self) -> None:
        self.asked = False

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._before = signal.signal(signal.SIGTERM, self._ask)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        last = state.global_step >= state.max_steps
        control.should_save = not last and (control.should_save or self.asked)
        control.should_training_stop = last or self.asked
        self.asked = self.asked and not last

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        signal.signal(signal.SIGTERM, self._before)

    def _ask(self, *_: Any) -> None:
        self.asked = True
