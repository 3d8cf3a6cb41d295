"""From a study's section `goal` to the goal of a mixture, once the domains are counted."""

from collections.abc import Iterable, Mapping, Sequence

from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds
from mixwright.study.limits import LIMITS
from mixwright.study.material import Material


def goal_of_tokens(
    study: Material,
    domains: Sequence[Domain],
    tokens: int,
    targets: Mapping[str, float],
    name: str,
) -> Goal:
    """Returns a goal of a study that trains runs of its own.

    Args:
        study: the study.
        domains: its domains, with their training tokens.
        tokens: training tokens of a final.
        targets: target -> weight in the objective.
        name: the goal's, empty where there is one. The domain of this name gets no weight.

    Raises:
        MixwrightError: a domain has no tokens, or the bounds leave no mixture.
    """
    domains = tuple(sorted(domains, key=lambda domain: domain.name))
    for domain in domains:
        if domain.available < 1:
            raise MixwrightError(
                f"domains: {domain.name} has no training tokens; give it more text or leave it out"
            )
    goal = study.config["goal"]
    limits = {key: goal[key] for key in LIMITS}
    if name:
        limits["caps"] = limits["caps"] | {name: 0.0}
    return Goal(
        domains=domains,
        targets=targets,
        tokens=tokens,
        bounds=Bounds.of(domains, tokens, max_epochs=goal["max_epochs"], **limits),
        seed=study.seed,
        never_worse=_never_worse(study, study.config["targets"]),
    )


def goal_of_shares(study: Material, domains: Sequence[Domain]) -> Goal:
    """Returns the goal of a study of runs that others measured.

    Of a swarm shares are known, not tokens. Of perturbations the base run's total is known, and is
    the goal's.

    Raises:
        MixwrightError: a limit names no domain, or the bounds leave no mixture.
    """
    domains = tuple(sorted(domains, key=lambda domain: domain.name))
    tokens = float(study.measured.get("perturb", {"tokens": 1.0})["tokens"])
    names = [domain.name for domain in domains]
    goal = study.config["goal"]
    for section in ("caps", "floors", "fixed"):
        for name in goal[section]:
            if name not in names:
                hint = nearest(name, names)
                raise MixwrightError(f"config: goal.{section}.{name} is not a domain; {hint}")
    limits = {key: goal[key] for key in LIMITS}
    return Goal(
        domains=domains,
        targets=study.target_weights,
        tokens=tokens,
        bounds=Bounds.of(domains, tokens, **limits),
        seed=study.seed,
        never_worse=_never_worse(study, study.measured["targets"]),
    )


def _never_worse(study: Material, targets: Iterable[str]) -> tuple[str, ...]:
    """The targets that must not get worse."""
    never_worse = study.config["goal"]["never_worse"]
    if never_worse == "all":
        return tuple(sorted(targets))
    return tuple(never_worse)
