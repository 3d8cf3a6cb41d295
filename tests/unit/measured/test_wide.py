"""Wide CSV as others publish it: what is read, and what is refused in one line."""

import logging

import numpy as np
import pytest

import own_tables
from mixwright.errors import MixwrightError
from mixwright.measured.cells import read_cells
from mixwright.measured.headings import short_names
from mixwright.measured.reader import read_shares
from mixwright.measured.wide import read_wide, write_wide

GOOD = "index,train_web,train_code\n1,0.5,0.5\n2,0.25,0.75\n"


def table(tmp_path, text):
    path = tmp_path / "M.csv"
    path.write_text(text, encoding="utf-8")
    return path


def read_weights(path):
    return read_shares(read_cells(path))


@pytest.mark.parametrize(
    "names, short",
    [
        (("train_the_pile_arxiv", "train_the_pile_pile_cc"), ("arxiv", "pile_cc")),
        (
            ("metric/the_pile_arxiv_val_loss", "metric/the_pile_pile_cc_val_loss"),
            ("arxiv", "pile_cc"),
        ),
        (("dclm:art", "dclm:history"), ("art", "history")),
        (("web", "wiki"), ("web", "wiki")),  # letters in common are no words
        (("en", "en_wiki"), ("en", "en_wiki")),  # nothing would be left of the first
        (("a_b_c", "a_c"), ("b_c", "c")),
        (("valid_loss",), ("valid_loss",)),
    ],
)
def test_what_all_headings_share_is_left_out(names, short):
    assert short_names(names) == short


def test_ids_numbers_and_lines(tmp_path):
    read = read_wide(table(tmp_path, "\ufeff" + GOOD.replace("2,", "\n 2 ,")))
    assert (read.key, read.ids, read.lines, read.columns) == (
        "index",
        ("1", "2"),
        (2, 4),
        ("web", "code"),
    )
    np.testing.assert_array_equal(read.values, [[0.5, 0.5], [0.25, 0.75]])


def test_further_columns_that_name_the_run_are_no_domains(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    read = read_weights(
        table(
            tmp_path, "run,name,index,dclm:web,dclm:code\nx1,first,0,0.5,0.5\nx2,second,1,0.2,0.8\n"
        )
    )
    assert (read.key, read.ids) == ("run", ("x1", "x2"))
    assert read.columns == ("dclm:web", "dclm:code")
    for name in ("name", "index"):
        assert f"M.csv: {name} is left out" in caplog.text


def test_rounding_is_taken_off_and_said(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        read = read_weights(table(tmp_path, GOOD.replace("0.75", "0.746")))
    np.testing.assert_allclose(read.values.sum(axis=1), 1)
    assert (
        "M.csv: 1 of 2 rows renormalised: rounding left their sums up to 0.004 from 1"
        in caplog.text
    )


@pytest.mark.parametrize("shares", ["0.33,0.33,0.33", "0.34,0.34,0.33"])
def test_two_decimals_may_miss_one_by_a_hundredth(tmp_path, shares):
    """In binary .99 misses 1 by a last bit more."""
    text = f"index,train_web,train_code,train_wiki\n1,{shares}\n2,0.5,0.3,0.2\n"
    np.testing.assert_allclose(read_weights(table(tmp_path, text)).values.sum(axis=1), 1)


def test_exact_weights_stay_as_they_are(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(
            read_weights(table(tmp_path, GOOD)).values, [[0.5, 0.5], [0.25, 0.75]]
        )
    assert "renormalised" not in caplog.text


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "M.csv: line 1: a table is an id column"),
        (GOOD.replace(",", ";"), "M.csv: line 1: a table is .* set apart by commas"),
        ("index,train_web,train_code\n", "M.csv: line 1: a table is an id column"),
        ("index,web,web\n1,0.5,0.5\n", "M.csv: line 1: column web stands there twice; keep one"),
        ("index,web\n1,1\n", "M.csv: line 1: one domain alone leaves nothing to mix"),
        (GOOD + "3,1\n", "M.csv: line 4: 2 cells under 3 headings; complete the line or drop it"),
        (GOOD + "3,1,0,0\n", "M.csv: line 4: 4 cells under 3 headings"),
        (GOOD + "2,1,0\n", r"M.csv: line 4 \(index 2\): the id stands on line 3 already; keep one"),
        (GOOD + ",1,0\n", "M.csv: line 4: the id is empty; name the run or drop the row"),
        (
            GOOD + "3,,1\n",
            r"M.csv: line 4 \(index 3\): train_web is empty, no finite number; "
            "write the domain's share, 0 where it has none, or drop the row",
        ),
        (GOOD + "3,1,nan\n", r"M.csv: line 4 \(index 3\): train_code is nan"),
        (GOOD + "3,inf,1\n", r"M.csv: line 4 \(index 3\): train_web is inf"),
        (GOOD + "3,much,1\n", r"M.csv: line 4 \(index 3\): train_web is much"),
        (
            GOOD + "3,1.2,-0.2\n",
            r"M.csv: line 4 \(index 3\): train_code has weight -0.2; "
            "weights are shares from 0 on, correct it or drop",
        ),
        (
            GOOD + "3,0.5,0.4\n",
            r"M.csv: line 4 \(index 3\): the weights sum to 0.9, not to 1 within 0.01; "
            "complete its domains, or divide",
        ),
        (GOOD + "3,50,50\n", r"M.csv: line 4 \(index 3\): the weights sum to 100"),
    ],
)
def test_refusals_name_file_row_and_remedy(tmp_path, text, message):
    with pytest.raises(MixwrightError, match=message) as refused:
        read_weights(table(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(
        MixwrightError, match=r"none.csv: no such file or directory; correct the path"
    ):
        read_wide(tmp_path / "none.csv")
    (tmp_path / "M.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MixwrightError, match=r"M.csv: no CSV in UTF-8"):
        read_wide(tmp_path / "M.csv")


def test_written_numbers_come_back_to_the_last_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 2))
    write_wide(tmp_path / "P.csv", "run", ["a", "b,c", "d"], ["one", "two"], values)
    read = read_wide(tmp_path / "P.csv")
    assert read.ids == ("a", "b,c", "d")
    np.testing.assert_array_equal(read.values, values)


def test_the_order_of_columns_does_not_move_a_bit(tmp_path):
    rows = np.random.default_rng(0).dirichlet(np.ones(9), 30).round(3)
    order = [4, 0, 8, 2, 6, 1, 7, 3, 5]
    for name, chosen in (("a.csv", range(9)), ("b.csv", order)):
        own_tables.save(
            tmp_path / name,
            [
                ("id", *(f"d{k}" for k in chosen)),
                *((i, *row[list(chosen)]) for i, row in enumerate(rows)),
            ],
        )
    assert (
        read_weights(tmp_path / "a.csv").values[:, order] == read_weights(tmp_path / "b.csv").values
    ).all()
