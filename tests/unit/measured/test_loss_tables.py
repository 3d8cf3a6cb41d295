"""Mixtures and losses are joined by id, in whichever of the two forms they come."""

import logging

import numpy as np
import pandas as pd
import pytest

import own_tables
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.measured.cells import read_cells
from mixwright.measured.loss_tables import read_mixtures, read_observations
from mixwright.measured.stacked import stack
from mixwright.observations import observe


def long_tables(folder, runs=4):
    rows = [
        (f"r{i}", "swarm", "tiny", 1000, 0, name, weight)
        for i in range(runs)
        for name, weight in (("web", i / 8), ("code", 1 - i / 8))
    ]
    design = pd.DataFrame(rows, columns=tables.DESIGN.schema.names)
    rows = [(f"r{i}", "prose", 9, 1000, 3.0 + i, 1.0, 50, 7.0, "ok") for i in range(runs)]
    losses = pd.DataFrame(rows, columns=tables.LOSSES.schema.names[: len(rows[0])])
    tables.write(design, folder / "design.parquet", tables.DESIGN)
    tables.write(losses, folder / "losses.parquet", tables.LOSSES)
    return folder / "design.parquet", folder / "losses.parquet"


def test_weights_alone_are_a_swarm_of_one_token_each(tmp_path):
    mixtures, losses = own_tables.write(tmp_path)
    seen = read_observations([mixtures], [losses])
    assert seen.domains == ("code", "web", "wiki") and seen.targets == ("prose", "questions")
    assert set(seen.roles) == {"swarm"} and seen.runs == tuple(sorted(f"r{i}" for i in range(40)))
    np.testing.assert_allclose(seen.tokens, 1)


def test_rows_and_columns_in_any_order_give_the_same_observations(tmp_path):
    seen = read_observations(*paths(own_tables.write(tmp_path / "a")))
    order = np.random.default_rng(1).permutation(40).tolist()
    again = read_observations(*paths(own_tables.write(tmp_path / "b", order=order)))
    table = pd.read_csv(tmp_path / "b/mixtures.csv")
    table[["index", "wiki", "web", "code"]].to_csv(tmp_path / "b/mixtures.csv", index=False)
    turned = read_observations([tmp_path / "b/mixtures.csv"], [tmp_path / "b/losses.csv"])
    for other in (again, turned):
        assert (other.domains, other.targets, other.runs) == (seen.domains, seen.targets, seen.runs)
        np.testing.assert_allclose(other.amounts, seen.amounts, rtol=1e-15)
        np.testing.assert_array_equal(other.losses, seen.losses)


def paths(written):
    return [written[0]], [written[1]]


def test_ids_in_one_file_only_are_refused(tmp_path):
    mixtures, losses = own_tables.write(tmp_path, runs=5)
    text = losses.read_text()
    losses.write_text(
        "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(("r3", "r4"))
        )
    )
    with pytest.raises(
        MixwrightError,
        match=r"mixtures.csv: line 5 \(index r3\) \(and 1 more\) has no losses in .*losses.csv; "
        "add them",
    ):
        read_observations([mixtures], [losses])
    losses.write_text(text + "zz,3,3\n")
    with pytest.raises(
        MixwrightError,
        match=r"losses.csv: line 7 \(index zz\) has no mixture in .*mixtures.csv; "
        "add them there or drop",
    ):
        read_observations([mixtures], [losses])


def test_fewer_than_three_runs_are_refused(tmp_path):
    with pytest.raises(
        MixwrightError,
        match=r"mixtures.csv: line 3 \(index r1\) is the last of 2 runs; give 3 or more",
    ):
        read_observations(*paths(own_tables.write(tmp_path, runs=2)))
    with pytest.raises(
        MixwrightError, match=r"losses.parquet: run r1 is the last of 2 swarm runs; give 3 or more"
    ):
        read_observations(*paths(long_tables(tmp_path, runs=2)))


def test_a_run_without_a_measurement_is_not_called_diverged(tmp_path):
    mixtures, losses = own_tables.write(tmp_path, runs=5)
    lines = losses.read_text().splitlines()
    for cells, words in (
        ("1.5,", "questions is empty: 1 run with an empty cell among the losses, not measured: r2"),
        (",", "prose is empty: 1 run without any loss, not finished or not measured: r2"),
    ):
        losses.write_text("\n".join([*lines[:3], f"r2,{cells}", *lines[4:], ""]))
        wanted = rf"losses.csv: line 4 \(index r2\): {words}; measure .* --diverged drop"
        with pytest.raises(MixwrightError, match=wanted):
            read_observations([mixtures], [losses])
        left = read_observations([mixtures], [losses], diverged="drop")
        assert left.runs == ("r0", "r1", "r3", "r4")


@pytest.mark.parametrize("cell", ["nan", "inf"])
def test_a_run_without_a_finite_loss_is_refused_with_its_line_or_left_out(tmp_path, cell):
    mixtures, losses = own_tables.write(tmp_path, runs=5)
    lines = losses.read_text().splitlines()
    losses.write_text("\n".join([*lines[:3], f"r2,1.5,{cell}", *lines[4:], ""]))  # r4 stands first
    wanted = (
        r"losses.csv: line 4 \(index r2\): losses: 1 run without a finite loss, diverged: r2; "
        ".* --diverged drop"
    )
    with pytest.raises(MixwrightError, match=wanted.replace(" .* ", ".*")):
        read_observations([mixtures], [losses])
    assert read_observations([mixtures], [losses], diverged="drop").runs == ("r0", "r1", "r3", "r4")
    with pytest.raises(MixwrightError, match="is the last of 4 runs; give 5 or more"):
        read_observations([mixtures], [losses], least=5, diverged="drop")


def test_a_null_loss_of_a_long_table_is_refused_with_its_file_or_left_out(tmp_path):
    design, losses = long_tables(tmp_path)
    frame = tables.read(losses, tables.LOSSES)
    frame.loc[frame.run == "r2", ["loss", "status"]] = [None, "diverged"]
    tables.write(frame, losses, tables.LOSSES)
    with pytest.raises(MixwrightError, match=r"losses.parquet: losses: 1 run .* diverged: r2"):
        read_observations([design], [losses])
    assert read_observations([design], [losses], diverged="drop").runs == ("r0", "r1", "r3")


def test_long_tables_are_what_the_workflow_joins(tmp_path):
    design, losses = long_tables(tmp_path)
    seen = read_observations([design], [losses])
    expected = observe(tables.read(design, tables.DESIGN), tables.read(losses, tables.LOSSES))
    assert seen.runs == expected.runs and seen.tokens.tolist() == [1000] * 4
    np.testing.assert_array_equal(seen.amounts, expected.amounts)


def test_the_two_forms_do_not_mix(tmp_path):
    mixtures, wide = own_tables.write(tmp_path)
    design, losses = long_tables(tmp_path)
    with pytest.raises(
        MixwrightError,
        match=r"losses.parquet: parquet beside the CSV .*mixtures.csv; give both in one form",
    ):
        read_observations([mixtures], [losses])
    with pytest.raises(
        MixwrightError,
        match=r"losses.csv: CSV beside the parquet .*design.parquet; give both in one form",
    ):
        read_observations([design], [wide])
    with pytest.raises(
        MixwrightError,
        match=r"losses.csv: CSV tables hold mixtures and losses alone; leave it out",
    ):
        read_observations([mixtures], [wide], [wide])
    with pytest.raises(
        MixwrightError, match=r"M.xlsx: neither .csv nor .parquet; save the table as CSV"
    ):
        read_observations([tmp_path / "M.xlsx"], [wide])
    with pytest.raises(MixwrightError, match="--losses"):
        read_observations([mixtures], [])


def rounds(folder):
    """The same runs twice: in a table each, and in two tables whose columns have other orders."""
    mixtures, losses = own_tables.write(folder)
    parts = []
    for path, order, key in ((mixtures, [3, 1, 2], "id"), (losses, [2, 1], "index")):
        heading, *lines = [line.split(",") for line in path.read_text().splitlines()]
        # the tables have their runs in opposite orders, so that each part holds other ones
        first = own_tables.save(folder / f"first_{path.name}", [heading, *lines[:25]])
        later = []
        for cells in (heading, *lines[25:]):
            later.append([cells[0], *(cells[k] for k in order)])
        later[0][0] = key
        parts.append([first, own_tables.save(folder / f"more_{path.name}", later)])
    return (mixtures, losses), parts


def test_rows_of_several_tables_are_matched_by_their_headings(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (mixtures, losses), (first, second) = rounds(tmp_path)
    expected = read_observations([mixtures], [losses])
    runs = read_observations(first, second)
    assert runs.runs == expected.runs and runs.targets == expected.targets
    np.testing.assert_array_equal(runs.amounts, expected.amounts)
    np.testing.assert_array_equal(runs.losses, expected.losses)
    assert "more_mixtures.csv: its column id is taken for index" in caplog.text


def test_a_fault_in_a_further_table_is_told_with_its_file_and_line(tmp_path):
    _, (first, second) = rounds(tmp_path)
    more = second[1]
    text = more.read_text()
    lines = text.splitlines()
    last = lines[-1].split(",")
    own_tables.save(more, [*(line.split(",") for line in lines[:-1]), [last[0], "nan", last[2]]])
    with pytest.raises(MixwrightError, match=rf"line {len(lines)} of \S+more_losses.csv \(index"):
        read_observations(first, second)
    more.write_text(text.replace("prose", "verse"))
    with pytest.raises(
        MixwrightError,
        match=r"more_losses.csv: line 1: prose is a column of \S+first_losses.csv and not of this",
    ):
        read_observations(first, second)


def test_columns_that_do_not_count_may_be_in_one_table_alone(tmp_path, caplog):
    caplog.set_level("INFO")
    whole, (first, second) = rounds(tmp_path)
    expected = read_observations(*[[path] for path in whole])
    for table in (first[0], second[1]):
        heading, *lines = table.read_text().splitlines()
        rows = [f"{number},{line},3e-4,{number}" for number, line in enumerate(lines)]
        table.write_text("\n".join([f",{heading},lr,_step", *rows]))
    runs = read_observations(first, second)
    assert runs.runs == expected.runs and runs.targets == expected.targets
    assert (runs.losses == expected.losses).all() and (runs.amounts == expected.amounts).all()
    assert "left out, for not all tables have it: the column without a heading, lr" in caplog.text
    assert caplog.text.count("lr, _step") == 2


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("diverged", ["refuse", "drop"])
def test_a_column_that_counts_is_refused_where_one_table_lacks_it(tmp_path, place, diverged):
    for table, name in ((0, "wiki"), (1, "questions")):
        _, parts = rounds(tmp_path)
        heading, *lines = parts[table][place].read_text().splitlines()
        gone = heading.split(",").index(name)
        rows = []
        for line in [heading, *lines]:
            cells = line.split(",")
            rows.append(cells[:gone] + cells[gone + 1 :])
        own_tables.save(parts[table][place], rows)
        with pytest.raises(MixwrightError) as error:
            read_observations(*parts, diverged=diverged)
        assert f"{parts[table][place]}: line 1: {name} is a column of" in str(error.value)


def test_ids_under_another_heading_are_matched_beside_row_numbers(tmp_path):
    whole, (first, second) = rounds(tmp_path)
    expected = read_observations(*[[path] for path in whole])
    for first_table, later in (first, second):
        heading, *lines = first_table.read_text().splitlines()
        rows = [f"{number},{line},tiny" for number, line in enumerate(lines)]
        heading = heading.replace("index", "run")
        first_table.write_text("\n".join([f",{heading},model", *rows]))
        later.write_text(later.read_text().replace("index", "id", 1))
    runs = read_observations(first, second)
    assert runs.runs == expected.runs and (runs.losses == expected.losses).all()


def test_a_first_column_is_taken_for_another_only_where_it_holds_ids(tmp_path):
    first = own_tables.save(tmp_path / "first.csv", [("prose", "id", "web"), (3.0, "a", 2.9)])
    more = own_tables.save(tmp_path / "more.csv", [("index", "id", "web"), (0, "b", 2.8)])
    tables = [read_cells(first), read_cells(more)]
    assert stack(tables).cells.heading == ["id", "web"]
    named = own_tables.save(tmp_path / "named.csv", [("checkpoint", "web"), ("a", 2.9)])
    later = own_tables.save(tmp_path / "later.csv", [("id", "web"), ("b", 2.8)])
    both = stack([read_cells(named), read_cells(later)]).cells
    assert both.heading == ["checkpoint", "web"] and both.rows == [["a", "2.9"], ["b", "2.8"]]
    # a heading that no ids have is none
    verse = own_tables.save(tmp_path / "verse.csv", [("verse", "web"), (3.1, 2.8)])
    with pytest.raises(MixwrightError, match="checkpoint is a column of"):
        stack([read_cells(named), read_cells(verse)])


def test_a_run_of_two_tables_is_refused(tmp_path):
    _, (first, second) = rounds(tmp_path)
    with pytest.raises(
        MixwrightError,
        match=r"line 2 of \S+first_losses.csv \(index r39\): .* line 2 of \S+first_losses.csv",
    ):
        read_observations(first, [second[0], *second])


def test_a_run_that_cannot_be_joined_is_refused_with_its_file(tmp_path):
    design, losses = long_tables(tmp_path)
    frame = tables.read(losses, tables.LOSSES)
    tables.write(frame.assign(run=frame.run.replace("r2", "zz")), losses, tables.LOSSES)
    with pytest.raises(
        MixwrightError, match=r"losses.parquet: losses: run zz is not in the design"
    ):
        read_observations([design], [losses])


def test_mixtures_to_predict_keep_the_order_of_the_file(tmp_path):
    mixtures, _ = own_tables.write(tmp_path, order=list(range(9, -1, -1)), runs=10)
    asked = read_mixtures(mixtures)
    assert (
        asked.ids == tuple(f"r{i}" for i in range(9, -1, -1))
        and asked.domains == own_tables.DOMAINS
        and asked.tokens is None
    )
    long = read_mixtures(long_tables(tmp_path)[0])
    assert (long.ids, long.domains, long.tokens.tolist()) == (
        ("r0", "r1", "r2", "r3"),
        ("code", "web"),
        [1000] * 4,
    )
    np.testing.assert_allclose(long.weights[:, 1], np.arange(4) / 8)


def test_runs_of_one_mixture_teach_nothing(tmp_path):
    mixtures, losses = own_tables.write(tmp_path, runs=4)
    own_tables.save(mixtures, [("id", "web", "code"), *((f"r{i}", 0.5, 0.5) for i in range(4))])
    with pytest.raises(
        MixwrightError,
        match=r"mixtures.csv: all 4 runs have the same mixture; add runs of other mixtures",
    ):
        read_observations([mixtures], [losses])


def test_a_target_that_never_moves_is_said(tmp_path, caplog):
    mixtures, losses = own_tables.write(tmp_path, runs=4)
    own_tables.save(losses, [("id", "prose", "still"), *((f"r{i}", i, 2.0) for i in range(4))])
    with caplog.at_level(logging.INFO):
        read_observations([mixtures], [losses])
    assert "still is the same in all runs and tells no mixtures apart" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[1]",
        '{"weights": {}}',
        '{"weights": {"web": 0.4}}',
        '{"weights": {"web": 2, "code": -1}}',
    ],
)
def test_json_that_is_no_mixture_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(
        MixwrightError, match=r"m.json: no mixture; write .* shares from 0 on that sum to 1"
    ):
        read_mixtures(tmp_path / "m.json")
