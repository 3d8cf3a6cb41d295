"""What a reader should distrust because proxies did not repeat text as the final training does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mixwright.corpus.counts import Extent
from mixwright.mixers import MIXERS
from mixwright.mixture import Domain
from mixwright.report.caveats import Caveat
from mixwright.study.epochs import REPEATED, WHOLE
from mixwright.study.study import Study

# Domains that the caveat names.
LISTED = 6


def settled(study: Study, sizes: Mapping[str, Extent]) -> Study:
    """Returns the study with `proxy.simulated_epochs: auto` answered by what was counted.

    Args:
        study: the study.
        sizes: domain -> what its source and its sample hold; none: nothing is repeated.
    """
    domains = []
    for extent in sizes.values():
        sample = None if extent.is_whole else extent.tokens
        domains.append(Domain(extent.domain, extent.source_tokens, sample=sample))
    if set(sizes) != set(study.domains):
        domains = []
    return study.settled(domains)


def repetition_caveats(
    study: Study,
    design: pd.DataFrame,
    mixtures: Sequence[Mapping[str, Any]],
    sizes: Mapping[str, Extent],
) -> list[Caveat]:
    """Returns which domains a proposal repeats that the proxies did not repeat as often.

    Nothing where they did (`proxy.simulated_epochs`), or where they had the goal's tokens.

    Args:
        study: the study.
        design: a DESIGN table of all proxies.
        mixtures: the proposals.
        sizes: domain -> what its source and its sample hold.
    """
    if not study.learner.sized or settled(study, sizes).epochs_of is not None:
        return []
    tokens = design.tokens[~design.role.isin(list(WHOLE))]
    if not len(tokens):
        return []
    passes: dict[str, float] = {}
    for mixture in mixtures:
        if not _learned(study, mixture):
            continue
        for name, epochs in mixture.get("epochs", {}).items():
            most = passes.get(name, 0.0)
            passes[name] = max(most, epochs or 0.0)
    if not any(epochs > REPEATED for epochs in passes.values()):
        return []
    share = float(tokens.max()) / study.final_tokens
    words = []
    for name in sorted(passes, key=lambda name: -passes[name]):
        epochs = passes[name]
        of_proxies = max(epochs * share, 1.0)
        if epochs > REPEATED * of_proxies:
            words.append(f"{name} ({epochs:.1f} passes)")
    if not words:
        return []
    names = ", ".join(words[:LISTED])
    if len(words) > LISTED:
        names += f" and {len(words) - LISTED} more"
    text = (
        f"The final training repeats text that the proxies did not repeat: {names}. Proxies then"
        " overrate such domains (arXiv 2606.07597); set proxy.simulated_epochs: auto, or"
        " goal.max_epochs: 1."
    )
    return [Caveat(text, serious=True)]


def _learned(study: Study, mixture: Mapping[str, Any]) -> bool:
    """Whether a proposal is of a mixer that learns from runs, and keeps the goal's bounds."""
    name = str(mixture.get("mixer", ""))
    method = MIXERS.get(study.method_name(name)) or MIXERS.get(name.partition("@")[0])
    return method is not None and bool(method.reads) and method.bounded
