"""From a study's section `goal` to the goal of a mixture, once the domains are counted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.goal import Goal, check_worst_units
from mixwright.learners import CHOSEN, LOSS, Metric
from mixwright.mixers import MIXERS, check_worst
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds
from mixwright.study.limits import LIMITS
from mixwright.study.material import Material
from mixwright.study.measured_targets import measured_metrics, spelled_out, stated


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
        worst=is_worst(study.config),
        risk=goal.get("risk"),
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
        worst=is_worst(study.config),
        risk=goal.get("risk"),
        never_worse=_never_worse(study, study.measured["targets"]),
    )


def is_worst(config: Mapping[str, Any]) -> bool:
    """Returns whether the goal of a resolved study is its worst target."""
    return bool(config["goal"].get("objective") == "worst")


def check_objective(config: Mapping[str, Any]) -> None:
    """Checks that all mixers of a study can minimise what its goal is.

    Raises:
        MixwrightError: one minimises the mean alone, one has no refits, or one target is left for
            each goal.
    """
    if "risk" in config["goal"]:
        _check_risk(config)
    if not is_worst(config):
        return
    if config["goal"]["leave_target_out"]:
        raise MixwrightError(
            "config: goal.objective: worst says nothing of goals of one target each"
            " (goal.leave_target_out); leave one of the two out"
        )
    for mixer, settings in config["mixers"].items():
        if settings.get("objective") == "worst":
            continue
        check_worst(config["like"].get(mixer, mixer), f"config: mixers.{mixer}")


def check_worst_targets(config: Mapping[str, Any]) -> None:
    """Checks that the targets of which the worst counts are of one unit, as far as it is known.

    Of runs that others measured it is known where the study says what a target's numbers are.

    Raises:
        MixwrightError: it names which targets have which unit.
    """
    if not is_worst(config):
        return
    metrics: dict[str, Metric] = {}
    if "measured" in config:
        measured = config["measured"]
        of_measured = measured_metrics(measured)
        for name in stated(measured):
            metrics[name] = of_measured[name]
        sections = measured["targets"]
    else:
        sections = config["targets"]
        for name, target in sections.items():
            chosen = target.get("metric", LOSS.name)
            metrics[name] = CHOSEN.get(chosen, LOSS)
    weighed = []
    for name, section in sections.items():
        if name in metrics and spelled_out(section).get("weight", 1.0) > 0:
            weighed.append(name)
    if len(weighed) > 1:
        check_worst_units(weighed, metrics, "config: goal.objective: worst")


def _check_risk(config: Mapping[str, Any]) -> None:
    """Refuses mixers that cannot be refitted, and worst targets, whose refits take long."""
    if is_worst(config):
        raise MixwrightError(
            "config: goal.risk says nothing beside goal.objective: worst; leave one of the two out"
        )
    if config["goal"]["never_worse"]:
        raise MixwrightError(
            "config: goal.risk keeps no limits on single targets (goal.never_worse); leave one of"
            " the two out"
        )
    for mixer in config["mixers"]:
        method = MIXERS[config["like"].get(mixer, mixer)]
        if method.heeds_targets and not method.can_refit:
            raise MixwrightError(
                f"config: mixers.{mixer} has no refits, and goal.risk is of refits; leave it out"
            )


def _never_worse(study: Material, targets: Iterable[str]) -> tuple[str, ...]:
    """The targets that must not get worse."""
    never_worse = study.config["goal"]["never_worse"]
    if never_worse == "all":
        return tuple(sorted(targets))
    return tuple(never_worse)
