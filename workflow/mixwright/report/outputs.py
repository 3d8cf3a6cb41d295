"""Writes a summary: the page, JSON, a table of the finals, and lines at the terminal."""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from mixwright import __version__, tables
from mixwright.files import write_json, written
from mixwright.mixture import digest
from mixwright.report.by_target import Cell
from mixwright.report.figures import FIGURES
from mixwright.report.frame import embedded, quantity
from mixwright.report.page import summary_page
from mixwright.report.summary import ArmSummary, Summary
from mixwright.study.study import Study
from mixwright.trust.intervals import Difference

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Colours of the terminal's lines, by verdict.
STYLES = {"better": "green", "worse": "red"}
MARKS = {"better": "+", "worse": "-"}
# Packages whose versions are written down with a result.
VERSIONS = (
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "lightgbm",
    "pyarrow",
    "tokenizers",
    "snakemake",
    "xgboost-cpu",
    "rdkit",
)


def comparison_table(*metrics: str) -> tables.Table:
    """Returns the schema of the table of finals: a row a mixer, a column each of the metrics."""
    columns = [pa.field("mixer", pa.string(), False)]
    for name in (*metrics, "difference", "low", "high"):
        columns.append(pa.field(name, pa.float64(), False))
    columns += [
        pa.field("verdict", pa.string(), False),
        pa.field("seeds", pa.int64(), False),
        pa.field("proxy_tokens", pa.int64(), False),
    ]
    return tables.Table("comparison", pa.schema(columns), ("mixer",))


def write_report(
    summary: Summary,
    html: str | Path,
    *,
    json: str | Path | None = None,
    table: str | Path | None = None,
    figures: Sequence[str | Path] = (),
) -> None:
    """Writes the page, and the same as JSON and parquet.

    Args:
        summary: what to write.
        html: file of the page; it needs no other file.
        json: file of the JSON, if it is wanted.
        table: parquet file of the table of finals, if it is wanted.
        figures: SVG files for the page, named as in FIGURES.
    """
    titles = {name: entry.title for name, entry in FIGURES.items()}
    page = summary_page(summary, embedded(figures, titles))
    with written(html) as partial:
        partial.write_text(page, encoding="utf-8")
    if json is not None:
        write_json(json, as_json(summary))
    if table is not None:
        learner = summary.learner
        schema = comparison_table(learner.judged.name, learner.second.name)
        tables.write(as_table(summary), table, schema)


def provenance(study: Study, manifests: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Returns study, corpus and software behind a result.

    Versions are read from the packages' metadata; nothing is imported.

    Args:
        study: the study.
        manifests: the manifest of each domain that was learned from.
    """
    facts: dict[str, Any] = {"mixwright": __version__, "study hash": digest(study.config)}
    if manifests:
        facts |= _corpus(manifests)
    return facts | {"python": platform.python_version()} | _versions()


def as_json(summary: Summary) -> dict[str, Any]:
    """Returns the content of `summary.json`; what is unknown is null."""
    weights: Mapping[str, float] = {}
    for arm in summary.arms:
        if arm.mixer == summary.chosen:
            weights = arm.weights
    cells = {}
    for target, row in summary.by_target.items():
        cells[target] = {mixer: _cell_json(cell) for mixer, cell in row.items()}
    learner = summary.learner
    content = {
        "study": summary.study,
        "headline": summary.headline,
        "detail": list(summary.detail),
        "chosen": summary.chosen,
        "weights": dict(weights),
        "targets": dict(summary.targets),
        "metrics": [asdict(learner.judged), asdict(learner.second)],
        "by_target": cells,
        "method": summary.method,
        "arms": [_arm_json(arm) for arm in summary.arms],
        "backtest": dict(summary.backtest) or None,
        "transfer": dict(summary.transfer) or None,
        "caveats": [asdict(caveat) for caveat in summary.caveats],
        "signals": summary.signals.to_dict("records"),
        "provenance": dict(summary.provenance),
    }
    return _plain(content)


def as_table(summary: Summary) -> pd.DataFrame:
    """Returns the table of finals, as `comparison_table` describes it.

    Without an interval, low and high are minus and plus infinity.
    """
    rows = []
    for arm in summary.arms:
        gap = arm.natural
        row = {
            "mixer": arm.mixer,
            **arm.scores,
            "difference": gap.value,
            "low": -math.inf if math.isnan(gap.low) else gap.low,
            "high": math.inf if math.isnan(gap.high) else gap.high,
            "verdict": gap.verdict,
            "seeds": gap.seeds,
            "proxy_tokens": arm.proxy_tokens,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def print_summary(summary: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Prints the headline, the table of finals, a line a mixer and the caveats.

    Args:
        summary: the content of `summary.json`.
        console: where to print; the terminal if None.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    console.print(Text(f"\n{summary['headline']}", style="bold"))
    for sentence in summary["detail"]:
        console.print(Text(sentence))
    if summary["weights"]:
        console.print(Text(f"  {_weights(summary['weights'])}", style="cyan"))
    console.print(_finals(summary["arms"], summary["metrics"]))
    if summary["by_target"]:
        console.print(_targets(summary["by_target"]))
    for arm in summary["arms"]:
        style = STYLES.get(arm["natural"]["verdict"], "")
        console.print(Text(f"  {arm['sentence']}", style=style))
    console.print(Text(f"\n{summary['method']}", style="dim"))
    for caveat in summary["caveats"]:
        mark, style = ("!", "yellow") if caveat["serious"] else ("-", "dim")
        console.print(Text(f"{mark} {caveat['text']}", style=style))


def _corpus(manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was learned from: its fingerprint, its size, its tokenizer and its sources."""
    contents = []
    sources = set()
    size = 0
    for manifest in manifests:
        train = manifest["splits"]["train"]
        contents.append((manifest["domain"], train["sha256"]))
        size += int(train["tokens"])
        source = manifest.get("source_fingerprint")
        if source is not None:
            sources.add(str(source)[:16])
    facts: dict[str, Any] = {"corpus fingerprint": digest(sorted(contents))}
    # Rows of tables have no tokenizer.
    tokenizer = manifests[0].get("tokenizer_sha256")
    if tokenizer is None:
        facts["training rows there are"] = size
    else:
        facts["training tokens there are"] = size
        facts["tokenizer"] = str(tokenizer)[:16]
    if sources:
        facts["sources"] = ", ".join(sorted(sources))
    return facts


def _weights(weights: Mapping[str, float]) -> str:
    """The weights in percent, the largest first."""
    pairs = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {100 * weight:.1f}%" for name, weight in pairs)


def _finals(arms: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, Any]]) -> "Table":
    """The table of finals for the terminal."""
    from rich.table import Table

    judged, second = metrics
    measure = f"{judged['title']} on the targets"
    if judged["unit"] != judged["title"]:
        measure += f" in {judged['unit']}"
    title = f"\nFinal models: {measure}, and against natural"
    table = Table(title=title, title_justify="left", box=None)
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


def _targets(rows: Mapping[str, Mapping[str, Any]]) -> "Table":
    """The table of finals target by target, for the terminal."""
    from rich.table import Table

    title = "\nTarget by target (by their intervals, + is better than natural, - is worse)"
    table = Table(title=title, title_justify="left", box=None)
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


def _arm_json(arm: ArmSummary) -> dict[str, Any]:
    content = asdict(arm)
    del content["scores"]
    content |= arm.scores
    content["natural"] = _difference_json(arm.natural)
    content["uniform"] = None
    if arm.uniform is not None:
        content["uniform"] = _difference_json(arm.uniform)
    return content | {"sentence": arm.sentence, "notes": list(arm.notes)}


def _cell_json(cell: Cell) -> dict[str, Any]:
    gap = cell.against
    return {
        "value": cell.value,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "verdict": gap.verdict,
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    content = asdict(difference)
    del content["metric"]
    return content | {"verdict": difference.verdict}


def _plain(value: Any) -> Any:
    """Python's own types, and null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    # A number of numpy.
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _versions() -> dict[str, str]:
    """Package -> version, of those that are installed."""
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
