"""The command that watches the training jobs of a study."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from mixwright.jobs import status_lines
from mixwright.jobs.status import find_study, swarms
from mixwright.study.study import Study


def status(study: Path | None = None) -> None:
    """Show how far the training of a study is, at any time and from any terminal.

    It counts the runs that are done, running, waiting and stopped, and shows tokens/s and the time
    to go.

    Example:
        mixwright status --study results/demo/study.json
    """
    path = study or find_study(list(Path("results").glob("*/study.json")))
    plan = Study.read(path)
    parts = swarms(plan, path.parent)
    unit = "tokens" if plan.learner.sized else "runs"
    head = [path.parent.name]
    head += [status_lines.sentence(part, unit) for part in parts]
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("\n".join(head), style="bold"))
    console.print(status_lines.roles(parts))
    for line in status_lines.jobs(parts, unit):
        console.print(Text(line))
    for line in status_lines.troubles(parts):
        console.print(Text(line, style="red"))
