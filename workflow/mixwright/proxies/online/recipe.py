"""What the weights of a run that learns its mixture depend on, beside those of any other run."""

from collections.abc import Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.mixture import Run
from mixwright.proxies.measurements import Texts
from mixwright.versions import VERSIONS


def learns(run: Run) -> bool:
    """Returns whether a run learns its weights while it trains."""
    return "online" in run.parameters


def spec_of(run: Run, before: Sequence[str], texts: Texts) -> dict[str, Any]:
    """Returns what the key of a run that learns its weights holds besides; empty of any other.

    Args:
        run: with its recipe.
        before: keys of the pack's runs before it; the last is DoReMi's reference.
        texts: what runs are scored on; FastMix learns from the targets' among them.

    Raises:
        MixwrightError: a target that it learns from has no text yet.
    """
    if not learns(run):
        return {}
    facts: dict[str, Any] = dict(run.parameters["online"])
    facts["version"] = VERSIONS["online"]
    if facts["method"] == "doremi":
        facts["reference"] = before[-1]
    if "targets" in facts:
        facts["texts"] = {}
        for target in facts["targets"]:
            if target not in texts.digests:
                raise MixwrightError(
                    f"{target}: run {run.name} learns from its text, which is not listed;"
                    " list the scored texts again"
                )
            facts["texts"][target] = texts.digests[target]
    return {"online": facts}
