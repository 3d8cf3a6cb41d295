"""Steps of trainings at parse time: their batch, their warm-up, and who shares them."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS
from mixwright.study.lengths import final_tokens, step_tokens

# A run has one step at least. How many times its tokens that step may take.
MOST = 2


def set_batch(study: dict[str, Any]) -> None:
    """Sets a final's batch where the study gives it in tokens, to the nearest whole sequences.

    Both stand in the resolved study.
    """
    final = study["final"]
    tokens = final["batch_tokens"]
    if tokens is not None:
        final["batch"] = max(1, round(tokens / final["shape"]["context"]))


def check_processes(study: Mapping[str, Any]) -> None:
    """Checks that each of the processes that train a final together has something to read."""
    final = study["final"]
    processes = final["nodes"] * final["processes"]
    if processes > 1 and not LEARNERS[study["learner"]].sized:
        raise MixwrightError(
            "config: final.processes: trees are trained in one process;"
            " leave nodes and processes out"
        )
    if final["batch"] < processes:
        raise MixwrightError(
            f"config: final.batch: {final['batch']} sequences are fewer than the {final['nodes']}"
            f" nodes x {final['processes']} processes that share them; raise it to {processes}"
        )
    if final["parallel"] == "fsdp" and processes == 1:
        raise MixwrightError(
            "config: final.parallel: fsdp slices a model among several processes;"
            " raise final.processes, or leave it ddp"
        )


def check_final_steps(study: Mapping[str, Any]) -> None:
    """Checks a final's steps against its goal, its warm-up and its copies."""
    check_batch(study, "final", study["goal"]["tokens"])
    steps = final_tokens(study) // step_tokens(study, "final")
    check_warmup(study, "final", steps)
    for tokens in study["final"]["snapshots"]:
        if tokens >= final_tokens(study):
            raise MixwrightError(
                f"config: final.snapshots: {tokens} tokens are not fewer than the"
                f" {final_tokens(study)} of a final, whose model is kept anyway; leave it out"
            )


def check_batch(study: Mapping[str, Any], part: str, tokens: float) -> None:
    """Checks that one step does not take far more tokens than a whole run is to have.

    Args:
        study: the resolved study.
        part: `proxy` or `final`.
        tokens: of the run, as the study asks for them.

    Raises:
        MixwrightError: it does.
    """
    step = step_tokens(study, part)
    if LEARNERS[study.get("learner", "causal-lm")].sized and step > MOST * tokens:
        raise MixwrightError(
            f"config: {part}.batch: one step of {study[part]['batch']:,} sequences takes {step:,}"
            f" tokens, and a run is to have {tokens:,.0f}; lower the batch, or give more tokens"
        )


def check_warmup(study: Mapping[str, Any], part: str, steps: int) -> None:
    """Checks that a run of so many steps is longer than a warm-up that is given in steps.

    Args:
        study: the resolved study.
        part: `proxy` or `final`.
        steps: of the run.

    Raises:
        MixwrightError: it is not.
    """
    if not LEARNERS[study.get("learner", "causal-lm")].sized:
        return
    warmup = study[part]["optimizer"]["warmup"]
    if warmup < 1:
        return
    if warmup != int(warmup):
        raise MixwrightError(
            f"config: {part}.optimizer.warmup: {warmup} is no whole number of steps;"
            " under 1 it is a share of all steps"
        )
    if warmup >= steps:
        raise MixwrightError(
            f"config: {part}.optimizer.warmup: {int(warmup)} steps are not fewer than the {steps}"
            " of a run; lower it, or give a share under 1"
        )
