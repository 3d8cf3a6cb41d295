"""Made-up text in the layouts of the data sets that the papers' studies read.

    python tests/support/paper_stand_ins.py stand-ins

Every domain has words of its own beside words that all share, so that a mixture matters.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PILE = (
    "ArXiv",
    "DM Mathematics",
    "Enron Emails",
    "EuroParl",
    "FreeLaw",
    "Github",
    "Gutenberg (PG-19)",
    "HackerNews",
    "NIH ExPorter",
    "PhilPapers",
    "Pile-CC",
    "PubMed Abstracts",
    "PubMed Central",
    "StackExchange",
    "Ubuntu IRC",
    "USPTO Backgrounds",
    "Wikipedia (en)",
)
SLIMPAJAMA = (
    "RedPajamaArXiv",
    "RedPajamaBook",
    "RedPajamaC4",
    "RedPajamaCommonCrawl",
    "RedPajamaGithub",
    "RedPajamaStackExchange",
    "RedPajamaWikipedia",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
DOCUMENTS = 120  # of a domain
QUESTIONS = 60
WORDS = 90  # of a document, on average


def write_stand_ins(folder: Path) -> None:
    """Writes every data set that an overlay `-tiny` of a paper's study names."""
    _write_parts(folder / "pile", "pile_set_name", PILE)
    _write_parts(folder / "slimpajama", "redpajama_set_name", SLIMPAJAMA)
    _write_columns(folder / "amazon_reviews", "amazon", "content")
    for name in ("openwebmath", "openwebtext"):
        _write_columns(folder / name, name, "text")
    # the data set has several configurations, and its card says where each lies
    _write_columns(folder / "wikipedia", "wikipedia", "text", "20231101.en")
    _write_questions(folder)


def texts(name: str, count: int = DOCUMENTS) -> Iterator[str]:
    """Yields documents of made-up words; the name alone decides them."""
    chance = random.Random(name)
    words = _words(name, 150) + _words("all domains", 80)
    for _ in range(count):
        length = chance.randint(WORDS // 2, 3 * WORDS // 2)
        yield " ".join(chance.choice(words) for _ in range(length))


def _words(name: str, count: int) -> list[str]:
    chance = random.Random(f"words of {name}")
    return ["".join(chance.choices(LETTERS, k=chance.randint(2, 8))) for _ in range(count)]


def _write_parts(folder: Path, key: str, names: tuple[str, ...]) -> None:
    """One file with the documents of many domains, told apart by a field of `meta`."""
    rows = []
    for name in names:
        for text in texts(name):
            rows.append({"text": text, "meta": {key: name}})
    _write(folder / "train" / "00.jsonl", rows)


def _write_columns(folder: Path, name: str, column: str, config: str = "") -> None:
    _write(folder / config / "train.jsonl", [{column: text} for text in texts(name)])
    if config:
        card = f"---\nconfigs:\n- config_name: {config}\n  data_files: {config}/*.jsonl\n---\n"
        (folder / "README.md").write_text(card)


def _write_questions(folder: Path) -> None:
    """Questions whose right answer is about another domain each: ARC, PIQA and SciQ."""
    chance = random.Random("questions")
    arc, piqa, sciq = [], [], []
    for _ in range(QUESTIONS):
        question, *answers = (" ".join(_some(chance, name)) for name in SLIMPAJAMA[:5])
        right = chance.randrange(4)
        labels = ["A", "B", "C", "D"]
        choices = {"text": answers, "label": labels}
        arc.append({"question": question, "choices": choices, "answerKey": labels[right]})
        two = {"sol1": answers[0], "sol2": answers[1], "label": right % 2}
        piqa.append({"goal": question, **two})
        names = ("correct_answer", "distractor1", "distractor2", "distractor3")
        sciq.append({"question": question, **dict(zip(names, answers, strict=True))})
    _write(folder / "arc_easy" / "ARC-Easy" / "train.jsonl", arc)
    card = "---\nconfigs:\n- config_name: ARC-Easy\n  data_files: ARC-Easy/*.jsonl\n---\n"
    (folder / "arc_easy" / "README.md").write_text(card)
    _write(folder / "piqa" / "train.jsonl", piqa)
    _write(folder / "sciq" / "train.jsonl", sciq)


def _some(chance: random.Random, name: str) -> list[str]:
    return chance.sample(_words(name, 150), 4)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    write_stand_ins(Path(sys.argv[1]))
