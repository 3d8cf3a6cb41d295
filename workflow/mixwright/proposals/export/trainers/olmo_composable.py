"""OLMo-core's composable sources: mixtures in Python, one a stage.

Read in ai2-olmo-core 3.0.0: olmo_core/data/composable/mixing_instance_source.py,
sampling_instance_source.py and utils.py (calculate_sample_sizes).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.blend import (
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.rules.arithmetic import normalised, not_above_zero
from mixwright.proposals.export.text.python_source import arguments, constants, parsed
from mixwright.proposals.export.trainers.olmo_rule import (
    PLENTY,
    in_turn,
    times_read,
    tokens_of_sequences,
)

FORM = {"form": "composable"}
# Names of the trainer's classes: a mixture, and a source of it.
MIXTURE = re.compile(r"Mixing(Instance|Token)Source(Config|\.Config)?$")
SPEC = re.compile(r"Mixing(Instance|Token)Source(\.Spec|Spec)(Config|\.Config)?$")

# Part of a target that may be missing: numpy's allclose, by which the trainer compares.
ENOUGH = 1e-5


def is_such(text: str) -> bool:
    """Whether a file holds mixtures of composable sources."""
    return re.search(r"\bMixing(Instance|Token)Source[.\w]*\(", text) is not None


def read(text: str, where: str) -> tuple[Blend, ...]:
    """Returns a blend for each mixture that is part of no other; mixtures inside are laid flat."""
    tree = parsed(text, where)
    values = constants(tree)
    blends = []
    names = []
    for place, call in enumerate(_outermost(tree), start=1):
        settings = {
            **FORM,
            "num_tokens": _amount(call, "num_tokens", values),
            "num_instances": _amount(call, "num_instances", values),
        }
        label = _keyword(call, "label", values)
        names.append(str(label or f"stage {place}"))
        entries = _entries(call, None, values, where)
        blends.append(Blend(entries, settings))
    if not blends:
        raise MixwrightError(f"{where}: no MixingInstanceSource stands there; write one")
    if len(blends) == 1:
        return tuple(blends)
    return in_turn(blends, names, "num_tokens")


def _outermost(node: ast.AST) -> Iterator[ast.Call]:
    """Yields the calls that make a mixture and are part of no other, in their order."""
    for child in ast.iter_child_nodes(node):
        call = _call_of(child, MIXTURE)
        if call is None:
            yield from _outermost(child)
        else:
            yield call


def _call_of(node: ast.AST, name: re.Pattern[str]) -> ast.Call | None:
    """Returns a node that calls a function of such a name; None of other nodes."""
    if not isinstance(node, ast.Call):
        return None
    called = ast.unparse(node.func)
    if name.search(called):
        return node
    return None


def _keyword(
    call: ast.Call,
    name: str,
    values: Mapping[str, Any],
) -> Any:
    written = arguments(call, (), values)
    return written.get(name)


def _amount(
    call: ast.Call,
    name: str,
    values: Mapping[str, Any],
) -> float | None:
    """Returns a number that a call is given; None where no number stands there."""
    value = _keyword(call, name, values)
    if isinstance(value, int | float):
        return value
    return None


def _entries(
    call: ast.Call,
    whole: float | None,
    values: Mapping[str, Any],
    where: str,
) -> tuple[Entry, ...]:
    """Returns the sources of a mixture.

    Args:
        call: that makes the mixture.
        whole: number of the mixture in the one that it is part of; None where it is part of none.
        values: the module's constants.
        where: the file.
    """
    specs = list(_specs(call))
    ratios = [_ratio(spec, values, where) for spec in specs]
    total = sum(ratios)
    if not total > 0:
        raise MixwrightError(
            f"{where}: line {call.lineno}: no source_specs with ratios above 0 stand there;"
            " write them into the call"
        )
    scale = 1.0
    if whole is not None:
        scale = whole / total
    entries: list[Entry] = []
    for spec, ratio in zip(specs, ratios, strict=True):
        inner = _mixture_of(spec)
        if inner is not None:
            entries += _entries(inner, ratio * scale, values, where)
            continue
        label = _keyword(spec, "label", values)
        factor = _amount(spec, "max_repetition_factor", values)
        name = str(label or f"line {spec.lineno}")
        settings = {
            "max_repetition_factor": factor or 1.0,
            "nested": whole is not None,
        }
        entries.append(Entry(name, ratio * scale, (), settings))
    return tuple(entries)


def _specs(call: ast.Call) -> Iterator[ast.Call]:
    """Yields the calls that make the sources of a mixture."""
    nodes: list[ast.expr] = list(call.args)
    for keyword in call.keywords:
        if keyword.arg == "source_specs" and isinstance(keyword.value, ast.List):
            nodes += keyword.value.elts
    for node in nodes:
        spec = _call_of(node, SPEC)
        if spec is not None:
            yield spec


def _ratio(
    spec: ast.Call,
    values: Mapping[str, Any],
    where: str,
) -> float:
    written = arguments(spec, ("source", "ratio"), values)
    ratio = written.get("ratio")
    if not isinstance(ratio, int | float):
        raise MixwrightError(f"{where}: line {spec.lineno}: ratio is no number; write one there")
    return float(ratio)


def _mixture_of(spec: ast.Call) -> ast.Call | None:
    """Returns the call of the mixture that a source is; None where it is none."""
    nodes = spec.args[:1]
    for keyword in spec.keywords:
        if keyword.arg == "source":
            nodes.append(keyword.value)
    for node in nodes:
        call = _call_of(node, MIXTURE)
        if call is not None:
            return call
    return None


def draw(blend: Blend, budget: Budget) -> Drawn:
    """Returns the sequences that a mixture holds of each source.

    Of every source its share of the target is sampled, rounded down to whole sequences. Where a
    source has too little, even repeated as often as it may be, the trainer refuses the target; a
    mixture without one shrinks.
    """
    faults = list(not_above_zero(blend, "OLMo-core"))
    shares = normalised(blend)
    target = _target(blend, budget)
    if faults or target is None:
        return Drawn(shares, tuple(faults))
    ideal = target * shares
    part = _part_that_fits(blend, budget, ideal)
    if blend.settings.get("num_tokens") and part < 1 - ENOUGH:
        faults.append(_refusal(blend, budget, ideal))
    tokens = np.floor(ideal * part)
    units = np.floor(tokens / (budget.sequence or 1))
    again = times_read(units, budget)
    if again != 1:
        message = f"the training reads {again:,.4g} times what this mixture holds; name num_tokens"
        faults.append(Fault(REMARK, message))
    nested = [entry for entry in blend.entries if entry.settings.get("nested")]
    if nested:
        message = "mixtures inside mixtures: how far their sources repeat is not checked"
        faults.append(Fault(REMARK, message))
    return Drawn(units * again, tuple(faults))


def _target(blend: Blend, budget: Budget) -> float | None:
    """Returns the tokens of a mixture; None where nobody knows."""
    tokens = blend.settings.get("num_tokens")
    if tokens:
        return float(tokens)
    instances = blend.settings.get("num_instances")
    if instances and budget.sequence:
        return float(instances * budget.sequence)
    total = 0
    for entry in blend.entries:
        total += tokens_of_sequences(entry, budget)
    if total >= PLENTY / 2:
        return budget.tokens
    return float(total)


def _part_that_fits(
    blend: Blend,
    budget: Budget,
    ideal: Array,
) -> float:
    """Returns the part of the `ideal` (entries,) tokens that the sources can give."""
    part = 1.0
    for entry, wanted in zip(blend.entries, ideal.tolist(), strict=True):
        factor = entry.settings.get("max_repetition_factor", 1.0)
        most = tokens_of_sequences(entry, budget) * factor
        # a ratio that is no finite number leaves nothing to the others
        if wanted > 0:
            part = min(part, most / wanted)
    return part


def _refusal(
    blend: Blend,
    budget: Budget,
    ideal: Array,
) -> Fault:
    """Returns the fault of the source that would have to be read most often."""
    most = 0.0
    path = ""
    for entry, wanted in zip(blend.entries, ideal.tolist(), strict=True):
        times = wanted / max(tokens_of_sequences(entry, budget), 1)
        if times > most:
            most = times
            path = entry.path
    message = (
        f"{path} would have to be read {most:,.4g} times;"
        " raise max_repetition_factor, if it may repeat, or lower num_tokens"
    )
    return Fault(REFUSED, message)
