"""Prints the summary of a study at the terminal, from its JSON alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixwright.errors import quantity
from mixwright.report.frame import in_percent
from mixwright.report.your_data import TITLE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Colours of the terminal's lines, by verdict.
STYLES = {"better": "green", "worse": "red", "cannot tell": "yellow"}
MARKS = {"better": "+", "worse": "-"}
WIDTH = 76  # of a table, so that its title stands in one line
Record = Mapping[str, Any]


def print_summary(summary: Record, console: "Console | None" = None) -> None:
    """Prints what the study says, every list of weights with its owner, and the caveats.

    Args:
        summary: the content of a `summary.json`: of final models, of proposals that no final model
            tested, or of runs that others measured.
        console: where to print; the terminal if None.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    console.print(Text(f"\n{summary['headline']}", style="bold"))
    for sentence in summary["detail"]:
        console.print(Text(sentence))
    if "arms" in summary:
        _print_finals(summary, console)
    if "proposals" in summary:
        _print_proposals(summary, console)
    if summary.get("data"):
        console.print(_data(summary["data"], summary["chosen"]))
    if summary.get("merged"):
        console.print(Text(f"Without training: {summary['merged']['verdict']}."))
    for sentence in summary.get("next", ()):
        console.print(Text(sentence))
    for sentence in summary.get("notes", ()):
        console.print(Text(f"- {sentence}", style="dim"))
    for caveat in summary.get("caveats", ()):
        mark, style = ("!", "yellow") if caveat["serious"] else ("-", "dim")
        console.print(Text(f"{mark} {caveat['text']}", style=style))


def _print_finals(summary: Record, console: "Console") -> None:
    """The weights of the chosen mixture and of the best one, the tables, a line a mixer."""
    from rich.text import Text

    named = dict.fromkeys([summary["chosen"], summary["arms"][0]["mixer"]])
    weights = {arm["mixer"]: arm["weights"] for arm in summary["arms"]}
    for mixer in named:
        if weights.get(mixer):
            console.print(Text(f"  {_weights(mixer, weights[mixer])}", style="cyan"))
    console.print(_finals(summary["arms"], summary["metrics"]))
    if summary["by_target"]:
        console.print(_targets(summary["by_target"]))
    if summary.get("tasks"):
        console.print(_tasks(summary["tasks"]))
    for arm in summary["arms"]:
        style = STYLES.get(arm["natural"]["verdict"], "")
        console.print(Text(f"  {arm['sentence']}", style=style))
    console.print(Text(f"\n{summary['method']}", style="dim"))


def _print_proposals(summary: Record, console: "Console") -> None:
    """Every proposal: its verdict, its weights, and the predicted losses target by target."""
    from rich.text import Text

    console.print()
    for proposal in summary["proposals"]:
        style = STYLES.get(proposal["verdict"], "")
        console.print(Text(f"  {proposal['sentence']}", style=style))
        words = _weights(proposal["name"], proposal["weights"])
        console.print(Text(f"    {words}", style="cyan"))
    by = "each proposal's own mixer"
    losses = {}
    for proposal in summary["proposals"]:
        if proposal["predicted"]:
            losses[proposal["name"]] = proposal["predicted"]
    # one fit's predictions compare the proposals, also with natural
    if summary.get("judgement"):
        by = f"the fit of {summary['judgement']['mixer']}"
        losses = summary["judgement"]["losses"]
    if losses:
        console.print(_predicted(losses, by, summary["unit"]))


def _data(rows: Sequence[Record], chosen: str) -> "Table":
    """What each source holds, and what was read of it, for the terminal."""
    from rich.table import Table

    title = f"\n{TITLE}: training tokens, and passes of {chosen}, of runs at most"
    table = Table(title=title, title_justify="left", box=None, min_width=WIDTH)
    table.add_column("domain", no_wrap=True)
    for column in ("source", "known", "sample", "natural", "passes", "runs"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row["domain"],
            quantity(row["source_tokens"]),
            row["counted"],
            quantity(row["sample_tokens"]),
            f"{row['natural']:.1%}",
            "" if row["passes"] is None else f"{row['passes']:.3g}",
            "" if row.get("run_passes") is None else f"{row['run_passes']:.3g}",
        )
    return table


def _weights(owner: str, weights: Mapping[str, float]) -> str:
    """Whose weights they are, and the weights in percent, the largest first."""
    pairs = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return f"weights of {owner}: {in_percent(dict(pairs), 1)}"


def _finals(arms: Sequence[Record], metrics: Sequence[Record]) -> "Table":
    """The table of finals for the terminal."""
    from rich.table import Table

    judged, second = metrics
    measure = f"{judged['title']} on the targets"
    if judged["unit"] != judged["title"]:
        measure += f" in {judged['unit']}"
    title = f"\nFinal models: {measure}, and against natural"
    table = Table(title=title, title_justify="left", box=None, min_width=WIDTH)
    table.add_column("mixer", no_wrap=True)
    numbers = (judged["title"], second["title"], "change", "95% interval", "rank", "proxies")
    for column in numbers:
        table.add_column(column.replace(" ", "\n", 1), justify="right", no_wrap=True)
    for arm in arms:
        gap = arm["natural"]
        interval = ""
        if gap["low"] is not None and gap["verdict"] != "identical":
            interval = f"[{gap['low']:+.3f}, {gap['high']:+.3f}]"
        rank = ""
        if arm["rank_correlation"] is not None:
            rank = f"{arm['rank_correlation']:.2f}"
        table.add_row(
            arm["mixer"],
            f"{arm[judged['name']]:.3f}",
            f"{arm[second['name']]:.3f}",
            f"{gap['value']:+.3f}",
            interval,
            rank,
            quantity(arm["proxy_tokens"]),
            style=STYLES.get(gap["verdict"]),
        )
    return table


def _targets(rows: Mapping[str, Record]) -> "Table":
    """The table of finals target by target, for the terminal."""
    from rich.table import Table

    title = "\nTarget by target (by their intervals, + is better than natural, - is worse)"
    table = Table(title=title, title_justify="left", box=None, min_width=WIDTH)
    table.add_column("target")
    arms = list(next(iter(rows.values())))
    for arm in arms:
        table.add_column(arm, justify="right")
    for target, cells in rows.items():
        values = []
        for arm in arms:
            mark = MARKS.get(cells[arm]["verdict"], " ")
            values.append(f"{cells[arm]['value']:.3f}{mark}")
        table.add_row(target, *values)
    return table


def _tasks(rows: Sequence[Record]) -> "Table":
    """The table of tasks of lm-evaluation-harness, for the terminal."""
    from rich.table import Table

    title = "\nTasks, by which nothing was chosen (+ is better than natural, - is worse)"
    table = Table(title=title, title_justify="left", box=None, min_width=WIDTH)
    table.add_column("task")
    table.add_column("metric")
    arms = list(rows[0]["arms"])
    for arm in arms:
        table.add_column(arm, justify="right")
    for row in rows:
        values = []
        for arm in arms:
            cell = row["arms"][arm]
            mark = MARKS.get(cell["natural"]["verdict"], " ")
            values.append(f"{cell['value']:.3f}{mark}")
        table.add_row(row["task"], row["metric"]["title"], *values)
    return table


def _predicted(losses: Mapping[str, Mapping[str, float]], by: str, unit: str) -> "Table":
    """The predicted losses of every proposal, target by target, for the terminal."""
    from rich.table import Table

    title = f"\nLosses at the proxies' scale in {unit}, predicted by {by}"
    table = Table(title=title, title_justify="left", box=None, min_width=WIDTH)
    table.add_column("proposal", no_wrap=True)
    targets = sorted({target for row in losses.values() for target in row})
    for target in targets:
        table.add_column(target, justify="right")
    for name, row in losses.items():
        cells = []
        for target in targets:
            cells.append(f"{row[target]:.3f}" if target in row else "")
        table.add_row(name, *cells)
    return table
