"""Times a few ways to compute a pack, and takes the fastest; on a GPU with the fewest members.

Memory that does not hold a choice is an answer, not an end: such a choice is never the faster.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

# A choice replaces the one before it if it takes at most this share of its time.
CLEARLY = 0.95
# Members side by side that are timed on a GPU, beside the most that its memory holds.
COUNTS = (1, 4, 16)
# A precision or kernel that takes so many times the fastest one's time side by side is timed with
# no other number of members.
HOPELESS = 2.0
NOTHING_FITS = "nothing timed fits into memory; training goes on with fewer members"


@dataclass(frozen=True)
class Choice:
    """How a pack is computed."""

    precision: str = "float32"
    attention: str = "fused"
    compile: bool = False
    # sequences that a member reads at a time
    micro_batch: int = 1
    # members side by side; changes no number
    wave: int = 4

    @property
    def name(self) -> str:
        """The choice in words, for logs and tables of timings."""
        compiled = ", compiled" if self.compile else ""
        return f"{self.precision}, {self.attention} attention{compiled}, {self.wave} side by side"


# times a choice: seconds for each token of a member; infinite where memory does not hold it
Seconds = Callable[[Choice], float]


@dataclass
class Trials:
    """Times choices, each at most once."""

    seconds: Seconds
    # name of a choice -> seconds for each token of a member; None where memory does not hold it
    timings: dict[str, float | None] = field(default_factory=dict)

    def time_of(self, choice: Choice) -> float:
        """Returns seconds for each token of a member; infinite where memory does not hold it."""
        if choice.name not in self.timings:
            taken = self.seconds(choice)
            self.timings[choice.name] = taken if math.isfinite(taken) else None
        seconds = self.timings[choice.name]
        if seconds is None:
            return math.inf
        return seconds

    def faster(self, best: Choice, other: Choice) -> Choice:
        """Returns `other` if it is clearly faster, else `best`."""
        if other == best:
            return best
        best_time = self.time_of(best)
        if self.time_of(other) < CLEARLY * best_time:
            return other
        return best

    def fastest(self, choices: Sequence[Choice]) -> Choice:
        """Returns the fastest; the first of them, as long as no other is clearly faster."""
        best = choices[0]
        for choice in choices:
            best = self.faster(best, choice)
        return best


def chosen_on_cpu(
    choices: Sequence[Choice],
    requested: Mapping[str, object],
    compiler_tokens: int,
    trials: Trials,
    reasons: dict[str, str],
) -> Choice:
    """Returns the fastest of the choices, and rewrites `reasons`. The first is the plain one.

    Then it tries one member at a time, then the compiler: for jobs of so many `compiler_tokens`,
    and not for none.
    """
    plain = choices[0]
    best = trials.fastest(choices)
    if requested["wave"] == "auto" and plain.wave > 1:
        best = trials.faster(best, replace(best, wave=1))
    if requested["compile"] == "auto" and compiler_tokens:
        best = _with_compiler(best, compiler_tokens, trials, reasons, time.process_time)
    if best.name in trials.timings and math.isinf(trials.time_of(best)):
        reasons["timing"] = NOTHING_FITS
    _explain(("precision", "attention", "wave"), plain, best, requested, reasons)
    return best


def chosen_on_gpu(
    choices: Sequence[Choice],
    requested: Mapping[str, object],
    compiler_tokens: int,
    trials: Trials,
    reasons: dict[str, str],
) -> Choice:
    """Returns the choice with the fewest members among those within 5 % of the fastest.

    Few members take less memory, and a kill loses less. Each precision and kernel is timed with
    the most members that memory holds, and with the numbers of COUNTS below.

    Args:
        choices: One for each precision and kernel, with the most members that memory holds. The
            first is the plain one.
        requested: The study's settings.
        compiler_tokens: Tokens of the largest job; 0: the compiler is not tried.
        trials: Times them.
        reasons: Of each setting, which are rewritten.
    """
    plain = choices[0]
    counted = requested["wave"] == "auto"
    hopeless = HOPELESS * min(trials.time_of(choice) for choice in choices)
    numbers: list[list[Choice]] = []
    for choice in choices:
        same = [choice]
        taken = trials.time_of(choice)
        # What memory does not hold at its most may be the fastest of all with fewer.
        if counted and (math.isinf(taken) or taken <= hopeless):
            same += [replace(choice, wave=count) for count in COUNTS if count < choice.wave]
        numbers.append(same)
    bests = [min(same, key=trials.time_of) for same in numbers]
    best = trials.fastest(bests)
    limit = trials.time_of(best) / CLEARLY
    if math.isinf(limit):
        reasons["timing"] = NOTHING_FITS
        return replace(plain, wave=1) if counted else plain
    if counted:
        quick = [one for one in numbers[bests.index(best)] if trials.time_of(one) <= limit]
        best = min(quick, key=lambda one: one.wave)
        reasons["wave"] = f"the fewest within {1 - CLEARLY:.0%} of the fastest timed"
    if requested["compile"] == "auto" and compiler_tokens:
        best = _with_compiler(best, compiler_tokens, trials, reasons, time.monotonic)
    _explain(("precision", "attention"), plain, best, requested, reasons)
    return best


def _explain(
    keys: Sequence[str],
    plain: Choice,
    best: Choice,
    requested: Mapping[str, object],
    reasons: dict[str, str],
) -> None:
    """Rewrites the reasons of the settings that were open."""
    for key in keys:
        if requested[key] != "auto":
            continue
        if getattr(best, key) != getattr(plain, key):
            reasons[key] = "the faster in a few steps"
        else:
            reasons[key] += "; nothing timed was faster"


def _with_compiler(
    eager: Choice,
    tokens: int,
    trials: Trials,
    reasons: dict[str, str],
    clock: Callable[[], float],
) -> Choice:
    """Returns the choice compiled, if the largest job saves more than compiling takes."""
    compiled = replace(eager, compile=True)
    began = clock()
    try:
        trials.time_of(compiled)
    except Exception as error:
        # Whatever a compiler raises, the eager step still works.
        reasons["compile"] = f"the compiler failed ({error.__class__.__name__})"
        return eager
    cost = clock() - began
    eager_time = trials.time_of(eager)
    if math.isinf(trials.time_of(compiled)):
        reasons["compile"] = "compiled it does not fit into memory"
        return eager
    saved = tokens * (eager_time - trials.time_of(compiled))
    unit = "CPU-s" if clock is time.process_time else "s"
    reasons["compile"] = (
        f"compiling takes {cost:.0f} {unit} and saves {saved:.0f} of about"
        f" {tokens * eager_time:.0f} in the largest job"
    )
    return compiled if saved > cost else eager
