"""Lays a summary out as one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from mixwright.report.by_target import Cell
from mixwright.report.figures.style import AXIS, VERDICTS
from mixwright.report.frame import document, drawn, heading, quantity, sources, text
from mixwright.report.summary import Arm, Summary
from mixwright.trust.intervals import Difference


def page(summary: Summary, figures: Sequence[tuple[str, str]] = ()) -> str:
    """The whole page; `figures` are (title, base64 of an SVG)."""
    body = "".join(
        [
            heading(summary.study, summary.headline, summary.detail),
            _serious(summary),
            _mixture(summary),
            f"<h2>The final models</h2>{_finals(summary)}",
            _predicted(summary),
            _backtest(summary.backtest),
            _transfer(summary.transfer),
            _targets(summary),
            f"<h2>Mixer by mixer</h2><ul>{''.join(_sentence(arm) for arm in summary.arms)}</ul>",
            drawn(figures),
            _caveats(summary),
            sources(summary.provenance),
        ]
    )
    return document(summary.study, body)


def _serious(summary: Summary) -> str:
    lines = "".join(f"<p>{text(caveat.text)}</p>" for caveat in summary.caveats if caveat.serious)
    return (
        f'<div class="serious"><p><strong>Before you trust this</strong></p>{lines}</div>'
        if lines
        else ""
    )


def _mixture(summary: Summary) -> str:
    """Bars of the chosen weights, with a tick at each natural weight."""
    arms = {arm.mixer: arm for arm in summary.arms}
    weights = arms[summary.chosen].weights if summary.chosen in arms else {}
    natural = arms["natural"].weights if "natural" in arms else {}
    if not weights:
        return ""
    spans = arms[summary.chosen].intervals.get("weights", {})
    full = max([*weights.values(), *natural.values(), *(high for _, high in spans.values())])
    rows = []
    for name, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])):
        tick = (
            f'<b style="left:{100 * natural[name] / full:.2f}%"></b>'
            if name in natural and summary.chosen != "natural"
            else ""
        )
        span, said = _span(spans.get(name), full)
        bar = f'<div class="bar"><i style="width:{100 * weight / full:.2f}%"></i>{span}{tick}</div>'
        rows.append(f"<span>{escape(name)}</span>{bar}<span>{100 * weight:.1f} %{said}</span>")
    whole = "training tokens" if summary.learner.sized else "weight"
    legend = f"The mixture of {summary.chosen}, in percent of the {whole}."
    note = " The dark tick is the natural mixture, each domain by its size."
    if summary.chosen == "natural":
        legend, note = (
            f"The natural mixture, each domain by its size, in percent of the {whole}.",
            "",
        )
    note += (
        " The thin line and the brackets: where the weight lies in 95 % of refits." if spans else ""
    )
    return f'<div class="mixture">{"".join(rows)}</div><p class="small">{escape(legend + note)}</p>'


def _span(interval: Sequence[float] | None, full: float) -> tuple[str, str]:
    """A weight's interval as a line on its bar, and in words."""
    if interval is None:
        return "", ""
    low, high = interval
    line = f'<u style="left:{100 * low / full:.2f}%;width:{100 * (high - low) / full:.2f}%"></u>'
    return line, f" [{100 * low:.1f}, {100 * high:.1f}]"


def _predicted(summary: Summary) -> str:
    """What each mixer's refits promised, beside what the finals gained."""
    told = [
        (arm, arm.intervals["objective"], arm.intervals["gain"])
        for arm in summary.arms
        if "gain" in arm.intervals
    ]
    rows = [
        [
            escape(arm.mixer),
            f"{loss['value']:.3f} [{loss['low']:.3f}, {loss['high']:.3f}]",
            f"{_signed(-gain['value'])} [{_signed(-gain['high'])}, {_signed(-gain['low'])}]",
            _signed(arm.natural.value),
        ]
        for arm, loss, gain in told
    ]
    head = "".join(
        f"<th>{name}</th>"
        for name in ("mixer", "predicted loss", "predicted, to natural", "finals, to natural")
    )
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    note = (
        "Mean over the targets in nats/token. Predicted at the proxies' size and length, with 95% intervals of refits to resampled losses:"
        " they know the runs' noise and the error on held-out runs, not what larger models do differently. No final has been looked at."
    )
    table = f'<h2>What the proxies promised</h2><div class="scroll"><table><tr>{head}</tr>{body}</table></div><p class="small">{note}</p>'
    return table if rows else ""


def _backtest(found: Mapping[str, Any]) -> str:
    """What the smaller scales said of the largest, and which extrapolation is trusted."""
    if not found:
        return ""
    names = [arm["choice"] for arm in found["choices"]]
    told = {prediction["mixer"]: prediction for prediction in found["predictions"]}
    head = (
        "chosen without it by",
        "regret",
        "by AutoScale's law",
        "error on its runs",
        "rank correlation",
    )
    rows = []
    for name, choice in zip(names, found["choices"], strict=True):
        second, seen = choice["autoscale_regret"], told.get(name)
        error, rank = (f"{seen['rmse']:.4f}", _ranged(seen["rank"], 2)) if seen else ("–", "–")
        rows.append(
            [
                escape(name),
                _ranged(choice["regret"], 4),
                "–" if second is None else f"{second:.4f}",
                error,
                rank,
            ]
        )
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    scales = ", ".join(quantity(total) for total in found["scales"])
    note = (
        f"Scales of {scales} tokens; the {found['runs']} runs of the largest were left out. Regret and error in nats/token; regret is what"
        " a mixture loses to the best one there, by the joint law fitted to all runs, with 95% intervals of its refits. "
        f"{'. '.join(found['notes'])}."
    )
    heads = "".join(f"<th>{name}</th>" for name in head)
    said = f'<h2>The largest scale, left out</h2><p class="detail">{text(found["verdict"])}</p>'
    return f'{said}<div class="scroll"><table><tr>{heads}</tr>{table}</table></div><p class="small">{text(note)}</p>'


def _transfer(found: Mapping[str, Any]) -> str:
    """Whether the ranking of a few mixtures at the proxies' size holds at a second one."""
    if not found:
        return ""
    rows = "".join(
        f"<tr><td>{escape(target)}</td><td>{_ranged(rank, 2)}</td></tr>"
        for target, rank in found["ranks"].items()
    )
    said = f'<h2>Another model size</h2><p class="detail">{text(found["verdict"])}</p>'
    return f'{said}<div class="scroll"><table><tr><th>target</th><th>rank correlation</th></tr>{rows}</table></div>'


def _ranged(interval: Mapping[str, float], digits: int) -> str:
    return text(
        f"{interval['value']:.{digits}f} [{interval['low']:.{digits}f}, {interval['high']:.{digits}f}]"
    )


def _finals(summary: Summary) -> str:
    judged, second, sized = summary.learner.judged, summary.learner.second, summary.learner.sized
    charged = "proxy tokens" if sized else "proxy runs"
    columns = [
        "mixer",
        judged.title,
        second.title,
        "to natural",
        "",
        "95% interval",
        "verdict",
        "held-out ρ",
        charged,
    ]
    reach = _reach(summary.arms)
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join(_row(arm, reach, (judged.name, second.name)) for arm in summary.arms)
    targets = ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in summary.targets.items())
    better = f"{judged.title} is better {'higher' if judged.higher else 'lower'}"
    said = f"Losses in {judged.unit}, mean over the targets ({targets}) and seeds; lower is better."
    if not sized:
        said = f"Mean over the targets ({targets}); {better}, {second.title} ({second.unit}) lower."
    note = f"{said} {summary.method}"
    rank = " Held-out ρ: rank correlation of predicted and measured loss on proxies the mixer had not seen."
    cost = (
        " Proxy tokens: what the runs that the mixer learned from were trained on." if sized else ""
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div><p class="small">{text(note + rank + cost)}</p>'


def _targets(summary: Summary) -> str:
    """Targets x arms: what each reached and its interval against natural; blue better, orange worse."""
    if not summary.by_target:
        return ""
    arms = [arm.mixer for arm in summary.arms]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("target", *arms))
    rows = "".join(
        f"<tr><td>{escape(target)}</td>{''.join(_cell(cells[arm]) for arm in arms)}</tr>"
        for target, cells in summary.by_target.items()
    )
    counted = {arm.mixer: arm.tally for arm in summary.arms}
    lines = {
        "mean": [f"{arm.scores[summary.learner.judged.name]:.3f}" for arm in summary.arms],
        "better / level / worse": [
            f"{tally.better} / {tally.level} / {tally.worse}" if tally else ""
            for tally in counted.values()
        ],
        "proposed natural": [str(tally.same) if tally else "" for tally in counted.values()],
    }
    rows += "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{value}</td>' for value in values)}</tr>"
        for name, values in lines.items()
    )
    note = f"{summary.learner.judged.title.capitalize()}, and below it the 95% interval of the difference to natural, each standing alone."
    return f'<h2>Target by target</h2><div class="scroll"><table><tr>{head}</tr>{rows}</table></div><p class="small">{note}</p>'


def _cell(cell: Cell) -> str:
    gap = cell.against
    interval = (
        f"[{_signed(gap.low)}, {_signed(gap.high)}]"
        if not gap.identical and np.isfinite(gap.low)
        else "&nbsp;"
    )
    colour = VERDICTS[gap.verdict] if gap.verdict in ("better", "worse") else "inherit"
    return f'<td style="color:{colour}">{cell.value:.3f}<br><small>{interval}</small></td>'


def _row(arm: Arm, reach: tuple[float, float], metrics: tuple[str, str]) -> str:
    gap, own = arm.natural, arm.natural.arm == arm.natural.reference
    colour = VERDICTS[gap.verdict]
    interval = (
        f"[{_signed(gap.low)}, {_signed(gap.high)}]"
        if not gap.identical and np.isfinite(gap.low)
        else "–"
    )
    cells = [
        escape(arm.mixer),
        *(f"{arm.scores[metric]:.3f}" for metric in metrics),
        "–" if own else _signed(gap.value),
        "" if gap.identical else _interval(gap, colour, reach),
        interval,
        f'<span style="color:{colour}">{"reference" if own else gap.verdict}</span>',
        "–" if arm.rank_correlation is None else f"{arm.rank_correlation:.2f}".replace("-", "−"),
        quantity(arm.proxy_tokens) if arm.proxy_tokens else "–",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _reach(arms: Sequence[Arm]) -> tuple[float, float]:
    """Left and right end of the drawn intervals, zero inside."""
    ends = [
        end
        for arm in arms
        for end in (arm.natural.value, arm.natural.low, arm.natural.high)
        if np.isfinite(end)
    ]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 0.01
    return low - margin, high + margin


def _interval(gap: Difference, colour: str, reach: tuple[float, float]) -> str:
    """A small drawing of the interval with a line at zero, 130 x 18 pixels."""
    zero, value, low, high = (
        130 * (end - reach[0]) / (reach[1] - reach[0])
        for end in (0.0, gap.value, *np.nan_to_num([gap.low, gap.high], nan=gap.value))
    )
    return (
        f'<svg width="130" height="18" role="img" aria-label="{_signed(gap.value)}"><line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="18" '
        f'stroke="{AXIS}"/><line x1="{low:.1f}" x2="{high:.1f}" y1="9" y2="9" stroke="{colour}" stroke-width="2.5" '
        f'stroke-linecap="round"/><circle cx="{value:.1f}" cy="9" r="4" fill="{colour}"/></svg>'
    )


def _sentence(arm: Arm) -> str:
    name, rest = arm.sentence.split(": ", 1)
    notes = "".join(f"<small>{text(note)}</small>" for note in arm.notes)
    return f"<li><strong>{escape(name)}</strong>: {text(rest)}.{notes}</li>"


def _caveats(summary: Summary) -> str:
    lines = "".join(
        f"<li>{text(caveat.text)}</li>" for caveat in summary.caveats if not caveat.serious
    )
    return f"<h2>What to keep in mind</h2><ul>{lines}</ul>" if lines else ""


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
