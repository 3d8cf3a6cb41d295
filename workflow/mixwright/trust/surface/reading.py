"""Reads the file of a response surface, and refuses what is none in one line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.learners import Metric
from mixwright.mixers import MIXERS
from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.formula import (
    OF_DOMAINS,
    SYMBOLS,
    Formula,
    formula_from,
    mixer_in_amounts,
    mixer_in_weights,
)
from mixwright.mixers.laws.law import Law
from mixwright.proposals.fits import Fit, FittedRuns
from mixwright.proposals.study_goal import StudyGoal
from mixwright.simplex.bounds import Bounds, groups_of
from mixwright.trust.evidence import Foreseen
from mixwright.trust.intervals import Interval
from mixwright.trust.leverage import Cover
from mixwright.trust.noise import NoiseFloor
from mixwright.trust.reach import Reach
from mixwright.trust.surface.checked import DamageError, Part
from mixwright.trust.surface.record import FORMAT, VERSION
from mixwright.trust.surface.surface import Likeness, SecondForm, Surface, TargetTrust, Wish

# Parameters below which a law gives no numbers.
FROM_ZERO = ("eps", "K", "g")


def open_fit(path: str | Path) -> Fit | Surface:
    """Reads what predicts: the folder of a fit, or the file of a surface."""
    if Path(path).is_file():
        return read(path)
    return Fit.load(path)


def read(path: str | Path) -> Surface:
    """Reads the file of a surface.

    Raises:
        MixwrightError: it is no surface, of another version, or damaged.
    """
    return of_record(_parsed(Path(path)), str(path))


def of_record(content: Any, path: str = "surface") -> Surface:
    """Returns the surface that a parsed file holds; `path` is what messages call it.

    Raises:
        MixwrightError: as of `read`.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise MixwrightError(f"{path}: no response surface; write one with mixwright surface")
    if content.get("version") != VERSION:
        raise MixwrightError(
            f"{path}: a surface of version {content.get('version')}, and this is mixwright for"
            f" version {VERSION}; write it again, or take another mixwright"
        )
    try:
        return _surface(Part("", content))
    except DamageError as damage:
        raise MixwrightError(f"{path}: damaged: {damage}; write the surface again") from None


def _parsed(path: Path) -> Any:
    """The content of a JSON file; a number that is none is refused."""

    def refuse(word: str) -> float:
        raise MixwrightError(f"{path}: damaged: it holds {word}; write the surface again")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except FileNotFoundError:
        raise MixwrightError(f"{path}: no such file; correct the path") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise MixwrightError(
            f"{path}: no JSON, so no response surface; write one with mixwright surface"
        ) from None


def _surface(file: Part) -> Surface:
    domains = file.texts("domains")
    if not domains:
        raise DamageError("domains is empty")
    targets = file.parts("targets")
    source = _source(file, domains, targets)
    form = file.text("form")
    if form not in SYMBOLS:
        raise DamageError(f"form {form} is unknown")
    law = file.text("law")
    for name in (law, source.mixer):
        if name not in MIXERS:
            raise DamageError(f"mixer {name} is unknown")
    count = len(domains)
    records = [_parameters(target.part("parameters"), form, count) for target in targets]
    formula = formula_from(form, records)
    wish = _wish(file.part("goal"), domains, source.targets)
    return Surface(
        source=source,
        mixer=_mixer(file, formula, source),
        law=law,
        formula=formula,
        refits=_refits(file, targets, form, count),
        trust=tuple(_trust(target) for target in targets),
        reach=_reach(file.part("region"), domains),
        wish=wish,
        second=_second(file.part("interval"), targets, count),
    )


def _source(file: Part, domains: tuple[str, ...], targets: Sequence[Part]) -> FittedRuns:
    runs = file.part("runs")
    names = tuple(target.text("name") for target in targets)
    if not names or len({*names}) < len(names):
        raise DamageError("targets have no names, each once")
    metrics = {}
    for name, target in zip(names, targets, strict=True):
        metrics[name] = _metric(target.part("number"))
    goal = file.part("goal")
    weights = {}
    if goal.text("of") == "study":
        weights = goal.shares("weights", names)
    return FittedRuns(
        mixer=file.text("mixer"),
        runs=runs.count("count"),
        domains=domains,
        targets=names,
        mean=tuple(runs.numbers("mean", len(domains)).tolist()),
        least_tokens=runs.number("least_tokens"),
        most_tokens=runs.number("most_tokens"),
        metrics=metrics,
        goal=StudyGoal(weights),
    )


def _metric(number: Part) -> Metric:
    questions = number.number_or_none("questions")
    return Metric(
        name=number.text("kind"),
        title=number.text("title"),
        unit=number.text("unit"),
        higher=number.truth("higher_is_better"),
        whole=number.number("whole"),
        questions=None if questions is None else int(questions),
        chance=number.number_or_none("chance"),
    )


def _parameters(part: Part, form: str, domains: int) -> Mapping[str, Any]:
    record: dict[str, Any] = {}
    for symbol in SYMBOLS[form]:
        if symbol in OF_DOMAINS:
            values = part.numbers(symbol, domains)
            record[symbol] = values
            least = values.min()
        else:
            least = part.number(symbol)
            record[symbol] = least
        if symbol in FROM_ZERO and least < 0:
            raise DamageError(f"{part.where(symbol)} is below 0")
    return record


def _refits(file: Part, targets: Sequence[Part], form: str, domains: int) -> tuple[Formula, ...]:
    count = file.part("interval").count("refits")
    by_target = [target.parts("refits", count) for target in targets]
    for target in targets:
        if count and target.any("form_variance") is None:
            raise DamageError(f"{target.where('form_variance')} is missing, and there are refits")
    refits = []
    for draw in range(count):
        records = [_parameters(parts[draw], form, domains) for parts in by_target]
        refits.append(formula_from(form, records))
    return tuple(refits)


def _mixer(file: Part, formula: Formula, source: FittedRuns) -> Mixer:
    amounts = file.part_or_none("amounts")
    if amounts is None:
        return mixer_in_weights(formula, source.domains, source.targets)
    if not isinstance(formula, Law):
        raise DamageError("amounts belong to a law of effective data")
    span = (source.least_tokens, source.most_tokens)
    mixer: Any = mixer_in_amounts(
        formula,
        source.domains,
        source.targets,
        span,
        amounts.number("repetition"),
    )
    if not np.isclose(mixer.unit, amounts.number("unit"), rtol=1e-9):
        raise DamageError("amounts.unit is not the middle of the runs' tokens")
    joint: Mixer = mixer
    return joint


def _trust(target: Part) -> TargetTrust:
    noise = target.part_or_none("noise")
    held_out = target.part_or_none("held_out")
    likeness = target.part_or_none("likeness")
    floor = None
    if noise is not None:
        floor = NoiseFloor(
            value=noise.number("value"),
            low=noise.number("low"),
            high=noise.number("high"),
            runs=noise.count("runs"),
        )
    foreseen = None
    rmse = None
    if held_out is not None:
        ends = [held_out.number(key) for key in ("rank_correlation", "low", "high")]
        foreseen = Foreseen(held_out.number("explained"), Interval(*ends))
        rmse = held_out.number("rmse")
    near = None
    if likeness is not None:
        near = Likeness(likeness.number("rank"), likeness.number("rmse"))
    return TargetTrust(
        best=target.number("best_run"),
        form_variance=target.amount_or_none("form_variance"),
        noise=floor,
        foreseen=foreseen,
        rmse=rmse,
        likeness=near,
    )


def _second(interval: Part, targets: Sequence[Part], domains: int) -> SecondForm | None:
    second = interval.part_or_none("second")
    if second is None:
        return None
    form = "effective-data"
    records = [_parameters(target.part("second"), form, domains) for target in targets]
    return SecondForm(
        second.text("law"),
        formula_from(form, records),
        second.number("share"),
    )


def _reach(region: Part, domains: tuple[str, ...]) -> Reach:
    count = len(domains)
    odd = []
    for names in region.listed("odd_runs_beyond", count):
        odd.append(Part("region", {"odd_runs_beyond": names}).texts("odd_runs_beyond"))
    rows = region.listed("precision", count)
    precision = []
    for row in rows:
        precision.append(Part("region", {"precision": row}).numbers("precision", count))
    return Reach(
        domains=domains,
        runs=region.count("runs"),
        mixtures=region.count("mixtures"),
        centre=region.numbers("centre", count),
        took=region.numbers("mixtures_with", count).astype(np.int64),
        most=region.numbers("largest", count),
        second=region.numbers("second_largest", count),
        odd=tuple(odd),
        cover=Cover(
            centre=region.numbers("roots_centre", count),
            precision=np.array(precision),
            of_runs=np.array([region.number("outermost")]),
        ),
    )


def _wish(goal: Part, domains: tuple[str, ...], targets: tuple[str, ...]) -> Wish:
    count = len(domains)
    bounds = goal.part_or_none("bounds")
    best = goal.part_or_none("best")
    weights = None
    gap = None
    if best is not None:
        weights = best.numbers("weights", count)
        gap = best.number_or_none("gap")
    return Wish(
        weights=goal.shares("weights", targets),
        importance=goal.shares("importance", targets),
        natural=goal.numbers("natural", count),
        natural_known=not goal.text("natural_is").startswith("the mean of the runs"),
        tokens=goal.number_or_none("tokens"),
        available=goal.numbers_or_none("available", count),
        bounds=None if bounds is None else _bounds(bounds, domains),
        never_worse=goal.texts("never_worse"),
        best=weights,
        gap=gap,
    )


def _bounds(bounds: Part, domains: tuple[str, ...]) -> Bounds:
    groups = {}
    for group in bounds.parts("groups"):
        groups[group.text("name")] = {
            "domains": group.texts("domains"),
            "least": group.number("least"),
            "most": group.number("most"),
        }
    return Bounds(
        lower=bounds.numbers("least", len(domains)),
        upper=bounds.numbers("most", len(domains)),
        groups=groups_of(groups, domains),
    )
