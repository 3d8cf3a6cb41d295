"""What a job asks of the scheduler: memory, time and cores.

Of a training job they follow from the model's shape, the tokens and the members in one process, of
a job of the corpus from the text that it reads. The rules multiply memory and time by the attempt.
A training job at its time limit gets SIGTERM, keeps a checkpoint and fails; its next
try goes on from there.
"""

from collections.abc import Sequence

from mixwright.mixture import Run
from mixwright.proxies.footprint import CPU_MB, MOST, member_mb, packed, parameters
from mixwright.study.final_trainer import PACKED_TRAINER
from mixwright.study.lengths import vocabulary_rows
from mixwright.study.study import Study

# Megabytes of a process without a model: measured 250 and 470. They hold also the 300 of the two
# Snakemakes that a Slurm job runs beside it.
BASE_MB = {"proxy": 900, "final": 1_200}
CUDA_MB = 4_000  # megabytes in the machine's memory of a process that has a GPU
MARGIN = 1.25
TRAINER_LOGITS = 3  # copies of a whole batch's logits in a final; measured 2
# cautious: half of what small shapes reached
FLOPS_PER_MINUTE = {"cpu": 60 * 5e9, "cuda": 60 * 2e13}
START_MINUTES = 10
CAUTION = 2
MASKED_PASSES = 7  # a masked model predicts every seventh token at a time
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


def memory_mb(study: Study, part: str, processes: int = 1) -> int:
    """Returns megabytes of a machine's memory, not of a GPU's, that a job needs on one node.

    Lengths of runs and sizes of packs do not matter: waves of members pass one after another.

    Args:
        study: the study.
        part: `proxy` or `final`.
        processes: how many processes run on the node.
    """
    if "shape" not in study.config[part]:
        return UNSIZED_MB
    if part == "proxy" or study.final_trainer == PACKED_TRAINER:
        model_mb = _packed_mb(study, part)
    else:
        model_mb = _final_mb(study, processes)
    return int(processes * (BASE_MB[part] + model_mb))


def _packed_mb(study: Study, part: str) -> float:
    """On a CPU, all that a wave holds; with a GPU, first weights and a checkpoint to be written."""
    spec = study.config[part]
    shape = spec["shape"]
    device = spec["device"]
    vocabulary = vocabulary_of(study, part)
    members = spec.get("wave", "auto")
    if device == "cuda":
        if members == "auto":
            members = MOST[device]
        if part == "final":
            members = min(members, _finals_in_a_job(study))
        return CUDA_MB + members * 4 * 4 * parameters(shape, vocabulary) / 2**20
    # a calibration chooses no kernel that takes more than this
    kernel = spec.get("attention", "auto")
    sequences, members = packed(spec, vocabulary, CPU_MB, kernel)
    if part == "final":
        members = min(members, _finals_in_a_job(study))
    return members * member_mb(shape, vocabulary, sequences, kernel)


def _finals_in_a_job(study: Study) -> int:
    """The finals of the largest job."""
    return max(map(len, study.final_packs.values()), default=1)


def _final_mb(study: Study, processes: int) -> float:
    """On a CPU: weights, gradients, two moments, and a process's part of a batch.

    A batch is its activations and logits.
    """
    spec = study.final
    shape = spec["shape"]
    vocabulary = vocabulary_of(study, "final")
    weights = parameters(shape, vocabulary)
    if spec["device"] == "cuda":
        return CUDA_MB + MARGIN * 4 * 4 * weights / 2**20
    # of one token
    layer = 16 * shape["width"] + 4 * shape["hidden"]
    floats = shape["layers"] * layer
    floats += TRAINER_LOGITS * vocabulary
    if spec["precision"] == "bfloat16":
        # attention that is not fused keeps its scores
        floats += 3 * shape["layers"] * shape["heads"] * shape["context"]
    tokens = spec["batch"] / processes * shape["context"]
    batch = tokens * floats
    return MARGIN * 4 * (5 * weights + batch) / 2**20


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
    return _minutes(study, "proxy", trained, scored)


def final_minutes(study: Study, tokens: int) -> int:
    """Returns minutes to train finals on `tokens` in all, by all processes that share a final."""
    final = study.final
    if "shape" not in final:
        return START_MINUTES + UNSIZED_MINUTES * tokens
    processes = final["nodes"] * final["processes"]
    return _minutes(study, "final", tokens, 0, processes)


def scoring_minutes(study: Study, finals: int) -> int:
    """Returns minutes to score so many finals on every text, in one process."""
    if "shape" not in study.final:
        return START_MINUTES + UNSIZED_MINUTES * finals
    return _minutes(study, "final", 0, finals * study.evaluation["final_tokens"])


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
    texts = len({*study.config["domains"], *study.config["targets"]})
    if study.learner.masked:
        texts *= MASKED_PASSES
    spec = study.config[part]
    # 6 operations a weight and token for training, 2 for scoring
    vocabulary = vocabulary_of(study, part)
    size = parameters(spec["shape"], vocabulary)
    token_passes = 6 * trained + 2 * texts * scored
    operations = size * token_passes
    minutes = CAUTION * operations / FLOPS_PER_MINUTE[spec["device"]] / processes
    return int(START_MINUTES + minutes)


def vocabulary_of(study: Study, part: str) -> int:
    """Returns the rows of the model's embedding, as far as they are known at parse time.

    Args:
        study: the study.
        part: `proxy` or `final`.
    """
    return vocabulary_rows(study.config, part)
