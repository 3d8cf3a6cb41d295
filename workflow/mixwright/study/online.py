"""What a study must fulfil whose mixers learn weights while a run trains."""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS
from mixwright.mixers import ONLINE
from mixwright.study.lengths import steps
from mixwright.study.schema import did_you_mean


def check_online(study: Mapping[str, Any]) -> None:
    """Checks the mixers whose weights are learned while a run of theirs trains.

    Raises:
        MixwrightError: there are two of one kind, the learner is not packed token by token, or a
            setting does not fit the study.
    """
    mixer_of: dict[str, str] = {}
    for mixer, settings in study["mixers"].items():
        method = study["like"].get(mixer, mixer)
        if method not in ONLINE:
            continue
        if method in mixer_of:
            raise MixwrightError(
                f"config: mixers.{mixer}: {mixer_of[method]} is a {method} too, and a study trains"
                " the run of one; leave one of them out"
            )
        mixer_of[method] = mixer
        learner = LEARNERS[study["learner"]]
        if not learner.sized or learner.masked:
            raise MixwrightError(
                f"config: mixers.{mixer} learns its weights from the losses of next tokens, which"
                f" learner: {study['learner']} does not have; leave it out"
            )
        if method == "doremi":
            _check_reference(f"config: mixers.{mixer}.reference", settings, list(study["domains"]))
        if method == "fastmix":
            _check_fastmix(f"config: mixers.{mixer}", settings, study)


def _check_reference(where: str, settings: Mapping[str, Any], domains: Sequence[str]) -> None:
    reference = settings["reference"]
    if not isinstance(reference, dict):
        return
    for name in reference:
        if name not in domains:
            raise MixwrightError(f"{where}.{name} is not a domain{did_you_mean(name, domains)}")
    if not sum(reference.values()) > 0:
        raise MixwrightError(f"{where} gives no domain weight; give one of them some")


def _check_fastmix(where: str, settings: Mapping[str, Any], study: Mapping[str, Any]) -> None:
    if study["goal"]["leave_target_out"]:
        raise MixwrightError(
            f"{where} learns from all targets in one run, and goal.leave_target_out asks for one"
            " goal a target; leave one of the two out"
        )
    taken = steps(study, study["proxy"]["tokens"], "proxy")
    if settings["every"] >= taken:
        raise MixwrightError(
            f"{where}.every: {settings['every']} steps are not fewer than the {taken} of its run,"
            " which would never look at a gradient; lower it, or give proxy.tokens more"
        )
