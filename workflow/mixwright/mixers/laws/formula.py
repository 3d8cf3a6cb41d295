"""The two formulas that every fitted law is an instance of, for readers without this library.

    effective-data   E + A (eps + sum_i K_i x_i^g_i)^(-b) + sum_i beta_i x_i
    log-linear       c + exp(sum_i t_i x_i)

    x_i  weight of domain i, or its effective amount where the law is in amounts (see `joint`)

The first holds effective-data, additive, bimix, joint and, with A = 0, the linear regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.effective_data import EffectiveData
from mixwright.mixers.laws.joint import Joint
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.log_linear import Exponentials, LogLinear
from mixwright.mixers.laws.mixer import LawMixer, columns_of
from mixwright.mixers.laws.repeating import Repeating
from mixwright.mixers.laws.wide import WideLaw
from mixwright.mixers.regmix.regmix import RegMixLinear
from mixwright.mixture import Array

Formula = Law | Exponentials
EFFECTIVE_DATA, LOG_LINEAR = "effective-data", "log-linear"
# form -> its parameters, and what they are called in the law
SYMBOLS: Mapping[str, Mapping[str, str]] = {
    EFFECTIVE_DATA: {
        "E": "level",
        "A": "scale",
        "b": "power",
        "eps": "offset",
        "K": "transfer",
        "g": "exponent",
        "beta": "linear",
    },
    LOG_LINEAR: {"c": "level", "t": "effect"},
}
# parameters that have one number a domain; the others have one
OF_DOMAINS = ("K", "g", "beta", "t")


def formula_of(mixer: Mixer) -> Formula | None:
    """Returns the law of a fitted mixer; None where it has no closed form that readers know."""
    if isinstance(mixer, Repeating) and (mixer.decays or mixer.fall):
        # its amounts are those of one R* a domain
        return None
    if isinstance(mixer, LogLinear):
        return Exponentials(mixer.parameters)
    if isinstance(mixer, WideLaw) and not mixer.is_convex:
        # its certificate and its pairs are not those of readers of surfaces
        return None
    if isinstance(mixer, LawMixer):
        return mixer.law
    if isinstance(mixer, RegMixLinear):
        return _linear(mixer.coefficients.T)
    return None


def form_of(formula: Formula) -> str:
    """Returns the name of the form."""
    if isinstance(formula, Exponentials):
        return LOG_LINEAR
    return EFFECTIVE_DATA


def is_convex(formula: Formula) -> Array:
    """Returns (targets,) whether what is minimised is convex in the weights."""
    if isinstance(formula, Exponentials):
        return np.ones(len(formula.level), dtype=bool)
    concave = ((formula.exponent <= 1) & (formula.transfer >= 0)).all(axis=1)
    return np.asarray(concave & (formula.scale >= 0) & (formula.power > 0))


def parameters_of(formula: Formula) -> list[dict[str, Any]]:
    """Returns each target's parameters by symbol: numbers, and lists of one number a domain."""
    columns = {}
    for symbol, name in SYMBOLS[form_of(formula)].items():
        columns[symbol] = getattr(formula, name).tolist()
    records = []
    for target in range(len(formula.level)):
        record = {symbol: values[target] for symbol, values in columns.items()}
        records.append(record)
    return records


def formula_from(form: str, records: Sequence[Mapping[str, Any]]) -> Formula:
    """Returns the laws of parameters by symbol, one record a target: inverse of `parameters_of`."""
    columns = []
    for symbol in SYMBOLS[form]:
        values = [record[symbol] for record in records]
        columns.append(np.array(values, dtype=np.float64))
    if form == LOG_LINEAR:
        level, effect = columns
        return Exponentials(np.column_stack([level, effect]))
    return Law(*columns)


def mixer_in_weights(formula: Formula, domains: tuple[str, ...], targets: tuple[str, ...]) -> Mixer:
    """Returns a fitted mixer that has the law, in weights."""
    unfitted: Any = EffectiveData()
    if isinstance(formula, Exponentials):
        unfitted = LogLinear()
        parameters = formula.parameters
    else:
        parameters = columns_of(formula)
    fitted: Mixer = replace(
        unfitted,
        domains=domains,
        targets=targets,
        parameters=parameters,
    )
    return fitted


def mixer_in_amounts(
    formula: Law,
    domains: tuple[str, ...],
    targets: tuple[str, ...],
    span: tuple[float, float],
    decay: float,
) -> Joint:
    """Returns a fitted joint mixer that has the law.

    Args:
        span: least and most tokens of a run, whose geometric middle is the unit of the amounts.
        decay: R*, repetitions after which one more is worth 1 / e of a first pass.
    """
    return replace(
        Joint(repetition=decay),
        domains=domains,
        targets=targets,
        parameters=columns_of(formula),
        span=span,
    )


def _linear(coefficients: Array) -> Law:
    """The law beta.w of (targets, domains) coefficients."""
    targets, domains = coefficients.shape
    return Law(
        level=np.zeros(targets),
        scale=np.zeros(targets),
        power=np.ones(targets),
        offset=np.ones(targets),
        transfer=np.zeros((targets, domains)),
        exponent=np.ones((targets, domains)),
        linear=coefficients,
    )
