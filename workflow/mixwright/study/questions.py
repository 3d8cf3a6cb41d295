"""Checks of targets of questions that choose the mixture by how they are answered."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import LOSS
from mixwright.mixers import MIXERS


def check_chosen(study: Mapping[str, Any]) -> None:
    """Checks a study whose targets choose by accuracies or probabilities.

    Raises:
        MixwrightError: such a target has no choices, no question is asked, or a mixer needs the
            log-likelihoods of right answers alone.
    """
    chosen = {}
    for name, target in study["targets"].items():
        metric = target.get("metric", LOSS.name)
        if metric != LOSS.name:
            chosen[name] = metric
            _check_choices(f"config: targets.{name}", target, metric)
    if not chosen:
        return
    name, metric = next(iter(chosen.items()))
    if not study["evaluation"]["questions"]:
        raise MixwrightError(
            f"config: evaluation.questions is 0, and targets.{name} chooses by {metric};"
            " ask some questions, or set its metric: loss"
        )
    for mixer in study["mixers"]:
        if MIXERS[study["like"].get(mixer, mixer)].needs_loglikelihoods:
            raise MixwrightError(
                f"config: mixers.{mixer} mixes the likelihoods of right answers, whatever the wrong"
                f" ones have, and targets.{name} chooses by {metric}; leave the mixer out, or set"
                f" targets.{name}.metric: loss"
            )


def _check_choices(where: str, target: Mapping[str, Any], metric: str) -> None:
    """Refuses a target whose rows name no answers to choose from."""
    parts = target.get("sources") or [target]
    for part in parts:
        if not (part.get("choices") or target.get("choices")):
            raise MixwrightError(
                f"{where}.metric is {metric}, and its rows name no answers to choose from; give it"
                " choices and gold, or set metric: loss"
            )
