"""Python files of trainers that are configured in Python: calls and constants, read as they stand.

Nothing is run: a file of somebody else may do anything.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mixwright.errors import MixwrightError


def parsed(text: str, where: str) -> ast.Module:
    """Returns the syntax tree of a file.

    Raises:
        MixwrightError: it is no Python.
    """
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise MixwrightError(f"{where}: no Python: {error}; correct the file") from None
    except (MemoryError, RecursionError):
        raise MixwrightError(
            f"{where}: no Python: it is nested too deep; correct the file"
        ) from None


def constants(tree: ast.Module) -> dict[str, Any]:
    """Returns name -> value of the literals that a module assigns to plain names."""
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            literal = value_of(node.value, values)
            if literal is not None:
                values[node.targets[0].id] = literal
    return values


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    """Yields the calls of a function of this name, from whatever module, in their order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called = getattr(function, "id", getattr(function, "attr", ""))
            if called == name:
                yield node


def arguments(call: ast.Call, names: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a call by name: literals, or constants of the module.

    Args:
        call: the call.
        names: of its parameters, in their order.
        values: the module's constants.
    """
    result: dict[str, Any] = {}
    for name, node in zip(names, call.args, strict=False):
        result[name] = value_of(node, values)
    for keyword in call.keywords:
        if keyword.arg:
            result[keyword.arg] = value_of(keyword.value, values)
    return result


def value_of(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """Returns the value of a literal, or of a constant's name; None where it is neither.

    `list(NAME.values())` and `list(NAME)` are taken for the parts of a constant that is a mapping.
    """
    if isinstance(node, ast.Name):
        return values.get(node.id)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("list", "tuple"):
        return _parts(node, values)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _parts(call: ast.Call, values: Mapping[str, Any]) -> Any:
    if len(call.args) != 1:
        return None
    (node,) = call.args
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        mapping = value_of(node.func.value, values)
        if isinstance(mapping, Mapping) and node.func.attr == "values":
            return list(mapping.values())
        return None
    value = value_of(node, values)
    return list(value) if isinstance(value, list | tuple | dict) else None
