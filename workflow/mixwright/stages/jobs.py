"""Commands that watch and look after jobs: status, doctor, profiles."""

import logging
from pathlib import Path

Paths = list[Path]
NONE: Paths = []
log = logging.getLogger(__name__)


def status(study: Path | None = None) -> None:
    """Say how far a study's training is: runs done, running, waiting and stopped, tokens/s, time to go; at any time, from any terminal."""
    from rich.console import Console
    from rich.text import Text

    from mixwright.jobs import status_lines
    from mixwright.jobs.status import find_study, swarms
    from mixwright.study.study import Study

    found = study or find_study(list(Path("results").glob("*/study.json")))
    asked, out = Study.read(found), Console(highlight=False, soft_wrap=True)
    seen, unit = swarms(asked, found.parent), "tokens" if asked.learner.sized else "runs"
    out.print(
        Text(
            "\n".join([found.parent.name, *(status_lines.sentence(swarm, unit) for swarm in seen)]),
            style="bold",
        )
    )
    out.print(status_lines.roles(seen))
    for line in status_lines.jobs(seen, unit):
        out.print(Text(line))
    for line in status_lines.troubles(seen):
        out.print(Text(line, style="red"))


def doctor(results: Path = Path("results")) -> None:
    """Look at this machine and its cluster: what of a study works, what does not, which lines the profiles need."""
    import yaml
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mixwright.errors import MixwrightError
    from mixwright.jobs.doctor import examine, profiles

    signs = {
        "ok": Text("works", style="green"),
        "note": Text("note", style="yellow"),
        "fails": Text("fails", style="bold red"),
    }
    out, found = Console(highlight=False), list(examine(results))
    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in found:
        table.add_row(finding.what, signs[finding.state], Text(finding.says))
    out.print(table)
    for profile, settings in profiles(found).items():
        out.print(Text(f"\nlines of profiles/{profile}/config.yaml here:", style="bold"))
        out.print(Text(yaml.safe_dump(settings, sort_keys=False).rstrip()))
    failing = [finding.what for finding in found if finding.needed and finding.state == "fails"]
    if failing:
        raise MixwrightError(f"the default study cannot run here: {', '.join(failing)}; see above")


def link_profiles(to: Paths = NONE) -> None:
    """Link the repository's profiles where `snakemake --profile slurm` looks for them; yours are never overwritten."""
    from mixwright.jobs.profiles import link_profiles

    link_profiles(*to)
