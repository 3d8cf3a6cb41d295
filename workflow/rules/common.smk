# Parse-time facts only: the study, its names, what each rule's numbers depend on. No rule stands here.
from mixwright.study.config import resolve
from mixwright.errors import MixwrightError
from mixwright.report.figures import FIGURES, MEASURED
from mixwright.jobs.launch import launch, placement
from mixwright.mixture import digest
from mixwright.jobs.resources import final_minutes, memory_mb, proxy_minutes, scoring_minutes
from mixwright.study.study import PROXIES, Study
from mixwright.versions import VERSIONS

try:
    STUDY = Study(resolve(config, HOUSE / "config"))
except MixwrightError as error:
    sys.exit(f"mixwright: {error}")

CONFIG, NAME = STUDY.config, STUDY.config["study"]


def listed(list_inputs, *arguments):
    """The files that a source or a table is read from; a study whose files are elsewhere can still be looked at."""
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
if LACKING:
    print(
        f"mixwright: the study can be looked at, not run: {LACKING[0]} ({len(LACKING)} sources lack)",
        file=sys.stderr,
    )


def spec(*keys):
    """Hash of the parts of the study that a rule's numbers depend on; a key may be dotted."""
    return digest([STUDY.part(key) for key in keys])


def documents_of(names, folder):
    return [f"results/{NAME}/{folder}/{name}.parquet" for name in names]


def packs_of(*roles):
    return [f"results/{NAME}/packs/{pack}.parquet" for pack in STUDY.packs_of(roles)]


def tables_of(table, roles):
    """The gathered table of each of these roles that the study has; of runs measured by others, or without a size, some have none."""
    known = (
        table in ("design", "losses")
        if STUDY.measured
        else table != "realised" or STUDY.learner.sized
    )
    return [
        f"results/{NAME}/{table}/{role}.parquet" for role in roles if known and role in STUDY.runs
    ]


def kept_of(mixer):
    """Roles whose runs a fit keeps: those its mixer reads, and the repeats, whose noise the intervals of a refitted mixer count."""
    return STUDY.roles_of(mixer) + ["repeat"] * STUDY.method(mixer).can_refit


def loglikelihoods_of(mixer):
    return (
        tables_of("loglikelihoods", STUDY.roles_of(mixer))
        if STUDY.method(mixer).needs_loglikelihoods
        else []
    )


def fit_of(mixer):
    """A mixer that reads no run has nothing to fit."""
    return f"results/{NAME}/fits/{mixer}" if STUDY.method(mixer).reads else []


def mixtures_of(finals):
    return [f"results/{NAME}/mixtures/{arm}.json" for arm in sorted({arm for arm, _ in finals})]


def validated():
    """Mixers whose predictions can be compared with the swarm's losses."""
    return [
        mixer for mixer in STUDY.mixers if STUDY.method(mixer).predicts and "swarm" in STUDY.runs
    ]


def drawn():
    """Figures whose tables this study makes; those of losses show the swarm."""
    if STUDY.measured:
        return [
            figure
            for figure, entry in MEASURED.items()
            if all(RESULTS.get(name, True) for name in entry.inputs)
        ]
    first = "mixtures" if STUDY.goals == ("",) else "targets"
    made = {name for name, paths in RESULTS.items() if paths} - (
        {"losses"} if "swarm" not in STUDY.runs else set()
    ) | {"study"}
    return [
        figure
        for figure in (first, *STUDY.learner.figures)
        if made.issuperset(FIGURES[figure].inputs)
    ]


def figure_inputs(figure):
    """Every option of a figure: the results it reads, nothing for the others."""
    entry = (FIGURES | MEASURED)[figure]
    wanted = entry.inputs + entry.optional
    return {name: paths if name in wanted else [] for name, paths in RESULTS.items()}


SHARDS = [f"results/{NAME}/{STUDY.learner.folder}/{name}" for name in STUDY.domains]
TOKENIZER = f"results/{NAME}/tokenizer" if STUDY.learner.rules == "corpus" else []
TARGETS = [f"results/{NAME}/targets/{name}.npz" for name in STUDY.targets]

# What the figures and the report read, by the name of what it holds.
RESULTS = {
    "design": tables_of("design", PROXIES),
    "losses": tables_of("losses", PROXIES),
    "validation": expand(
        "results/{study}/validation/{mixer}.parquet", study=NAME, mixer=validated()
    ),
    "mixtures": expand("results/{study}/mixtures/{arm}.json", study=NAME, arm=STUDY.arms),
    "backtest": f"results/{NAME}/backtest.json" if STUDY.backtested else [],
    "transfer": f"results/{NAME}/transfer.json" if "transfer" in STUDY.runs else [],
    "scores": expand("results/{study}/scores/{pack}.parquet", study=NAME, pack=STUDY.final_packs),
    "documents": expand(
        "results/{study}/final_documents/{pack}.parquet", study=NAME, pack=STUDY.final_packs
    ),
}

# The same for a study of runs measured by others.
if STUDY.measured:
    fitted = [mixer for mixer in validated() if STUDY.tests]
    RESULTS = {
        "validation": RESULTS["validation"],
        "mixtures": RESULTS["mixtures"],
        "tests": expand("results/{study}/tests/{mixer}.parquet", study=NAME, mixer=fitted),
        "subsets": expand(
            "results/{study}/subsets/{mixer}.parquet", study=NAME, mixer=STUDY.measured["subsets"]
        ),
        "regions": expand(
            "results/{study}/regions/{mixer}.json", study=NAME, mixer=STUDY.measured["regions"]
        ),
        "predictions": f"results/{NAME}/predictions.parquet" if "swarm" in STUDY.runs else [],
        "design": tables_of("design", {"perturb"}),
        "ladder": f"results/{NAME}/ladder.parquet" if "optima" in STUDY.measured else [],
    }
