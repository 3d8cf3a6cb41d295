"""Where each result of a study lies, by the name that the figures and the report read it by.

The header of the Snakefile shows the same paths. The Snakefile imports this module to declare the
inputs of its rules, so nothing heavy is imported here.
"""

from collections.abc import Iterable
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.proposals.export import FORMATS
from mixwright.report.figures import FIGURES, MEASURED, entry
from mixwright.study.copies import snapshot_packs
from mixwright.study.learning import curve_mixer
from mixwright.study.study import PROXIES, ROLES, Study

Folder = Path | str
# Suffixes of the files that a study writes of a figure; a page shows the first two.
DRAWN = ("svg", "csv", "pdf", "png")
ON_PAGE = DRAWN[:2]
# Results that final models make.
OF_FINALS = (
    "finals",
    "curves",
    "scores",
    "snapshot_scores",
    "documents",
    "task_scores",
    "task_answers",
)


def table_paths(study: Study, folder: Folder, table: str, roles: Iterable[str]) -> list[str]:
    """Returns the gathered tables of each of these roles whose runs the study has: one a round.

    Runs measured by others have a design and losses only; trees have no realised token counts.
    """
    if study.measured and table not in ("design", "losses"):
        return []
    if table == "realised" and not study.learner.sized:
        return []
    names = []
    for role in roles:
        names += study.tables_of_role(role)
    return _files(folder, table, names)


def validated(study: Study) -> list[str]:
    """Returns the mixers whose predictions can be compared with the losses of the swarm."""
    if "swarm" not in study.runs:
        return []
    return [mixer for mixer in study.mixers if study.method(mixer).predicts]


def surface_paths(study: Study, folder: Folder) -> list[str]:
    """Returns the response surfaces: of every mixer that predicts losses from the swarm."""
    mixers = [mixer for mixer in validated(study) if study.method(mixer).can_refit]
    return _files(folder, "surfaces", mixers, "json")


def result_paths(study: Study, folder: Folder) -> dict[str, list[str]]:
    """Returns name -> files of every result that figures and the report read; none: an empty list.

    Args:
        study: the study.
        folder: its results folder, `results/{study}`.
    """
    paths = {
        "validation": _files(folder, "validation", validated(study)),
        "mixtures": _files(folder, "mixtures", study.arms, "json"),
    }
    if study.measured:
        return paths | _measured_paths(study, folder)
    # packs of finals that are asked the questions of tasks
    asked_packs = study.final_packs if study.tasks else ()
    return paths | {
        "domains": _file(folder, "domains.parquet", exists=True),
        "design": table_paths(study, folder, "design", PROXIES),
        "losses": table_paths(study, folder, "losses", PROXIES),
        "backtest": _file(folder, "backtest.json", study.backtested),
        "transfer": _file(folder, "transfer.json", "transfer" in study.runs),
        "merged": _file(folder, "merged.json", study.merges),
        "finals": _files(folder, "finals", study.final_packs),
        # trees have no steps
        "curves": _files(folder, "curves", study.final_packs if study.learner.sized else ()),
        "scores": _files(folder, "scores", study.final_packs),
        "snapshot_scores": _files(folder, "snapshot_scores", snapshot_packs(study)),
        "documents": _files(folder, "final_documents", study.final_packs),
        "task_scores": _files(folder, "task_scores", asked_packs),
        "task_answers": _files(folder, "task_answers", asked_packs),
    }


def proposal_paths(study: Study, folder: Folder) -> dict[str, list[str]]:
    """Returns name -> files of what is known of the proposals before any final model is trained."""
    paths = result_paths(study, folder)
    return {name: files for name, files in paths.items() if name not in OF_FINALS}


def export_files(study: Study, folder: Folder) -> list[str]:
    """Returns the trainers' files of a study, one an arm and a format."""
    files = []
    for arm in study.arms:
        for name in study.exports:
            files.append(f"{folder}/export/{arm}/{name}{FORMATS[name].suffix}")
    return files


def proposals_page(study: Study, folder: Folder) -> str:
    """Returns the page of the proposals, without its suffix; a summary where nothing follows."""
    name = "summary" if study.ends_at_proposals or study.measured else "proposals"
    return f"{folder}/report/{name}"


def fit_paths(study: Study, folder: Folder) -> list[str]:
    """Returns the fits that can predict any mixture, from the swarm alone."""
    mixers = [mixer for mixer in validated(study) if study.roles_of(mixer) == ["swarm"]]
    return [f"{folder}/fits/{mixer}" for mixer in mixers]


def manifest_paths(study: Study, folder: Folder) -> list[str]:
    """Returns the manifest of what is learned from, one a domain."""
    shards = f"{folder}/{study.learner.folder}"
    return [f"{shards}/{domain}/manifest.json" for domain in study.domains]


def target_paths(study: Study, folder: Folder) -> list[Path]:
    """Returns the file of each target that is text, with what was counted when it was read."""
    return [Path(folder) / "targets" / f"{target}.npz" for target in study.targets]


def drawn_paths(study: Study, folder: Folder) -> dict[str, list[str]]:
    """Returns name -> files of every result that figures read, of all roles of runs."""
    return result_paths(study, folder) | {
        "design": table_paths(study, folder, "design", PROXIES),
        "losses": table_paths(study, folder, "losses", PROXIES),
        "surfaces": surface_paths(study, folder),
        "learning_curve": _file(folder, "learning_curve.json", bool(curve_mixer(study))),
        "trained_runs": [] if study.measured else table_paths(study, folder, "design", ROLES),
    }


def drawn(study: Study) -> list[str]:
    """Returns the figures whose results this study makes, in the order of the page."""
    results = {name for name, files in drawn_paths(study, "").items() if files}
    results.add("study")
    registry = MEASURED if study.measured else FIGURES
    names = []
    for name, figure in registry.items():
        if figure.shown(study) and results.issuperset(figure.inputs):
            names.append(name)
    return names


def figure_files(
    study: Study,
    folder: Folder,
    finals: bool = True,
    suffixes: Iterable[str] = ("svg",),
) -> list[str]:
    """Returns the files of the figures that this study draws.

    Args:
        study: the study.
        folder: its results folder.
        finals: whether those of final models are among them.
        suffixes: which files of each figure, of DRAWN.
    """
    names = drawn(study)
    if not finals:
        names = [name for name in names if not {*OF_FINALS} & {*entry(name).inputs}]
    files = []
    for suffix in suffixes:
        files += _files(folder, "report", names, suffix)
    return files


def figure_paths(study: Study, folder: Folder, figure: str) -> dict[str, list[str]]:
    """Returns name -> files of the results that a figure reads, without `study` itself.

    Raises:
        MixwrightError: the figure is unknown, or needs a result that this study does not make.
    """
    results = drawn_paths(study, folder)
    registered = entry(figure)
    for name in registered.inputs:
        if name != "study" and not results.get(name):
            raise MixwrightError(
                f"figure {figure} needs {name}, which this study does not make; "
                f"choose one of {', '.join(drawn(study))}"
            )
    names = [*registered.inputs, *registered.optional]
    return {name: results[name] for name in names if name in results}


def _measured_paths(study: Study, folder: Folder) -> dict[str, list[str]]:
    """What only a study of runs measured by others makes."""
    tested = validated(study) if study.tests else []
    return {
        "tests": _files(folder, "tests", tested),
        "subsets": _files(folder, "subsets", study.measured["subsets"]),
        "regions": _files(folder, "regions", study.measured["regions"], "json"),
        "predictions": _file(folder, "predictions.parquet", "swarm" in study.runs),
        "design": table_paths(study, folder, "design", ["perturb"]),
        "ladder": _file(folder, "ladder.parquet", "optima" in study.measured),
    }


def _file(folder: Folder, name: str, exists: bool) -> list[str]:
    """A result that is one file, if the study makes it."""
    return [f"{folder}/{name}"] if exists else []


def _files(folder: Folder, kind: str, names: Iterable[str], suffix: str = "parquet") -> list[str]:
    """One file a name, in the folder of their kind."""
    return [f"{folder}/{kind}/{name}.{suffix}" for name in names]
