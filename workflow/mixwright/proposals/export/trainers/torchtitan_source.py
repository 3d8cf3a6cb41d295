"""Reads the Python configs of torchtitan: which sources are mixed, and what their weights count."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, REMARK, Blend, Entry, Fault
from mixwright.proposals.export.text.python_source import arguments, calls, constants, value_of

# Forms of the file, by the version that reads them.
RANDOM, MAIN = "0.3", "main"
PACKING = "PackingConfig"
LOADER = "InterleavedHuggingFaceTextDataLoader"


def read_sources(tree: ast.Module, where: str) -> Blend | None:
    """Returns the blend of 0.3: `HFDataSource` calls; None where there is none."""
    values = constants(tree)
    entries = []
    endless = []
    for call in calls(tree, "HFDataSource"):
        written = arguments(call, (), values)
        path = written.get("dataset_path") or written.get("dataset", "c4_test")
        entries.append(Entry(str(path), _number(call, values, str(path), where)))
        endless.append(bool(written.get("infinite", True)))
    if not entries:
        return None
    faults = []
    if len(set(endless)) > 1:
        message = "`infinite` differs between sources; torchtitan wants one value in all"
        faults.append(Fault(REFUSED, message))
    settings = {
        "form": RANDOM,
        "pack": "before",
        "repeat": all(endless),
        "stopping_strategy": _strategy(tree, values),
    }
    return Blend(tuple(entries), settings, faults=tuple(faults))


def _strategy(tree: ast.Module, values: Mapping[str, Any]) -> str:
    for call in calls(tree, "Config"):
        owner = getattr(call.func, "value", None)
        if isinstance(owner, ast.Name) and owner.id == LOADER:
            written = arguments(call, (), values)
            return str(written.get("stopping_strategy") or "on_first_exhausted")
    return "on_first_exhausted"


def read_mix(tree: ast.Module, where: str) -> Blend:
    """Returns the blend of main: the `WeightedDataset` calls of the first `DatasetMixConfig`.

    Raises:
        MixwrightError: there is none, mixes stand in one another, or only some are packed.
    """
    values = constants(tree)
    definitions = _definitions(tree)
    weighted = _children(tree, definitions)
    if not weighted:
        raise MixwrightError(
            f"{where}: no HFDataSource and no DatasetMixConfig of WeightedDataset stands there;"
            " write them into the file"
        )
    entries = []
    packed = []
    faults = []
    for call in weighted:
        dataset = _keyword(call, "dataset")
        name = _name(dataset)
        entries.append(Entry(name, _number(call, values, name, where)))
        within = _called(dataset, definitions)
        if "WeightedDataset" in within:
            raise MixwrightError(
                f"{where}: {name} is a mix itself; write its sources into one DatasetMixConfig"
            )
        packed.append(any(inner.endswith(PACKING) for inner in within))
        if "FirstFitPackingConfig" in within:
            message = f"{name}: rows of FirstFitPackingConfig are padded, and it drops documents"
            faults.append(Fault(REMARK, f"{message} longer than a row; tokens differ a little"))
    if len(set(packed)) > 1:
        raise MixwrightError(
            f"{where}: some sources are packed before they are mixed, and some are not;"
            " pack all or none"
        )
    settings = {
        "form": MAIN,
        "pack": "before" if packed[0] else "after",
        "repeat": _repeats(tree, values),
        "stopping_strategy": "on_first_exhausted",
    }
    return Blend(tuple(entries), settings, faults=tuple(faults))


def _children(tree: ast.Module, definitions: Mapping[str, ast.AST]) -> list[ast.Call]:
    for mix in calls(tree, "DatasetMixConfig"):
        listed: ast.AST | None = _keyword(mix, "datasets")
        if isinstance(listed, ast.Name):
            listed = definitions.get(listed.id, listed)
        if isinstance(listed, ast.List | ast.Tuple):
            return [node for node in listed.elts if isinstance(node, ast.Call)]
    return []


def _repeats(tree: ast.Module, values: Mapping[str, Any]) -> bool:
    """Whether the loader starts again: `repeat` of GrainDataLoader.Config, True by default."""
    for call in calls(tree, "Config"):
        owner = getattr(call.func, "value", None)
        if isinstance(owner, ast.Name) and owner.id == "GrainDataLoader":
            return bool(arguments(call, (), values).get("repeat", True))
    return True


def _number(call: ast.Call, values: Mapping[str, Any], name: str, where: str) -> float:
    node = _keyword(call, "weight")
    if node is None:
        return 1.0
    number = value_of(node, values)
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise MixwrightError(f"{where}: the weight of {name} is no number; write it there")
    return float(number)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return None


def _name(dataset: ast.expr | None) -> str:
    """What a source is called: its path, or the name of the variable."""
    if isinstance(dataset, ast.Name):
        return dataset.id
    for node in ast.walk(dataset or ast.Constant("")):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name) and not isinstance(dataset, ast.Call):
            return node.id
    return ast.unparse(dataset) if dataset else "a source"


def _definitions(tree: ast.Module) -> dict[str, ast.AST]:
    """Returns name -> what the module says of it: an assigned expression, or a function."""
    result: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            result[node.name] = node
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            result[node.targets[0].id] = node.value
    return result


def _called(node: ast.AST | None, definitions: Mapping[str, ast.AST]) -> set[str]:
    """Returns the names of all that an expression calls, through the module's own names."""
    return set(_walked(node, definitions, set()))


def _walked(
    node: ast.AST | None, definitions: Mapping[str, ast.AST], visited: set[str]
) -> Iterator[str]:
    for inner in ast.walk(node or ast.Constant("")):
        if isinstance(inner, ast.Call):
            yield getattr(inner.func, "id", getattr(inner.func, "attr", ""))
        if isinstance(inner, ast.Name) and inner.id in definitions and inner.id not in visited:
            visited.add(inner.id)
            yield from _walked(definitions[inner.id], definitions, visited)
