"""How much text of a domain the runs of a study can need: the sample that `auto` takes.

Only the config is looked at, for the sample has a part in the names of runs.
"""

from collections.abc import Mapping
from typing import Any

from mixwright import sources
from mixwright.designs import KINDS
from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS
from mixwright.mixers import MIXERS
from mixwright.study.lengths import final_tokens, step_tokens
from mixwright.study.transfers import combinations_of

# UTF-8 bytes of a token. Vocabularies of 32,000 and more have 4 to 5 in English and 3 in code;
# where a token has more, the gate before the proxies names the sample to set.
TOKEN_BYTES = 6
# What is read beside the training text: a tenth is held out, and cleaning drops some.
SPARE = 1.2
# The least sample; a power of two, as all are.
LEAST = 2**22


def trained_roles(config: Mapping[str, Any]) -> set[str]:
    """Returns the roles whose runs the study's mixers, or sections of its own, ask for."""
    roles = {"repeat"}
    for mixer in config["mixers"]:
        roles |= MIXERS[config.get("like", {}).get(mixer, mixer)].trained
    if "transfer" in config:
        roles |= {"swarm", "transfer"}
    if "merged" in config:
        roles |= {"swarm", "vertex"}
    return roles


def longest_proxy(config: Mapping[str, Any]) -> float:
    """Returns training tokens that no proxy exceeds."""
    part = config["proxy"]
    longest = float(part["tokens"])
    for combination in combinations_of(config):
        longest = max(longest, combination["tokens"])
    if "perturb" in trained_roles(config):
        rows = KINDS["perturb"].rows(config)
        longest = max([longest, *(row.tokens for row in rows)])
    step = step_tokens(config, "proxy")
    # a run has whole steps
    return max(longest + step / 2, step)


def needed_bytes(config: Mapping[str, Any], name: str, proxy: float) -> int:
    """Returns UTF-8 bytes of a domain that hold what the study's longest run can take of it.

    It is a power of two, so that small changes of the study change nothing.

    Args:
        config: the resolved config of a study that trains models on text.
        name: the domain.
        proxy: tokens of the longest proxy, all of which it may take of one domain.
    """
    tokens = proxy
    if config["finals"] != "none":
        tokens = max(tokens, _most(config["goal"], name) * final_tokens(config))
    share = config["corpus"]["validation_share"]
    size = max(SPARE, 1 / (1 - share)) * TOKEN_BYTES * tokens
    return int(max(LEAST, 1 << (max(int(size), 1) - 1).bit_length()))


def check_renamed(written: Mapping[str, Any]) -> None:
    """Answers keys that have another name or meaning now."""
    corpus = written.get("corpus")
    if isinstance(corpus, dict) and "max_bytes" in corpus:
        raise MixwrightError(
            "config: corpus.max_bytes is corpus.sample now, and what it leaves out is counted in"
            f" natural proportions; write corpus.sample: {corpus['max_bytes']}, or leave it out"
        )


def check_keys(config: Mapping[str, Any]) -> None:
    """Refuses keys of text where a domain's source holds none, or is counted in any case."""
    for name, entry in config["domains"].items():
        where = f"config: domains.{name}"
        if sources.entry(entry["source"], name).yields == sources.LABELS:
            for key in ("sample", "tokens", "clean"):
                if key in entry:
                    raise MixwrightError(
                        f"{where}.{key} says nothing of a table, whose rows are all read;"
                        " leave it out"
                    )
        elif entry["source"] == "installed" and "tokens" in entry:
            raise MixwrightError(
                f"{where}.tokens: all of the embedded corpus is read and counted; leave it out"
            )


def check_samples(config: Mapping[str, Any]) -> None:
    """Refuses a sample of a number of bytes that cannot hold what every final takes.

    A token has a byte at least.
    """
    if config["finals"] == "none" or not LEARNERS[config["learner"]].sized:
        return
    goal = config["goal"]
    for name, entry in config["domains"].items():
        floor = goal["floors"].get(name, 0.0)
        weight = goal["fixed"].get(name, floor)
        least = weight * final_tokens(config)
        place = f"domains.{name}.sample" if "sample" in entry else "corpus.sample"
        sample = entry.get("sample", config["corpus"]["sample"])
        if isinstance(sample, int) and sample < least:
            raise MixwrightError(
                f"config: {place}: {sample:,} bytes of {name} hold {sample:,} tokens at most, and"
                f" every final takes {least:,.0f}; raise it, or set it to auto or all"
            )


def _most(goal: Mapping[str, Any], name: str) -> float:
    """The greatest weight that the goal leaves a domain, other domains aside."""
    most = min(1.0, goal["caps"].get(name, 1.0), goal["fixed"].get(name, 1.0))
    for group in goal["groups"].values():
        if name in group["domains"]:
            most = min(most, group["most"])
    return float(most)
