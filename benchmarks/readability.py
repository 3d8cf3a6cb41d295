"""Measures how dense the library's code is.

python benchmarks/readability.py [FOLDER ...] [--check]

Standard library only. Tests are left out. With no folder it reads the whole package. Numbers:

    density           syntax-tree nodes in the bodies of functions, for each code line of functions
    comprehensions    list, set and dict comprehensions and generator expressions, for 1,000 of
                      these lines
    conditionals      conditional expressions (`a if b else c`), for 1,000 of these lines
    long lines        lines of more than 100 columns
    function lines    from `def` to the end, docstring left out
    file lines        all lines of a file
    dialect           bindings that a stranger cannot guess the content of, by name

A code line is a physical line inside a function, its signature included, that is not blank, not a
comment and not part of a docstring. `--check` exits with 1 where a number is over its limit.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "workflow" / "mixwright"
DIALECT = {"found", "seen", "own", "asked", "said", "told", "kept", "given"}
LIMITS = {
    "density": 9.0,
    "comprehensions": 40.0,
    "conditionals": 20.0,
    "long lines": 0,
    "function p90": 30,
    "longest function": 70,
    "longest file": 350,
    "dialect": 0,
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COLUMNS = 100


@dataclass
class Counts:
    """What was counted in some files."""

    nodes: int = 0
    code_lines: int = 0
    comprehensions: int = 0
    conditionals: int = 0
    long_lines: list[str] = field(default_factory=list)
    functions: list[tuple[int, str]] = field(default_factory=list)
    files: list[tuple[int, str]] = field(default_factory=list)
    dialect: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The numbers that LIMITS bounds, by name."""
        lines = max(1, self.code_lines)
        function_lines = sorted(count for count, _ in self.functions)
        return {
            "density": self.nodes / lines,
            "comprehensions": 1000 * self.comprehensions / lines,
            "conditionals": 1000 * self.conditionals / lines,
            "long lines": len(self.long_lines),
            "function p90": function_lines[int(0.9 * len(function_lines))] if function_lines else 0,
            "longest function": function_lines[-1] if function_lines else 0,
            "longest file": max((count for count, _ in self.files), default=0),
            "dialect": len(self.dialect),
        }


def count(paths: Iterable[Path]) -> Counts:
    """Counts over Python files."""
    counts = Counts()
    for path in paths:
        count_file(path, counts)
    return counts


def count_file(path: Path, counts: Counts) -> None:
    """Adds one file to `counts`."""
    text = path.read_text()
    lines = text.splitlines()
    tree = ast.parse(text)
    docstrings = docstring_lines(tree)
    counts.files.append((len(lines), str(path)))
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            counts.long_lines.append(f"{path}:{number}")

    inside: set[int] = set()
    for function in outermost(tree):
        inside.update(range(function.lineno, function.end_lineno + 1))
        for statement in function.body:
            for node in ast.walk(statement):
                counts.nodes += 1
                counts.comprehensions += isinstance(node, COMPREHENSIONS)
                counts.conditionals += isinstance(node, ast.IfExp)
    for number in inside - docstrings:
        line = lines[number - 1].strip()
        if line and not line.startswith("#"):
            counts.code_lines += 1

    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            span = set(range(node.lineno, node.end_lineno + 1))
            counts.functions.append((len(span - docstrings), f"{path}:{node.lineno} {node.name}"))
        for name in bindings(node):
            if name in DIALECT:
                counts.dialect.append(f"{path}:{node.lineno} {name}")


def outermost(node: ast.AST) -> Iterator[ast.AST]:
    """Functions and methods that stand in no other function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child
        else:
            yield from outermost(child)


def docstring_lines(tree: ast.AST) -> set[int]:
    """Line numbers of all docstrings."""
    numbers: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) or not node.body:
            continue
        first = node.body[0]
        value = getattr(first, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            numbers.update(range(first.lineno, first.end_lineno + 1))
    return numbers


def bindings(node: ast.AST) -> list[str]:
    """Names that a node binds: variables, parameters, attributes, functions, classes."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return [node.attr]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
        return [node.name]
    return []


def densest(paths: Iterable[Path]) -> list[tuple[float, Path]]:
    """Files by density, the densest first."""
    return sorted(((count([path]).figures()["density"], path) for path in paths), reverse=True)


def main(arguments: list[str]) -> int:
    folders = [Path(word) for word in arguments if not word.startswith("--")] or [PACKAGE]
    paths = []
    for folder in folders:
        paths += [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    counts = count(paths)
    over = 0
    for name, value in counts.figures().items():
        mark = ""
        if value > LIMITS[name]:
            mark = "  OVER"
            over += 1
        print(f"{name:18} {value:8.1f}   limit {LIMITS[name]:g}{mark}")
    for title, places in (("long line", counts.long_lines), ("dialect", counts.dialect)):
        for place in places[:20]:
            print(f"{title}: {place}")
    for lines, place in sorted(counts.functions)[-5:]:
        print(f"function of {lines} lines: {place}")
    if counts.figures()["density"] > LIMITS["density"]:
        for density, path in densest(paths)[:10]:
            print(f"density {density:.1f}: {path}")
    print(f"{counts.code_lines} code lines in {len(counts.files)} files")
    return int(over > 0 and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
