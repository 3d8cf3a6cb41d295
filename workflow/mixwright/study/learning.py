"""Of which mixer of a study the learning curve is measured; nothing heavy is imported."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixwright.study.study import Study

# Fewer runs of a swarm have no curve.
LEAST_RUNS = 24
# Methods that are fitted fifty times in seconds; the first that a study has is taken.
QUICK = ("effective-data", "additive", "log-linear", "regmix-linear")


def curve_mixer(study: "Study") -> str:
    """Returns the mixer whose curve is measured: a quick one that learns from the swarm alone.

    It is empty where there is none, or the swarm has few runs. Where others measured the runs, and
    the study scores subsets of them, those say the same.
    """
    if "swarm" not in study.runs:
        return ""
    if study.measured:
        if study.measured["subsets"]:
            return ""
    elif len(study.runs["swarm"]) < LEAST_RUNS:
        return ""
    candidates = []
    for mixer in study.mixers:
        method = study.method_name(mixer)
        if method in QUICK and study.roles_of(mixer) == ["swarm"]:
            candidates.append((QUICK.index(method), mixer))
    if not candidates:
        return ""
    return min(candidates)[1]
