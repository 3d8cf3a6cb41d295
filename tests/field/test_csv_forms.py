"""Forms of CSV files: what is harmless gives the same runs, what is not is refused in one line."""

import bz2
import gzip
import logging
import runpy
from pathlib import Path

import numpy as np
import pytest

import mixwright
from mixwright.errors import MixwrightError
from mixwright.measured.cells import number
from run_tables import DOMAINS, same, swarm, write

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_tables.py"


@pytest.fixture(scope="module")
def plain():
    return mixwright.read_runs(*swarm())


def texts():
    return [table.to_csv(index=False) for table in swarm()]


def lines(text, change):
    return "\n".join(map(change, text.splitlines())) + "\n"


def refused(message, *tables, **options):
    with pytest.raises(MixwrightError, match=message) as error:
        mixwright.read_runs(*tables, **options)
    assert "\n" not in str(error.value)


# harmless


@pytest.mark.parametrize(
    "change",
    [
        lambda text: lines(text, lambda line: line + ","),
        lambda text: lines(text, lambda line: line + ("" if line.startswith("run,") else ",")),
        lambda text: lines(text, lambda line: line + ("," if line.startswith("run,") else "")),
        lambda text: lines(text, lambda line: "," + line),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\n\n") + ",,\n \n",
        lambda text: lines(text, lambda line: '"' + line.replace(",", '", "') + '"'),
        lambda text: lines(text, lambda line: line.replace(",", " , ")),
        lambda text: text.rstrip("\n"),
    ],
    ids=[
        "comma at each end",
        "comma at each row's end",
        "comma at the headings' end",
        "comma first",
        "windows",
        "old mac",
        "byte order mark",
        "blank lines",
        "quotes",
        "spaces",
        "no last line end",
    ],
)
def test_harmless_forms_give_the_same_runs(tmp_path, change, plain):
    same(mixwright.read_runs(*write(tmp_path, *map(change, texts()))), plain)


def test_a_comma_at_the_end_is_said(tmp_path, caplog):
    mixtures, losses = (lines(text, lambda line: line + ",") for text in texts())
    with caplog.at_level(logging.INFO):
        mixwright.read_runs(*write(tmp_path, mixtures, losses))
    assert "losses.csv: column 4 has no heading and no cells; left out" in caplog.text


def test_scientific_numbers_and_numbers_as_text_are_numbers(tmp_path, plain):
    mixtures, losses = swarm()
    for form in ("{:.17E}", "{:.17e}", "{!r}"):
        table = losses.assign(prose=[form.format(float(value)) for value in losses.prose])
        same(mixwright.read_runs(mixtures, table), plain)
        same(mixwright.read_runs(*write(tmp_path, mixtures, table)), plain)
    same(mixwright.read_runs(mixtures.astype(str), losses.astype(str)), plain)
    same(mixwright.read_runs(mixtures.astype(object), losses.convert_dtypes()), plain)


def test_hostile_headings_are_names(tmp_path):
    mixtures, losses = swarm()
    names = ['dclm:en/"high"', "stack[py]", "wiki {de}", "Bücher, alt"]
    mixtures = mixtures.rename(columns=dict(zip(DOMAINS, names, strict=True)))
    losses = losses.rename(columns={"prose": "chat: [hard]", "questions": "pro,se"})
    runs = mixwright.read_runs(*write(tmp_path, mixtures, losses))
    assert runs.domains == tuple(sorted(names))
    fit = mixwright.fit(runs, "regmix", iterations=5)
    assert list(mixwright.predict(fit, mixtures)) == ["chat: [hard]", "pro,se"]


# separators and encodings


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_separators_are_named(tmp_path, mark, word):
    mixtures, losses = texts()
    with_points = write(tmp_path, mixtures.replace(",", mark), losses)
    refused(f"mixtures.csv: line 1: .* has {word}; save it with commas", *with_points)
    decimal_commas = mixtures.replace(",", mark).replace(".", ",")
    refused(f"has {word}; .* points in numbers", *write(tmp_path, decimal_commas, losses))


def test_headings_with_semicolons_are_no_separators(tmp_path):
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns={"web": "web;en", "code": "code;py"})
    assert "web;en" in mixwright.read_runs(*write(tmp_path, mixtures, losses)).domains


@pytest.mark.parametrize(
    ("encoding", "word"), [("utf-16", "UTF-16"), ("utf-16-le", "UTF-8"), ("latin-1", "UTF-8")]
)
def test_other_encodings_are_named(tmp_path, encoding, word):
    mixtures, losses = write(tmp_path, *swarm())
    text = losses.read_text().replace("prose", "prösa")
    losses.write_bytes(text.encode(encoding))
    refused(f"losses.csv: no CSV in .*{word}", mixtures, losses)


def test_a_quotation_mark_without_its_second_is_named(tmp_path):
    mixtures, losses = texts()
    open_end = write(tmp_path, mixtures, losses.replace("run-020", '"run-020'))
    refused("losses.csv: line 2[0-9].*quotation mark", *open_end)
    closed = losses.replace("run-003", '"run-003').replace("run-005", 'run-005"')
    refused("losses.csv: line .*quotation mark", *write(tmp_path, mixtures, closed))


# numbers in strange forms


@pytest.mark.parametrize("cell", ["3_1439", "3,1439.5", "3,1", "45 %", "3'144", "3.1.4", "31 439"])
def test_what_is_no_number_is_named_with_its_place(tmp_path, cell):
    assert number(cell) is None
    mixtures, losses = swarm()
    for name in ("prose", "web"):
        tables = [mixtures.astype({"web": object}), losses.astype({"prose": object})]
        tables[name == "prose"].loc[4, name] = cell
        paths = write(tmp_path, *tables)
        refused(rf"line 6 \(run run-004\): {name} is .*, no finite number; write", *paths)


@pytest.mark.parametrize("form", ["{:.2f}%", "1,{:.3f}", "{:.3f} %", "{:.3f}_0"])
def test_a_whole_column_of_them_is_not_left_out_in_silence(form):
    mixtures, losses = swarm()
    strange = losses.assign(prose=[form.format(value) for value in losses.prose])
    refused("prose is .*, no finite number; write it with a point", mixtures, strange)
    strange = mixtures.assign(web=[form.format(value) for value in mixtures.web])
    refused("web is .*, no finite number", strange, losses)


# cells without a number


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "None", "null", "-"])
def test_an_empty_cell_is_not_called_diverged(tmp_path, cell):
    mixtures, losses = texts()
    holes = losses.splitlines()
    run, prose, _ = holes[4].split(",")
    holes[4] = f"{run},{prose},{cell}"
    paths = write(tmp_path, mixtures, "\n".join(holes))
    refused(r"line 5 \(run run-003\): questions is empty: 1 run .* not measured", *paths)
    holes[4] = f"{run},{cell},{cell}"
    paths = write(tmp_path, mixtures, "\n".join(holes))
    refused("1 run without any loss, not finished or not measured: run-003", *paths)
    assert len(mixwright.read_runs(*paths, diverged="drop").runs) == 23


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_what_is_not_finite_diverged(tmp_path, cell):
    mixtures, losses = swarm()
    losses = losses.astype({"prose": object})
    losses.loc[3, "prose"] = cell
    paths = write(tmp_path, mixtures, losses)
    refused(r"line 5 \(run run-003\): losses: 1 run without a finite loss, diverged", *paths)
    assert len(mixwright.read_runs(*paths, diverged="drop").runs) == 23


def test_a_missing_weight_is_named_with_the_right_remedy(tmp_path):
    mixtures, losses = swarm()
    mixtures.loc[3, "code"] = np.nan
    paths = write(tmp_path, mixtures, losses)
    refused(r"line 5 \(run run-003\): code is empty, .* 0 where it has none", *paths)


def test_lines_of_other_lengths_and_headings_that_stand_twice_are_refused(tmp_path):
    mixtures, losses = texts()
    refused("line 3: 2 cells under 3", *write(tmp_path, mixtures, losses.replace("run-001,", "")))
    refused(
        "line 3: 4 cells under 3", *write(tmp_path, mixtures, losses.replace("run-001,", "a,b,"))
    )
    twice = losses.replace("questions", "prose")
    refused(
        "losses.csv: line 1: column prose stands there twice", *write(tmp_path, mixtures, twice)
    )


def test_a_column_without_a_heading_that_the_sums_need_is_refused():
    mixtures, losses = swarm()
    refused("a domain has no heading", mixtures.rename(columns={"wiki": "Unnamed: 3"}), losses)


def test_sizes_of_trillions_are_read(plain):
    mixtures, losses = swarm()
    table = mixtures.assign(tokens=1e13, flops=6e23 * np.arange(1, 25))
    same(mixwright.read_runs(table, losses), plain)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"/annex/objects/MD5E-s9--0.csv\n", "git annex get"),
    ],
)
def test_a_pointer_in_place_of_a_table_is_told(tmp_path, which, content, message):
    paths = write(tmp_path, *swarm())
    Path(paths[which]).write_bytes(content)
    refused(f"{Path(paths[which]).name}: .* pointer, not the file itself; .*{message}", *paths)


@pytest.mark.parametrize(
    ("pack", "command"), [(gzip.compress, "gzip -dc"), (bz2.compress, "bzip2 -dc")]
)
def test_a_packed_file_is_told_with_the_command(tmp_path, pack, command):
    paths = write(tmp_path, *swarm())
    Path(paths[1]).write_bytes(pack(Path(paths[1]).read_bytes()))
    refused(f"packed file; unpack it .{command}", *paths)


def test_long_tables_are_told_to_be_pivoted(plain):
    mixtures, losses = swarm()
    long = mixtures.melt("run", var_name="source", value_name="weight")
    refused("a line for each run and source, .*one column a domain; pivot it", long, losses)
    measured = losses.melt("run", var_name="task", value_name="nats")
    refused("a line for each run and task, .*one column a target; pivot it", mixtures, measured)
    again = measured.pivot(index="run", columns="task", values="nats").reset_index()
    same(mixwright.read_runs(mixtures, again), plain)


def test_names_with_commas_between_them_are_told_to_be_set_apart():
    refused(
        "names are set apart by blanks: --targets prose questions",
        *swarm(),
        targets=["prose,questions"],
    )


def test_large_tables_are_read(tmp_path):
    """Ten thousand runs over forty columns; tests/support has no clock, so no time is checked."""
    mixtures, losses = swarm(runs=2000, decimals=6)
    for k in range(35):
        losses[f"t{k}_loss"] = losses.prose + k / 100 * losses.questions
    runs = mixwright.read_runs(*write(tmp_path, mixtures, losses.sample(frac=1, random_state=0)))
    assert runs.losses.shape == (2000, 37)


def test_random_mutations_are_harmless_or_one_line():
    counts, faults = runpy.run_path(str(FUZZ))["fuzz"](300, seed=11)
    assert not faults, faults[:3]
    assert counts["read"] > 150 and counts["refused"] > 60
