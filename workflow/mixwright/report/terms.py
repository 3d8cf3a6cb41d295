"""Explains a term where it first stands on a page."""

import re
from collections.abc import Mapping

# A term as it stands in sentences -> what it means. The longer of two terms stands first.
TERMS = {
    "rank correlation": "1: both order the mixtures alike; 0: the orders have nothing in common;"
    " −1: one is the other, reversed",
    "perplexity": "e to the power of the loss in nats/token: among so many equally likely tokens a"
    " model of this loss would guess",
    "nats/token": "how badly the model predicts a token, on average, in natural logarithms; lower"
    " is better",
    "bits/byte": "how many bits the model needs for a byte of text, on average; lower is better",
    "held-out": "left out when the mixer was fitted, so that it could not learn from them",
    "natural": "your data as it is: each domain by its size, as drawing from all text at random"
    " gives",
    "proxies": "small models, trained on sampled mixtures, from which the mixers learn",
    "final models": "the larger models that are trained on the proposed mixtures, to test them",
    "seeds": "repetitions of a training with other random starts and orders of the data",
    "95% interval": "a range that holds the true value in 95 of 100 repetitions of the study",
    "refits": "the method fitted again and again to resampled losses, to see how far its answer"
    " moves",
    "mixer": "a method that learns from the proxies how the loss depends on the mixture, and"
    " proposes one",
    "swarm": "the proxies of many mixtures, drawn or chosen before their losses are known",
    "uniform": "the same share for every domain",
    "passes": "how often a model reads the whole source of a domain",
    "domain": "one source of training data, whose share is to be chosen",
    "regret": "how much worse a mixture is than the best one",
    "Pareto front": "mixtures of which none can serve one target better without costing another",
    "unigram model": "knows nothing but how common each token is",
    "signal-to-noise": "how far losses differ between mixtures, over how far they differ between"
    " equal runs",
}

# Tags whose words are explained; in all others a note would be in the way.
PLACES = {"p", "li", "dd", "figcaption", "h1"}
# Tags whose content is left alone.
CLOSED = {"script", "style", "svg", "pre", "button", "nav", "dfn", "textarea", "select", "title"}
TAG = re.compile(r"(<[^>]*>)")
NAME = re.compile(r"</?([a-zA-Z0-9]+)")
# The explorer writes its own words while it is used.
SILENT = '<section id="explore">'


def explained(html: str, terms: Mapping[str, str] = TERMS) -> str:
    """Returns a page whose terms are explained where each first stands.

    The explanation is part of the text: it is read out by screen readers and shown by touch.

    Args:
        html: of the page's body.
        terms: term -> what it means.
    """
    waiting = dict(terms)
    pieces = TAG.split(html)
    stack: list[str] = []
    silent = 0
    for number, piece in enumerate(pieces):
        if not waiting:
            break
        if piece.startswith("<"):
            _follow(piece, stack)
            if piece == SILENT:
                silent = len(stack)
            elif len(stack) < silent:
                silent = 0
        elif piece and not silent and _speaks(stack):
            pieces[number] = _noted(piece, waiting)
    return "".join(pieces)


def _follow(tag: str, stack: list[str]) -> None:
    """Keeps the list of open tags."""
    name = NAME.match(tag)
    if name is None or tag.endswith("/>"):
        return
    word = name[1].lower()
    if tag.startswith("</"):
        while stack and stack.pop() != word:
            continue
    elif word not in ("br", "img", "meta", "input", "wbr", "hr"):
        stack.append(word)


def _speaks(stack: list[str]) -> bool:
    return not CLOSED.intersection(stack) and bool(PLACES.intersection(stack))


def _noted(words: str, waiting: dict[str, str]) -> str:
    """The words with a note at each term that still waits for one; it waits no longer."""
    places: dict[int, tuple[int, str]] = {}
    for term in waiting:
        match = re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", words, re.IGNORECASE)
        if match and not _within(match.start(), places):
            places[match.start()] = (match.end(), term)
    text = ""
    end = 0
    for start, (stop, term) in sorted(places.items()):
        meaning = waiting.pop(term)
        note = f'<span class="gloss"><i> (</i>{meaning}<i>)</i></span>'
        text += f'{words[end:start]}<dfn tabindex="0">{words[start:stop]}{note}</dfn>'
        end = stop
    return text + words[end:]


def _within(place: int, places: Mapping[int, tuple[int, str]]) -> bool:
    """Whether another term stands at this place."""
    return any(start <= place < stop for start, (stop, _) in places.items())
