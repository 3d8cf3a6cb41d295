"""What a training job asks of the scheduler: memory and time from the model's shape, the tokens and the members in one process.

The rules multiply both by the attempt. A job at its time limit gets SIGTERM, keeps a checkpoint and fails; its next try goes on from it.
"""

from collections.abc import Sequence

from mixwright.mixture import Run
from mixwright.proxies.footprint import CPU_MB, MOST, PIECE_MB, activation_mb, member_mb, parameters
from mixwright.study.study import Study

BASE_MB = {
    "proxy": 900,
    "final": 1_200,
}  # measured 250 and 470; and 300 of the two Snakemakes that a Slurm job runs beside it
CUDA_MB = 4_000  # of a process that has a GPU, in the machine's memory
MARGIN = 1.25
TRAINER_LOGITS = 3  # of finals: copies of a whole batch's; measured 2
FLOPS_PER_MINUTE = {
    "cpu": 60 * 5e9,
    "cuda": 60 * 2e13,
}  # cautious: half of what small shapes reached
START_MINUTES, CAUTION = 10, 2
MASKED_PASSES = 7  # every seventh token at a time
EXAMPLE_TOKENS = 512  # of examples that are not cut
UNSIZED_MB, UNSIZED_MINUTES = 2_000, 1  # of trees: the rows of all domains, and one model
UNREAD_VOCABULARY = 131_072  # of a tokenizer folder, which nothing opens at parse time


def memory_mb(study: Study, part: str, processes: int = 1) -> int:
    """Megabytes on one node for `part` (proxy or final), of which so many processes run there; of the machine, not of a GPU.

    Lengths of runs and sizes of packs do not matter: waves of members pass one after another.
    """
    if "shape" not in study.config[part]:
        return UNSIZED_MB
    own = _proxy_mb(study) if part == "proxy" else _final_mb(study, processes)
    return int(processes * (BASE_MB[part] + own))


def _proxy_mb(study: Study) -> float:
    """On a CPU all that a wave holds; beside a GPU first weights, and a checkpoint on its way to disk."""
    spec, vocabulary = study.config["proxy"], _vocabulary(study, "proxy")
    shape, device, sequences = spec["shape"], spec["device"], spec["micro_batch"]
    sequences = spec["batch"] if sequences == "auto" else min(sequences, spec["batch"])
    own = member_mb(shape, vocabulary, 0)
    own += min(activation_mb(shape, sequences), max(PIECE_MB[device], activation_mb(shape, 1)))
    if device == "cuda":
        members = MOST[device] if spec["wave"] == "auto" else spec["wave"]
        return CUDA_MB + members * 4 * 4 * parameters(shape, vocabulary) / 2**20
    return float(
        own
        * (
            max(1, min(MOST[device], int(CPU_MB // own)))
            if spec["wave"] == "auto"
            else spec["wave"]
        )
    )


def _final_mb(study: Study, processes: int) -> float:
    """On a CPU weights, gradients, two moments, activations and logits of this process's part of a batch."""
    spec, vocabulary = study.config["final"], _vocabulary(study, "final")
    shape, weights = spec["shape"], parameters(spec["shape"], vocabulary)
    if spec["device"] == "cuda":
        return CUDA_MB + MARGIN * 4 * 4 * weights / 2**20
    floats = (
        shape["layers"] * (16 * shape["width"] + 4 * shape["hidden"]) + TRAINER_LOGITS * vocabulary
    )
    if spec["precision"] == "bfloat16":
        floats += 3 * shape["layers"] * shape["heads"] * shape["context"]  # attention in the open
    return (
        MARGIN * 4 * (5 * weights + spec["batch"] / processes * shape["context"] * floats) / 2**20
    )


def proxy_minutes(study: Study, runs: Sequence[Run]) -> int:
    """Minutes to train a pack's runs, whatever their lengths, and to score them; vertex runs score examples besides."""
    if "shape" not in study.config["proxy"]:
        return START_MINUTES + UNSIZED_MINUTES * len(runs)
    asked = study.config["evaluation"]
    examples = (
        sum(run.role == "vertex" for run in runs)
        * asked["examples"]
        * (asked["example_tokens"] or EXAMPLE_TOKENS)
    )
    return _minutes(
        study,
        "proxy",
        sum(run.tokens for run in runs),
        len(runs) * asked["steps"] * asked["tokens"] + examples,
    )


def final_minutes(study: Study, tokens: int) -> int:
    """Minutes to train finals on `tokens` in all, by all the processes that train one together."""
    if "shape" not in study.config["final"]:
        return START_MINUTES + UNSIZED_MINUTES * tokens
    return _minutes(
        study,
        "final",
        tokens,
        0,
        study.config["final"]["nodes"] * study.config["final"]["processes"],
    )


def scoring_minutes(study: Study, finals: int) -> int:
    """Minutes to score so many finals on every text, in one process."""
    if "shape" not in study.config["final"]:
        return START_MINUTES + UNSIZED_MINUTES * finals
    return _minutes(study, "final", 0, finals * study.config["evaluation"]["final_tokens"])


def _minutes(study: Study, part: str, trained: int, scored: int, processes: int = 1) -> int:
    """For tokens trained on, and tokens scored of each text."""
    texts = len({*study.config["domains"], *study.config["targets"]}) * (
        MASKED_PASSES if study.config["learner"] == "masked-lm" else 1
    )
    operations = parameters(study.config[part]["shape"], _vocabulary(study, part)) * (
        6 * trained + 2 * texts * scored
    )
    return int(
        START_MINUTES
        + CAUTION * operations / FLOPS_PER_MINUTE[study.config[part]["device"]] / processes
    )


def _vocabulary(study: Study, part: str) -> int:
    tokens = (
        UNREAD_VOCABULARY
        if study.config["tokenizer"]["folder"]
        else study.config["tokenizer"]["vocabulary"]
    )
    return int(study.config[part]["shape"].get("vocabulary", tokens))
