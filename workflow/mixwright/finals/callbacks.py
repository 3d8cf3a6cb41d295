"""What watches a Trainer: progress lines with the time to go, and a checkpoint before a SIGTERM ends the job."""

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mixwright.progress import Log, Pace


class Progress(TrainerCallback):
    """Now and then a line: step, loss, tokens/s, and seconds to go for this model and for all that are `left` after it."""

    def __init__(
        self, log: Log, name: str, step_tokens: int, left: int = 0, every: float = 15.0
    ) -> None:
        self._log, self._name, self._step_tokens, self._left, self._every = (
            log,
            name,
            step_tokens,
            left,
            every,
        )

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._pace = Pace(self._log, self._step_tokens, self._every)
        self._first = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        loss = f", loss {state.log_history[-1]['loss']:.3f}" if state.log_history else ""
        where = f"{self._name}: step {state.global_step}/{state.max_steps}{loss}"
        self._pace.tell(
            where,
            state.global_step - self._first,
            (1 + self._left) * state.max_steps - state.global_step,
        )


class Interruption(TrainerCallback):
    """Once `asked`, saves a checkpoint and stops; no checkpoint after the last step, the model itself is saved then."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        last, asked = state.global_step >= state.max_steps, self._asked()
        control.should_save = not last and (control.should_save or asked)
        control.should_training_stop = last or asked
