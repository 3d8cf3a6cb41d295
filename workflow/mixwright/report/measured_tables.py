"""The tables of pages of measured runs, as HTML; empty where there is nothing to show."""

from collections.abc import Iterable
from html import escape
from math import isnan

from mixwright.errors import counted
from mixwright.report.figures.ranks import HELD_OUT
from mixwright.report.frame import note, part, table, text
from mixwright.report.measured_summary import Measured
from mixwright.report.own.cells import percent, side
from mixwright.report.perturbed_summary import Perturbed
from mixwright.trust.intervals import REFERENCE, fisher_interval

# Differences that round to nothing are none.
LEAST = 0.0005


def data(summary: Measured) -> str:
    """A row a domain: its share of natural, what the runs took of it, and what is proposed."""
    surface = summary.surface
    if not surface:
        return ""
    region = surface["region"]
    weights = summary.proposal.weights
    rows = {}
    for place, name in enumerate(surface["domains"]):
        rows[name] = [
            escape(name),
            percent(surface["goal"]["natural"][place]),
            percent(region["centre"][place]),
            percent(region["largest"][place]),
            str(region["mixtures_with"][place]),
            percent(weights.get(name, 0.0)),
        ]
    order = sorted(rows, key=lambda name: (-weights.get(name, 0.0), name))
    heads = ["domain", "natural", "mean of the runs", "most of a run", "mixtures with it"]
    heads.append(summary.chosen)
    caption = "The domains: natural, what the runs took, and what is proposed; in percent"
    words = (
        f"{counted(region['runs'], 'run')} of {counted(region['mixtures'], 'mixture')}, measured by"
        " others. Runs that lie far off what the others say are not counted in the most of a run."
    )
    return table(heads, [rows[name] for name in order], caption) + note(text(words))


def targets(summary: Measured) -> str:
    """A row a target: what the chosen mixer predicts of its mixture and of natural."""
    rows = []
    order = sorted(summary.predicted, key=lambda name: (-summary.targets.get(name, 0.0), name))
    for name in order:
        values = summary.predicted[name]
        if not {summary.chosen, REFERENCE} <= set(values):
            return ""
        metric = summary.metrics[name]
        proposed, natural = values[summary.chosen], values[REFERENCE]
        gain = proposed - natural if metric.higher else natural - proposed
        ends = summary.proposal.intervals.get("predicted", {}).get(name)
        value = f"{proposed:.3f}"
        if ends:
            value += f" [{ends[0]:.3f}, {ends[1]:.3f}]"
        rows.append(
            [
                escape(name),
                side(gain, metric),
                value,
                f"{natural:.3f}",
                _weight(summary.targets.get(name, 0.0)),
            ]
        )
    if not rows:
        return ""
    heads = ["target", "difference", "predicted of the proposal", "predicted of natural"]
    heads.append("weight in the goal")
    caption = f"What {escape(summary.chosen)} predicts of its mixture, target by target"
    words = (
        f"{_units(summary)}; brackets hold 95% intervals. The difference is how much better or"
        " worse than natural the proposal is predicted. Nothing was trained on it."
    )
    return table(heads, rows, caption) + note(text(words))


def ranks(summary: Measured) -> str:
    """A row a mixer: whether it ranks as well as the chosen one, and its rank correlations."""
    sets = list(dict.fromkeys(summary.ranks.test))
    alike = set(summary.alike)
    by_mixer = {}
    for mixer, part_of in summary.ranks.groupby("mixer", sort=False):
        results = {str(row.test): row for row in part_of.itertuples()}
        held_out = results[HELD_OUT]
        ends = fisher_interval(float(held_out.spearman), int(held_out.runs))
        cells = [escape(str(mixer)), "as well as any" if mixer in alike else "less well"]
        cells.append(f"{100 * ends.low:.1f} to {100 * ends.high:.1f}")
        for name in sets:
            result = results[name]
            cells.append(f"{100 * result.spearman:.1f} / {100 * result.goal:.1f}")
        for name in sets[:2]:
            error = results[name].mse
            cells.append("" if isnan(error) else f"{error:.4f}")
        by_mixer[str(mixer)] = cells
    # what chance may have ordered stands in the order of names
    first = sorted(alike, key=lambda name: (name != summary.chosen, name))
    rest = [name for name in by_mixer if name not in alike]
    rows = [by_mixer[name] for name in (*first, *rest)]
    heads = ["mixer", "ranks", "95% interval", *map(escape, sets)]
    heads += [f"squared error, {escape(name)}" for name in sets[:2]]
    reading = (
        "Each cell shows Spearman x 100 of predicted and measured values:"
        f" mean of all targets / mean of the goal's targets ({', '.join(summary.targets)})."
        f" The set '{HELD_OUT}' is the cross-validation inside the swarm, and the interval is of"
        " it. Mixers that rank as well as any are told apart by no run; they stand in the order of"
        " their names, the chosen one first."
    )
    caption = "Rank correlation x 100 of predicted and measured losses"
    return part(
        "Which mixer ranks unseen runs best", table(heads, rows, caption) + note(text(reading))
    )


def published(summary: Measured) -> str:
    """A row a mixture, published or proposed; a column a mixer's prediction."""
    if summary.published.empty:
        return ""
    mixers = sorted(set(summary.published.mixer))
    best = {}
    for mixer, rows_of in summary.published.groupby("mixer"):
        best[mixer] = rows_of.goal[rows_of.goal_rank == 1].iloc[0]
    rows = []
    for (origin, mixture), rows_of in summary.published.groupby(["origin", "mixture"], sort=False):
        results = {str(row.mixer): row for row in rows_of.itertuples()}
        name = f"{mixture}, published" if origin == "published" else f"{mixture}'s proposal"
        cells = [escape(name)]
        for mixer in mixers:
            value = results[mixer].goal
            behind = abs(value - best[mixer])
            words = "the best" if behind < LEAST else f"{behind:.3f} worse"
            cells.append(f"{value:.3f}<br><small>{words}</small>")
        rows.append(cells)
    unit = summary.metric.unit
    reading = (
        f"Each cell shows what a mixer (column) predicts on the goal's targets, {unit}, and how"
        " much worse that is than the best it predicts."
        f"{_not_told(summary)} Nothing was trained on these mixtures."
    )
    caption = "Predicted of each mixture by each mixer, on the goal's targets"
    content = table(["mixture", *map(escape, mixers)], rows, caption) + note(text(reading))
    return part("Published mixtures beside the proposals", content)


def region_sentence(summary: Measured) -> str:
    """How far the weight of the largest domain can move; empty where nobody looked."""
    sentence = summary.optimum
    start = sentence.find("The optimum is a region")
    return "" if start < 0 else sentence[start:]


def optimum(summary: Perturbed) -> str:
    """A row a domain: its amount in every proposal and published optimum."""
    origins = list(dict.fromkeys(zip(summary.optimum.origin, summary.optimum.mixer, strict=True)))
    amounts = summary.optimum.set_index(["origin", "mixer", "domain"]).amount
    heads = ["domain"]
    for origin, mixer in origins:
        heads.append(mixer if origin == "proposed" else f"published, {mixer}")
    rows = []
    for domain in dict.fromkeys(summary.optimum.domain):
        cells = [domain]
        for origin, mixer in origins:
            cells.append(f"{amounts[origin, mixer, domain]:.4f}")
        rows.append(cells)
    reading = (
        "Amounts are in units of the base run's, at its total of"
        f" {summary.tokens / 1e9:.4g} B tokens; published optima are at their own totals."
    )
    return _table(heads, rows, reading, "How much of each domain it takes")


def ladder(summary: Perturbed) -> str:
    """A row a scale: its total and every domain's weight."""
    if summary.ladder.empty:
        return ""
    names = list(dict.fromkeys(summary.ladder.domain))
    rows = []
    for (step, total), rows_of in summary.ladder.groupby(["step", "total"]):
        weights = rows_of.set_index("domain").weight
        cells = [f"{step:g}", f"{total / 1e9:.5g}"]
        for name in names:
            cells.append(f"{100 * weights[name]:.1f}")
        rows.append(cells)
    reading = (
        "Steps 0 and 1 are published. Every step multiplies the tokens of a domain by"
        " the domain's own factor. Weights are in percent."
    )
    content = _table(["step", "B tokens", *names], rows, reading, "The mixture by scale")
    return part("Other scales", content)


def _not_told(summary: Measured) -> str:
    """Which of the differences are too small to tell, where it was looked at."""
    limits = []
    for region in summary.regions:
        limits.append(f"{region['mixer']} up to {region['worse']:.3f}")
    if not limits:
        return ""
    return f" Some of these differences cannot be told from none: by {', '.join(limits)}."


def _weight(share: float) -> str:
    """Weight of a target in the goal."""
    return f"{percent(share)} %" if share else "not in it"


def _units(summary: Measured) -> str:
    """The unit of the numbers of targets."""
    units = {metric.unit or metric.title for metric in summary.metrics.values()}
    if len(units) == 1:
        return f"All numbers are {next(iter(units))}"
    parts = []
    for name, metric in sorted(summary.metrics.items()):
        parts.append(f"{name} is in {metric.unit or metric.title}")
    return ", ".join(parts)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], reading: str, caption: str) -> str:
    """A table of plain text, with a note on how to read it."""
    escaped = []
    for row in rows:
        escaped.append(map(escape, row))
    return table(map(escape, heads), escaped, caption) + note(text(reading))
