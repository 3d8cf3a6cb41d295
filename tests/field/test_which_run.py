"""Which run is which: tables are joined by the columns on which both agree, never by luck."""

import logging

import numpy as np
import pandas as pd
import pytest

import mixwright
from mixwright.errors import MixwrightError
from run_tables import DOMAINS, same, swarm, write


@pytest.fixture(scope="module")
def plain():
    return mixwright.read_runs(*swarm())


def shuffled(table, seed=0):
    """The rows in another order, numbered anew."""
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def refused(message, *tables, **options):
    with pytest.raises(MixwrightError, match=message) as error:
        mixwright.read_runs(*tables, **options)
    assert "\n" not in str(error.value)


# numbers of rows that programs add


@pytest.mark.parametrize("label", [None, "index", "Unnamed: 0", "level_0"])
def test_a_named_column_wins_over_the_numbers_of_rows(tmp_path, label, plain, caplog):
    mixtures, losses = swarm()
    options = {"index": True, "index_label": label}
    paths = write(tmp_path, mixtures, shuffled(losses), **options)
    with caplog.at_level(logging.INFO):
        same(mixwright.read_runs(*paths), plain)
    assert "runs are told apart by run" in caplog.text


def test_data_frames_are_joined_by_the_same_columns(plain):
    mixtures, losses = swarm()
    other = shuffled(losses)
    same(mixwright.read_runs(mixtures, other), plain)
    same(mixwright.read_runs(mixtures.set_index("run"), other), plain)
    same(mixwright.read_runs(mixtures, other.set_index("run")), plain)
    last = other[["questions", "run", "prose"]]
    same(mixwright.read_runs(mixtures, last), plain)


def test_row_numbers_alone_join_as_they_stand():
    mixtures, losses = swarm()
    both = (mixtures.drop(columns="run"), losses.drop(columns="run"))
    runs = mixwright.read_runs(*both)
    order = np.argsort([str(k) for k in range(24)])
    np.testing.assert_array_equal(runs.losses[:, 0], losses.prose.to_numpy()[order])


def test_a_sorted_frame_keeps_its_index_as_ids():
    mixtures, losses = swarm()
    by_loss = losses.sort_values("prose").drop(columns="run")
    runs = mixwright.read_runs(mixtures.drop(columns="run"), by_loss)
    order = np.argsort([str(k) for k in range(24)])
    np.testing.assert_array_equal(runs.losses[:, 0], losses.prose.to_numpy()[order])


def test_named_ids_that_disagree_are_no_reason_to_count_rows(tmp_path):
    mixtures, losses = swarm()
    losses.loc[3, "run"] = "run-3"
    paths = write(tmp_path, mixtures, shuffled(losses), index=True)
    refused("run-3.* has no mixture", *paths)
    losses["run"] = [f"other-{k}" for k in range(24)]
    refused("has no mixture", *write(tmp_path, mixtures, losses, index=True))


# several keys


def test_keys_that_join_differently_are_refused_and_settled_by_the_option(plain):
    mixtures, losses = swarm()
    order = np.random.default_rng(0).permutation(24)
    mixtures["name"] = [f"model-{k}" for k in range(24)]
    losses["name"] = [f"model-{k}" for k in order]
    refused("run.*join the tables in different ways.*--key", mixtures, losses)
    same(mixwright.read_runs(mixtures, losses, key="run"), plain)
    by_name = mixwright.read_runs(mixtures, losses, key="name")
    assert by_name.runs[0] == "model-0" and not np.array_equal(by_name.losses, plain.losses)
    refused("--key rum: .*did you mean run", mixtures, losses, key="rum")


def test_keys_that_join_alike_are_one(plain):
    mixtures, losses = swarm()
    for table in (mixtures, losses):
        table["uuid"] = [f"u{name[4:]}" for name in table.run]
    same(mixwright.read_runs(mixtures, shuffled(losses)), plain)


@pytest.mark.parametrize(("first", "second"), [("run", "Name"), ("id", "experiment"), ("x", "y")])
def test_ids_may_have_other_headings(first, second, plain):
    mixtures, losses = swarm()
    losses = shuffled(losses).rename(columns={"run": second})
    same(mixwright.read_runs(mixtures.rename(columns={"run": first}), losses), plain)


def test_seeds_and_steps_are_not_ids(plain):
    mixtures, losses = swarm()
    rng = np.random.default_rng(1)
    mixtures["seed"] = rng.permutation(24)
    losses["seed"] = rng.permutation(24)
    same(mixwright.read_runs(mixtures, losses), plain)


def test_whole_numbers_are_one_id_however_they_are_written(tmp_path):
    mixtures, losses = swarm()
    mixtures["run"] = range(24)
    losses["run"] = [float(k) for k in range(24)]
    runs = mixwright.read_runs(*write(tmp_path, mixtures, shuffled(losses)))
    assert set(runs.runs) == {str(k) for k in range(24)}
    mixtures["run"] = losses["run"] = [f"{k:03d}" for k in range(24)]
    assert mixwright.read_runs(*write(tmp_path, mixtures, losses)).runs[1] == "001"


# domains with the names of keys


@pytest.mark.parametrize(
    "languages",
    [
        ("en", "id", "th", "vi"),
        ("index", "name", "run_id", "code"),
        ("id", "no", "is", "it"),
        ("sample", "config", "model", "trial"),
    ],
)
def test_languages_and_domains_may_be_called_like_keys(languages):
    mixtures, losses = swarm()
    mixtures = mixtures.rename(columns=dict(zip(DOMAINS, languages, strict=True)))
    losses = losses.rename(columns={"prose": languages[0], "questions": languages[1]})
    runs = mixwright.read_runs(mixtures, losses)
    assert runs.domains == tuple(sorted(languages))
    assert set(runs.targets) == set(languages[:2])
    first = mixwright.read_runs(mixtures.set_index("run"), losses.set_index("run"))
    same(first, runs)


# runs that are in one table only


def test_what_is_not_finished_is_refused_by_name_or_left_out(caplog):
    mixtures, losses = swarm()
    refused(r"run-015\) \(and 8 more\) has no losses .* --diverged drop", mixtures, losses[:15])
    with caplog.at_level(logging.INFO):
        runs = mixwright.read_runs(mixtures, losses[:15], diverged="drop")
    assert len(runs.runs) == 15 and "left out 9 runs without losses: run-015" in caplog.text
    short = losses.copy()
    short.loc[20:, ["prose", "questions"]] = None
    refused("run-020.*without any loss|run-020.*without a finite", mixtures, short)
    assert len(mixwright.read_runs(mixtures, short, diverged="drop").runs) == 20


def test_half_finished_tables_of_row_numbers_are_never_joined():
    mixtures, losses = swarm()
    parts = (mixtures.drop(columns="run"), losses[:15].drop(columns="run"))
    for diverged in ("refuse", "drop"):
        refused("nothing but the order of rows tells the runs apart", *parts, diverged=diverged)


def test_losses_of_unknown_mixtures_are_refused_whatever_is_dropped():
    mixtures, losses = swarm()
    refused(r"run-020\) \(and 3 more\) has no mixture", mixtures[:20], losses, diverged="drop")


def test_a_run_that_stands_twice_is_refused():
    mixtures, losses = swarm()
    refused("the id stands on row 3 already", mixtures, pd.concat([losses, losses[2:3]]))
    refused("the id stands on row 3 already", pd.concat([mixtures, mixtures[2:3]]), losses)
    refused("the id is empty", mixtures.assign(run=["", *mixtures.run[1:]]), losses)


def test_no_common_ids_at_all_is_said(tmp_path):
    mixtures, losses = swarm()
    alone = losses.drop(columns="run")
    refused("run names the runs in one table alone; .*--key ''", mixtures, alone)
    assert len(mixwright.read_runs(mixtures, alone, key="").runs) == 24
    refused("no column tells the runs apart", *write(tmp_path, mixtures, alone))


def test_mixtures_repeated_by_seeds_are_fine():
    mixtures, losses = swarm()
    again = mixtures.assign(run=[f"{name}-b" for name in mixtures.run])
    more = losses.assign(run=[f"{name}-b" for name in losses.run])
    runs = mixwright.read_runs(pd.concat([mixtures, again]), pd.concat([losses, more]))
    assert len(runs.runs) == 48


# a property


@pytest.mark.parametrize("seed", range(10))
def test_orders_of_rows_and_columns_and_more_ids_never_change_the_runs(seed, tmp_path, plain):
    rng = np.random.default_rng(seed)
    mixtures, losses = swarm()
    tables = []
    for table in (mixtures, losses):
        if rng.random() < 0.5:
            table = table.assign(uuid=[f"u{name}" for name in table.run])
        if rng.random() < 0.5:
            table = table.assign(seed=rng.permutation(24))
        table = table[rng.permutation(table.columns).tolist()]
        tables.append(shuffled(table, seed=int(rng.integers(99))))
    same(mixwright.read_runs(*write(tmp_path, *tables, index=bool(rng.random() < 0.7))), plain)


# ids that programs write in their own way


def _in_other_forms():
    """Returns, for each kind, the ids of both tables and one that the mixtures hold."""
    days = pd.date_range("2024-01-01", periods=24)
    hours = pd.date_range("2024-01-01 10:00", periods=24)
    names = [f"Run-{k}" for k in range(24)]
    return {
        "zeros before": ([f"{k:03d}" for k in range(24)], range(24), "013"),
        "digits": ([0.1 * k for k in range(24)], [f"{0.1 * k:.1f}" for k in range(24)], "0.1"),
        "dates": (days, days.strftime("%Y-%m-%d"), "2024-01-03 00:00:00"),
        "hours": (hours, hours.strftime("%Y-%m-%dT%H:%M:%S"), "2024-01-03 10:00:00"),
        "accents": (
            [f"caf\u00e9{k}" for k in range(24)],
            [f"cafe\u0301{k}" for k in range(24)],
            "café3",
        ),
        "letters": (names, [name.upper() for name in names], "Run-7"),
    }


@pytest.mark.parametrize("kind", _in_other_forms())
def test_ids_are_joined_that_two_programs_write_in_their_own_way(kind, caplog):
    first, second, example = _in_other_forms()[kind]
    mixtures, losses = swarm()
    plain = mixwright.read_runs(mixtures, losses)
    mixtures["run"] = list(first)
    losses["run"] = list(second)
    shuffled = losses.sample(frac=1, random_state=1).reset_index(drop=True)
    with caplog.at_level("INFO"):
        runs = mixwright.read_runs(mixtures, shuffled)
    assert runs.targets == plain.targets and example in runs.runs
    assert "ids are taken as mixtures writes them" in caplog.text
    order = [[str(name) for name in first].index(run) for run in runs.runs]
    np.testing.assert_array_equal(runs.losses, plain.losses[order])
    np.testing.assert_array_equal(runs.amounts, plain.amounts[order])


def test_ids_that_differ_in_form_alone_stay_apart_within_a_table():
    mixtures, losses = swarm()
    names = [f"r{k}" for k in range(12)] + [f"R{k}" for k in range(12)]
    mixtures["run"] = names
    losses["run"] = names
    runs = mixwright.read_runs(mixtures, losses.sample(frac=1, random_state=1))
    assert set(runs.runs) == set(names)


def test_a_column_called_run_is_no_target_whatever_it_holds():
    mixtures, losses = swarm()
    plain = mixwright.read_runs(mixtures, losses)
    losses = losses.drop(columns="run")
    mixtures = mixtures.drop(columns="run")
    losses.insert(0, "run", [2 + 0.1 * k for k in range(24)])
    assert mixwright.read_runs(mixtures, losses).targets == plain.targets


def test_runs_in_columns_are_told():
    mixtures, losses = swarm()
    turned = losses.set_index("run").T
    steps = turned.add_suffix(" - eval/loss").rename_axis("Step").reset_index()
    for table in (turned, turned.reset_index(), steps):
        with pytest.raises(MixwrightError, match="losses: the headings are ids of mixtures"):
            mixwright.read_runs(mixtures, table)
    with pytest.raises(MixwrightError, match="one row a run: turn rows and columns round"):
        mixwright.read_runs(mixtures.set_index("run").T, losses)


def test_ids_that_share_nothing_are_shown_from_both_tables():
    mixtures, losses = swarm()
    mixtures["run"] += ".yaml"
    refused(
        "run run-000.* has no mixture in mixtures; its ids are such as run-000.yaml: write both "
        "alike",
        mixtures,
        losses,
    )


def test_ids_that_count_from_another_start_are_told():
    mixtures, losses = swarm()
    for start in (0, 1):
        first = mixtures.assign(run=range(start, 24 + start))
        second = losses.assign(run=range(1 - start, 25 - start))
        refused("one counts runs from 0 and the other from 1", first, second)


@pytest.mark.parametrize("heading", ["config", "id", "mixture"])
def test_names_of_runs_may_be_numbers_with_a_point(heading, plain):
    mixtures, losses = swarm()
    for table in (mixtures, losses):
        table["run"] = [0.05 + k / 10 for k in range(24)]
    mixtures = mixtures.rename(columns={"run": heading})
    losses = losses.rename(columns={"run": heading})
    for table in (losses, shuffled(losses)):
        runs = mixwright.read_runs(mixtures, table)
        assert runs.targets == plain.targets
        np.testing.assert_array_equal(np.sort(runs.losses, axis=0), np.sort(plain.losses, axis=0))
        order = np.argsort([float(name) for name in runs.runs])
        np.testing.assert_array_equal(runs.losses[order], plain.losses)


def test_numbers_in_both_tables_that_contradict_the_order_of_rows_are_asked_about(plain):
    mixtures, losses = swarm()
    for table in (mixtures, losses):
        table["run"] = [0.05 + k / 10 for k in range(24)]
    mixtures = mixtures.rename(columns={"run": "alpha"})
    losses = shuffled(losses.rename(columns={"run": "alpha"}))
    refused("join the tables in different ways; .*--key alpha", mixtures, losses)
    assert mixwright.read_runs(mixtures, losses, key="alpha").targets == plain.targets
