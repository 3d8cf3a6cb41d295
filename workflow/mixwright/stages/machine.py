"""Commands that look after the machine. `doctor` works before all packages are installed."""

from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mixwright.errors import MixwrightError
from mixwright.jobs import doctor as checks
from mixwright.jobs import profiles

SIGNS = {
    "ok": ("works", "green"),
    "note": ("note", "yellow"),
    "fails": ("fails", "bold red"),
}


def doctor(results: Path = Path("results"), gpu: bool = False) -> None:
    """Check what works on this machine and its cluster, and print the profile lines to set.

    It takes seconds and needs no torch. It fails where the default study cannot run. With --gpu it
    measures instead, in up to 3 minutes, how fast this machine's GPU trains, and prints what
    should be set in a study. It fails where torch sees no GPU.

    Example:
        mixwright doctor
    """
    if gpu:
        # Here, so that what needs no torch also works without it.
        from mixwright.stages.gpu import check_gpu

        check_gpu()
        return
    findings = list(checks.examine(results))
    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in findings:
        word, style = SIGNS[finding.state]
        table.add_row(finding.what, Text(word, style=style), Text(finding.says))
    console = Console(highlight=False)
    console.print(table)
    for profile, settings in checks.profiles(findings).items():
        console.print(Text(f"\nlines of profiles/{profile}/config.yaml here:", style="bold"))
        console.print(Text(yaml.safe_dump(settings, sort_keys=False).rstrip()))
    failing = []
    for finding in findings:
        if finding.needed and finding.state == "fails":
            failing.append(finding.what)
    if failing:
        raise MixwrightError(f"the default study cannot run here: {', '.join(failing)}; see above")


def link_profiles(to: Path | None = None) -> None:
    """Link the profiles to where `snakemake --profile slurm` looks; yours are never overwritten.

    Example:
        mixwright link-profiles
    """
    profiles.link_profiles(to)
