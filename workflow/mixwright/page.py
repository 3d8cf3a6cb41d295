"""Lays a summary out as one self-contained HTML page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from mixwright.by_target import Cell
from mixwright.comparison import Difference
from mixwright.report import Arm, Summary

COLOURS = {"better": "#0072b2", "worse": "#d55e00"}
GREY = "#6b7280"

STYLE = """
:root { --ink: #22262b; --soft: #6b7280; --line: #e3e6ea; --blue: #0072b2; --orange: #d55e00; }
* { box-sizing: border-box; }
body { margin: 0; background: #fafaf8; color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 48px 28px 80px; }
.study { color: var(--soft); letter-spacing: .04em; font-size: 14px; margin: 0 0 10px; }
h1 { font-size: 40px; line-height: 1.15; letter-spacing: -.015em; margin: 0 0 14px; text-wrap: balance; }
h2 { font-size: 21px; margin: 56px 0 12px; letter-spacing: -.005em; }
.detail { font-size: 18px; margin: 0 0 4px; max-width: 68ch; }
.small { color: var(--soft); font-size: 14px; max-width: 90ch; margin: 10px 0 0; }
.serious { border-left: 4px solid var(--orange); background: #fff3ea; padding: 10px 16px; margin: 24px 0 0; border-radius: 0 6px 6px 0; }
.serious p { margin: 4px 0; }
.mixture { display: grid; grid-template-columns: max-content 1fr max-content; gap: 6px 14px; align-items: center; }
.mixture { margin-top: 26px; max-width: 720px; }
.mixture .bar { height: 16px; position: relative; background: #eeefec; border-radius: 3px; }
.mixture .bar i { display: block; height: 100%; background: var(--blue); border-radius: 3px; }
.mixture .bar u { position: absolute; top: 7px; height: 2px; background: var(--orange); }
.mixture .bar b { position: absolute; top: -3px; width: 2px; height: 22px; background: var(--ink); }
.mixture span, td, th { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: white; border: 1px solid var(--line); border-radius: 8px; padding: 4px 16px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { font-weight: 500; color: var(--soft); font-size: 13px; text-align: right; padding: 10px 9px; vertical-align: bottom; }
td { text-align: right; padding: 8px 9px; border-top: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child { font-weight: 600; }
th:last-child, td:last-child { padding-right: 0; }
td svg { display: block; }
ul { padding: 0; margin: 0; list-style: none; max-width: 90ch; }
li { padding: 7px 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
li small { display: block; color: var(--soft); font-size: 14px; }
figure { margin: 0 0 24px; background: white; border: 1px solid var(--line); border-radius: 8px; padding: 22px; }
figure img { max-width: 100%; display: block; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 22px; font-size: 14px; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) { h1 { font-size: 30px; } main { padding: 28px 16px 60px; } figure { padding: 10px; } }
@media print { body { background: white; } figure, tr, li { break-inside: avoid; } }
"""


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


def document(study: str, body: str) -> str:
    """A page of its own, with nothing outside it."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>mixwright: {escape(study)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body><main>{body}</main></body></html>\n'


def heading(study: str, headline: str, detail: Sequence[str]) -> str:
    """The study's name, the answer and the sentences under it."""
    said = "".join(f'<p class="detail">{text(sentence)}</p>' for sentence in detail)
    return f'<p class="study">mixwright · study {escape(study)}</p><h1>{escape(headline)}</h1>{said}'


def text(sentence: str) -> str:
    """Escaped, with true minus signs."""
    return escape(sentence).replace("[-", "[−").replace(", -", ", −")


def _serious(summary: Summary) -> str:
    lines = "".join(f"<p>{text(caveat.text)}</p>" for caveat in summary.caveats if caveat.serious)
    return f'<div class="serious"><p><strong>Before you trust this</strong></p>{lines}</div>' if lines else ""


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
        tick = f'<b style="left:{100 * natural[name] / full:.2f}%"></b>' if name in natural and summary.chosen != "natural" else ""
        span, said = _span(spans.get(name), full)
        bar = f'<div class="bar"><i style="width:{100 * weight / full:.2f}%"></i>{span}{tick}</div>'
        rows.append(f"<span>{escape(name)}</span>{bar}<span>{100 * weight:.1f} %{said}</span>")
    whole = "training tokens" if summary.learner.sized else "weight"
    legend = f"The mixture of {summary.chosen}, in percent of the {whole}."
    note = " The dark tick is the natural mixture, each domain by its size."
    if summary.chosen == "natural":
        legend, note = f"The natural mixture, each domain by its size, in percent of the {whole}.", ""
    note += " The thin line and the brackets: where the weight lies in 95 % of refits." if spans else ""
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
    told = [(arm, arm.intervals["objective"], arm.intervals["gain"]) for arm in summary.arms if "gain" in arm.intervals]
    rows = [
        [
            escape(arm.mixer),
            f"{loss['value']:.3f} [{loss['low']:.3f}, {loss['high']:.3f}]",
            f"{_signed(-gain['value'])} [{_signed(-gain['high'])}, {_signed(-gain['low'])}]",
            _signed(arm.natural.value),
        ]
        for arm, loss, gain in told
    ]
    head = "".join(f"<th>{name}</th>" for name in ("mixer", "predicted loss", "predicted, to natural", "finals, to natural"))
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
    head = ("chosen without it by", "regret", "by AutoScale's law", "error on its runs", "rank correlation")
    rows = []
    for name, choice in zip(names, found["choices"], strict=True):
        second, seen = choice["autoscale_regret"], told.get(name)
        error, rank = (f"{seen['rmse']:.4f}", _ranged(seen["rank"], 2)) if seen else ("–", "–")
        rows.append([escape(name), _ranged(choice["regret"], 4), "–" if second is None else f"{second:.4f}", error, rank])
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
    rows = "".join(f"<tr><td>{escape(target)}</td><td>{_ranged(rank, 2)}</td></tr>" for target, rank in found["ranks"].items())
    said = f'<h2>Another model size</h2><p class="detail">{text(found["verdict"])}</p>'
    return f'{said}<div class="scroll"><table><tr><th>target</th><th>rank correlation</th></tr>{rows}</table></div>'


def _ranged(interval: Mapping[str, float], digits: int) -> str:
    return text(f"{interval['value']:.{digits}f} [{interval['low']:.{digits}f}, {interval['high']:.{digits}f}]")


def _finals(summary: Summary) -> str:
    judged, second, sized = summary.learner.judged, summary.learner.second, summary.learner.sized
    charged = "proxy tokens" if sized else "proxy runs"
    columns = ["mixer", judged.title, second.title, "to natural", "", "95% interval", "verdict", "held-out ρ", charged]
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
    cost = " Proxy tokens: what the runs that the mixer learned from were trained on." if sized else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div><p class="small">{text(note + rank + cost)}</p>'


def _targets(summary: Summary) -> str:
    """Targets x arms: what each reached and its interval against natural; blue better, orange worse."""
    if not summary.by_target:
        return ""
    arms = [arm.mixer for arm in summary.arms]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("target", *arms))
    rows = "".join(
        f"<tr><td>{escape(target)}</td>{''.join(_cell(cells[arm]) for arm in arms)}</tr>" for target, cells in summary.by_target.items()
    )
    counted = {arm.mixer: arm.tally for arm in summary.arms}
    lines = {
        "mean": [f"{arm.scores[summary.learner.judged.name]:.3f}" for arm in summary.arms],
        "better / level / worse": [f"{tally.better} / {tally.level} / {tally.worse}" if tally else "" for tally in counted.values()],
        "proposed natural": [str(tally.same) if tally else "" for tally in counted.values()],
    }
    rows += "".join(f"<tr><td>{name}</td>{''.join(f'<td>{value}</td>' for value in values)}</tr>" for name, values in lines.items())
    note = f"{summary.learner.judged.title.capitalize()}, and below it the 95% interval of the difference to natural, each standing alone."
    return f'<h2>Target by target</h2><div class="scroll"><table><tr>{head}</tr>{rows}</table></div><p class="small">{note}</p>'


def _cell(cell: Cell) -> str:
    gap = cell.against
    interval = f"[{_signed(gap.low)}, {_signed(gap.high)}]" if not gap.identical and np.isfinite(gap.low) else "&nbsp;"
    return f'<td style="color:{COLOURS.get(gap.verdict, "inherit")}">{cell.value:.3f}<br><small>{interval}</small></td>'


def _row(arm: Arm, reach: tuple[float, float], metrics: tuple[str, str]) -> str:
    gap, own = arm.natural, arm.natural.arm == arm.natural.reference
    colour = COLOURS.get(gap.verdict, GREY)
    interval = f"[{_signed(gap.low)}, {_signed(gap.high)}]" if not gap.identical and np.isfinite(gap.low) else "–"
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
    ends = [end for arm in arms for end in (arm.natural.value, arm.natural.low, arm.natural.high) if np.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 0.01
    return low - margin, high + margin


def _interval(gap: Difference, colour: str, reach: tuple[float, float]) -> str:
    """A small drawing of the interval with a line at zero, 130 x 18 pixels."""
    zero, value, low, high = (
        130 * (end - reach[0]) / (reach[1] - reach[0]) for end in (0.0, gap.value, *np.nan_to_num([gap.low, gap.high], nan=gap.value))
    )
    return (
        f'<svg width="130" height="18" role="img" aria-label="{_signed(gap.value)}"><line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="18" '
        f'stroke="#9aa1ab"/><line x1="{low:.1f}" x2="{high:.1f}" y1="9" y2="9" stroke="{colour}" stroke-width="2.5" '
        f'stroke-linecap="round"/><circle cx="{value:.1f}" cy="9" r="4" fill="{colour}"/></svg>'
    )


def _sentence(arm: Arm) -> str:
    name, rest = arm.sentence.split(": ", 1)
    notes = "".join(f"<small>{text(note)}</small>" for note in arm.notes)
    return f"<li><strong>{escape(name)}</strong>: {text(rest)}.{notes}</li>"


def drawn(figures: Sequence[tuple[str, str]]) -> str:
    """The figures, (title, base64 of an SVG)."""
    images = "".join(f'<figure><img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}"></figure>' for title, data in figures)
    return f"<h2>The evidence</h2>{images}" if images else ""


def _caveats(summary: Summary) -> str:
    lines = "".join(f"<li>{text(caveat.text)}</li>" for caveat in summary.caveats if not caveat.serious)
    return f"<h2>What to keep in mind</h2><ul>{lines}</ul>" if lines else ""


def sources(provenance: Mapping[str, Any]) -> str:
    """Study, data and software behind a result."""
    pairs = "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(_shown(value))}</dd>" for name, value in provenance.items())
    return f"<h2>Where this comes from</h2><dl>{pairs}</dl>"


def _shown(value: Any) -> str:
    return quantity(value) if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def quantity(count: float) -> str:
    """`4.8 M`: three significant digits at most and a unit a person reads."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"
