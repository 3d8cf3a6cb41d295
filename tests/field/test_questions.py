"""The right answer is scored, or the target is refused: never a wrong answer in silence."""

import json
import logging
import random
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from least_config import CONFIG, LEAST
from mixwright.corpus.documents import read_texts, write_target
from mixwright.corpus.text_settings import TextSettings
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.study.config import resolve
from mixwright.study.study import Study

CORPUS = TextSettings(max_document_bytes=5_000)
TARGET_BYTES = 10**7
ANSWERS = ["the first one", "the second one", "the third one", "the fourth one"]
# Places of the right answers, the first and the last among them.
PLACES = [2, 0, 1, 3, 1, 2]

Rows = list[dict[str, Any]]


def scored(folder: Path, rows: Rows, form: str = "jsonl", **settings: Any) -> dict[str, str]:
    """Question -> the text that is scored, as a study's target reads it."""
    path = folder / f"target.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    source = create("t", resolved(json.dumps(settings)) | {"files": str(path)})
    write_target(source, CORPUS, TARGET_BYTES, folder / "t.parquet")
    documents = read_texts(folder / "t.parquet")
    return {document.context.rstrip("\n"): document.text for document in documents}


@lru_cache
def resolved(settings: str) -> dict[str, Any]:
    """What the schema makes of a target's settings, written as JSON."""
    target = {"source": "files", "files": "target.jsonl", **json.loads(settings)}
    study = Study(resolve(LEAST | {"targets": {"t": target}}, CONFIG))
    return dict(study.source("t").settings)


def refusal(folder: Path, rows: Rows, **settings: Any) -> str:
    with pytest.raises(MixwrightError) as caught:
        scored(folder, rows, **settings)
    message = str(caught.value)
    assert "\n" not in message and ";" in message
    return message


def questions(choices: list[Any], golds: list[Any]) -> Rows:
    rows = []
    for number, (options, gold) in enumerate(zip(choices, golds, strict=True)):
        rows.append({"question": f"question {number}?", "choices": options, "gold": gold})
    return rows


def right(rows: Rows, places: list[int] = PLACES) -> dict[str, str]:
    """Question -> the text of its right answer."""
    return {row["question"]: ANSWERS[place] for row, place in zip(rows, places, strict=True)}


COLUMNS = {"query": "question", "choices": "choices", "gold": "gold"}
LISTS = [ANSWERS] * len(PLACES)


# Layouts as they are published


def published(name: str) -> tuple[Rows, dict[str, Any]]:
    """Rows of a published layout, and what a study says of them."""
    labels = ["A", "B", "C", "D"]
    dicts = {"text": ANSWERS, "label": labels}
    rows = []
    for number, place in enumerate(PLACES):
        question = f"question {number}?"
        row: dict[str, Any] = {"id": str(number), "question": question}
        if name == "arc":
            # Some rows of ARC have numbers for labels, and their keys are these.
            numbered = number % 3 == 0
            label = ["1", "2", "3", "4"] if numbered else labels
            row |= {"choices": {"text": ANSWERS, "label": label}, "answerKey": label[place]}
        elif name == "arc as first released":
            listed = [{"text": t, "label": n} for t, n in zip(ANSWERS, labels, strict=True)]
            row = {"question": {"stem": question, "choices": listed}, "answerKey": labels[place]}
        elif name == "openbookqa":
            row = {"question_stem": question, "choices": dicts, "answerKey": labels[place]}
        elif name == "medqa":
            row |= {"options": dict(zip(labels, ANSWERS, strict=True))}
            row |= {"answer_idx": labels[place], "answer": ANSWERS[place]}
        elif name == "triviaqa":
            row |= {"answer": {"value": ANSWERS[place], "aliases": [ANSWERS[place], "x"]}}
        elif name == "mmlu":
            row |= {"subject": "law", "choices": ANSWERS, "answer": place}
        elif name == "mmlu as csv":
            row |= dict(zip(labels, ANSWERS, strict=True)) | {"answer": labels[place]}
        elif name == "hellaswag":
            row = {"ind": number, "ctx": question, "endings": ANSWERS, "label": str(place)}
        elif name == "piqa":
            row = {"goal": question, "sol1": ANSWERS[0], "sol2": ANSWERS[1], "label": place % 2}
        elif name == "socialiqa":
            row |= dict(zip(["answerA", "answerB", "answerC", "answerD"], ANSWERS, strict=True))
            row |= {"label": str(place + 1)}
        elif name == "gsm8k" or name == "gsm8k by gold":
            row |= {"answer": f"Some steps. #### {place}"}
        rows.append(row)
    columns: dict[str, dict[str, Any]] = {
        "arc": {"query": "question", "choices": "choices", "gold": "answerKey"},
        "arc as first released": {
            "query": "question.stem",
            "choices": "question.choices",
            "gold": "answerKey",
        },
        "openbookqa": {"query": "question_stem", "choices": "choices", "gold": "answerKey"},
        "medqa": {"query": "question", "choices": "options", "gold": "answer_idx"},
        "triviaqa": {"query": "question", "gold": "answer.value"},
        "mmlu": {"query": "question", "choices": "choices", "gold": "answer"},
        "mmlu as csv": {"query": "question", "choices": labels, "gold": "answer"},
        "hellaswag": {"query": "ctx", "choices": "endings", "gold": "label"},
        "piqa": {"query": "goal", "choices": ["sol1", "sol2"], "gold": "label"},
        "socialiqa": {
            "query": "question",
            "choices": ["answerA", "answerB", "answerC", "answerD"],
            "gold": "label",
        },
        "gsm8k": {"query": "question", "text": "answer"},
        "gsm8k by gold": {"query": "question", "gold": "answer"},
    }
    return rows, columns[name]


LAYOUTS = [
    "arc",
    "arc as first released",
    "openbookqa",
    "medqa",
    "triviaqa",
    "mmlu",
    "mmlu as csv",
    "hellaswag",
    "piqa",
    "socialiqa",
    "gsm8k",
    "gsm8k by gold",
]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_published_layouts_work_as_they_are(tmp_path, name, form):
    rows, columns = published(name)
    expected = [ANSWERS[place] for place in PLACES]
    if name == "piqa":
        expected = [ANSWERS[place % 2] for place in PLACES]
    if name.startswith("gsm8k"):
        expected = [f"Some steps. #### {place}" for place in PLACES]
    answers = scored(tmp_path, rows, form, **columns)
    assert answers == {f"question {n}?": answer for n, answer in enumerate(expected)}


# How a column names the right answer


@pytest.mark.parametrize(
    "name_of",
    [
        lambda place: place,
        lambda place: str(place),
        lambda place: float(place),
        lambda place: place + 1,
        lambda place: str(place + 1),
        lambda place: "ABCD"[place],
        lambda place: "abcd"[place],
        lambda place: f"({'ABCD'[place]})",
        lambda place: f"{'ABCD'[place]}.",
        lambda place: ANSWERS[place],
        lambda place: f" {ANSWERS[place].upper()} ",
        lambda place: [place],
    ],
    ids=[
        "int",
        "text of int",
        "float",
        "from 1",
        "text from 1",
        "letters",
        "small letters",
        "(A)",
        "A.",
        "the text",
        "the text in capitals",
        "list of one",
    ],
)
def test_answers_may_be_named_in_many_ways(tmp_path, name_of):
    rows = questions(LISTS, [name_of(place) for place in PLACES])
    assert scored(tmp_path, rows, **COLUMNS) == right(rows)


def test_letters_and_numbers_may_stand_in_one_file(tmp_path):
    """ARC's keys, with plain lists of choices: the numbers are counted from 1."""
    rows = questions(LISTS, ["C", "1", "2", "D", "b", "4"])
    assert scored(tmp_path, rows, **COLUMNS) == right(rows, [2, 0, 1, 3, 1, 3])


def test_numbers_that_tell_neither_start_are_refused_until_the_study_says(tmp_path):
    """Keys 1 to 3 of four choices: every answer may be the next one."""
    places = [0, 1, 2, 1]
    rows = questions([ANSWERS] * 4, [str(place + 1) for place in places])
    message = refusal(tmp_path, rows, **COLUMNS)
    assert "target.jsonl: line 1: gold is '1', which may be a number, counted from 0" in message
    assert "set gold_is: from-0 or gold_is: from-1" in message
    assert scored(tmp_path, rows, **COLUMNS, gold_is="from-1") == right(rows, places)
    shifted = right(rows, [place + 1 for place in places])
    assert scored(tmp_path, rows, **COLUMNS, gold_is="from-0") == shifted


def test_a_zero_anywhere_or_a_last_one_anywhere_decides_for_all(tmp_path):
    ambiguous = [1, 2, 1, 2]
    rows = questions([ANSWERS] * 5, [*ambiguous, 0])
    assert scored(tmp_path, rows, **COLUMNS) == right(rows, [*ambiguous, 0])
    rows = questions([ANSWERS] * 5, [*ambiguous, 4])
    assert scored(tmp_path, rows, **COLUMNS) == right(rows, [0, 1, 0, 1, 3])
    # Choices of another number count too: 3 is the last of three.
    rows = questions([*[ANSWERS] * 4, ANSWERS[:3]], [*ambiguous, 3])
    assert scored(tmp_path, rows, **COLUMNS) == right(rows, [0, 1, 0, 1, 2])
    message = refusal(tmp_path, questions([ANSWERS] * 3, [0, 2, 4]), **COLUMNS)
    assert (
        "give the number of one of the 4 choices, counted from 0 or from 1 in all rows" in message
    )


def test_ways_that_disagree_are_refused(tmp_path):
    # A text that is a letter, or a number: two answers are meant.
    message = refusal(tmp_path, questions([["B", "A"]] * 2, ["A", "B"]), **COLUMNS)
    assert "gold_is: letters or gold_is: text" in message
    message = refusal(tmp_path, questions([["0", "2", "1"]] * 3, ["1", "0", "2"]), **COLUMNS)
    assert "gold_is: from-0 or gold_is: text" in message
    rows = questions([["B", "A"]] * 2, ["A", "B"])
    assert list(scored(tmp_path, rows, **COLUMNS, gold_is="text").values()) in (
        ["A", "B"],
        ["B", "A"],
    )
    # Ways that agree in every row are one.
    rows = questions([["A", "B"]] * 2, ["A", "B"])
    assert set(scored(tmp_path, rows, **COLUMNS).values()) == {"A", "B"}


def test_no_way_to_name_answers_ever_gives_a_wrong_one(tmp_path):
    """Random targets, named in one way that is never told: the right answers, or a refusal."""
    draw = random.Random(0)
    accepted = 0
    for trial in range(150):
        choices, places = [], []
        for number in range(draw.choice([1, 2, 5, 40])):
            count = draw.randrange(2, 6)
            words = (
                ["A", "B", "1", "2", "0", "3"] if trial % 3 == 0 else [f"w{n}" for n in range(9)]
            )
            options = draw.sample(words, count)
            choices.append([f"{option} {number}" for option in options] if trial % 3 else options)
            places.append(draw.randrange(count))
        way = draw.choice(["from 0", "from 1", "letter", "text"])
        golds = []
        for options, place in zip(choices, places, strict=True):
            names = {
                "from 0": place,
                "from 1": place + 1,
                "letter": "ABCDE"[place],
                "text": options[place],
            }
            golds.append(names[way])
        rows = questions(choices, golds)
        expected = {}
        for row, options, place in zip(rows, choices, places, strict=True):
            expected[row["question"]] = options[place]
        try:
            answers = scored(tmp_path, rows, **COLUMNS)
        except MixwrightError as error:
            assert "gold" in str(error)
            continue
        accepted += 1
        assert answers == expected
    assert accepted > 60


# Choices that are no lists


@pytest.mark.parametrize("write", [json.dumps, repr, lambda choices: repr(tuple(choices))])
def test_a_list_that_came_back_as_text_is_read_and_said(tmp_path, caplog, write):
    rows = questions([write(ANSWERS)] * len(PLACES), PLACES)
    with caplog.at_level(logging.WARNING):
        assert scored(tmp_path, rows, **COLUMNS) == right(rows)
    assert "t: 6 lists of choices were text and were read as lists" in caplog.text
    dicts = write({"text": ANSWERS, "label": list("ABCD")}) if write is not tuple else None
    if write in (json.dumps, repr):
        rows = questions([dicts] * len(PLACES), ["ABCD"[place] for place in PLACES])
        assert scored(tmp_path, rows, **COLUMNS) == right(rows)


@pytest.mark.parametrize(
    "choices",
    [
        "the first one, the second one",
        "['a' 'b' 'c']",
        "[a, b, c]",
        '"a"',
        "7",
        5,
        {"a": 1},
        [["a"], ["b"]],
        [{"text": "a"}, "b"],
        {"text": ["a", "b"], "label": "AB"},
        {"text": ["a", "b"], "label": ["A"]},
    ],
    ids=str,
)
def test_what_is_no_list_of_answers_is_refused_by_place(tmp_path, choices):
    rows = questions([["a", "b"], choices], [0, 0])
    message = refusal(tmp_path, rows, **COLUMNS)
    assert "target.jsonl: line 2: choices " in message


def test_null_among_the_choices_shifts_nothing(tmp_path):
    lists = [[None, *ANSWERS]] * len(PLACES)
    rows = questions(lists, [place + 1 for place in PLACES])
    # Counted from 1, some row would mean the null.
    assert scored(tmp_path, rows, **COLUMNS) == right(rows)
    message = refusal(tmp_path, questions(lists, [0] * len(PLACES)), **COLUMNS)
    assert "line 1: gold is 0; give the number of one of the 5 choices (an empty one is" in message
    rows = questions([[*ANSWERS], None], [0, 0])
    assert "line 2 has no choices, and other rows have" in refusal(tmp_path, rows, **COLUMNS)


# Answers that are not there


def test_rows_without_an_answer_are_left_out_and_counted(tmp_path):
    rows = questions(LISTS, [2, 0, None, 3, "", []])
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = create("t", {"source": "files", "files": str(path), **COLUMNS})
    report = write_target(source, CORPUS, TARGET_BYTES, tmp_path / "t.parquet")
    assert (report["read"], report["empty"], report["documents"]) == (6, 3, 3)
    hidden = questions(LISTS, [""] * len(PLACES))
    assert "no text in its 6 rows; give" in refusal(tmp_path, hidden, **COLUMNS)
    hidden = questions(LISTS, [-1] * len(PLACES))
    assert "gold is -1; give the number of one of the 4 choices" in refusal(
        tmp_path, hidden, **COLUMNS
    )


@pytest.mark.parametrize("gold", [["A", "B"], [0, 1, 0, 0], {"text": ["a"]}, "E", 7, "true"])
def test_what_names_no_answer_is_refused_by_place(tmp_path, gold):
    golds: list[Any] = [*PLACES[:-1], gold]
    message = refusal(tmp_path, questions(LISTS, golds), **COLUMNS)
    assert "target.jsonl: line 6: gold " in message


def test_a_number_without_choices_is_no_answer_until_the_study_says(tmp_path):
    rows = questions([None] * 3, [0, 2, 1])
    columns = {"query": "question", "gold": "gold"}
    message = refusal(tmp_path, rows, **columns)
    assert "the target names no choices; name the column of the answers as `choices`" in message
    assert sorted(scored(tmp_path, rows, **columns, gold_is="text").values()) == ["0", "1", "2"]


def test_answers_behind_their_question_and_answers_alone_are_told_apart(tmp_path):
    whole = [{"q": f"Q{n} what?", "text": f"Q{n} what? it is {n}"} for n in range(5)]
    alone = [{"q": f"Q{n} what?", "text": f"it is {n}"} for n in range(5)]
    assert set(scored(tmp_path, whole, query="q").values()) == {f" it is {n}" for n in range(5)}
    assert set(scored(tmp_path, alone, query="q").values()) == {f"it is {n}" for n in range(5)}
    message = refusal(tmp_path, [*whole[:2], *alone[2:]], query="q")
    assert "line 3: the text holds no answer behind the query, and 2 of 5 rows do" in message


def test_a_key_of_a_question_without_its_others_is_refused_before_a_file_is_read():
    for keys, words in {
        "gold": "targets.t.gold is named without query; give query too",
        "choices": "targets.t.choices is named without gold; give gold too",
    }.items():
        target = {"source": "files", "files": "x.jsonl", keys: "column"}
        with pytest.raises(MixwrightError, match=words):
            Study(resolve(LEAST | {"targets": {"t": target}}, CONFIG))


def test_the_readme_s_question_needs_no_column_of_text(tmp_path):
    rows = []
    for number, place in enumerate(PLACES):
        rows.append({"question": f"question {number}?", "answers": ANSWERS, "correct": place})
    columns = {"query": "question", "choices": "answers", "gold": "correct"}
    assert scored(tmp_path, rows, **columns) == right(rows)
    message = refusal(tmp_path, rows, query="question")
    assert "has no column text; set `text` to one of question, answers, correct" in message


HOSTILE: list[Any] = [
    *(None, 0, 1, -1, 10**40, 1.5, float("nan"), True, "", "A", "(b)", "1", "\0", "\ud800"),
    *([], ["a"], [None, "a"], [["a"]], {}, {"text": ["a", "b"], "label": ["A", "B"]}),
    *({"A": "a", "B": "b"}, [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]),
    *("['a', 'b']", "['a' 'b']", {"text": "a", "label": "A"}, {"a": {}}),
]


def test_hostile_rows_never_end_in_a_traceback(tmp_path):
    draw = random.Random(7)
    accepted = 0
    path = tmp_path / "target.jsonl"
    for _ in range(400):
        rows = questions([["a", "b"]] * 4, [0, 1, draw.choice([0, 1, "A"]), 1])
        for row in rows:
            for column in list(row):
                if draw.random() < 0.1:
                    row[column] = draw.choice(HOSTILE)
                if draw.random() < 0.02:
                    del row[column]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        source = create("t", {"source": "files", "files": str(path), **COLUMNS})
        try:
            write_target(source, CORPUS, TARGET_BYTES, tmp_path / "t.parquet")
            accepted += 1
        except MixwrightError as error:
            assert "\n" not in str(error) and "; " in str(error)
    assert accepted > 100


def test_marked_answers_are_read_as_in_truthfulqa(tmp_path):
    rows = []
    for number, place in enumerate(PLACES):
        marks = [int(place == other) for other in range(len(ANSWERS))]
        targets = {"choices": ANSWERS, "labels": marks}
        rows.append({"question": f"question {number}?", "mc1_targets": targets})
    columns = {
        "query": "question",
        "choices": "mc1_targets.choices",
        "gold": "mc1_targets.labels",
    }
    for form in ("jsonl", "parquet"):
        assert scored(tmp_path, rows, form, **columns) == right(rows)
    # Two right answers are not one, and a mark too many marks nothing.
    rows[1]["mc1_targets"]["labels"] = [1, 1, 0, 0]
    assert "gold holds [0, 0, 1, 0], not one answer" in refusal(tmp_path, rows, **columns)
    rows[1]["mc1_targets"]["labels"] = [1, 0, 0, 0, 0]
    assert "line 2: gold marks one of 5 answers" in refusal(tmp_path, rows, **columns)


def test_answers_that_are_numbers_with_a_point_are_not_taken_for_places(tmp_path):
    rows = questions([[3.0, 1.0, 2.0]] * 2, [1.0, 3.0])
    message = refusal(tmp_path, rows, **COLUMNS)
    assert "set gold_is: from-1 or gold_is: text" in message
    answers = scored(tmp_path, rows, **COLUMNS, gold_is="text")
    assert answers == {"question 0?": "1.0", "question 1?": "3.0"}


def test_winogrande_and_sciq_work_as_they_are_published(tmp_path):
    rows = []
    for number, place in enumerate([0, 1, 1, 0]):
        sentence = f"The cup {number} was put into the bag, as _ was small."
        rows.append({"sentence": sentence, "option1": "cup", "option2": "bag"})
        rows[-1]["answer"] = str(place + 1)
    columns = {"query": "sentence", "choices": ["option1", "option2"], "gold": "answer"}
    answers = scored(tmp_path, rows, **columns)
    assert [answers[row["sentence"]] for row in rows] == ["cup", "bag", "bag", "cup"]
    rows = []
    for number in range(4):
        row = {f"distractor{place}": f"wrong {place}" for place in (1, 2, 3)}
        rows.append({"question": f"question {number}?", "correct_answer": f"right {number}", **row})
    names = ["distractor1", "distractor2", "distractor3", "correct_answer"]
    answers = scored(tmp_path, rows, query="question", choices=names, gold="correct_answer")
    assert answers == {f"question {number}?": f"right {number}" for number in range(4)}


def test_a_nan_among_the_choices_is_no_answer(tmp_path):
    rows = questions([["a b", float("nan"), "c d"]] * 2, [0, 2])
    assert sorted(scored(tmp_path, rows, **COLUMNS).values()) == ["a b", "c d"]
    rows = questions([["a b", float("nan")]] * 2, [0, 1])
    assert "(an empty one is no answer)" in refusal(tmp_path, rows, **COLUMNS)
