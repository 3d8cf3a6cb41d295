"""The choice of a calibration, as far as the machine that computes now can keep it."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proxies.tuning import Machine


def kept_here(
    choice: Mapping[str, Any],
    requested: Mapping[str, Any],
    hardware: Machine,
    made_on: str | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Returns the choice as far as a machine can keep it, and a line on each change.

    Precision is kept: losses of two precisions differ by more than mixtures may.

    Args:
        choice: What a calibration chose, maybe on another machine.
        requested: The study's settings; a precision that they fix is obeyed.
        hardware: The machine that computes now.
        made_on: The kind of machine that the calibration was made on; None: not known.

    Raises:
        MixwrightError: bfloat16 was chosen, and this machine has no hardware for it.
    """
    settings = dict(choice)
    lines = []
    if settings["compile"] and not hardware.compiler:
        settings["compile"] = False
        lines.append(
            "calibration: compiled where it was made, no C++ compiler here; going on without"
        )
    open_precision = requested.get("precision", "auto") == "auto"
    if settings["precision"] == "bfloat16" and not hardware.bfloat16 and open_precision:
        raise MixwrightError(
            f"proxy.precision: the calibration chose bfloat16, and {hardware.kind} has no hardware"
            " for it; runs of two precisions cannot be compared: send all jobs to machines of one"
            " kind, or set proxy.precision to float32"
        )
    elsewhere = made_on is not None and made_on != hardware.kind
    if settings["precision"] == "float32" and hardware.bfloat16 and open_precision and elsewhere:
        lines.append(
            f"calibration: float32 was chosen on {made_on}; {hardware.kind} multiplies bfloat16 and"
            " keeps float32 all the same, for runs of two precisions cannot be compared; for"
            " bfloat16 in all jobs, calibrate on a machine of this kind"
        )
    return settings, lines
