"""Takes Python source apart into code, comments and docstrings.

It works by patterns, not by grammar, so that every version of Python finds the same text.
"""

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
# How a paragraph of prose begins, and what stands in none.
OPENING = re.compile(r"[A-Z][a-z]* |[AI] ")
MARKUP = re.compile(r"^(?: |\.\. |[-*] |:)|-{3,}|={3,}", re.M)


@dataclass(frozen=True)
class Parts:
    """A source file taken apart; nothing stands in two of the three."""

    code: str
    # Blocks of whole-line comments, without their marks.
    comments: tuple[str, ...]
    # Without indentation.
    docstrings: tuple[str, ...]


def take_apart(source: str) -> Parts:
    """Returns code, comments and docstrings of a file; comments before the first code go.

    What stands before the first code is mostly a licence.
    """
    code: list[str] = []
    # (line number, text)
    comments: list[tuple[int, str]] = []
    docstrings: list[str] = []
    end = 0
    # Nothing, or a colon, ends the code so far: a string that stands alone here is a docstring.
    opened = True
    for match in LITERAL.finditer(source):
        between = source[end : match.start()]
        code.append(between)
        if between.strip():
            opened = between.rstrip().endswith(":")
        line_start = source.rfind("\n", 0, match.start()) + 1
        alone = not source[line_start : match.start()].strip()
        if match["comment"]:
            if alone and any(map(str.strip, code)):
                line = source.count("\n", 0, match.start())
                comments.append((line, match["comment"].lstrip("#")))
        elif alone and opened and _may_document(match):
            docstrings.append(_bare(match["triple"][3:-3]))
            opened = False
        else:
            code.append(match[0])
            opened = False
        end = match.end()
    code.append(source[end:])
    return Parts(_tidy("".join(code)), tuple(_blocks(comments)), tuple(docstrings))


def prose(docstrings: Iterable[str]) -> str:
    """Returns the paragraphs of whole sentences at the outer indentation, one a line."""
    lines = []
    for text in docstrings:
        for block in re.split(r"\n\s*\n", text):
            line = _sentences(block)
            if line:
                lines.append(line)
    return "\n\n".join(lines)


def reference(docstrings: Iterable[str]) -> str:
    """Returns the sections on parameters, results and exceptions.

    They are written in the style of numpydoc, Google or Sphinx.
    """
    sections = [section for section in _matches(REFERENCE, docstrings) if ">>>" not in section]
    return "\n\n".join(sections)


def sessions(docstrings: Iterable[str]) -> str:
    """Returns the interactive sessions: every prompt with what follows up to an empty line."""
    return "\n\n".join(_matches(SESSION, docstrings))


def without_licence(source: str) -> str:
    """Returns the file without opening comments that speak of a licence.

    Hundreds of files have the same page.
    """
    leading = LEADING_COMMENTS.match(source)
    if leading and LICENCE.search(leading[0]):
        return source[leading.end() :]
    return source


def _may_document(literal: re.Match[str]) -> bool:
    """Whether a literal is triple-quoted and of a kind that can be a docstring."""
    return bool(literal["triple"]) and (literal["prefix"] or "r") in "rRuU"


def _matches(pattern: re.Pattern[str], docstrings: Iterable[str]) -> Iterator[str]:
    """Every match in every docstring, without indentation."""
    for text in docstrings:
        for match in pattern.finditer(text):
            yield dedent(match[0]).strip()


def _bare(docstring: str) -> str:
    """A docstring without its indentation; its first line has none."""
    first, _, rest = docstring.expandtabs().partition("\n")
    return f"{first.strip()}\n{dedent(rest)}".strip("\n")


def _sentences(block: str) -> str | None:
    """The block on one line if it is a paragraph of prose."""
    if not OPENING.match(block) or ">>>" in block or MARKUP.search(block):
        return None
    line = " ".join(block.split())
    if not line.endswith((".", "!", "?")) or line.count(" ") < 8:
        return None
    letters = sum(character.isalpha() or character in " ,.'" for character in line)
    if letters < 0.92 * len(line):
        return None
    return line


def _blocks(comments: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Comments on consecutive lines, joined; those of at least six words."""
    lines: list[str] = []
    last = -1
    # The line that is added ends the last block.
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
    trimmed = re.sub(r"[ \t]+\n", "\n", code)
    return re.sub(r"\n{3,}", "\n\n", trimmed).strip("\n") + "\n"
