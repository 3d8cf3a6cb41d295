"""The table of docs/mixers.md, written from the registry.

`python -m mixwright.mixers.table docs/mixers.md` renews it; `make docs` does that too.
"""

import sys
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.mixers import MIXERS, ONLINE, Method

# lines of the page between which the table stands
FIRST = "<!-- the table of mixers: written by `make docs` -->"
LAST = "<!-- end of the table -->"
HEADINGS = (
    "name",
    "method",
    "paper",
    "reads",
    "predicts losses",
    "keeps `never_worse`",
    "needs all runs",
)
ROLES = ("swarm", "vertex", "perturb", *ONLINE)
ADDRESS = "https://arxiv.org/abs/"


def table() -> str:
    """Returns the table of all mixers as Markdown, a row a mixer, in the registry's order."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for name, method in MIXERS.items():
        cells = [
            f"`{name}`",
            method.text,
            paper_link(method.paper),
            reads(method),
            yes(method.predicts),
            yes(method.limits),
            yes(needs_all_runs(method)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def paper_link(paper: str) -> str:
    """Returns "Name, arXiv number" as a link."""
    if not paper:
        return ""
    name, _, number = paper.partition(", arXiv ")
    return f"[{name}]({ADDRESS}{number})"


def reads(method: Method) -> str:
    """Returns the roles of the runs that a mixer reads, in words."""
    words = ", ".join(role for role in ROLES if role in method.trained) or "nothing"
    optional = ", ".join(role for role in ROLES if role in method.optional)
    if optional:
        words += f"; {optional} where there are such runs"
    return words


def needs_all_runs(method: Method) -> bool:
    """Whether a mixer refuses to fit when one of the runs that it reads diverged."""
    return method.needs_loglikelihoods or not getattr(method.load_class(), "spares", True)


def yes(fact: bool) -> str:
    """Returns yes, or nothing."""
    return "yes" if fact else ""


def renewed(page: str) -> str:
    """Returns the page with the table between its two marks replaced by the registry's."""
    if FIRST not in page or LAST not in page:
        raise MixwrightError(f"the page lacks the lines {FIRST} and {LAST}; add them")
    before = page.partition(FIRST)[0]
    after = page.partition(LAST)[2]
    return f"{before}{FIRST}\n{table()}\n{LAST}{after}"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        path = Path(argument)
        path.write_text(renewed(path.read_text()))
