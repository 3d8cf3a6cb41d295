"""Writes a summary down: JSON, a table of the finals, the page, and the terminal."""

import base64
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mixwright import __version__, tables
from mixwright.files import write_json, written
from mixwright.mixture import digest
from mixwright.report.by_target import Cell
from mixwright.report.caveats import Caveat
from mixwright.report.figures import FIGURES
from mixwright.report.frame import quantity
from mixwright.report.page import summary_page
from mixwright.report.summary import ArmSummary, Summary
from mixwright.trust.intervals import Difference


def comparison_table(*metrics: str) -> tables.Table:
    """One row a final mixture: what the report's table shows, for machines."""
    numbers = [
        pa.field(name, pa.float64(), False) for name in (*metrics, "difference", "low", "high")
    ]
    rest = [
        pa.field("verdict", pa.string(), False),
        pa.field("seeds", pa.int64(), False),
        pa.field("proxy_tokens", pa.int64(), False),
    ]
    return tables.Table(
        "comparison",
        pa.schema([pa.field("mixer", pa.string(), False), *numbers, *rest]),
        ("mixer",),
    )


STYLES = {"better": "green", "worse": "red"}
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


def write_report(
    summary: Summary,
    html: str | Path,
    *,
    json: str | Path | None = None,
    table: str | Path | None = None,
    figures: Sequence[str | Path] = (),
) -> None:
    """Writes the self-contained page with the SVG `figures` (named like FIGURES) in it, and the same as JSON and parquet where asked."""
    drawn = {
        Path(path).stem: base64.b64encode(Path(path).read_bytes()).decode() for path in figures
    }
    ordered = [(FIGURES[name].title, drawn[name]) for name in FIGURES if name in drawn]
    with written(html) as beside:
        beside.write_text(summary_page(summary, ordered), encoding="utf-8")
    if json is not None:
        write_json(json, as_json(summary))
    if table is not None:
        tables.write(
            as_table(summary),
            table,
            comparison_table(summary.learner.judged.name, summary.learner.second.name),
        )


def provenance(
    study: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Study, corpus and software behind a result; the versions are read from metadata, nothing is imported."""
    corpus = sorted(
        (manifest["domain"], manifest["splits"]["train"]["sha256"]) for manifest in manifests
    )
    sources = sorted({str(manifest.get("source_fingerprint")) for manifest in manifests} - {"None"})
    found: dict[str, Any] = {"mixwright": __version__, "study hash": digest(study)}
    if corpus:
        found["corpus fingerprint"] = digest(corpus)
        unit = "tokens" if "tokenizer_sha256" in manifests[0] else "rows"
        found[f"training {unit} there are"] = sum(
            int(manifest["splits"]["train"]["tokens"]) for manifest in manifests
        )
    if corpus and "tokenizer_sha256" in manifests[0]:
        found["tokenizer"] = str(manifests[0]["tokenizer_sha256"])[:16]
    if sources:
        found["sources"] = ", ".join(source[:16] for source in sources)
    return found | {"python": platform.python_version()} | _versions()


def as_json(summary: Summary) -> dict[str, Any]:
    """The content of `summary.json`; what is unknown is null."""
    return _plain(
        {
            "study": summary.study,
            "headline": summary.headline,
            "detail": list(summary.detail),
            "chosen": summary.chosen,
            "weights": dict(
                next((arm.weights for arm in summary.arms if arm.mixer == summary.chosen), {})
            ),
            "targets": dict(summary.targets),
            "metrics": [
                asdict(metric) for metric in (summary.learner.judged, summary.learner.second)
            ],
            "by_target": {
                target: {arm: _cell_json(cell) for arm, cell in row.items()}
                for target, row in summary.by_target.items()
            },
            "method": summary.method,
            "arms": [_arm_json(arm) for arm in summary.arms],
            "backtest": dict(summary.backtest) or None,
            "transfer": dict(summary.transfer) or None,
            "caveats": [_caveat_json(caveat) for caveat in summary.caveats],
            "signals": summary.signals.to_dict("records"),
            "provenance": dict(summary.provenance),
        }
    )


def as_table(summary: Summary) -> pd.DataFrame:
    """The frame of `comparison_table`; without an interval, low and high are minus and plus infinity."""
    rows = [
        {
            "mixer": arm.mixer,
            **arm.scores,
            "difference": arm.natural.value,
            "low": -math.inf if math.isnan(arm.natural.low) else arm.natural.low,
            "high": math.inf if math.isnan(arm.natural.high) else arm.natural.high,
            "verdict": arm.natural.verdict,
            "seeds": arm.natural.seeds,
            "proxy_tokens": arm.proxy_tokens,
        }
        for arm in summary.arms
    ]
    return pd.DataFrame(rows)


def print_summary(summary: Mapping[str, Any], console: Any = None) -> None:
    """Prints what `summary.json` holds: the headline, a line a mixer, the caveats."""
    from rich.console import Console
    from rich.text import Text

    out = console or Console(highlight=False)
    out.print(Text(f"\n{summary['headline']}", style="bold"))
    for sentence in summary["detail"]:
        out.print(Text(sentence))
    if summary["weights"]:
        shares = sorted(summary["weights"].items(), key=lambda pair: (-pair[1], pair[0]))
        out.print(
            Text(
                "  " + ", ".join(f"{name} {100 * weight:.1f}%" for name, weight in shares),
                style="cyan",
            )
        )
    out.print(_finals(summary["arms"], summary["metrics"]))
    if summary["by_target"]:
        out.print(_targets(summary["by_target"]))
    for arm in summary["arms"]:
        out.print(Text("  " + arm["sentence"], style=STYLES.get(arm["natural"]["verdict"], "")))
    out.print(Text(f"\n{summary['method']}", style="dim"))
    for caveat in summary["caveats"]:
        out.print(
            Text(
                ("! " if caveat["serious"] else "- ") + caveat["text"],
                style="yellow" if caveat["serious"] else "dim",
            )
        )


def _finals(arms: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, Any]]) -> Any:
    """The table of finals for the terminal."""
    from rich.table import Table

    judged, second = metrics
    named = f"{judged['title']} on the targets" + (
        "" if judged["unit"] == judged["title"] else f" in {judged['unit']}"
    )
    table = Table(
        title=f"\nFinal models: {named}, and against natural", title_justify="left", box=None
    )
    for column in (
        "mixer",
        judged["title"],
        second["title"],
        "change",
        "95% interval",
        "rank",
        "proxies",
    ):
        table.add_column(
            column.replace(" ", "\n", 1),
            justify="left" if column == "mixer" else "right",
            no_wrap=True,
        )
    for arm in arms:
        gap, rank = arm["natural"], arm["rank_correlation"]
        interval = (
            ""
            if gap["low"] is None or gap["verdict"] == "identical"
            else f"[{gap['low']:+.3f}, {gap['high']:+.3f}]"
        )
        cells = (
            f"{arm[judged['name']]:.3f}",
            f"{arm[second['name']]:.3f}",
            f"{gap['value']:+.3f}",
            interval,
        )
        last = ("" if rank is None else f"{rank:.2f}", quantity(arm["proxy_tokens"]))
        table.add_row(arm["mixer"], *cells, *last, style=STYLES.get(gap["verdict"]))
    return table


def _targets(rows: Mapping[str, Mapping[str, Any]]) -> Any:
    """The table of finals target by target; + and - mark what the interval tells from natural."""
    from rich.table import Table

    table = Table(
        title="\nTarget by target (+ better than natural by its interval, - worse)",
        title_justify="left",
        box=None,
    )
    arms = list(next(iter(rows.values())))
    for column in ("target", *arms):
        table.add_column(column, justify="left" if column == "target" else "right")
    marks = {"better": "+", "worse": "-"}
    for target, cells in rows.items():
        table.add_row(
            target,
            *(f"{cells[arm]['value']:.3f}{marks.get(cells[arm]['verdict'], ' ')}" for arm in arms),
        )
    return table


def _arm_json(arm: ArmSummary) -> dict[str, Any]:
    pair = {
        "natural": _difference_json(arm.natural),
        "uniform": _difference_json(arm.uniform) if arm.uniform else None,
    }
    known = {name: value for name, value in asdict(arm).items() if name != "scores"}
    return known | dict(arm.scores) | pair | {"sentence": arm.sentence, "notes": list(arm.notes)}


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
    return {name: value for name, value in asdict(difference).items() if name != "metric"} | {
        "verdict": difference.verdict
    }


def _caveat_json(caveat: Caveat) -> dict[str, Any]:
    return asdict(caveat)


def _plain(value: Any) -> Any:
    """Python's own types, and null for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
