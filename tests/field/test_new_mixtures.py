"""`mixwright design` for people who train their proxies elsewhere: new mixtures inside bounds."""

import csv
import shlex
from pathlib import Path

import numpy as np
import pytest

import own_tables
from mixwright.__main__ import main
from mixwright.designs.candidates import choose_lines
from mixwright.designs.elsewhere import STRENGTHS, TEMPERATURE, Wanted, designed
from mixwright.designs.informative import NOISE, sensitivity
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Domain
from mixwright.study.schema import read_yaml

SIZES = ["web=1e12", "code=3e11", "wiki=5e9"]
BOUNDS = ["--cap", "web=.5", "--floor", "wiki=.02", "--group", "code+web<=.9"]
EPOCHS = ["--available", *SIZES, "--tokens", "1e11", "--max-epochs", "4"]
ROUNDING = 1e-12


def design(folder, *words, runs=24, name="mixtures.csv"):
    """Runs the command and returns (headings of the domains, ids, weights)."""
    path = folder / name
    assert main(["design", *words, "--runs", str(runs), "--to", str(path)]) == 0
    return read(path)


def read(path):
    with path.open(newline="") as file:
        heading, *rows = csv.reader(file)
    weights = np.array([[float(cell) for cell in row[1:]] for row in rows])
    return heading[1:], [row[0] for row in rows], weights


def refusal(folder, capsys, *words):
    capsys.readouterr()
    assert main(["design", *words, "--to", str(folder / "refused.csv")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert not (folder / "refused.csv").exists()
    return lines[0]


@pytest.mark.parametrize("kind", ["informative", "dirichlet"])
@pytest.mark.parametrize("seed", ["0", "1"])
def test_every_mixture_obeys_every_bound(tmp_path, kind, seed):
    names, ids, weights = design(tmp_path, *BOUNDS, *EPOCHS, "--kind", kind, "--seed", seed)
    assert names == ["web", "code", "wiki"]
    assert ids == [f"m{number:03}" for number in range(1, 25)]
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=ROUNDING, rtol=0)
    web, code, wiki = weights.T
    assert web.max() <= 0.5
    # four passes over 5e9 tokens, in a run of 1e11
    assert wiki.min() >= 0.02 and wiki.max() <= 0.2
    assert (code + web).max() <= 0.9 + ROUNDING
    assert len(np.unique(weights.round(9), axis=0)) == 24


def test_a_fixed_share_is_exact(tmp_path):
    _, _, weights = design(tmp_path, "--domains", "a", "b", "c", "--fix", "b=0.3")
    assert (weights[:, 1] == 0.3).all()


def test_the_same_words_give_the_same_table_and_another_seed_another(tmp_path):
    words = [*BOUNDS, *EPOCHS]
    for name, seed in (("one.csv", "3"), ("two.csv", "3"), ("three.csv", "4")):
        design(tmp_path, *words, "--seed", seed, name=name)
    one, two, three = (tmp_path / f"{name}.csv" for name in ("one", "two", "three"))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != three.read_bytes()


def test_a_longer_design_begins_with_the_shorter_one(tmp_path):
    _, _, short = design(tmp_path, *BOUNDS, *EPOCHS, runs=12)
    _, _, long = design(tmp_path, *BOUNDS, *EPOCHS, runs=128)
    np.testing.assert_array_equal(long[:12], short)


def test_mixtures_that_take_the_place_of_others_are_told(tmp_path, caplog):
    """Not those of a longer design, which keeps every line."""
    caplog.set_level("INFO")
    for runs in (12, 24):
        design(tmp_path, *BOUNDS, *EPOCHS, runs=runs)
    assert "are gone" not in caplog.text
    design(tmp_path, *BOUNDS, *EPOCHS, "--seed", "1", runs=24)
    gone = f"design: lines that {tmp_path / 'mixtures.csv'} held are gone; losses of their ids"
    assert gone in caplog.text


def test_the_order_of_the_domains_changes_no_mixture(tmp_path):
    names, _, weights = design(tmp_path, "--domains", "b", "a", "c", "--cap", "b=.4")
    others, _, again = design(tmp_path, "--domains", "c", "b", "a", "--cap", "b=.4")
    order = [others.index(name) for name in names]
    np.testing.assert_array_equal(again[:, order], weights)


def test_the_first_mixture_is_natural_and_a_repeat_of_it_is_marked(tmp_path, caplog):
    caplog.set_level("INFO")
    sizes = ["--available", "a=6e9", "b=3e9", "c=1e9"]
    _, ids, weights = design(tmp_path, *sizes, "--repeats", "2", runs=8)
    np.testing.assert_allclose(weights[0], [0.6, 0.3, 0.1], atol=ROUNDING)
    assert ids[-2:] == ["m001-2", "m001-3"] and len(ids) == 10
    np.testing.assert_array_equal(weights[-2:], weights[[0, 0]])
    assert "m001 is the natural mixture\n" in caplog.text
    assert "m001-2, m001-3: m001 again; train it with other seeds" in caplog.text


def test_what_is_assumed_is_said_and_so_is_what_comes_next(tmp_path, caplog):
    caplog.set_level("INFO")
    _, _, weights = design(tmp_path, "--domains", "a", "b", "--cap", "a=.4", runs=8)
    np.testing.assert_allclose(weights[0], [0.4, 0.6], atol=ROUNDING)
    moved = "m001 is the uniform mixture, moved to the nearest one inside the bounds"
    assert f"{moved}; natural is unknown without --available" in caplog.text
    promise, last = caplog.messages[-2:]
    assert "8 runs of 2 domains: expect rank correlation about 0.97" in promise
    assert last.startswith("design: next: train a proxy on each line, write losses.csv")
    assert f"mixwright fit --mixtures {tmp_path / 'mixtures.csv'} --losses losses.csv" in last


def test_one_run_is_of_as_many_domains_as_were_named(tmp_path, caplog):
    caplog.set_level("INFO")
    design(tmp_path, "--domains", "a", "b", "c", runs=1)
    assert "1 run of 3 domains: what rank correlation to expect is not known" in caplog.text


def test_mixtures_that_hardly_differ_promise_nothing(tmp_path, caplog):
    """A domain of 20 M tokens beside one of 1 T: four passes are a quarter of a percent."""
    caplog.set_level("INFO")
    sizes = ["--available", "web=1e12", "code=20e6", "wiki=5e6"]
    epochs = ["--tokens", "30e9", "--max-epochs", "4"]
    _, _, weights = design(tmp_path, *sizes, *epochs, runs=12)
    widest = np.ptp(weights, axis=0).max()
    assert f"no domain's weight varies by more than {widest:.1%}" in caplog.text
    assert "12 runs of 3 domains: what rank correlation to expect is not known" in caplog.text


def test_mixtures_that_stand_there_again_are_no_promise_and_are_not_denied(tmp_path, caplog):
    caplog.set_level("INFO")
    sizes = ["--available", "web=60e12", "code=20e6", "wiki=5"]
    design(tmp_path, *sizes, "--kind", "dirichlet", runs=12)
    assert "mixtures stood there before; train these with other seeds" in caplog.text
    assert "no mixture stands there twice" not in caplog.text
    assert "12 runs of" not in caplog.text


@pytest.mark.parametrize("name", ["mixtures.xlsx", "mixtures.parquet"])
def test_a_table_is_not_called_what_it_is_not(tmp_path, capsys, name):
    words = ["design", "--domains", "a", "b", "--runs", "4", "--to", str(tmp_path / name)]
    assert main(words) == 1
    assert "written as CSV; let its name end in .csv" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_a_domain_without_tokens_gets_no_weight(tmp_path, caplog):
    caplog.set_level("INFO")
    _, _, weights = design(tmp_path, "--available", "a=6e9", "b=3e9", "c=0", runs=8)
    assert (weights[:, 2] == 0).all()
    assert "c has no tokens and so no weight" in caplog.text


@pytest.mark.parametrize(
    "names",
    [
        ("web,crawl", 'a "quoted" name', "c++"),
        ("id", "run", "index"),
        ("lr", "seed", "tokens"),
        ("1", "2", "3"),
        ("a=b", "données", "-x"),
        ("loss", "acc", "_step"),
    ],
)
def test_a_table_of_hostile_names_is_read_back_once_losses_exist(tmp_path, caplog, names):
    """The words that the last line tells are enough."""
    caplog.set_level("INFO")
    sizes = [f"{name}={number}e9" for number, name in enumerate(names, 3)]
    words = [f"--available={size}" for size in sizes]
    headings, ids, weights = design(tmp_path, *words, "--cap", f"{names[0]}=.001", runs=30)
    assert headings == list(names)
    losses = 3 + weights[:, 1]
    own_tables.save(tmp_path / "losses.csv", [("id", "prose"), *zip(ids, losses, strict=True)])
    options = {}
    if " --domains " in caplog.messages[-1]:
        options["domains"] = list(names)
    assert " --key " not in caplog.messages[-1]
    runs = read_observations(
        [tmp_path / "mixtures.csv"],
        [tmp_path / "losses.csv"],
        options=ColumnOptions(**options),
    )
    order = [runs.domains.index(name) for name in names]
    rows = [ids.index(run) for run in runs.runs]
    np.testing.assert_allclose(runs.weights[:, order], weights[rows], atol=1e-9)


def test_the_table_is_fitted_once_losses_exist(tmp_path):
    _, ids, weights = design(tmp_path, *BOUNDS, *EPOCHS, "--repeats", "1", runs=32)
    losses = 3 + 0.3 / (0.1 + weights[:, 0]) + 0.1 * weights[:, 1]
    own_tables.save(tmp_path / "losses.csv", [("id", "prose"), *zip(ids, losses, strict=True)])
    words = ["--mixtures", str(tmp_path / "mixtures.csv"), "--losses", str(tmp_path / "losses.csv")]
    assert main(["fit", *words, "--mixer", "effective-data", "--to", str(tmp_path / "fit")]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--domains: name two domains or more"),
        ("--domains a", "--domains: name two domains or more"),
        ("--domains a,b,c", "--domains a,b,c: put spaces between the names"),
        ("--available a=1e9", "--available: name two domains or more"),
        ("--domains a a", "--domains: a is named twice; give it once"),
        ("--domains a ' b'", "--domains ' b': this cannot head a column"),
        ("--domains a 'b\nc'", "this cannot head a column"),
        ("--domains a ''", "--domains '': this cannot head a column"),
        ("--domains a b --runs 0", "--runs 0: give a number from 1 to 10,000"),
        ("--domains a b --repeats -1", "--repeats -1: give a number from 0"),
        ("--domains web b --cap wbe=.1", "did you mean web?"),
        ("--domains a b --cap a=2", "a number from 0 to 1"),
        ("--domains a b --group 'a<=.2'", "two domains or more"),
        ("--domains a b --cap a=.3 b=.3", "under 1"),
        ("--domains a b --floor a=.6 b=.6", "over 1"),
        ("--domains a b --fix a=.3", "they leave one mixture alone"),
        ("--domains a b --available a=1e9", "nothing is said of b"),
        ("--available a=.4 b=.6", "tokens are counted, not shares"),
        ("--domains a b --max-epochs 4", "give --available and --tokens too"),
        ("--domains a b --tokens -1", "give a number above 0"),
        ("--domains a b --kind random", "informative, dirichlet"),
        ("--domains a b --key id", "it belongs to --candidates"),
        ("--available a=1e6 b=1e6 --tokens 1e9 --max-epochs 4", "raise caps or max_epochs"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, capsys, words, message):
    assert message in refusal(tmp_path, capsys, "--runs", "8", *shlex.split(words))


def test_with_candidates_the_command_is_as_it_was(tmp_path, capsys):
    mixtures, _ = own_tables.write(tmp_path)
    words = ["--candidates", str(mixtures), "--domains", *own_tables.DOMAINS, "--key", "index"]
    names, ids, _ = design(tmp_path, *words, runs=6, name="chosen.csv")
    expected = choose_lines(mixtures, 6).rows
    assert [*names] == expected[0][1:] and ids == [row[0] for row in expected[1:]]
    line = refusal(tmp_path, capsys, *words, "--runs", "4", "--cap", "web=.5")
    assert "--cap: the mixtures of --candidates are taken as they stand" in line


def test_informative_runs_teach_more_than_dirichlet_ones_by_the_measure_of_the_design():
    """The log determinant of what the runs tell of the law, in which the choice is greedy."""
    domains = tuple(Domain(f"d{number}", (number + 1) * 10**9) for number in range(8))
    for seed in range(4):
        known = {}
        for method in ("informative", "dirichlet"):
            limits = {"tokens": 1.0, "caps": {"d7": 0.5}}
            weights = designed(Wanted(domains, limits, 32, method, seed=seed)).weights
            features = sensitivity(weights)
            # one scale for both: the spread of the predictions is each table's own
            features /= np.abs(features[:, 0]).max()
            known[method] = np.linalg.slogdet(np.eye(32) + features @ features.T / NOISE)[1]
        assert known["informative"] > known["dirichlet"] + 1


def test_what_is_drawn_is_what_a_study_draws_where_nobody_says_another_thing():
    house = Path(__file__).parents[2]
    schema = read_yaml(house / "config" / "schema.yaml")
    swarm = schema["properties"]["designs"]["properties"]["swarm"]["properties"]
    assert swarm["temperature"]["default"] == TEMPERATURE
    assert swarm["strengths"]["default"] == list(STRENGTHS)
