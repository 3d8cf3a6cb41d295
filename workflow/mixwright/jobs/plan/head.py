"""When a call of Snakemake shows the plan: before a run or a dry run, and never elsewhere."""

from collections.abc import Iterable, Sequence

# What Snakemake does in place of a run. Their output is read by programs.
OTHER_MODES = (
    "--archive",
    "--cleanup-metadata",
    "--cleanup-shadow",
    "--conda-cleanup-envs",
    "--conda-create-envs-only",
    "--containerize",
    "--d3dag",
    "--dag",
    "--delete-all-output",
    "--delete-temp-output",
    "--deploy-sources",
    "--detailed-summary",
    "--draft-notebook",
    "--edit-notebook",
    "--filegraph",
    "--generate-unit-tests",
    "--lint",
    "--list-changes",
    "--list-conda-envs",
    "--list-input-changes",
    "--list-params-changes",
    "--list-rules",
    "--list-target-rules",
    "--list-untracked",
    "--print-compilation",
    "--report",
    "--rulegraph",
    "--summary",
    "--touch",
    "--unlock",
)
# their other names
SHORT_MODES = ("-l", "--list", "--cm", "--lt", "--lc", "--li", "--lp", "--lu", "-S", "-D", "-t")
DRY = ("-n", "--dry-run", "--dryrun")
CORES = ("-c", "--cores", "-j", "--jobs")


SILENT = {"progress", "all"}


def is_run(words: Sequence[str], quiet: Iterable[str] = ()) -> bool:
    """Returns whether a call of Snakemake with these words is a run or a dry run that may speak.

    Args:
        words: of the command line.
        quiet: what Snakemake is told to keep to itself, such as `rules`, `progress` and `all`.
    """
    if SILENT.intersection(quiet):
        return False
    for word in words:
        option = word.partition("=")[0]
        if option in OTHER_MODES or option in SHORT_MODES:
            return False
    return True


def names_cores(words: Sequence[str]) -> bool:
    """Returns whether a call says on how many cores it runs.

    A dry run that does not is one of a single core for Snakemake, and of this machine's here.
    """
    dry = False
    for word in words:
        option = word.partition("=")[0]
        # -c4 and -j4
        if option in CORES or option[:2] in CORES:
            return True
        if option in DRY:
            dry = True
    return not dry
