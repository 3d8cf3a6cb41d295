"""Accuracies by hand-made log-likelihoods, and the answers of a target, from rows to file."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixwright.corpus.choices import Choices, means
from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import read_texts, write_documents, write_target
from mixwright.corpus.questions import QUESTION_COUNTS, answers_of, left_out
from mixwright.corpus.shards import Examples, read_counts
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.tokenize import tokenize_target
from mixwright.corpus.tokenizer import train_tokenizer
from mixwright.report.answered import question_caveats
from mixwright.sources import create

MIRROR = os.environ.get("MIXWRIGHT_MIRROR")
WHOLE = TextSettings()
COLUMNS = {"query": "query", "choices": "choices", "gold": "gold"}


def choices_of_lengths(characters: list[list[int]], right: list[int]) -> Choices:
    """Answers of one token each; questions are every second example of their target."""
    count = sum(map(len, characters))
    answers = Examples.of([([7], [1 + number % 5], 3) for number in range(count)], 0)
    example = [2 * number for number in range(len(right))]
    return Choices.of(answers, characters, right, example)


def lm_eval_numbers(values: list[float], sizes: list[int], gold: int) -> tuple[float, float]:
    """acc and acc_norm as lm_eval 0.4.13 writes them (ConfigurableTask.process_results)."""
    completion_len = np.array([float(size) for size in sizes])
    lls = np.array(values)
    acc = 1.0 if np.argmax(lls) == gold else 0.0
    return acc, 1.0 if np.argmax(lls / completion_len) == gold else 0.0


@pytest.mark.parametrize(
    ("values", "sizes", "gold", "expected"),
    [
        ([-3.0, -2.0], [4, 4], 1, (1, 1)),
        # the right one is the likeliest by the character alone
        ([-3.0, -6.0, -5.0], [3, 12, 4], 1, (0, 1)),
        ([-3.0, -6.0, -5.0], [3, 12, 4], 0, (1, 0)),
        # of equal ones the first counts
        ([-4.0, -4.0], [2, 2], 0, (1, 1)),
        ([-4.0, -4.0], [2, 2], 1, (0, 0)),
        ([-math.inf, -1.0], [2, 2], 1, (1, 1)),
    ],
)
def test_accuracies_are_those_of_lm_eval(
    values: list[float], sizes: list[int], gold: int, expected: tuple[int, int]
) -> None:
    scores = choices_of_lengths([sizes], [gold]).scores(np.array(values))
    assert (scores["accuracy"][0], scores["accuracy_norm"][0]) == expected
    assert lm_eval_numbers(values, sizes, gold) == expected


def test_random_questions_agree_with_lm_eval() -> None:
    rng = np.random.default_rng(3)
    sizes = [rng.integers(1, 30, rng.integers(2, 6)).tolist() for _ in range(80)]
    right = [int(rng.integers(len(of_question))) for of_question in sizes]
    choices = choices_of_lengths(sizes, right)
    # coarse, so that some are equal
    values = -rng.integers(1, 9, (3, len(choices.question))).astype(float)
    scores = choices.scores(values)
    for model in range(3):
        for question, gold in enumerate(right):
            rows = choices.question == question
            expected = lm_eval_numbers(values[model, rows].tolist(), sizes[question], gold)
            reached = scores["accuracy"][model, question], scores["accuracy_norm"][model, question]
            assert reached == expected
            likelihoods = np.exp(values[model, rows])
            share = likelihoods[gold] / likelihoods.sum()
            assert scores["probability"][model, question] == pytest.approx(share)
    assert 0 < scores["accuracy"].mean() < 1


def test_probabilities_of_long_answers_do_not_vanish() -> None:
    scores = choices_of_lengths([[4, 4]], [0]).scores(np.array([-2000.0, -2000.0 - math.log(3)]))
    assert scores["probability"][0] == pytest.approx(0.75)


def test_what_is_not_a_number_is_no_wrong_answer() -> None:
    choices = choices_of_lengths([[1, 1], [1, 1]], [0, 0])
    scores = choices.scores(np.array([[np.nan, -1.0, -1.0, -2.0]]))
    for values in scores.values():
        assert np.isnan(values[0, 0])
        assert np.isfinite(values[0, 1])


def test_errors_are_over_the_questions() -> None:
    values = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    mean, error = means({"accuracy": values})["accuracy"]
    assert mean == pytest.approx(0.6)
    # binomial, by n - 1 as lm_eval has it
    assert error == pytest.approx(math.sqrt(0.6 * 0.4 / 4))
    assert math.isnan(means({"accuracy": values[:1]})["accuracy"][1])


def test_first_questions_keep_all_their_answers() -> None:
    choices = choices_of_lengths([[1, 2], [3, 4, 5], [6, 7]], [1, 2, 0])
    assert choices.chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)
    two = choices.first(2)
    assert (len(two), len(two.answers)) == (2, 5)
    assert two.characters.tolist() == [1, 2, 3, 4, 5]
    assert two.right.tolist() == [1, 4]
    assert len(choices.first(99)) == 3
    # questions are examples 0, 2 and 4 of the target
    assert len(choices.of_examples(2)) == 1
    assert len(choices.of_examples(3)) == 2
    assert len(choices.of_examples(5)) == 3


def answered(answers: list[str | None], right: int, scored: str | None = None) -> Any:
    counts = dict.fromkeys(QUESTION_COUNTS, 0)
    text = answers[right] if scored is None else scored
    result = answers_of({"answers": answers, "right": right}, text or "", counts)
    return result, {name for name, count in counts.items() if count}


def test_answers_stand_where_the_right_one_stands() -> None:
    answers, _ = answered(["yes", "maybe not"], 1, "\nAnswer:  maybe not.")
    assert answers.lead == "\nAnswer:"
    assert answers.texts == ("  yes.", "  maybe not.")
    assert (answers.characters, answers.right) == ((3, 9), 1)


@pytest.mark.parametrize(
    ("answers", "right", "scored", "reason"),
    [
        (["18"], 0, None, "under_two_answers"),
        (["a", "", None], 0, None, "under_two_answers"),
        (["a", "b", "a"], 2, None, "equal_answers"),
        # the text ends with something else, or with a word that ends like the answer
        (["yes", "no"], 0, "yes, because it is", "answer_not_in_text"),
        (["yes", "no"], 1, "casino", "answer_not_in_text"),
    ],
)
def test_what_is_no_question_is_counted(
    answers: list[str | None], right: int, scored: str | None, reason: str
) -> None:
    result, counted = answered(answers, right, scored)
    assert result is None
    assert reason in counted


def test_wrong_answers_stand_there_once_and_empty_ones_never() -> None:
    answers, counted = answered(["no", "", "yes", "no", None], 2)
    assert answers.texts == ("no", "yes")
    assert answers.right == 1
    assert counted == {"asked", "empty_answers"}


def tokenizer(folder: Path, texts: list[str]) -> Path:
    write_documents([Document("train", text) for text in texts], folder / "texts.parquet")
    settings = {"folder": None, "vocabulary": 300, "sample_bytes": 20_000}
    train_tokenizer([folder / "texts.parquet"], settings, folder / "tokenizer")
    return folder / "tokenizer"


def target(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = create("t", {"source": "files", "files": str(path), **COLUMNS}, None)
    write_target(source, WHOLE, 10**6, folder / "t.parquet")
    texts = tokenizer(folder, ["one two three four five six"] * 9)
    tokenize_target("t", folder / "t.parquet", texts, folder / "t.npz")
    return folder / "t.npz"


ROWS = [
    {"query": "1 + 1?", "choices": ["one", "two", "three"], "gold": 1},
    {"query": "2 + 2?", "choices": ["four", "five"], "gold": 0},
    {"query": "what?", "choices": ["five", "five"], "gold": 0},
    {"query": "3 + 3?", "choices": ["five", "six"], "gold": 1},
]


def test_a_file_of_a_target_holds_every_answer(tmp_path: Path) -> None:
    path = target(tmp_path, ROWS)
    choices = Choices.load(path)
    assert choices is not None
    examples = Examples.load(path)
    assert (len(examples), len(choices), len(choices.answers)) == (4, 3, 7)
    # The right answer of a question is the example that the loss is of.
    for question, right in enumerate(choices.right.tolist()):
        example = choices.example[question]
        scored = examples.tokens[examples.starts[example] : examples.starts[example + 1]]
        starts = choices.answers.starts
        of_right = choices.answers.tokens[starts[right] : starts[right + 1]]
        np.testing.assert_array_equal(of_right, scored)
    assert sorted(choices.characters.tolist()) == [3, 3, 3, 4, 4, 4, 5]
    counts = read_counts(path)["cleaning"]
    assert (counts["asked"], counts["questions"], counts["equal_answers"]) == (4, 3, 1)
    assert left_out(counts) == 1
    (caveat,) = question_caveats({"t": read_counts(path)})
    assert "t (1 of 4)" in caveat.text


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    digests = set()
    for name, rows in (("a", ROWS), ("b", ROWS[::-1])):
        (tmp_path / name).mkdir()
        content = target(tmp_path / name, rows).read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1


def test_texts_without_questions_have_no_choices(tmp_path: Path) -> None:
    rows = [{"query": "one", "choices": None, "gold": "two"}]
    path = target(tmp_path, rows)
    assert Choices.load(path) is None
    assert len(Examples.load(path)) == 1


@pytest.mark.skipif(not MIRROR, reason="MIXWRIGHT_MIRROR is not set to a folder with minipile/")
@pytest.mark.parametrize(
    ("name", "questions", "answers"),
    [("arc_easy", 2375, {3, 4, 5}), ("piqa", 1838, {2}), ("openbook_qa", 500, {4})],
)
def test_published_questions_are_read_whole(
    name: str, questions: int, answers: set[int], tmp_path: Path
) -> None:
    path = Path(MIRROR or "") / "minipile" / "targets" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    source = create(name, {"source": "files", "files": str(path), **COLUMNS}, None)
    counts = write_target(source, WHOLE, 10**8, tmp_path / "t.parquet")
    documents = read_texts(tmp_path / "t.parquet")
    read = [document.answers for document in documents if document.answers]
    assert (len(read), counts["questions"]) == (questions, questions)
    assert {len(of_question.texts) for of_question in read} <= answers
    for document in documents:
        of_question = document.answers
        assert of_question is not None
        # with its lead the right answer is what the loss is of
        assert of_question.lead + of_question.texts[of_question.right] == document.text


@pytest.mark.skipif(not MIRROR, reason="MIXWRIGHT_MIRROR is not set to a folder with minipile/")
@pytest.mark.parametrize("name", ["lambada", "gsm8k", "pubmedqa"])
def test_published_texts_without_several_answers_are_none(name: str, tmp_path: Path) -> None:
    path = Path(MIRROR or "") / "minipile" / "targets" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    source = create(name, {"source": "files", "files": str(path), **COLUMNS}, None)
    counts = write_target(source, WHOLE, 10**8, tmp_path / "t.parquet")
    lost = counts["under_two_answers"] + counts["answer_not_in_text"]
    assert (counts["questions"], lost) == (0, counts["asked"])
