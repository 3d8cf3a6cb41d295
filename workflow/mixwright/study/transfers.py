"""The sizes and learning rates at which `transfer` trains the swarm's first mixtures again."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from mixwright.errors import MixwrightError

# Learning rates of an optimizer's recipe, which a factor multiplies.
RATES = ("muon_lr", "adam_lr")

Combination = Mapping[str, Any]


def spelled(section: Mapping[str, Any], proxy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the combinations that a section `transfer` asks for, without the swarm's own.

    They are every model with every number of tokens and every factor of the learning rates. The
    proxies' own size is among them at every factor but 1.

    Args:
        section: the section with its defaults; its keys are `model` or `models`, `tokens`, `rates`.
        proxy: the section of the proxies.

    Returns:
        One mapping a combination: model, tokens, rate.

    Raises:
        MixwrightError: models are named twice, or nothing differs from the swarm.
    """
    if section["model"] and section["models"]:
        raise MixwrightError("config: transfer: model and models say one thing; leave model out")
    models = section["models"]
    if not models:
        models = [section["model"] or proxy["model"]]
    tokens = section["tokens"] or proxy["tokens"]
    lengths = tokens
    if not isinstance(tokens, list):
        lengths = [tokens]
    # the old keys may ask for the swarm's own size again: a second look at the same numbers
    named = [(section["model"], lengths[0], 1)] if section["model"] else []
    usual = (proxy["model"], proxy["tokens"])
    wanted = [(*usual, rate) for rate in section["rates"] if rate != 1]
    wanted += list(product(models, lengths, section["rates"]))
    combinations = []
    for combination in dict.fromkeys(wanted):
        if combination != (*usual, 1) or combination in named:
            model, count, rate = combination
            combinations.append({"model": model, "tokens": count, "rate": rate})
    if not combinations:
        raise MixwrightError(
            "config: transfer: nothing differs from the swarm; name other models, tokens or rates"
        )
    return combinations


def written_out(
    section: Mapping[str, Any], combinations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Returns a section with its combinations, whose shapes are written out.

    The last one stands for all in its section; what the study wrote stands below `written`.
    """
    written = section.get("written")
    if written is None:
        written = {key: section[key] for key in ("model", "tokens")}
    last = combinations[-1]
    one = {key: last[key] for key in ("model", "shape", "tokens")}
    return {**section, **one, "combinations": list(combinations), "written": written}


def spelled_again(
    section: Mapping[str, Any], before: Mapping[str, Any], proxy: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns a resolved section as it is beside other proxies.

    Args:
        section: the section with its combinations.
        before: the section of the proxies that it was resolved with.
        proxy: that of the others.

    Raises:
        MixwrightError: nothing differs from the swarm any more.
    """
    if "written" not in section:
        # an earlier version's, which does not say what the study wrote
        return dict(section)
    shapes = {}
    for sized in (*section["combinations"], before, proxy):
        shapes[sized["model"]] = sized["shape"]
    combinations = spelled({**section, **section["written"]}, proxy)
    for combination in combinations:
        combination["shape"] = shapes[combination["model"]]
    return written_out(section, combinations)


def combinations_of(config: Mapping[str, Any]) -> tuple[Combination, ...]:
    """Returns the combinations of a resolved study; none where it has no `transfer`."""
    section = config.get("transfer")
    if not section:
        return ()
    if "combinations" in section:
        return tuple(section["combinations"])
    # as earlier versions wrote a study.json
    combination = {"rate": 1}
    for key in ("model", "shape", "tokens"):
        combination[key] = section[key]
    return (combination,)


def proxy_at(proxy: Mapping[str, Any], combination: Combination) -> dict[str, Any]:
    """Returns the section `proxy` as the runs of a combination see it."""
    section = dict(proxy)
    for key in ("model", "shape", "tokens"):
        section[key] = combination[key]
    rate = combination["rate"]
    if rate != 1:
        optimizer = dict(proxy["optimizer"])
        for key in RATES:
            optimizer[key] *= rate
        section["optimizer"] = optimizer
    return section


def in_words(combination: Combination) -> str:
    """Returns a combination's name: `small, 400,000 tokens, rate x 0.3`."""
    model = combination["model"]
    tokens = combination["tokens"]
    rate = combination["rate"]
    words = f"{model}, {tokens:,} tokens"
    if rate == 1:
        return words
    return f"{words}, rate x {rate:g}"
