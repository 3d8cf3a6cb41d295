"""Takes Python source apart by pattern, not by grammar, so that every version of Python finds the same text: code, comments, docstrings."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import dedent

TRIPLE = r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""' + r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
SINGLE = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
LITERAL = re.compile(
    rf"(?P<prefix>\b[rRbBuUfF]{{1,2}})?(?:(?P<triple>{TRIPLE})|{SINGLE})|(?P<comment>\#[^\n]*)",
    re.S,
)

SECTIONS = "Parameters|Other Parameters|Returns|Yields|Receives|Raises|Warns|Attributes|Methods"
NUMPY_STYLE = rf"^(?:{SECTIONS})\n-{{3,}}\n.*?(?=^\S[^\n]*\n-{{3,}}|\Z)"
FIELDS = (
    "Args|Arguments|Keyword args|Keyword Arguments|Parameters|Returns?|Yields|Raises|Attributes"
)
GOOGLE_STYLE = rf"^(?P<in>[ ]*)(?:{FIELDS}):[^\n]*\n(?:(?P=in)[ ]+[^\n]*\n?|[ ]*\n)+"
SPHINX_STYLE = r"(?:^:(?:param|type|returns?|rtype|raises)\b[^\n]*\n?(?:^[ ]+\S[^\n]*\n?)*)+"
REFERENCE = re.compile(f"{NUMPY_STYLE}|{GOOGLE_STYLE}|{SPHINX_STYLE}", re.M | re.S)
SESSION = re.compile(r"^[ ]*>>> [^\n]*(?:\n(?![ ]*```)[^\n]*\S[^\n]*)*", re.M)
LICENCE = re.compile(r"copyright|licen[sc]e|SPDX", re.I)
LEADING_COMMENTS = re.compile(r"\s*(?:(?:\#|//)[^\n]*\n\s*|/\*.*?\*/\s*)+", re.S)
DIRECTIVE = re.compile(
    r"noqa|type: ?ignore|pragma|pylint|fmt: ?o|isort|mypy:|pyright|!|-\*-|cython:|[=\-#*~+]{4}"
)


@dataclass(frozen=True)
class Parts:
    """A source file taken apart; nothing stands in two of the three."""

    code: str
    comments: tuple[str, ...]  # blocks of whole-line comments, without their marks
    docstrings: tuple[str, ...]  # indentation taken out


def take_apart(source: str) -> Parts:
    """Code without docstrings and comments, and these two; comments before the first code (licences) are left out."""
    code: list[str] = []
    comments: list[tuple[int, str]] = []  # line number, text
    docstrings: list[str] = []
    end = 0
    opened = True  # nothing, or a colon, ends the code so far: a string that stands alone here is a docstring
    for match in LITERAL.finditer(source):
        between = source[end : match.start()]
        code.append(between)
        if between.strip():
            opened = between.rstrip().endswith(":")
        alone = not source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        if match["comment"]:
            if alone and any(map(str.strip, code)):
                comments.append(
                    (source.count("\n", 0, match.start()), match["comment"].lstrip("#"))
                )
        elif match["triple"] and alone and opened and (match["prefix"] or "r") in "rRuU":
            docstrings.append(_bare(match["triple"][3:-3]))
            opened = False
        else:
            code.append(match[0])
            opened = False
        end = match.end()
    code.append(source[end:])
    return Parts(_tidy("".join(code)), tuple(_blocks(comments)), tuple(docstrings))


def prose(docstrings: Iterable[str]) -> str:
    """The paragraphs of whole sentences at the outer indentation, one a line."""
    return "\n\n".join(
        line
        for text in docstrings
        for block in re.split(r"\n\s*\n", text)
        if (line := _sentences(block))
    )


def reference(docstrings: Iterable[str]) -> str:
    """The sections on parameters, results and exceptions, in the styles of numpydoc, Google and Sphinx."""
    found = (dedent(match[0]).strip() for text in docstrings for match in REFERENCE.finditer(text))
    return "\n\n".join(section for section in found if ">>>" not in section)


def sessions(docstrings: Iterable[str]) -> str:
    """The interactive sessions: every prompt with what follows up to an empty line."""
    return "\n\n".join(
        dedent(match[0]).strip() for text in docstrings for match in SESSION.finditer(text)
    )


def without_licence(source: str) -> str:
    """Without the comments that open the file, if they speak of a licence (the same page in hundreds of files)."""
    leading = LEADING_COMMENTS.match(source)
    return source[leading.end() :] if leading and LICENCE.search(leading[0]) else source


def _bare(docstring: str) -> str:
    """A docstring without its indentation; its first line has none."""
    first, _, rest = docstring.expandtabs().partition("\n")
    return f"{first.strip()}\n{dedent(rest)}".strip("\n")


def _sentences(block: str) -> str | None:
    """The block on one line if it is a paragraph of prose."""
    if (
        not re.match(r"[A-Z][a-z]* |[AI] ", block)
        or ">>>" in block
        or re.search(r"^(?: |\.\. |[-*] |:)|-{3,}|={3,}", block, re.M)
    ):
        return None
    line = " ".join(block.split())
    letters = sum(character.isalpha() or character in " ,.'" for character in line)
    return (
        line
        if line.endswith((".", "!", "?")) and line.count(" ") >= 8 and letters >= 0.92 * len(line)
        else None
    )


def _blocks(comments: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Comments on consecutive lines, joined; those of at least six words."""
    lines: list[str] = []
    last = -1
    for number, text in [*comments, (-9, "")]:
        if number != last + 1:
            if sum(len(line.split()) for line in lines) >= 6:
                yield dedent("\n".join(lines)).strip("\n")
            lines = []
        if not DIRECTIVE.match(text.strip()):
            lines.append(text.rstrip())
        last = number


def _tidy(code: str) -> str:
    """Without trailing space and without runs of empty lines."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", code)).strip("\n") + "\n"
