"""What a reader should distrust because final models are small beside the training they are for."""

from mixwright.errors import counted, quantity
from mixwright.report.caveats import Caveat
from mixwright.report.comparison import Comparison
from mixwright.report.model_sizes import parameters_of
from mixwright.study.study import Study

# Final models of fewer parameters or training tokens say little of those that people use.
SMALL_PARAMETERS, SMALL_TOKENS = 1e8, 1e9


def size_caveats(study: Study, comparison: Comparison) -> list[Caveat]:
    """Returns how large the final models are, and how many seeds each has; none for trees.

    Args:
        study: the study.
        comparison: its final models.
    """
    if not study.learner.sized:
        return []
    size = parameters_of(study, "final")
    tokens = int(study.config["goal"]["tokens"])
    seeds = comparison.values.dropna(axis=1).shape[1]
    small = tokens < SMALL_TOKENS
    facts = [f"{quantity(tokens)} training tokens", counted(seeds, "seed")]
    if size is not None:
        small = small or size < SMALL_PARAMETERS
        facts.insert(0, f"{quantity(size)} parameters")
    start = "The final models are small" if small else "The final models have their own size"
    sentence = f"{start}: {', '.join(facts)}. Whether this holds at your size is not shown."
    return [Caveat(sentence, serious=small)]
