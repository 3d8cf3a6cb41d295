"""Snakemake that asks for the state of its Slurm jobs every second.

The plugin's default pause grows by ten seconds whenever no job has succeeded.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

if __name__ == "__main__":
    Executor.next_seconds_between_status_checks = property(
        lambda self: 1, lambda self, seconds: None
    )
    main()
