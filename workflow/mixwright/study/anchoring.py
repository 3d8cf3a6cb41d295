"""Which runs of a larger size enter the fit of a law: the setting `transfer.anchors`.

The runs of `transfer` are the swarm's first mixtures again. Those of the largest size at the
recipe's own learning rates are anchors: the law is fitted to them, around the law of the swarm.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import LEARNERS
from mixwright.mixers import MIXERS
from mixwright.study.final_trainer import weights_of
from mixwright.study.transfers import combinations_of, in_words, proxy_at

AUTO = "auto"
# Mixtures from which the anchored law proposed better on published tables of 1M and 1B parameters.
ENOUGH = 16


def anchor_place(config: Mapping[str, Any]) -> int | None:
    """Returns the place of the combination of `transfer` whose runs are anchors; None: none is.

    It has more parameters or tokens than the proxies and less of neither, their learning rates, and
    the most parameters times tokens of all such.

    Args:
        config: a resolved study.
    """
    place = larger_place(config)
    section = config.get("transfer") or {}
    if place is None or section.get("anchors", False) != AUTO:
        return None
    if section["mixtures"] < ENOUGH:
        return None
    return place


def larger_place(config: Mapping[str, Any]) -> int | None:
    """Returns the place of the largest combination beyond the proxies' size, at their rates."""
    if not LEARNERS[config.get("learner", "causal-lm")].sized:
        return None
    usual = _size(config, config["proxy"])
    largest = None
    most = 0.0
    for place, combination in enumerate(combinations_of(config)):
        size = _size(config, proxy_at(config["proxy"], combination))
        is_larger = size != usual and size[0] >= usual[0] and size[1] >= usual[1]
        compute = size[0] * size[1]
        if combination["rate"] == 1 and is_larger and compute > most:
            largest = place
            most = compute
    return largest


def _size(config: Mapping[str, Any], proxy: Mapping[str, Any]) -> tuple[float, float]:
    """Parameters, about, and tokens of a run of the section `proxy`."""
    parameters = weights_of({**config, "proxy": proxy}, "proxy")
    return float(parameters), float(proxy["tokens"])


def anchored_mixers(config: Mapping[str, Any]) -> list[str]:
    """Returns the study's mixers whose fit begins again with the anchors, sorted."""
    if anchor_place(config) is None:
        return []
    like = config.get("like", {})
    names = []
    for name in sorted(config["mixers"]):
        if MIXERS[like.get(name, name)].anchored:
            names.append(name)
    return names


def anchor_words(config: Mapping[str, Any]) -> str:
    """Returns the size of the anchors, in words."""
    place = larger_place(config)
    assert place is not None
    return in_words(combinations_of(config)[place])


def reason(config: Mapping[str, Any]) -> str:
    """Returns whether runs of a larger size enter a fit and why; empty where there are none."""
    if larger_place(config) is None:
        return ""
    section = config["transfer"]
    number = section["mixtures"]
    words = f"{number} mixtures at {anchor_words(config)}"
    if section.get("anchors", False) != AUTO:
        return f"{words} enter no fit (transfer.anchors: false)"
    if number < ENOUGH:
        return f"{words} enter no fit: {ENOUGH} or more help it (transfer.mixtures)"
    mixers = ", ".join(anchored_mixers(config))
    if not mixers:
        return f"{words} enter no fit: of the laws effective-data alone takes them"
    return f"{words} enter the fit of {mixers}, around the law of the swarm (transfer.anchors)"
