"""What a study must fulfil that compares merged single-domain proxies with its swarm."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS


def check_merged(study: Mapping[str, Any]) -> None:
    """Checks a study with the section `merged`; of others nothing is checked.

    Raises:
        MixwrightError: weights of its learner are not merged, or none are kept.
    """
    if "merged" not in study:
        return
    learner = LEARNERS[study["learner"]]
    if not learner.sized or learner.masked:
        raise MixwrightError(
            f"config: merged: models of learner: {study['learner']} are not merged; leave it out,"
            " or use causal-lm"
        )
    if study["proxy"]["keep"] == "none":
        raise MixwrightError(
            "config: merged interpolates the weights of single-domain runs, and proxy.keep: none"
            " keeps none; set proxy.keep to vertices or all"
        )
