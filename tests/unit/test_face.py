"""mixwright from Python: the numbers of the command line, from files or DataFrames."""

import contextlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mixwright
import own_tables
from mixwright import tables
from mixwright.__main__ import main
from mixwright.errors import MixwrightError
from mixwright.goal import Proposal
from mixwright.mixture import Mixture

HOUSE = Path(__file__).parents[2]
MIXTURE = {"web": 0.5, "code": 0.3, "wiki": 0.2}


def run(*words) -> None:
    assert main([str(word) for word in words]) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    own_tables.write(folder)
    return folder


@pytest.fixture(scope="module")
def files(folder):
    return folder / "mixtures.csv", folder / "losses.csv"


@pytest.fixture(scope="module")
def runs(files):
    return mixwright.read_runs(*files)


@pytest.fixture(scope="module")
def fit(runs):
    return mixwright.fit(runs)


@pytest.fixture(scope="module")
def command_fit(folder, files):
    """The folder that the command line's `fit` wrote."""
    words = ("--mixtures", files[0], "--losses", files[1], "--mixer", "effective-data")
    run("fit", *words, "--to", folder / "fit")
    return folder / "fit"


def frames(files):
    return [pd.read_csv(path) for path in files]


def same_runs(first, second):
    assert (first.runs, first.domains, first.targets) == (
        second.runs,
        second.domains,
        second.targets,
    )
    np.testing.assert_array_equal(first.amounts, second.amounts)
    np.testing.assert_array_equal(first.losses, second.losses)


def test_data_frames_are_read_as_files_are(files, runs):
    mixtures, losses = frames(files)
    same_runs(mixwright.read_runs(mixtures, losses), runs)
    by_index = [frame.set_index("index") for frame in (mixtures, losses)]
    same_runs(mixwright.read_runs(*by_index), runs)
    same_runs(mixwright.read_runs(by_index[0], str(files[1])), runs)


def test_ids_of_a_data_frame_may_be_numbers_without_a_name():
    weights = np.random.default_rng(0).dirichlet(np.ones(2), 5)
    mixtures = pd.DataFrame(weights, columns=["web", "code"])
    runs = mixwright.read_runs(mixtures, pd.DataFrame({"prose": weights[:, 0] + 3}))
    assert runs.runs == ("0", "1", "2", "3", "4") and runs.domains == ("code", "web")
    np.testing.assert_allclose(runs.amounts[:, 1], weights[:, 0], rtol=1e-15)


def long_frames():
    design = pd.DataFrame(
        [
            (i, "swarm", "tiny", 1000, 0, name, weight)
            for i in range(4)
            for name, weight in (("web", i / 8), ("code", 1 - i / 8))
        ],
        columns=tables.DESIGN.schema.names,
    )
    losses = pd.DataFrame(
        [(i, "prose", 9, 1000, 3.0 + i, 1.0, 50, 7.0, "ok") for i in range(4)],
        columns=tables.LOSSES.schema.names[:9],
    )
    return design, losses


def test_the_workflow_s_own_tables_may_be_data_frames(tmp_path):
    design, losses = long_frames()
    runs = mixwright.read_runs(design, losses)
    assert runs.runs == ("0", "1", "2", "3") and runs.tokens.tolist() == [1000] * 4
    tables.write(losses.assign(run=losses.run.astype(str)), tmp_path / "L.parquet", tables.LOSSES)
    same_runs(mixwright.read_runs(design, tmp_path / "L.parquet"), runs)
    same_runs(mixwright.read_runs([design[:4], design[4:]], losses), runs)


def test_runs_that_diverged_are_refused_or_dropped(files):
    mixtures, losses = frames(files)
    losses.loc[losses["index"] == "r7", "prose"] = np.nan
    with pytest.raises(MixwrightError, match=r"losses: row 33 \(index r7\): .* diverged: r7"):
        mixwright.read_runs(mixtures, losses)
    assert len(mixwright.read_runs(mixtures, losses, diverged="drop").runs) == 39


def test_a_fit_is_the_command_s_fit(tmp_path, fit, command_fit):
    fit.save(tmp_path / "fit")
    for name in ("fit.json", "runs.json", "runs.parquet"):
        assert (tmp_path / "fit" / name).read_bytes() == (command_fit / name).read_bytes(), name


def test_a_fit_comes_back_from_its_folder(fit, command_fit):
    loaded = mixwright.load(str(command_fit))
    assert (
        repr(loaded)
        == repr(fit)
        == ("Fit(effective-data: 40 runs; 3 domains: code, web, wiki; 2 targets: prose, questions)")
    )
    same_runs(loaded.runs, fit.runs)
    pd.testing.assert_frame_equal(
        mixwright.predict(loaded, MIXTURE), mixwright.predict(fit, MIXTURE), check_exact=True
    )


def test_predictions_are_the_command_s(tmp_path, files, fit, command_fit):
    run("predict", "--fit", command_fit, "--mixtures", files[0], "--to", tmp_path / "P.csv")
    written = pd.read_csv(tmp_path / "P.csv", index_col=0)
    for mixtures in (files[0], str(files[0]), frames(files)[0]):
        predicted = mixwright.predict(fit, mixtures)
        pd.testing.assert_frame_equal(predicted, written, check_exact=True)


def test_mixtures_to_predict_come_in_many_forms(tmp_path, fit):
    one = mixwright.predict(fit, MIXTURE)
    assert one.shape == (1, 2) and list(one) == ["prose", "questions"]
    (tmp_path / "mine.json").write_text(json.dumps({"weights": MIXTURE}))
    turned = dict(sorted(MIXTURE.items()))
    for same in (Mixture.of(MIXTURE), turned, pd.DataFrame([MIXTURE]), tmp_path / "mine.json"):
        np.testing.assert_array_equal(mixwright.predict(fit, same), one)
    several = mixwright.predict(fit, [MIXTURE, Mixture.of(turned)])
    assert list(several.index) == ["0", "1"] and several.index.name == "mixture"
    np.testing.assert_array_equal(several, np.vstack([one, one]))


def test_a_proposal_is_the_command_s(tmp_path, fit, command_fit):
    words = (
        *("--target", "prose=2", "questions", "--cap", "web=0.5", "--floor", "code=0.1"),
        *("--group", "code+wiki<=0.8", "--never-worse", "questions", "--draws", 10, "--seed", 3),
        *("--available", "web=6e9", "code=1e9", "wiki=3e9", "--tokens", 1e9, "--max-epochs", 4),
    )
    run("propose", "--fit", command_fit, *words, "--to", tmp_path / "mixture.json")
    written = json.loads((tmp_path / "mixture.json").read_text())
    options = {
        "targets": {"prose": 2, "questions": 1},
        "caps": {"web": 0.5},
        "floors": {"code": 0.1},
        "never_worse": "questions",
        "available": {"web": 6e9, "code": 1e9, "wiki": 3e9},
        "tokens": 1e9,
        "max_epochs": 4,
        "draws": 10,
        "seed": 3,
    }
    by_name = {"code+wiki": {"domains": ["code", "wiki"], "most": 0.8}}
    loaded = mixwright.load(command_fit)
    for source, groups in ((fit, ["code+wiki<=0.8"]), (loaded, by_name)):
        proposal = mixwright.propose(source, groups=groups, **options)
        assert proposal.mixture.as_dict() == written["weights"]
        assert dict(proposal.predicted) == written["predicted"]
        assert json.loads(json.dumps(proposal.intervals)) == written["intervals"]
        assert (proposal.gap, list(proposal.notes)) == (written["gap"], written["notes"])


def test_silence_means_what_it_means_at_the_command_line(tmp_path, fit, command_fit):
    run("propose", "--fit", command_fit, "--draws", 0, "--to", tmp_path / "mixture.json")
    written = json.loads((tmp_path / "mixture.json").read_text())
    proposal = mixwright.propose(fit, draws=0)
    assert proposal.mixture.as_dict() == written["weights"]
    assert list(proposal.notes) == written["notes"] and not proposal.intervals


def test_fixed_weights_and_several_targets(fit):
    proposal = mixwright.propose(
        fit, targets=["prose", "questions"], fixed={"web": 0.3}, never_worse=["prose"], draws=0
    )
    assert proposal.mixture["web"] == pytest.approx(0.3)
    alone = mixwright.propose(fit, targets="prose", draws=0)
    assert list(alone.predicted) == ["prose"]


def test_a_proposal_reads_as_a_few_lines():
    intervals = {"predicted": {"prose": [3.1, 3.3]}, "verdict": "better than natural by 0.1"}
    proposal = Proposal(
        "effective-data",
        Mixture.of({"web": 0.25, "code": 0.75}),
        {"prose": 3.2, "questions": 4.0},
        1.5e-7,
        ("predicted better than natural by 0.1", "the goal is the plain mean of all 2 targets"),
        intervals,
    )
    assert repr(proposal).splitlines() == [
        "Proposal by effective-data",
        "  mixture    code 75.0%, web 25.0%",
        "  predicted  prose 3.2000 nats/token [3.1000, 3.3000]",
        "  predicted  questions 4.0000 nats/token",
        "  gain       better than natural by 0.1",
        "  gap        1.5e-07 nats/token",
        "  note       the goal is the plain mean of all 2 targets",
    ]


def test_standings_are_those_of_the_command(tmp_path, files, runs):
    words = ("--mixtures", files[0], "--losses", files[1], "--mixer", "effective-data", "bimix")
    run("compare", *words, "--folds", 4, "--to", tmp_path / "T.parquet")
    written = tables.read(tmp_path / "T.parquet", tables.TOURNAMENT)
    frame = mixwright.compare(runs, ["effective-data", "bimix"], folds=4)
    means = written.groupby("mixer").spearman.mean()
    assert dict(zip(frame.mixer, frame.spearman, strict=True)) == means.to_dict()
    assert frame.mixer.iloc[0] == means.idxmax()
    settings = {"regmix": {"iterations": 20}}
    assert list(mixwright.compare(runs, "regmix", 2, settings=settings).mixer) == ["regmix"]


def test_settings_of_a_mixer_are_keyword_arguments(runs):
    fit = mixwright.fit(runs, "regmix", iterations=20)
    assert fit.mixer.iterations == 20 and fit.name == "regmix"
    assert mixwright.predict(fit, MIXTURE).shape == (1, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda runs, fit: mixwright.fit(runs, "regmx"), "regmx is unknown; did you mean regmix?"),
        (
            lambda runs, fit: mixwright.fit(runs, "regmix", iteration=3),
            "mixers: regmix.iteration is unknown; did you mean iterations?",
        ),
        (lambda runs, fit: mixwright.fit(runs, "mixmin"), "mixmin: it reads vertex runs"),
        (
            lambda runs, fit: mixwright.predict(mixwright.fit(runs, "best-of-swarm"), MIXTURE),
            "best-of-swarm predicts no losses; fit a mixer that does",
        ),
        (
            lambda runs, fit: mixwright.predict(fit, {"web": 0.5, "code": 0.5}),
            "mixture: no column for domain wiki; add it",
        ),
        (
            lambda runs, fit: mixwright.predict(fit, {"web": 0.5, "code": 0.4, "wiki": 0}),
            "mixture: no mixture; write {DOMAIN: SHARE, ...}, shares from 0 on that sum to 1",
        ),
        (
            lambda runs, fit: mixwright.predict(fit, [MIXTURE, {"web": 1.0}]),
            "mixture 1: its domains are not those of the first mixture; give each web, code, wiki",
        ),
        (lambda runs, fit: mixwright.predict(fit, 3), "mixtures: int is no mixture; give"),
        (lambda runs, fit: mixwright.predict(fit, []), "mixtures: list is no mixture; give"),
        (
            lambda runs, fit: mixwright.predict(fit, pd.DataFrame([MIXTURE | {"web": 0.6}])),
            "mixtures: row 1 (run 0): the weights sum to 1.1, not to 1 within 0.01",
        ),
        (
            lambda runs, fit: mixwright.read_runs(pd.DataFrame(), pd.DataFrame()),
            "mixtures: a table is an id column",
        ),
        (
            lambda runs, fit: mixwright.read_runs(*long_frames()[:1], pd.DataFrame({"a": [1.0]})),
            "losses: wide DataFrame beside the long DataFrame mixtures; give both in one form",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, caps={"wbe": 0.5}),
            "caps: wbe is unknown; did you mean web?",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, caps={"web": 1.5}),
            "caps: web is 1.5; give a number from 0 to 1",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, targets={"prose": None}),
            "targets: prose is None; give a number from 0 on",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, targets={"prose": 0}),
            "targets: all weights are 0; give one of them a weight",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, never_worse="prosa"),
            "never_worse prosa: no such target; did you mean prose?",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, groups=["code+web"]),
            "groups code+web: write 'A+B<=NUMBER'",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, groups={"text": {"most": 0.5}}),
            "groups: text is {'most': 0.5}; give its domains, and least or most",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, max_epochs=2),
            "max_epochs: passes over a domain need its tokens and the run's;"
            " give available and tokens too",
        ),
        (
            lambda runs, fit: mixwright.propose(fit, available={"web": 1e9}),
            "available: nothing is said of code, wiki; give every domain its tokens",
        ),
        (lambda runs, fit: mixwright.propose(fit, draws=3), "too few for an interval"),
        (lambda runs, fit: mixwright.load("/none"), "/none: no fit stands there"),
        (lambda runs, fit: fit.save(HOUSE), "something stands there that is no fit"),
        (lambda runs, fit: mixwright.compare(runs, ["regmx"]), "regmx is unknown"),
    ],
)
def test_mistakes_are_one_line(runs, fit, call, message):
    with pytest.raises(MixwrightError, match=re.escape(message)) as refused:
        call(runs, fit)
    assert "\n" not in str(refused.value)


def test_what_is_not_there_is_not_there():
    assert set(mixwright.__all__) <= set(dir(mixwright))
    with pytest.raises(AttributeError, match="has no attribute 'proposes'"):
        mixwright.proposes  # noqa: B018


def test_every_function_is_explained():
    for name in mixwright.__all__:
        if name != "__version__":
            text = getattr(mixwright, name).__doc__
            assert "Raises:" in text, name


def test_the_readme_example_runs(tmp_path, monkeypatch):
    section = (HOUSE / "README.md").read_text().split("## From Python")[1].split("\n## ")[0]
    (program,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    own_tables.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(program, names)
    assert "effective-data" in output.getvalue() and "  gain       " in output.getvalue()
    assert sum(names["weights"].values()) == pytest.approx(1)
    assert repr(mixwright.load("fit")) == repr(names["fit"])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("fit", ("x",), r"fit: runs is a str; make it with mixwright\.read_runs"),
        ("compare", (None,), r"compare: runs is a NoneType; make it with mixwright\.read_runs"),
        ("predict", ("x", {}), r"predict: fit is a str; make it with mixwright\.fit"),
        ("propose", ("x",), r"propose: fit is a str; make it with mixwright\.fit"),
    ],
)
def test_what_is_no_runs_or_no_fit_is_told_with_what_makes_it(function, arguments, message):
    with pytest.raises(MixwrightError, match=message):
        getattr(mixwright, function)(*arguments)
