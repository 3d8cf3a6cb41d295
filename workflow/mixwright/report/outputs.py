"""Writes a summary: the page, JSON and a table of the finals."""

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mixwright import tables
from mixwright.files import plain, write_json
from mixwright.mixture import digest
from mixwright.report.answered import as_json as answers_json
from mixwright.report.by_target import Cell
from mixwright.report.by_task import TaskRow
from mixwright.report.cost import took_json
from mixwright.report.model_sizes import model_sizes
from mixwright.report.page import summary_page
from mixwright.report.room import write_with_room
from mixwright.report.software import release, software, used_by
from mixwright.report.summary import ArmSummary, Summary
from mixwright.study.study import Study
from mixwright.trust.intervals import Difference


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
    write_with_room(partial(summary_page, summary), figures, html)
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
    facts: dict[str, Any] = {"mixwright": release(), "study hash": digest(study.config)}
    facts |= model_sizes(study)
    if manifests:
        facts |= _corpus(manifests)
    return facts | {"python": platform.python_version()} | software(used_by(study))


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
        "tasks": [_task_json(row) for row in summary.tasks],
        "speed_ups": [asdict(speed) for speed in summary.speeds],
        "method": summary.method,
        "arms": [_arm_json(arm) for arm in summary.arms],
        "backtest": dict(summary.backtest) or None,
        "transfer": dict(summary.transfer) or None,
        "merged": dict(summary.merged) or None,
        "data": [asdict(row) for row in summary.data],
        "exports": list(summary.exports),
        "answers": answers_json(summary.answers, summary.proxies_answers),
        "answer": summary.answer.as_json(),
        "next": list(summary.next),
        "limits": list(summary.limits),
        "cost": [row.as_json() for row in summary.spent],
        "took": took_json(summary.spent),
        "settings": summary.settings,
        "commands": list(summary.commands),
        "caveats": [asdict(caveat) for caveat in summary.caveats],
        "signals": summary.signals.to_dict("records"),
        "provenance": dict(summary.provenance),
    }
    return plain(content)


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
        facts["training tokens of the samples"] = size
        facts["tokenizer"] = str(tokenizer)[:16]
    if sources:
        facts["sources"] = ", ".join(sorted(sources))
    return facts


def _arm_json(arm: ArmSummary) -> dict[str, Any]:
    content = asdict(arm)
    del content["scores"]
    content |= arm.scores
    content["natural"] = _difference_json(arm.natural)
    content["uniform"] = None
    if arm.uniform is not None:
        content["uniform"] = _difference_json(arm.uniform)
    del content["worst"]
    if arm.worst is not None:
        content["worst"] = _difference_json(arm.worst)
    return content | {"sentence": arm.sentence, "notes": list(arm.notes)}


def _task_json(row: TaskRow) -> dict[str, Any]:
    cells = {}
    for mixer, cell in row.cells.items():
        gap = _difference_json(cell.against)
        cells[mixer] = {"value": cell.value, "stderr": cell.error, "natural": gap}
    return {
        "task": row.task,
        "metric": asdict(row.metric),
        "questions": row.questions,
        "arms": cells,
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    gap = cell.against
    return {
        "value": cell.value,
        "predicted": cell.predicted,
        "difference": gap.value,
        "low": gap.low,
        "high": gap.high,
        "verdict": gap.verdict,
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    content = asdict(difference)
    del content["metric"]
    return content | {"verdict": difference.verdict}
