"""A summary in ten lines: what matters most is there, and no line is longer than the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from mixwright.__main__ import main
from mixwright.report.brief import LINES, Statement, brief, wrapped

PATH = Path("results/demo/report/summary.json")
LONG = "The mixture of a domain with a long name is better than natural by some nats of a token."


def answer(**changes: Any) -> dict[str, Any]:
    """What a page of finals says first."""
    content = {
        "headline": "Train on 36 % pycode and 64 % prose: 0.24 nats/token better than natural.",
        "sure": ["Its gain lies between 0.2 and 0.3.", "It is not distinguishable from regmix."],
        "costs": ["What it costs: worse than natural on cython by 0.1."],
        "arm": "mixmin",
        "weights": {"pycode": 0.36, "prose": 0.64},
        "file": "results/demo/mixtures/mixmin.json",
    }
    return content | changes


def summary(serious: int = 1, **changes: Any) -> dict[str, Any]:
    caveats = [{"text": f"Caveat {number}.", "serious": True} for number in range(serious)]
    caveats.append({"text": "A small one.", "serious": False})
    content = {"headline": "Old words.", "detail": ["Old detail."], "chosen": "mixmin"}
    return content | {"answer": answer(), "caveats": caveats, "next": ["Add seeds."]} | changes


def lines(content: dict[str, Any], path: Path = PATH, width: int = 80) -> list[str]:
    return [line for line, _ in brief(content, path, width)]


def test_the_answer_its_cost_and_the_caveats_stand_in_the_order_of_the_page() -> None:
    assert lines(summary()) == [
        answer()["headline"],
        *answer()["sure"],
        *answer()["costs"],
        "! Caveat 0.",
        "mixture: results/demo/mixtures/mixmin.json",
        "more: mixwright show --full --summary results/demo/report/summary.json",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("serious", [0, 1, 9])
@pytest.mark.parametrize("length", [1, 5, 40])
def test_there_are_never_more_than_ten_lines(
    tmp_path: Path, width: int, serious: int, length: int
) -> None:
    path = tmp_path / "report" / "summary.json"
    path.parent.mkdir()
    path.with_suffix(".html").touch()
    words = " ".join([LONG] * length)
    content = summary(serious, answer=answer(headline=words, sure=[words] * 3, costs=[words]))
    shown = lines(content, path, width)
    assert len(shown) <= LINES
    sentences = [line for line in shown if not line.startswith(("page: ", "mixture: ", "more: "))]
    assert max(map(len, sentences)) <= width
    if serious:
        assert "! Caveat 0." in shown
    assert [line.split(":")[0] for line in shown[-3:]] == ["page", "mixture", "more"]


def test_caveats_that_find_no_line_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.with_suffix(".html").touch()
    shown = lines(summary(9), path)
    stated = sum(line.startswith("! ") for line in shown)
    assert 1 <= stated < 9
    assert f"page: {path.with_suffix('.html')} ({9 - stated} more serious caveats there)" in shown


def test_lines_that_are_left_go_to_sentences_that_were_cut() -> None:
    long = " ".join([LONG] * 3)
    few = summary(0, answer=answer(sure=[long], costs=[]))
    assert " ".join(lines(few)).count("The mixture of a domain") == 3
    many = summary(4, answer=answer(sure=[long]))
    assert any(line.endswith(" ...") for line in lines(many))


def test_where_there_is_nothing_to_copy_what_would_settle_it_stands_there() -> None:
    shown = lines(summary(answer=answer(weights={}, file="", arm="")))
    assert "Add seeds." in shown
    assert not any(line.startswith("mixture: ") for line in shown)
    assert "Add seeds." not in lines(summary())


def test_a_summary_from_before_has_its_headline() -> None:
    content = summary()
    del content["answer"]
    assert lines(content)[:2] == ["Old words.", "Old detail."]


def test_the_file_of_the_mixture_is_found_beside_the_report(tmp_path: Path) -> None:
    path = tmp_path / "report" / "summary.json"
    file = tmp_path / "mixtures" / "mixmin.json"
    file.parent.mkdir()
    file.touch()
    assert f"mixture: {file}" in lines(summary(), path)


def test_remarks_are_left_out_first_then_sentences_then_words() -> None:
    remark = Statement("One two (or three) four [4, 5].", 0)
    assert wrapped(remark, 40, 1) == ["One two (or three) four [4, 5]."]
    assert wrapped(remark, 24, 1) == ["One two four [4, 5]."]
    first, second = "One two three four.", "Five six seven."
    assert wrapped(Statement(f"{first} {second}", 0), 40, 1) == [f"{first} {second}"]
    assert wrapped(Statement(f"{first} {second}", 0), 24, 1) == ["One two three four ..."]
    assert wrapped(Statement(first, 0, mark="! "), 16, 1) == ["! One two ..."]
    assert wrapped(Statement(first, 0, mark="! "), 16, 2) == ["! One two three", "  four."]


def test_the_command_prints_ten_lines_or_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.json"
    proposal = {
        "name": "mixmin",
        "sentence": "mixmin: predicted better.",
        "verdict": "better",
        "weights": {"pycode": 0.36, "prose": 0.64},
        "predicted": {},
    }
    path.write_text(json.dumps(summary(9, proposals=[proposal], judgement=None)))
    assert main(["show", "--summary", str(path)]) == 0
    short = capsys.readouterr().out
    assert len(short.splitlines()) <= LINES and "Caveat 8." not in short
    assert main(["show", "--full", "--summary", str(path)]) == 0
    assert "Caveat 8." in capsys.readouterr().out
