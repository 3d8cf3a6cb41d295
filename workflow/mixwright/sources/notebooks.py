"""Reads tables that others published as array literals of a Jupyter notebook; runs nothing."""

import ast
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest

# Rows of numbers, as they are spelled.
Numbers = list[list[str]]


def read_table(
    notebook: str, where: str, heading: Sequence[str], arrays: Mapping[str, Sequence[str]]
) -> str:
    """Returns rows of arrays as CSV, the numbers as they are spelled.

    Args:
        notebook: the file's text.
        where: its address, for messages.
        heading: column names, that of the rows' ids first.
        arrays: variable -> ids of its rows.

    Raises:
        MixwrightError: a variable is missing or has another shape.
    """
    numbers = dict(_arrays(_cells(notebook, where)))
    lines = [",".join(heading)]
    for variable, ids in arrays.items():
        if variable not in numbers:
            remedy = nearest(variable, sorted(numbers)) or "correct notebook.arrays"
            raise MixwrightError(f"{where}: no array {variable}; {remedy}")
        rows = numbers[variable]
        _check_shape(f"{where}: {variable}", rows, len(ids), len(heading) - 1)
        for name, row in zip(ids, rows, strict=True):
            lines.append(",".join([name, *row]))
    return "\n".join(lines) + "\n"


def _check_shape(where: str, rows: Numbers, count: int, width: int) -> None:
    """Refuses an array that has not `count` rows of `width` numbers."""
    widths = sorted({len(row) for row in rows})
    if len(rows) != count or widths != [width]:
        words = " or ".join(map(str, widths))
        raise MixwrightError(
            f"{where} has {len(rows)} rows of {words}, not {count} of {width};"
            " correct notebook.arrays"
        )


def _cells(notebook: str, where: str) -> Iterator[str]:
    """The source of the code cells."""
    try:
        cells: list[dict[str, Any]] = json.loads(notebook)["cells"]
    except (ValueError, KeyError, TypeError):
        raise MixwrightError(f"{where}: no Jupyter notebook; correct its address") from None
    for cell in cells:
        if cell.get("cell_type") == "code":
            yield "".join(cell.get("source", []))


def _arrays(cells: Iterable[str]) -> Iterator[tuple[str, Numbers]]:
    """Variable -> rows of the first list of numbers that it is assigned."""
    names: set[str] = set()
    for source in cells:
        try:
            body = ast.parse(source).body
        except SyntaxError:
            # A cell that is not Python holds no array.
            continue
        for node in body:
            name = _assigned(node)
            if name is None or name in names:
                continue
            rows = _rows(node, source)
            if rows:
                names.add(name)
                yield name, rows


def _assigned(node: ast.stmt) -> str | None:
    """The variable that a statement assigns."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _rows(node: ast.stmt, source: str) -> Numbers:
    """The outermost list literal of numbers, or of lists of numbers; empty where there is none."""
    outer = next((part for part in ast.walk(node) if isinstance(part, ast.List)), None)
    if outer is None:
        return []
    rows = [part for part in outer.elts if isinstance(part, ast.List)]
    if not rows or len(rows) < len(outer.elts):
        rows = [outer]
    spelled: Numbers = []
    for row in rows:
        if not all(map(_is_number, row.elts)):
            return []
        spelled.append([ast.get_source_segment(source, item) or "" for item in row.elts])
    return spelled


def _is_number(item: ast.expr) -> bool:
    if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub):
        item = item.operand
    return isinstance(item, ast.Constant) and type(item.value) in (int, float)
