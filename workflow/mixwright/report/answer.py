"""The answer that a page leads with: in words, as a block to copy, and as bars."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from mixwright.errors import as_typed
from mixwright.proposals.export import FORMATS
from mixwright.report.bars import weight_bars
from mixwright.report.caveats import Caveat, serious_first
from mixwright.report.choices import Choice, choices_table
from mixwright.report.frame import bullets, note, text
from mixwright.report.mixture_words import block, recipe
from mixwright.trust.intervals import REFERENCE

# The format of a line that writes a mixture, where nobody chose one.
USUAL = "megatron"


@dataclass(frozen=True)
class Answer:
    """What a page says first, before it is laid out. Its fields go to JSON."""

    # names the mixture and what it is worth, or says that none is clearly better
    headline: str
    # how sure that is, a sentence each
    sure: tuple[str, ...]
    # what is given up for it: the targets that get worse
    costs: tuple[str, ...] = ()
    # which others are as good; empty: none is, or none is known
    level: str = ""
    # these mixtures side by side, the best first, and what they were chosen from
    choices: tuple[Choice, ...] = ()
    among: tuple[str, ...] = ()
    # what to copy: whose mixture, and its weights; empty: nothing
    arm: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    # domain -> share of the natural mixture; empty: there is none, or it is what to copy
    natural: Mapping[str, float] = field(default_factory=dict)
    # domain -> where the weight lies in 95 % of refits
    intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    # file of the mixture, such as results/demo/mixtures/regmix.json; empty: there is none
    file: str = ""
    # lines of a shell that use the file
    use: tuple[str, ...] = ()
    # what the weights are shares of
    whole: str = "training tokens"

    def as_json(self) -> dict[str, Any]:
        """Returns what `summary.json` holds of it."""
        content = asdict(self)
        content["choices"] = [choice.as_json() for choice in self.choices]
        return content | {"recipe": recipe(self.weights)}


# Of a result that is not laid out.
NO_ANSWER = Answer("", ())


def export_line(file: str, name: str = USUAL) -> str:
    """Returns the line of a shell that writes a mixture as the file of a trainer."""
    place = f"mixture-for-{name}{FORMATS[name].suffix}"
    return as_typed("mixwright", "export", "--mixture", file, "--format", name, "--to", place)


def proposed_by(name: str) -> str:
    """Returns whose mixture it is, in a sentence."""
    if name == REFERENCE:
        return "It is the natural mixture."
    return f"The method (mixer) {name} proposed it."


def answer_section(
    study: str, answer: Answer, caveats: Sequence[Caveat] = (), steps: Sequence[str] = ()
) -> str:
    """Returns the first section of a page as HTML.

    Args:
        study: kind and name of what the page is about, such as `study demo`.
        answer: what to say.
        caveats: those that are serious stand right under the answer.
        steps: what to do next; the first one stands here.
    """
    # a share and its sign stand in one line
    headline = text(answer.headline).replace(" %", "\u00a0%")
    parts = {"How sure": answer.sure, "As good": (answer.level,), "What is lost": answer.costs}
    return (
        f'<section id="answer"><p class="study">mixwright · {escape(study)}</p>'
        f"<h1>{headline}</h1>{_parts(parts)}{caveat_box(caveats)}{_parts({'What next': steps[:1]})}"
        f"{_mixture(answer)}{choices_table(answer.choices, answer.among)}</section>"
    )


def _parts(rows: Mapping[str, Sequence[str]]) -> str:
    """Labels, each with its sentences; those without are left out."""
    lines = ""
    for label, sentences in rows.items():
        paragraphs = [f"<p>{text(sentence)}</p>" for sentence in sentences if sentence]
        if paragraphs:
            lines += f"<dt>{label}</dt><dd>{''.join(paragraphs)}</dd>"
    return f'<dl class="told">{lines}</dl>' if lines else ""


def caveat_box(caveats: Sequence[Caveat]) -> str:
    """Returns the caveats that can turn the answer over."""
    lines = [text(caveat.text) for caveat in caveats if caveat.serious]
    if not lines:
        return ""
    title = "<p><strong>Before you trust this</strong></p>"
    if len(lines) == 1:
        return f'<div class="serious">{title}<p>{lines[0]}</p></div>'
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<div class="serious">{title}<ol>{items}</ol></div>'


def caveat_list(caveats: Sequence[Caveat]) -> str:
    """Returns all caveats as HTML, those that can turn the answer over first; empty without."""
    lines = []
    for caveat in serious_first(caveats):
        mark = '<strong class="red">Serious:</strong> ' if caveat.serious else ""
        lines.append(mark + text(caveat.text))
    return bullets(lines) if lines else ""


def command(lines: Sequence[str], name: str) -> str:
    """Returns lines of a shell in a box with a button that copies them, as HTML.

    Args:
        lines: what to type.
        name: of the box, unique on the page.
    """
    return _box("\n".join(lines), name)


def _mixture(answer: Answer) -> str:
    """The mixture as bars and as lines to copy, and what reads them."""
    if not answer.weights:
        return ""
    bars = weight_bars(answer.weights, answer.natural, answer.intervals, answer.whole)
    words = f"The shares, of the {answer.whole}"
    if answer.file:
        words += f"; they stand in <code>{escape(answer.file)}</code>"
    words += '. <a href="#export">Hand it to a trainer</a>'
    lines = _box(block(answer.weights), "mixture") + note(f"{words}.")
    return f'<div class="taken"><div>{bars}</div><div>{lines}</div></div>'


def _box(lines: str, name: str) -> str:
    return (
        f'<div class="copy"><pre id="block-{name}" tabindex="0">{escape(lines)}</pre>'
        f'<button data-copy="block-{name}" hidden>Copy</button></div>'
    )
