"""Lays out what a fit of own tables says as one HTML page that needs no other file."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixwright import mixers
from mixwright.files import plain
from mixwright.mixture import Array
from mixwright.report.answer import answer_section, caveat_list
from mixwright.report.drawings import Drawn, with_figures
from mixwright.report.explorer.building import explorer_of
from mixwright.report.explorer.explorer import Preset, explorer_section
from mixwright.report.frame import bullets, document, facts, note, text
from mixwright.report.own import grounds, parts
from mixwright.report.own.answering import answer_of, caveats_of, seeds_needed
from mixwright.report.own.gathering import OwnResult
from mixwright.report.own.option_words import line, option_words
from mixwright.report.own.steps import next_steps
from mixwright.report.own.target_rows import target_rows
from mixwright.report.proposed import Proposed
from mixwright.report.sections import in_order
from mixwright.report.software import release, software
from mixwright.trust.surface.record import record_of

# Characters of the fingerprint of the runs.
FINGERPRINT = 16
# What the numbers of a fit may rest on.
PACKAGES = ("numpy", "scipy", "lightgbm", "pyarrow")
# The figure that shows what the table of the mechanism says.
EFFECTS = "effects"
# The figure that shows what the table of the learning curve says.
CURVE = "learning_curve"


@dataclass(frozen=True)
class Place:
    """Where a page comes from and goes to, for the lines that it shows."""

    # of the fit or the surface, as it was typed
    fit: str
    # of the page
    page: str
    # of the mixture; empty: none was written
    mixture: str = ""


def page_of(result: OwnResult, place: Place, figures: Sequence[Drawn] = ()) -> str:
    """Returns the page.

    Args:
        result: of `gather`.
        place: where it comes from and goes to.
        figures: those of own tables.
    """
    rows = target_rows(result)
    propose = line("propose", "--fit", place.fit, *option_words(result.options))
    caveats = caveats_of(result)
    answer = answer_of(result, rows, place.mixture)
    steps = next_steps(result, seeds_needed(result))
    names = {figure.name for figure in figures}
    contents = {
        "explore": _explore(result, place),
        "data": parts.data(result),
        "targets": parts.targets(result, rows),
        "next": bullets(map(text, steps)),
        "limits": parts.limits(result),
        "export": parts.export(place.mixture, propose),
        "trade-offs": grounds.trade_offs(result),
        "evidence": grounds.evidence(result, CURVE not in names),
        "mechanism": grounds.mechanism(result, EFFECTS not in names),
        "caveats": caveat_list(caveats),
        "provenance": facts(_provenance(result, place)),
    }
    title = f"{result.source.mixer}, {result.source.runs} runs"
    answered = answer_section(f"your own tables · {title}", answer, caveats, steps)
    leads = {
        "evidence": grounds.evidence_lead(result),
        "mechanism": grounds.mechanism_lead(result),
    }
    body = answered + in_order(with_figures(contents, figures), leads)
    return document(title, body)


def surface_record(result: OwnResult) -> dict[str, Any] | None:
    """Returns what the explorer evaluates: the surface with goal and bounds of the options."""
    if result.surface is None:
        return None
    record = record_of(result.surface)
    if result.natural_known:
        record["goal"]["natural_is"] = "by the tokens of the domains"
    if result.options.targets:
        record["goal"]["of"] = "options"
    content: dict[str, Any] = plain(record)
    return content


def _explore(result: OwnResult, place: Place) -> str:
    """The explorer, or why there is none."""
    record = surface_record(result)
    if record is None:
        return note(text(f"{result.lacking['surface']}."))
    natural = None
    if result.natural_known:
        natural = _named(result, result.goal.natural)
    proposal = Proposed(result.proposal.mixer, result.proposal.mixture.as_dict())
    explorer = explorer_of(
        f"{result.source.mixer}, {result.source.runs} runs",
        {result.source.mixer: record},
        [proposal],
        natural=natural,
        start=result.proposal.mixer,
        tokens=result.options.tokens,
        source_tokens=result.options.available or None,
        propose=line("propose", "--fit", place.fit),
        max_epochs=result.options.max_epochs,
    )
    if result.best is not None:
        best = Preset(f"best run, {result.best.run}", result.best.weights)
        explorer = replace(explorer, presets=(*explorer.presets, best))
    return explorer_section(explorer)


def _named(result: OwnResult, weights: Array) -> dict[str, float]:
    return dict(zip(result.goal.names, weights.tolist(), strict=True))


def _provenance(result: OwnResult, place: Place) -> Mapping[str, Any]:
    """What is known of the runs, the fit and the software; files of the runs are not."""
    source = result.source
    known: dict[str, Any] = {
        "fit": place.fit,
        "mixer": source.mixer,
        "settings": _settings(result),
        "runs": source.runs,
        "domains": len(source.domains),
        "targets": len(source.targets),
    }
    if not source.weights_alone:
        known["tokens of a run"] = f"{source.least_tokens:g} to {source.most_tokens:g}"
    if result.runs is not None:
        known["fingerprint of the runs"] = _fingerprint(result)
        known["files of the runs"] = "a fit does not keep their names"
    known["refits"] = result.draws
    known["seed"] = result.options.seed
    words = ["--fit", place.fit, *option_words(result.options), "--to", place.page]
    known["to make it again"] = line("page", *words)
    known["mixwright"] = release()
    return known | {"python": platform.python_version()} | software(PACKAGES)


def _settings(result: OwnResult) -> str:
    """The settings of the mixer, as they are typed behind --settings."""
    settings = mixers.settings_of(result.mixer)
    parts_of = [f"{name}={value}" for name, value in settings.items()]
    return ", ".join(parts_of) or "none"


def _fingerprint(result: OwnResult) -> str:
    """A hash of names, mixtures and losses of the runs: equal tables have equal ones."""
    assert result.runs is not None
    runs = result.runs
    digest = hashlib.sha256()
    for names in (runs.runs, runs.domains, runs.targets):
        digest.update("\n".join(names).encode())
    digest.update(runs.amounts.tobytes())
    digest.update(runs.losses.tobytes())
    return digest.hexdigest()[:FINGERPRINT]
