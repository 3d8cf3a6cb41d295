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


def is_run(words: Sequence[str], quiet: Iterable[str] = ()) -> bool:
    """Returns whether a call of Snakemake with these words is a run or a dry run that may speak.

    Args:
        words: of the command line.
        quiet: what Snakemake is told to keep to itself, such as `rules`, `progress` and `all`.
    """
    if not {"progress", "all"}.isdisjoint(quiet):
        return False
    return not any(word.partition("=")[0] in (*OTHER_MODES, *SHORT_MODES) for word in words)


def names_cores(words: Sequence[str]) -> bool:
    """Returns whether a call says on how many cores it runs.

    A dry run that does not is one of a single core for Snakemake, and of this machine's here.
    """
    for word in words:
        if word.partition("=")[0] in CORES or word[:2] in ("-c", "-j"):
            return True
    return not any(word in DRY for word in words)
