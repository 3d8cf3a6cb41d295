"""The commented study file of a draft."""

import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from mixwright.errors import counted
from mixwright.study.draft.parts import Part
from mixwright.study.draft.proposal import Draft
from mixwright.study.draft.unit import one_line

# Columns of a line of the file, where it can be broken.
WIDTH = 100
# Entries of a list that stand on one line.
SHORT_LIST = 3
# Mixtures of the swarm: at least these, and so many a domain, in whole sixteens.
LEAST_RUNS, RUNS_A_DOMAIN, STEP = 32, 4, 16

TARGETS = """\
What the mixture is chosen for. A target is text (all of it is scored) or questions (query, choices,
gold: the right answer is scored). `weight: 2` counts a target twice."""
VALIDATION = """\
No folder or file is called targets, test, validation or the like, so each target here is the
validation split of a domain: text of that domain that no run learns from. The best mixture for
these is one like the domains themselves. Held-out targets that stand for what the model is for are
better: questions, or text of another source. For instance:
  exam: {source: files, files: exam.jsonl, query: question, choices: choices, gold: answer}"""
TOKENIZER = """\
A tokenizer is trained on a sample of the domains where no folder is named (vocabulary: 2048)."""
FOLDER = """\
Files of tokens are read as they are. Name the folder of the tokenizer that made them: it has a
tokenizer.json."""
FINALS = """\
none: the study ends at its proposals, and you train on them elsewhere. `trained`: it also trains
final models here, of goal.tokens each, on every proposal and on natural proportions, to test them.
No proxy is trained again when you change this."""
GOAL = """\
The run that the mixture is for. Begin small, then write the tokens of your own run: 3e10 for 30
billion. With finals: none it costs nothing here. No domain is passed more often than max_epochs
(null: no limit), counted over all text that a domain has."""
PROXY = """\
Proxies are small models, one a mixture. Defaults are for two CPU cores and some minutes. On a GPU:
device: cuda, a larger model (config/models) and more tokens. Raise `runs` for a surer answer."""
MIXERS = """\
What proposes mixtures. `mixwright fit --help` lists the mixers; docs/mixers.md explains them."""
TEXT = """\
Text is taken as it is. A sample of each domain is read, as much as the longest run needs. For text
that is not clean yet: clean: [exact-duplicates, repeated-lines, decontaminate]"""


def study_file(draft: Draft, study: str, file: str, mixers: Mapping[str, Any]) -> str:
    """Returns the text of the study's file.

    Args:
        draft: what was proposed.
        study: the study's name.
        file: the file's path, as a shell reads it.
        mixers: those of a study that names none.
    """
    lines = [
        "# A study that `mixwright init` wrote. Look through it, then:",
        f"#   snakemake -n --configfile {file}           # every job, before a token is read",
        f"#   snakemake --cores 2 --configfile {file}    # run it",
        "# Relative paths start in the folder where snakemake runs. Sizes are estimates from the",
        "# first rows of some files. config/README.md lists every key.",
        f"study: {_inline(study)}",
        "",
    ]
    for note in draft.notes:
        lines += _comment(f"NOTE {note}", "")
    if draft.notes:
        lines.append("")
    lines.append("domains:")
    for part in draft.domains:
        lines += _part(part, _size_of(draft, part))
    lines += ["", *_comment(VALIDATION if draft.validation else TARGETS, ""), "targets:"]
    for part in draft.targets:
        size = [] if draft.validation else [_size_of(draft, part, of_all=False)]
        lines += _part(part, "".join(size))
    lines += ["", *_tokenizer(draft)]
    lines += ["", *_comment(FINALS, ""), "finals: none"]
    lines += ["", *_comment(GOAL, ""), f"goal: {{tokens: {draft.goal}, max_epochs: 4}}"]
    lines += ["", *_comment(PROXY, "")]
    lines += ["# proxy: {model: tiny, tokens: 100000, device: cpu}"]
    lines += [f"designs: {{swarm: {{runs: {_runs(len(draft.domains))}}}}}"]
    lines += ["", *_comment(MIXERS, ""), f"mixers: {_inline(dict(mixers))}"]
    lines += ["", *_comment(TEXT, "")]
    lines += ["# corpus: {sample: auto, max_document_bytes: null, clean: []}"]
    return "\n".join(lines) + "\n"


def _runs(domains: int) -> int:
    """Mixtures of the swarm for so many domains."""
    runs = max(LEAST_RUNS, RUNS_A_DOMAIN * domains)
    return -(-runs // STEP) * STEP


def _part(part: Part, size: str) -> list[str]:
    """The lines of a domain or target."""
    lines = []
    for comment in (size, *part.comments):
        if comment:
            lines += _comment(comment, "  ")
    line = f"  {_inline(part.name)}: {_inline(dict(part.settings))}"
    if len(line) <= WIDTH:
        return [*lines, line]
    lines.append(f"  {_inline(part.name)}:")
    for key, value in part.settings.items():
        if isinstance(value, list) and len(value) > SHORT_LIST:
            lines.append(f"    {key}:")
            lines += [f"      - {_inline(entry)}" for entry in value]
        else:
            lines.append(f"    {key}: {_inline(value)}")
    return lines


def _tokenizer(draft: Draft) -> list[str]:
    lines = _comment(FOLDER if draft.has_tokens else TOKENIZER, "")
    if draft.tokenizer and draft.has_tokens:
        return [*lines, f"tokenizer: {{folder: {_inline(str(draft.tokenizer))}}}"]
    folder = str(draft.tokenizer or "PATH/OF/TOKENIZER")
    return [*lines, f"# tokenizer: {{folder: {_inline(folder)}}}"]


def _size_of(draft: Draft, part: Part, of_all: bool = True) -> str:
    """How much there is of a domain or target, in words."""
    words = []
    if part.files:
        words.append(counted(part.files, "file"))
    if part.disk:
        words.append(f"{bytes_text(part.disk)} on disk")
    if part.text_bytes is not None:
        words.append(f"about {bytes_text(part.text_bytes)} of text")
    if part.tokens is not None:
        words.append(f"about {count_text(part.tokens)} tokens")
    share = draft.share(part) if of_all else None
    size = ", ".join(words)
    if share is not None:
        size += f": {share:.1%} of all"
    return size


def bytes_text(size: int) -> str:
    """Returns `3.2 GB`: a size in decimal units."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"


def count_text(number: int) -> str:
    """Returns `2.3 B`: a count in thousands, millions, billions or trillions."""
    for unit, factor in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return str(number)


def _comment(text: str, indent: str) -> list[str]:
    """A text as lines of comment; where it has lines already, those are left."""
    lines = text.split("\n")
    if len(lines) == 1:
        lines = textwrap.wrap(one_line(text), WIDTH - len(indent) - 2, break_on_hyphens=False)
    return [f"{indent}# {line}" for line in lines]


def _inline(value: Any) -> str:
    """A value as YAML on one line, quoted where it has to be."""
    text = _dumped(value, None)
    if "\n" in text.removesuffix("...\n").strip():
        # a file's name has a line end in it; in double quotes it is written as \n
        text = _dumped(value, '"')
    # a plain word is followed by a mark of the document's end
    return text.removesuffix("...\n").strip()


def _dumped(value: Any, style: str | None) -> str:
    text: str = yaml.safe_dump(
        value,
        default_flow_style=True,
        default_style=style,
        allow_unicode=True,
        sort_keys=False,
        width=10**9,
    )
    return text
