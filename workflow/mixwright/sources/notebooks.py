"""Tables that others published as array literals of a Jupyter notebook: read from its source, never run."""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest


def read_table(
    notebook: str, where: str, heading: Sequence[str], arrays: Mapping[str, Sequence[str]]
) -> str:
    """CSV of the rows of `arrays` (variable -> ids of its rows), numbers as spelled, under `heading` (that of the ids first).

    notebook: the file's text; where: its place, for messages.
    """
    found = dict(_arrays(_cells(notebook, where)))
    lines = [",".join(heading)]
    for variable, ids in arrays.items():
        if variable not in found:
            raise MixwrightError(
                f"{where}: no array {variable}; {nearest(variable, sorted(found)) or 'correct notebook.arrays'}"
            )
        rows = found[variable]
        if len(rows) != len(ids) or any(len(row) != len(heading) - 1 for row in rows):
            shape = (
                f"{len(rows)} rows of {' or '.join(map(str, sorted({len(row) for row in rows})))}"
            )
            raise MixwrightError(
                f"{where}: {variable} has {shape}, not {len(ids)} of {len(heading) - 1}; correct notebook.arrays"
            )
        lines += [",".join([name, *row]) for name, row in zip(ids, rows, strict=True)]
    return "".join(f"{line}\n" for line in lines)


def _cells(notebook: str, where: str) -> Iterator[str]:
    """The source of the code cells."""
    try:
        cells: list[dict[str, Any]] = json.loads(notebook)["cells"]
    except (ValueError, KeyError, TypeError):
        raise MixwrightError(f"{where}: no Jupyter notebook; correct its address") from None
    for cell in cells:
        if cell.get("cell_type") == "code":
            yield "".join(cell.get("source", []))


def _arrays(cells: Iterator[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """Variable -> rows of the first list of numbers in what it is assigned, as spelled; a cell that is not Python holds none."""
    seen: set[str] = set()
    for source in cells:
        try:
            body = ast.parse(source).body
        except SyntaxError:
            continue
        for node in body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            rows = _rows(node, source) if isinstance(target, ast.Name) else []
            if isinstance(target, ast.Name) and rows and target.id not in seen:
                seen.add(target.id)
                yield target.id, rows


def _rows(node: ast.stmt, source: str) -> list[list[str]]:
    """The outermost list literal of numbers, or of lists of numbers; nothing where there is none."""
    outer = next((part for part in ast.walk(node) if isinstance(part, ast.List)), None)
    if outer is None:
        return []
    inner = [part for part in outer.elts if isinstance(part, ast.List)]
    rows = inner if inner and len(inner) == len(outer.elts) else [outer]
    if not all(_is_number(item) for row in rows for item in row.elts):
        return []
    return [[ast.get_source_segment(source, item) or "" for item in row.elts] for row in rows]


def _is_number(item: ast.expr) -> bool:
    inner = (
        item.operand if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub) else item
    )
    return isinstance(inner, ast.Constant) and type(inner.value) in (int, float)
