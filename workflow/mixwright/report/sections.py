"""The order of a page: every kind of result says the same thing at the same place.

A page leads with its answer. The sections follow in the order of SECTIONS; those that a result
has nothing to say in are left out.
"""

from collections.abc import Mapping
from html import escape

from mixwright.report.frame import folded, text

# key of a section -> its heading
SECTIONS = {
    "explore": "Try a mixture yourself",
    "data": "Your data",
    "targets": "Target by target",
    "next": "What next",
    "limits": "What limits the mixture, and what would change it",
    "export": "Hand it to a trainer",
    "trade-offs": "What one target costs another",
    "evidence": "How far to trust the predictions",
    "mechanism": "Which domain feeds which target",
    "finals": "The final models",
    "tasks": "Tasks",
    "cost": "What it took",
    "caveats": "What to keep in mind",
    "provenance": "Where this comes from",
}
# what the list of links calls it, where its heading is long
LINKS = {
    "explore": "Try a mixture",
    "limits": "Limits",
    "export": "Hand over",
    "trade-offs": "Trade-offs",
    "evidence": "Evidence",
    "mechanism": "Mechanism",
    "finals": "Final models",
    "cost": "Cost",
    "caveats": "Caveats",
    "provenance": "Provenance",
}


# What opens a section of which the first sentence says what it means.
FOLDS = {
    "evidence": "Show the evidence",
    "mechanism": "Show which domain feeds which target",
}


def in_order(contents: Mapping[str, str], leads: Mapping[str, str] | None = None) -> str:
    """Returns a list of links to the sections, and the sections, as HTML.

    Args:
        contents: key of a section -> the HTML that stands in it; empty: it is left out.
        leads: key of a section of FOLDS -> a plain sentence that says what it means for the
            decision; the rest of the section is folded below it.

    Raises:
        KeyError: no section has this key.
    """
    unknown = [key for key in contents if key not in SECTIONS]
    if unknown:
        raise KeyError(unknown[0])
    links = ""
    sections = ""
    for key, title in SECTIONS.items():
        content = contents.get(key, "")
        lead = (leads or {}).get(key, "")
        if content and lead:
            content = f'<p class="detail">{text(lead)}</p>{folded(FOLDS[key], content)}'
        if content:
            links += f'<a href="#{key}">{escape(LINKS.get(key, title))}</a>'
            sections += f'<section id="{key}"><h2>{escape(title)}</h2>{content}</section>'
    return f'<nav aria-label="Sections">{links}</nav>{sections}'
