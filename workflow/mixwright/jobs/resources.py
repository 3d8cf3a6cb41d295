"""What a job asks of the scheduler: memory, time and cores.

Of a training job they follow from the model's shape, the tokens and the members in one process, of
a job of the corpus from the text that it reads. How they grow from try to try, and where time ends,
stands in `requests`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from mixwright.finals.memory import logits_mb, micro_batch, sequence_mb
from mixwright.jobs.answers import (
    by_text,
    final_answers,
    proxy_answers,
    snapshot_tokens,
    text_count,
)
from mixwright.jobs.plan.devices import DEVICES, NARROW, USUAL, Device, gpus
from mixwright.mixture import Run
from mixwright.proxies.footprint import (
    CPU_MB,
    FLOAT_BYTES,
    member_mb,
    members_budget_mb,
    packed,
    parameters,
)
from mixwright.study.final_trainer import PACKED_TRAINER, TRANSFORMERS
from mixwright.study.lengths import read_a_scored, vocabulary_rows
from mixwright.study.study import Study

# Megabytes of a process without a model: measured 250 and 470. They hold also the 300 of the two
# Snakemakes that a Slurm job runs beside it.
BASE_MB = {"proxy": 900, "final": 1_200}
CUDA_MB = 4_000  # megabytes in the machine's memory of a process that has a GPU
# Of tokens on their way to a GPU: a piece of the shards, twice, and pinned buffers of what steps
# read next.
STAGING_MB = 500
# No GPU of today has more memory: so many members, and no more, may be side by side on one.
LARGEST_GPU_MB = 288_000
MARGIN = 1.25
# Copies of the weights that the machine's memory holds of members that a GPU trains: the first
# weights, and weights and two moments of a checkpoint.
ON_HOST = 4
# Copies in the process that leads while a checkpoint is written or read: weights and two moments.
OF_CHECKPOINT = 3
START_MINUTES = 10
# By kind of device: times the minutes by the table of devices, which is right to a factor of 2.
# Cores are of more kinds than the table has, and shared.
CAUTION = {"cpu": 4, "cuda": 2}
MASKED_PASSES = 7  # a masked model predicts every seventh token at a time
USUAL_QUESTIONS = 10_000  # of a task, at most: HellaSwag's
USUAL_CHOICES = 4
EXAMPLE_TOKENS = 512  # of an example that is not cut
# of trees: the rows of all domains, and one model
UNSIZED_MB = 2_000
UNSIZED_MINUTES = 1
# Of jobs of the corpus: megabytes of a process that has read nothing, and per megabyte of text that
# it looks at. Cleaning holds hashes of texts and of lines.
CLEANING_MB = 600
CLEANING_GROWTH = 0.3
# Tokenizing holds a batch and what the library makes of it, whatever the part's size: measured 170
# for a part of 30 MB, 220 for one of 120 MB.
TOKENIZING_MB = 600
TOKENIZING_THREADS = 8
THREADS_FROM = 50_000_000  # bytes of text of a part that is worth more cores than one
# bytes a minute on a core; cautious: a fifth of what was measured
CLEANING_RATE = 60_000_000
TOKENIZING_RATE = 20_000_000
UNSIZED_TEXT = 1_000_000_000  # bytes of a source of which nobody knows the size


def memory_mb(study: Study, part: str, processes: int = 1, runs: int | None = None) -> int:
    """Returns megabytes of a machine's memory, not of a GPU's, that a job needs on one node.

    Lengths of runs do not matter: waves of members pass one after another.

    Args:
        study: the study.
        part: `proxy` or `final`.
        processes: how many processes run on the node.
        runs: how many members the job has; None: as many as `members_of` counts.
    """
    if "shape" not in study.config[part]:
        return UNSIZED_MB
    if part == "proxy" or study.final_trainer == PACKED_TRAINER:
        model_mb = _packed_mb(study, part, runs)
    else:
        model_mb = _final_mb(study, processes)
    return int(processes * BASE_MB[part] + model_mb)


def calibration_mb(study: Study) -> int:
    """Returns megabytes of a machine's memory to time how proxies are computed.

    A GPU's members are all made of one, where they are.
    """
    runs = 1 if study.proxy["device"] == "cuda" else None
    return memory_mb(study, "proxy", runs=runs)


def _packed_mb(study: Study, part: str, runs: int | None) -> float:
    """On a CPU, all that a wave holds; with a GPU, first weights and a checkpoint to be written."""
    spec = study.config[part]
    shape = spec["shape"]
    vocabulary = vocabulary_of(study, part)
    members = members_of(study, part, runs)
    if spec["device"] == "cuda":
        return CUDA_MB + STAGING_MB + ON_HOST * members * _weights_mb(shape, vocabulary)
    # a calibration chooses no kernel that takes more than this
    kernel = spec.get("attention", "auto")
    sequences, _ = packed(spec, vocabulary, CPU_MB, kernel)
    return members * member_mb(shape, vocabulary, sequences, kernel)


def members_of(study: Study, part: str, runs: int | None = None) -> int:
    """Returns the members that the packed trainer trains side by side at most.

    Args:
        study: the study.
        part: `proxy` or `final`.
        runs: how many the job has; None: those of a full pack of finals, and of proxies as many as
            a calibration may time.
    """
    spec = study.config[part]
    kernel = spec.get("attention", "auto")
    memory = members_budget_mb(LARGEST_GPU_MB) if spec["device"] == "cuda" else CPU_MB
    _, members = packed(spec, vocabulary_of(study, part), memory, kernel)
    if runs is None and part == "final":
        runs = max(map(len, study.final_packs.values()), default=1)
    return int(members if runs is None else min(members, runs))


def _weights_mb(shape: Mapping[str, Any], vocabulary: int) -> float:
    """Megabytes of a model's weights in float32."""
    return FLOAT_BYTES * parameters(shape, vocabulary) / 2**20


def _final_mb(study: Study, processes: int) -> float:
    """What the processes of one node hold of a final beside themselves.

    Each makes the whole model before a GPU takes it, or slices of it. One of them, which leads, has
    all weights and moments while it writes a checkpoint.
    """
    spec = study.final
    weights_mb = _weights_mb(spec["shape"], vocabulary_of(study, "final"))
    in_all = spec["nodes"] * processes
    leader_mb = OF_CHECKPOINT * weights_mb
    if spec["device"] == "cuda":
        models_mb = processes * weights_mb + leader_mb
        return processes * CUDA_MB + MARGIN * models_mb
    # weights, gradients, two moments, and a spare
    states_mb = 5 * weights_mb
    if in_all == 1:
        return MARGIN * (states_mb + _batch_mb(study, 1))
    if spec["parallel"] == "fsdp":
        # the whole weights, until they are sliced
        states_mb = weights_mb + states_mb / in_all
    else:
        # gradients are gathered in buckets
        states_mb += weights_mb
    models_mb = processes * (states_mb + _batch_mb(study, in_all))
    return MARGIN * (models_mb + leader_mb)


def _batch_mb(study: Study, in_all: int) -> float:
    """What a process computes of a batch at a time on a CPU: its activations and logits."""
    spec = study.final
    vocabulary = vocabulary_of(study, "final")
    sequences = micro_batch(spec, vocabulary, in_all)
    return sequences * sequence_mb(spec) + logits_mb(vocabulary)


def proxy_minutes(study: Study, runs: Sequence[Run]) -> int:
    """Returns minutes to train a pack's runs, whatever their lengths, and to score them.

    Vertex runs score examples besides.
    """
    if "shape" not in study.proxy:
        return START_MINUTES + UNSIZED_MINUTES * len(runs)
    evaluation = study.evaluation
    vertices = sum(run.role == "vertex" for run in runs)
    example_tokens = evaluation["example_tokens"] or EXAMPLE_TOKENS
    trained = sum(run.tokens for run in runs)
    scored = len(runs) * evaluation["steps"] * evaluation["tokens"]
    examples = vertices * evaluation["examples"]
    scored += examples * example_tokens
    scored += len(runs) * by_text(study, proxy_answers(study))
    return _minutes(study, "proxy", trained, scored)


def batch_mb(study: Study, batch: str) -> int:
    """Returns megabytes of a machine's memory to score the runs of a batch of packs."""
    packs = study.batches[batch]
    runs = sum(len(study.packs[pack]) for pack in packs)
    return memory_mb(study.of_pack(packs[0]), "proxy", runs=runs)


def batch_minutes(study: Study, batch: str) -> int:
    """Returns minutes to score the runs of a batch of packs once on every text."""
    packs = study.batches[batch]
    runs = [run for pack in packs for run in study.packs[pack]]
    of_role = study.of_pack(packs[0])
    if "shape" not in of_role.proxy:
        return START_MINUTES
    evaluation = of_role.evaluation
    scored = len(runs) * evaluation["tokens"]
    if runs[0].role == "vertex":
        example_tokens = evaluation["example_tokens"] or EXAMPLE_TOKENS
        scored += len(runs) * evaluation["examples"] * example_tokens
    scored += len(runs) * by_text(study, proxy_answers(study))
    return _minutes(of_role, "proxy", 0, scored)


def final_minutes(study: Study, tokens: int) -> int:
    """Returns minutes to train finals on `tokens` in all, by all processes that share a final."""
    final = study.final
    if "shape" not in final:
        return START_MINUTES + UNSIZED_MINUTES * tokens
    processes = final["nodes"] * final["processes"]
    return _minutes(study, "final", tokens, 0, processes)


def scoring_minutes(study: Study, finals: int) -> int:
    """Returns minutes to score so many finals on every text, by all processes that share them."""
    if "shape" not in study.final:
        return START_MINUTES + UNSIZED_MINUTES * finals
    scored = study.evaluation["final_tokens"] + by_text(study, final_answers(study))
    processes = study.final["nodes"] * study.final["processes"]
    return _minutes(study, "final", 0, finals * scored, processes)


def snapshot_minutes(study: Study, finals: int) -> int:
    """Returns minutes to score the copies of so many finals on every target, by all processes."""
    scored = by_text(study, snapshot_tokens(study))
    processes = study.final["nodes"] * study.final["processes"]
    return _minutes(study, "final", 0, finals * scored, processes)


def task_minutes(study: Study, finals: int) -> int:
    """Returns minutes to ask so many finals the questions of the study's tasks.

    How many questions a task of a hub has is not known at parse time: this is a guess.
    """
    tasks = study.tasks
    if not tasks:
        return START_MINUTES
    questions = len(tasks["names"]) * min(tasks["limit"] or USUAL_QUESTIONS, USUAL_QUESTIONS)
    tokens = questions * USUAL_CHOICES * study.final["shape"]["context"]
    processes = study.final["nodes"] * study.final["processes"]
    return _passes_minutes(study, "final", 2 * finals * tokens, processes)


def cleaning_mb(study: Study, domain: str) -> int:
    """Returns megabytes of memory to clean a part of a domain."""
    return int(CLEANING_MB + CLEANING_GROWTH * looked_at(study, domain) / 2**20)


def cleaning_minutes(study: Study, domain: str) -> int:
    """Returns minutes to clean a part of a domain on one core."""
    return int(START_MINUTES + looked_at(study, domain) / CLEANING_RATE)


def tokenizing_threads(study: Study, domain: str) -> int:
    """Returns cores to tokenize a part of a domain; Snakemake takes no more than there are."""
    return TOKENIZING_THREADS if taken(study, domain) > THREADS_FROM else 1


def tokenizing_mb(study: Study, domain: str) -> int:
    """Returns megabytes of memory to tokenize a part of a domain, however large it is."""
    return TOKENIZING_MB


def tokenizing_minutes(study: Study, domain: str) -> int:
    """Returns minutes to tokenize a part of a domain, also where it gets one core."""
    return int(START_MINUTES + taken(study, domain) / TOKENIZING_RATE)


def looked_at(study: Study, domain: str) -> float:
    """Returns UTF-8 bytes of text that the job of one part of a domain reads."""
    return _share(study, domain, study.texts[domain].looked_at)


def taken(study: Study, domain: str) -> float:
    """Returns UTF-8 bytes of text that one part of a domain brings into the sample."""
    return _share(study, domain, study.texts[domain].sample)


def _share(study: Study, domain: str, most: int | None) -> float:
    """A part's share of the text of a domain, of which at most so many bytes count."""
    size = study.sizes[domain]
    if size is None:
        size = UNSIZED_TEXT
    if most is not None:
        size = min(size, most)
    return size / study.parts(domain)


def _minutes(study: Study, part: str, trained: int, scored: int, processes: int = 1) -> int:
    """Minutes for tokens trained on, and for tokens scored of each text."""
    texts = text_count(study)
    if study.learner.masked:
        texts *= MASKED_PASSES
    # 6 operations a weight and token for training, 2 for scoring
    read = scored * read_a_scored(study.config, part)
    passes = 6 * trained + 2 * texts * read
    # scores are computed by no trainer
    by_transformers = part == "final" and trained > 0 and study.final_trainer == TRANSFORMERS
    return _passes_minutes(study, part, passes, processes, by_transformers)


def _passes_minutes(
    study: Study, part: str, token_passes: float, processes: int, by_transformers: bool = False
) -> int:
    """Minutes for so many operations on each weight of a model."""
    spec = study.config[part]
    size = parameters(spec["shape"], vocabulary_of(study, part))
    operations = size * token_passes
    device = device_of_requests(spec["device"])
    speed = device.flops_per_second(spec["shape"], spec["precision"], by_transformers)
    width = spec["shape"]["width"]
    if device.kind == "cuda" and width < NARROW:
        # so narrow models keep a GPU waiting, and the table does not say for how long
        speed *= (width / NARROW) ** 2
    minutes = CAUTION[device.kind] * operations / speed / 60 / processes
    return int(START_MINUTES + minutes)


@cache
def device_of_requests(kind: str) -> Device:
    """Returns the device by whose speed time is asked for: a GPU of this machine, or the usual one.

    Of cores it is always the usual one, for jobs may run on another machine.
    """
    known = gpus() if kind == "cuda" else []
    return known[0] if known else DEVICES[USUAL[kind]]


def vocabulary_of(study: Study, part: str) -> int:
    """Returns the rows of the model's embedding, as far as they are known at parse time.

    Args:
        study: the study.
        part: `proxy` or `final`.
    """
    return vocabulary_rows(study.config, part)
