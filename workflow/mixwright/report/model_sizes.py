"""How large the models of a study are."""

from mixwright.errors import quantity
from mixwright.jobs.resources import vocabulary_of
from mixwright.proxies.footprint import parameters
from mixwright.study.study import Study


def parameters_of(study: Study, part: str) -> int | None:
    """Returns the parameters of a model; None where its shape is not known, as of trees.

    Args:
        study: the study.
        part: `proxy` or `final`.
    """
    shape = study.config.get(part, {}).get("shape")
    if not shape or not study.learner.sized:
        return None
    return parameters(shape, vocabulary_of(study, part))


def model_sizes(study: Study) -> dict[str, str]:
    """Returns what proxies and final models are, for a page's provenance."""
    facts = {}
    for part, title in (("proxy", "a proxy"), ("final", "a final model")):
        size = parameters_of(study, part)
        if size is None or (part == "final" and study.ends_at_proposals):
            continue
        shape = study.config[part]["shape"]
        words = f"{quantity(size)} parameters"
        if "layers" in shape and "width" in shape:
            words += f", {shape['layers']} layers of width {shape['width']}"
        facts[title] = words
    return facts
