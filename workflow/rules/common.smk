# What is known at parse time: the study, its names, and what each rule's numbers depend on.
# There are no rules here.
from dataclasses import replace
from functools import cache
from importlib.util import find_spec

from snakemake.io import contains_wildcard

from mixwright.study.anchoring import anchored_mixers
from mixwright.study.config import resolve
from mixwright.errors import MixwrightError
from mixwright.files import newest, stamp
from mixwright.jobs.launch import launch, placement, warning
from mixwright.jobs.lease import can_reach_gpu, can_send_jobs
from mixwright.jobs.plan import head
from mixwright.jobs.plan.changed_domains import changed_lines
from mixwright.jobs.plan.here import has_other_targets
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.mixture import digest
from mixwright.jobs.requests import (
    final_request,
    proxy_request,
    request_lines,
    warning_seconds,
)
from mixwright.jobs.resources import (
    batch_mb,
    batch_minutes,
    calibration_mb,
    cleaning_mb,
    cleaning_minutes,
    memory_mb,
    scoring_minutes,
    snapshot_minutes,
    task_minutes,
    tokenizing_mb,
    tokenizing_minutes,
    tokenizing_threads,
)
from mixwright.proposals.export.inputs.planned import check_exports, export_settings
from mixwright.report.layout import (
    DRAWN,
    ON_PAGE,
    drawn,
    export_files,
    figure_files,
    figure_paths,
    fit_paths,
    proposal_paths,
    proposals_page,
    result_paths,
    surface_paths,
    table_paths,
    validated,
)
from mixwright.study.checkpoints import inputs as start_files
from mixwright.study.checks import measured_files
from mixwright.study.learning import curve_mixer
from mixwright.study.study import Study
from mixwright.versions import VERSIONS

try:
    STUDY = Study(resolve(config, HOUSE / "config", workflow.configfiles))
    # Two runs that come out the same are told here.
    PACKS = STUDY.packs
except MixwrightError as error:
    sys.exit(f"mixwright: {error}")

CONFIG = STUDY.config
NAME = CONFIG["study"]
RESULTS_FOLDER = f"results/{NAME}"
# Target -> what its numbers are.
METRICS = {name: vars(metric) for name, metric in STUDY.metrics.items()}
# What targets of questions choose by, where that is no loss. Studies without it hash nothing of it.
CHOSEN = [STUDY.chosen] if STUDY.chosen else []
# Mixers whose fit takes runs of a larger size, where the study has enough of them.
ANCHORED = [] if STUDY.measured else anchored_mixers(CONFIG)
# What the weights of a further round depend on, beside what the rounds before it measured.
ROUND_SPEC = digest(
    [
        STUDY.target_weights,
        STUDY.final_tokens,
        CONFIG["goal"],
        STUDY.diverged,
        METRICS,
        *CHOSEN,
    ]
)

# Profiles of clusters read them: training goes to the GPUs where the study has it trained there.
for part in ("proxy", "final"):
    device = CONFIG.get(part, {}).get("device", "cpu")
    os.environ[f"MIXWRIGHT_{part.upper()}_DEVICE"] = device


def listed(list_inputs, *arguments):
    """The files that a source or a table is read from.

    A study whose files are elsewhere can still be looked at: what is missing is noted.
    """
    try:
        return list_inputs(*arguments)
    except MixwrightError as error:
        LACKING.append(str(error))
        return []


LACKING = []
SOURCES = {name: STUDY.source(name) for name in STUDY.domains + STUDY.targets}
FILES = {name: listed(source.inputs) for name, source in SOURCES.items()}
TABLES = [
    path
    for name, file in STUDY.table_files.items()
    for path in listed(STUDY.places.inputs, f"tables.{name}", file)
]
EXPORT_SOURCES = listed(STUDY.export_inputs)
TOKENIZER_FILES = listed(STUDY.tokenizer_files)
# What models start from: files of checkpoints, and configurations of transformers.
START_FILES = {part: listed(start_files, CONFIG, part) for part in ("proxy", "final")}
TASK_FILES = listed(STUDY.task_files)
if STUDY.measured:
    for key, file in measured_files(STUDY.measured).items():
        listed(STUDY.places.inputs, f"measured.{key}", file)
try:
    for name, source in SOURCES.items():
        section = "domains" if name in STUDY.domains else "targets"
        source.check_inputs(f"config: {section}.{name}", FILES[name])
    check_exports(STUDY, EXPORT_SOURCES)
except MixwrightError as error:
    sys.exit(f"mixwright: {error}")
if LACKING:
    print(
        f"mixwright: the study can be looked at, not run: {LACKING[0]}"
        f" ({len(LACKING)} missing in all; jobs that need them will fail)",
        file=sys.stderr,
    )

DEVICES = {CONFIG[part]["device"] for part in ("proxy", "final")}
if "cuda" in DEVICES and not STUDY.measured and not can_reach_gpu():
    print(
        "mixwright: the study asks for device: cuda, and this machine has no GPU and no scheduler;"
        " training jobs that run here will fail: set proxy.device and final.device to cpu",
        file=sys.stderr,
    )

if STUDY.tasks and not find_spec("lm_eval"):
    print(
        "mixwright: the study names tasks, and lm-evaluation-harness is not installed here;"
        " evaluate_tasks will fail unless it runs elsewhere: pip install 'mixwright[tasks]', or"
        " run with --use-conda",
        file=sys.stderr,
    )


def spec(*keys):
    """Hashes the parts of the study that a rule's numbers depend on. A key may be dotted."""
    return digest([STUDY.part(key) for key in keys])


# Of more files than this a job lists the newest alone: a dry run stays readable.
MANY_FILES = 20


@cache
def inputs_of(name):
    """The files that a domain or target is read from, as inputs of a rule.

    Of many it is the newest: one is newer than the output where the newest is. Which files there
    are, and their sizes and times, are a parameter then (`stamps_of`).
    """
    return as_inputs(FILES[name])


def as_inputs(files):
    """A user's files as inputs of a rule: all of them, or the newest of many."""
    files = seen_by_snakemake(files)
    if len(files) <= MANY_FILES:
        return files
    return [newest(files)]


def seen_by_snakemake(files):
    """Those of a user's files whose paths Snakemake can handle.

    It takes a {word} for a wildcard, warns of line ends, and fails at bytes that are not UTF-8. A
    change of the others is told by a parameter: their stamps, or hashes.
    """
    return [path for path in files if str(path).isprintable() and not contains_wildcard(path)]


@cache
def domain_spec(name):
    """Hashes what the text of a domain depends on.

    Tokens that the study states of it change no text, and the size of a part matters by the number
    of parts alone.
    """
    settings = replace(STUDY.texts[name], part_bytes=0)
    return digest([written_of("domains", name), vars(settings)])


def target_spec(name):
    """Hashes what the text of a target depends on."""
    settings = STUDY.text(name)
    read = [settings.max_document_bytes, settings.clean, settings.on_error]
    return digest([written_of("targets", name), STUDY.part("corpus.target_bytes"), read])


def written_of(section, name):
    """What the study says of where a text is read; not how much of it, or what it counts."""
    entry = STUDY.part(f"{section}.{name}")
    others = ("clean", "metric", "sample", "tokens", "weight")
    return {key: value for key, value in entry.items() if key not in others}


@cache
def stamps_of(name):
    """The stamps of the files of a domain or target: they are looked at once, not once a part."""
    return stamps(FILES[name])


def stamps(files):
    """Sizes and times of a user's files, for a rule's params.

    Snakemake reruns what is older than its inputs. A file that was replaced by one from before is
    told by its stamp. Fetched files are pinned, and have none.
    """
    own = [path for path in files if not str(path).startswith(f"{RESULTS_FOLDER}/")]
    return digest([stamp(path) for path in own])


# What the study says of how many tokens there are, and how many a checkpoint has read.
STATED_TOKENS = STUDY.source_tokens
if STUDY.read_before:
    STATED_TOKENS = [STUDY.source_tokens, STUDY.read_before]


def version_of(stage, part):
    """The version of a stage, with the stamps of what its models start from.

    A job is told of a checkpoint that changed by this: it does not list the files.
    """
    files = START_FILES[part]
    return f"{VERSIONS[stage]} {stamps(files)}" if files else VERSIONS[stage]


def questions_of(names):
    return [f"{RESULTS_FOLDER}/questions/{name}.parquet" for name in names]


def documents_of(name):
    """The documents of the parts of a domain, in their order."""
    return [f"{RESULTS_FOLDER}/documents/{name}/{n}.parquet" for n in range(STUDY.parts(name))]


def earlier_of(name, part):
    """The documents of the parts before this one, where a text is taken once a domain."""
    if "exact-duplicates" not in STUDY.texts[name].clean:
        return []
    return documents_of(name)[:part]


def all_documents():
    """The documents of all domains."""
    return [path for name in STUDY.domains for path in documents_of(name)]


def tokens_of(name):
    """The tokens of the parts of a domain, in their order."""
    return [f"{RESULTS_FOLDER}/tokens/{name}/{n}" for n in range(STUDY.parts(name))]


def lost_tokens():
    """The tokens that a shard of the study lists and that are gone.

    They are asked for by name. Snakemake alone makes no file again while what was made of it is
    there, and a shard without its tokens is none.
    """
    lost = []
    for name in STUDY.domains:
        if os.path.exists(f"{RESULTS_FOLDER}/shards/{name}"):
            lost += [folder for folder in tokens_of(name) if not os.path.exists(folder)]
    return lost


def packs_of_batch(batch):
    return [f"results/{NAME}/packs/{pack}.parquet" for pack in STUDY.batches[batch]]


def packs_of(*roles):
    return [f"results/{NAME}/packs/{pack}.parquet" for pack in STUDY.packs_of(roles)]


def batches_of(*roles):
    return [f"results/{NAME}/measured/{batch}.parquet" for batch in STUDY.batches_of(roles)]


def unless_retold(path):
    """An input that reruns nothing in the run in which targets come or go.

    The text of every domain is then read again, for what stands in a target is counted there, and
    dropped where the study says so. It mostly comes out the same. Where it does not, the job that
    scores the proxies says so and stops, and the next run trains.
    """
    return ancient(path) if RETOLD else path


def merging_mb():
    """Memory to merge proxies: the single-domain runs, beside a wave of merged ones."""
    return memory_mb(STUDY, "proxy", runs=len(STUDY.runs["vertex"] + STUDY.runs["swarm"]))


def merging_minutes():
    """Minutes to score a merged proxy for every run of the swarm."""
    batches = STUDY.batches_of(STUDY.tables_of_role("swarm"))
    return sum(batch_minutes(STUDY, batch) for batch in batches)


# Seconds before its end at which a job that trains finals is warned.
WARNED = warning_seconds(STUDY, "final") if PACKS else 0


@cache
def request_of(pack):
    """What the job of a pack of proxies asks of the scheduler."""
    return proxy_request(STUDY.of_pack(pack), STUDY.packs[pack])


@cache
def request_of_finals(pack):
    """What the job of a pack of finals asks of the scheduler."""
    return final_request(STUDY, len(STUDY.final_packs[pack]))


def tables_of(table, roles):
    """The gathered table of each of these roles that the study has."""
    return table_paths(STUDY, RESULTS_FOLDER, table, roles)


def rounds_before(table, number):
    """The gathered tables of the rounds of the swarm before this one."""
    return tables_of(table, ["swarm"])[: int(number) - 1]


def kept_of(mixer):
    """Roles whose runs a fit keeps: those that its mixer reads, and the repeats.

    The intervals of a refitted mixer count the noise of the repeats.
    """
    roles = STUDY.roles_of(mixer)
    if STUDY.method(mixer).can_refit:
        roles = roles + ["repeat"]
    return roles


def anchors_of(mixer):
    """The tables of runs of a larger size that the fit of a mixer takes: weights, losses, tokens."""
    if mixer not in ANCHORED:
        return []
    paths = [tables_of(table, ["transfer"]) for table in ("design", "losses", "realised")]
    return [path for files in paths for path in files]


def loglikelihoods_of(mixer):
    if STUDY.method(mixer).needs_loglikelihoods:
        return tables_of("loglikelihoods", STUDY.roles_of(mixer))
    return []


def fit_of(mixer):
    """The fit of a mixer. A mixer that reads no runs has none."""
    if STUDY.method(mixer).reads:
        return f"results/{NAME}/fits/{mixer}"
    return []


def predicting_fit_of(mixer):
    """The fit of a mixer that predicts losses; others have nothing to say of a cost."""
    return fit_of(mixer) if STUDY.method(mixer).predicts else []


def mixtures_of(finals):
    """The mixtures that a pack of finals, (arm, seed) pairs, is trained on."""
    arms = sorted({arm for arm, _ in finals})
    return [f"results/{NAME}/mixtures/{arm}.json" for arm in arms]


# What training jobs read: the list of texts, with the choices of the calibration.
TEXTS = "results/{study}/calibration.json" if STUDY.learner.sized else "results/{study}/texts.json"
# Whether all that this run changes of the texts are the targets: nothing is to be trained.
RETOLD = has_other_targets(STUDY, Path(RESULTS_FOLDER))
SCORED_IN_TRAINING = {}
if any(STUDY.trains_by_scored(role) for role in STUDY.runs) and STUDY.learner.sized:
    SCORED_IN_TRAINING["scored"] = lambda wc: scored_of(wc.pack)


def scored_of(pack):
    """What is scored, where a pack's weights are not kept or are learned of it."""
    role = STUDY.packs[pack][0].role
    return f"results/{NAME}/scored.json" if STUDY.trains_by_scored(role) else []


# What a further round is chosen for.
ROUND_SPEC = digest(
    [
        STUDY.target_weights,
        STUDY.final_tokens,
        CONFIG["goal"],
        STUDY.diverged,
        METRICS,
        *CHOSEN,
    ]
)
# The weights of a round that follows from what earlier rounds measured; other runs have none.
DESIGNED_BEFORE = {}
if len(STUDY.tables) > len(STUDY.runs):
    DESIGNED_BEFORE["design"] = lambda wc: design_of(wc.pack)


def design_of(pack):
    """The design of a pack's round, where it follows from earlier rounds."""
    run = STUDY.packs[pack][0]
    return [] if run.table == run.role else f"results/{NAME}/design/{run.table}.parquet"


# A final takes a core for long. It waits for what the first proxies wait for, and the rules that
# lead to proposals have a higher priority: so proxies go first.
if not PACKS:
    BEFORE_FINALS = []
else:
    BEFORE_FINALS = TEXTS.format(study=NAME)
SHARDS = [f"results/{NAME}/{STUDY.learner.folder}/{name}" for name in STUDY.domains]
TOKENIZER = f"results/{NAME}/tokenizer" if STUDY.learner.rules == "corpus" else []
SURFACES = surface_paths(STUDY, RESULTS_FOLDER)
LOST = lost_tokens() if STUDY.learner.rules == "corpus" and not STUDY.measured else []
EXPORTS = export_files(STUDY, RESULTS_FOLDER)
TARGETS = [f"results/{NAME}/targets/{name}.npz" for name in STUDY.targets]


def jobs_at_once():
    """How many devices of each kind work at once, as far as the call of Snakemake says."""
    settings = workflow.resource_settings
    most = max(len(PACKS), len(STUDY.final_packs), 1)
    if settings.nodes:
        return dict.fromkeys(("cpu", "cuda"), min(settings.nodes, most))
    numbers = {}
    if settings.cores and head.names_cores(sys.argv[1:]):
        numbers["cpu"] = settings.cores
    if "gpu" in settings.resources:
        numbers["cuda"] = settings.resources["gpu"]
    return numbers


# What the study takes, before it is paid. Jobs parse the workflow again, and say nothing.
QUIET = [str(kind) for kind in workflow.output_settings.quiet or ()]
if workflow.is_main_process and head.is_run(sys.argv[1:], QUIET) and "prune" not in sys.argv:
    # `snakemake proposals` trains no finals
    aside = STUDY.final_packs if "proposals" in sys.argv else ()
    plan = plan_of(STUDY, jobs_at_once=jobs_at_once(), figures=len(drawn(STUDY)), aside=aside)
    for line in [*plan_lines(plan), *changed_lines(STUDY, Path(RESULTS_FOLDER))]:
        print(line, file=sys.stderr)
    if can_send_jobs():
        for line in request_lines(STUDY):
            print(line, file=sys.stderr)
