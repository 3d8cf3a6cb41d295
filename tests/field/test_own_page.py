"""Pages and figures of own tables: whatever the tables hold, they are whole and true."""

import csv
import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import run_tables
from mixwright.__main__ import main
from mixwright.proposals.fits import Fit
from mixwright.report.drawings import Drawn, figure_boxes

# Names that would leave an attribute, a tag, a script or a line of a shell if nobody quoted them.
HOSTILE = (
    "</script><script>alert(1)</script>",
    "a & b <!-- c",
    'it\'s "quoted" & spaced',
    "Ünïcode 数学",
)
# Tags that close themselves.
VOID = {"meta", "br", "hr", "img", "input", "use", "path", "wbr", "circle", "line"}


class Page(HTMLParser):
    """A page read as browsers do: its tags, scripts and words; tags must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.sections: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        known = dict(attributes)
        if tag == "section":
            self.sections.append(known["id"])
        # nothing is asked of any network
        address = known.get("src", known.get("href", ""))
        assert not re.match(r"(https?:)?//", address or "")
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.stack and self.stack[-1] == tag, (tag, self.stack)
            self.stack.pop()

    def handle_data(self, data):
        if "script" in self.stack:
            self.scripts[-1] += data
        elif "style" not in self.stack:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def fit(folder: Path, mixtures, losses, mixer="effective-data", *options: str) -> Path:
    """Fits the tables by the command line; returns the folder of the fit."""
    paths = run_tables.write(folder, mixtures, losses)
    words = ["fit", "--mixer", mixer, "--mixtures", str(paths[0]), "--losses", str(paths[1])]
    assert main([*words, "--to", str(folder / "fit"), *options]) == 0
    return folder / "fit"


def page(place: Path, *options: str, draws: int = 10) -> Page:
    """The page of a fit or surface, by the command line."""
    to = place.parent / "page.html"
    words = ["page", "--fit", str(place), "--to", str(to), "--draws", str(draws)]
    assert main([*words, *options]) == 0
    text = to.read_text(encoding="utf-8")
    assert len(text.encode()) < 2_000_000
    assert "Content-Security-Policy" in text
    return Page(text)


@pytest.fixture
def swarm():
    return run_tables.swarm()


def test_the_answer_comes_first_and_every_section_has_its_place(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    shown = page(place, "--target", "prose=3", "questions", "--cap", "web=0.3")
    assert shown.sections[0] == "answer"
    assert shown.sections[1:] == [
        "explore",
        "data",
        "targets",
        "next",
        "limits",
        "export",
        "trade-offs",
        "evidence",
        "mechanism",
        "caveats",
        "provenance",
    ]
    assert re.search(r"Train on \d+\s% \w+, .* better than the mean of your runs", shown.text)
    # natural is unknown, and the page says so
    assert (
        "is unknown: the mean of your runs stands for it" in shown.text
        and "--available" in shown.text
    )
    assert not re.search(r"(better|worse) than natural by|\d better than natural", shown.text)
    assert "web at most 30 %" in shown.text
    assert "mixwright page --fit" in shown.text


def test_the_proposal_is_that_of_propose_and_is_written_beside(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    bounds = ["--cap", "web=0.3", "--group", "code+wiki<=0.5", "--target", "prose", "--draws", "10"]
    proposed, beside = tmp_path / "proposed.json", tmp_path / "mixture.json"
    assert main(["propose", "--fit", str(place), "--to", str(proposed), *bounds]) == 0
    shown = page(place, "--mixture", str(beside), *bounds[:-2])
    assert json.loads(beside.read_text()) == json.loads(proposed.read_text())
    assert str(beside) in shown.text
    for name, weight in json.loads(beside.read_text())["weights"].items():
        printed = re.search(rf"{name}: (0\.\d+)", shown.text)
        assert float(printed[1]) == pytest.approx(weight, abs=2e-5), name


def test_natural_and_passes_stand_there_where_tokens_are_known(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    available = ["web=60e9", "code=20e9", "wiki=5e9", "books=10e9"]
    shown = page(
        place, "--available", *available, "--tokens", "30e9", "--max-epochs", "4", draws=10
    )
    assert "than natural" in shown.text and "the mean of your runs" not in shown.text
    assert "passes" in shown.text and "60 B" in shown.text
    assert "--max-epochs 4" in shown.text and re.search("at most 4 passes .*over a", shown.text)


def test_where_the_runs_cannot_tell_that_is_the_answer(tmp_path, swarm):
    mixtures, losses = swarm
    rng = np.random.default_rng(3)
    # which loss is which run's is lost
    noise = losses.assign(prose=rng.permutation(losses.prose), questions=losses.questions)
    place = fit(tmp_path, mixtures, noise)
    shown = page(place, "--target", "prose")
    assert "These runs cannot tell which mixture is best." in shown.text
    assert "Before you trust this" in shown.text
    assert not re.search(r"Train on \d", shown.text)
    # a guess that nothing supports is not offered to be copied
    assert not re.search(r"web: 0\.\d+", shown.text) and "Nothing supports it" in shown.text


def test_no_name_breaks_out_of_the_page_or_of_its_data(tmp_path, swarm):
    mixtures, losses = swarm
    mixtures.columns = ["run", *HOSTILE]
    losses.columns = ["run", "<blink>prose</blink>", "que'st\"ions</script>"]
    named = ["--domains", *HOSTILE, "--targets", *losses.columns[1:], "--unit", "nats/token"]
    place = fit(tmp_path, mixtures, losses, "effective-data", *named)
    shown = page(place, "--cap", f"{HOSTILE[0]}=0.4", "--never-worse", "<blink>prose</blink>")
    assert "blink" not in shown.tags
    # inside a script these would hide its end from a browser
    assert not any("<!--" in script or "<script" in script for script in shown.scripts)
    assert not any(script.strip() == "alert(1)" for script in shown.scripts)
    for name in (*HOSTILE, *losses.columns[1:]):
        assert " ".join(name.split()) in shown.text, name
    # the line that makes the page again survives a shell
    line = next(word for word in shown.words if word.startswith("mixwright page --fit"))
    assert f"{HOSTILE[0]}=0.4" in shlex.split(line)


def test_one_target_and_two_domains_are_enough(tmp_path, swarm):
    mixtures, losses = swarm
    two = pd.DataFrame({"run": mixtures.run, "web": mixtures.web})
    two["rest"] = (1 - two.web).round(4)
    place = fit(tmp_path, two, losses[["run", "prose"]])
    shown = page(place)
    assert "trade-offs" not in shown.sections and "targets" in shown.sections


def test_targets_of_several_units_are_shown_each_in_its_own(tmp_path, swarm):
    mixtures, losses = swarm
    losses["arc_acc"] = (0.9 - 0.2 * losses.questions / 3).round(4)
    place = fit(tmp_path, mixtures, losses, "effective-data", "--higher-better", "arc_acc")
    words = ["page", "--fit", str(place), "--to", str(tmp_path / "p.html"), "--draws", "0"]
    # a plain mean of these says nothing, and propose refuses it too
    assert main(words) == 1
    shown = page(place, "--target", "arc_acc")
    assert "accuracy" in shown.text and "points" in shown.text
    weighed = page(place, "--target", "arc_acc=1", "prose=0.5", "questions=0.5")
    assert "nats/token" in weighed.text


@pytest.mark.parametrize("runs", [8, 9])
def test_few_runs_make_a_page_that_says_what_they_cannot(tmp_path, runs):
    place = fit(tmp_path, *run_tables.swarm(runs))
    shown = page(place)
    assert "answer" in shown.sections
    assert "train at least 24" in shown.text


def test_a_mixer_without_formula_is_shown_by_the_law_of_the_same_runs(tmp_path, swarm):
    settings = ["--settings", '{"iterations": 40, "learning_rate": 0.1, "samples": 500}']
    place = fit(tmp_path, *swarm, "regmix", *settings)
    shown = page(place)
    assert "explore" in shown.sections
    assert "regmix has no formula" in shown.text
    assert "mixwright learning-curve --mixer regmix" in shown.text


def test_a_mixer_that_predicts_nothing_has_no_explorer_and_says_so(tmp_path, swarm):
    place = fit(tmp_path, *swarm, "best-of-swarm")
    shown = page(place)
    assert "there is nothing to try out here" in shown.text
    assert "predicts no losses" in shown.text
    assert not any("explorer" in script for script in shown.scripts)


@pytest.mark.parametrize("mixer", ["natural", "uniform"])
def test_a_baseline_has_a_page_too(tmp_path, swarm, mixer):
    place = fit(tmp_path, *swarm, mixer)
    shown = page(place, "--cap", "web=0.5")
    assert "there is nothing to try out here" in shown.text
    if mixer == "natural":
        assert "This is the mean of your runs: natural says nothing" in shown.text


def test_a_proposal_that_is_the_natural_mixture_says_to_keep_it(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    natural = ["web=0.4", "code=0.3", "wiki=0.2", "books=0.1"]
    tokens = ["web=4e9", "code=3e9", "wiki=2e9", "books=1e9"]
    shown = page(place, "--available", *tokens, "--fix", *natural, draws=10)
    assert "Keep your data as it is: no mixture inside your bounds" in shown.text
    # the best run is better and has another mixture: the bounds bar it
    assert "Its mixture lies outside your bounds" in shown.text


def test_a_best_run_that_beats_the_prediction_is_offered_beside_it(tmp_path, swarm):
    mixtures, losses = swarm
    losses.loc[5, "prose"] = losses.prose.min() - 0.05
    place = fit(tmp_path, mixtures, losses)
    shown = page(place, "--target", "prose", draws=10)
    best = re.search(r"Your best run, run-005, measured (\S+) nats/token, which is", shown.text)
    assert float(best[1]) == pytest.approx(losses.prose[5], abs=5e-4)
    assert "Train its mixture beside this one" in shown.text


def test_bounds_that_came_with_a_surface_are_named_or_applied(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    surface = tmp_path / "surface.json"
    assert main(["surface", "--fit", str(place), "--to", str(surface), "--draws", "0"]) == 0
    record = json.loads(surface.read_text())
    most = [0.3 if name == "web" else 1.0 for name in record["domains"]]
    groups = [{"name": "dry", "domains": ["code", "wiki"], "least": 0.1, "most": 0.7}]
    record["goal"]["bounds"] = {"least": [0.0] * 4, "most": most, "groups": groups}
    surface.write_text(json.dumps(record))
    options = ["--cap", "web=0.3", "--group", "code+wiki>=0.1", "code+wiki<=0.7"]
    shown = page(surface)
    assert f"To apply them, type {shlex.join(options)}" in shown.text
    assert "not applied" not in page(surface, *options).text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mixture", "p.html"], "name another file"),
        (["--draws", "3"], "ask for 10 or more"),
        (["--available", "web=9", "code=9", "wiki=9", "books=9", "--tokens", "90"], ""),
        (
            ["--available", "web=9", "code=9", "wiki=9", "books=9", "--tokens", "90"]
            + ["--max-epochs", "2"],
            "ask for fewer tokens",
        ),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_fix(
    tmp_path, swarm, monkeypatch, capsys, words, message
):
    place = fit(tmp_path, *swarm)
    monkeypatch.chdir(tmp_path)
    code = main(["page", "--fit", str(place), "--to", "p.html", "--draws", "0", *words])
    errors = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("mixwright:")
    ]
    assert code == bool(message) and len(errors) == code
    assert all(message in line for line in errors)


def test_many_targets_long_names_percents_and_a_constant_target(tmp_path, swarm):
    mixtures, losses = swarm
    rng = np.random.default_rng(5)
    names = [f"target_{place}_{'y' * 70}" for place in range(20)]
    for name in names:
        share = rng.dirichlet(np.ones(4))
        effective = 0.05 + mixtures[["web", "code", "wiki", "books"]].to_numpy() @ share
        losses[name] = (90 - 20 * effective**-0.3).round(2)
    losses["flat"] = 2.5
    columns = ["--targets", "prose", "flat", *names, "--higher-better", *names]
    place = fit(tmp_path, mixtures, losses, "effective-data", *columns)
    shown = page(place, "--target", "prose", "flat")
    assert "flat: the same in every run" in shown.text
    assert all(name in shown.text for name in names)
    assert re.search(r"by \d+(\.\d)? points", shown.text)
    # the best mixture of each of the first targets alone; the others are counted
    assert "7 more targets: not shown" in shown.text


def test_a_surface_makes_a_page_with_fewer_sections(tmp_path, swarm):
    place = fit(tmp_path, *swarm)
    surface = tmp_path / "surface.json"
    assert main(["surface", "--fit", str(place), "--to", str(surface), "--draws", "10"]) == 0
    shown = page(surface, "--cap", "web=0.3")
    assert "explore" in shown.sections and "A surface holds no runs" in shown.text
    assert "Your best run" not in shown.text


def test_runs_that_diverged_are_named_on_the_page(tmp_path, swarm):
    mixtures, losses = swarm
    losses.loc[3, "prose"] = np.nan
    place = fit(tmp_path, mixtures, losses, "effective-data", "--diverged", "drop")
    assert Fit.load(place).source.dropped == ("run-003",)
    assert "taught nothing: run-003" in page(place).text


def test_figures_are_drawn_with_their_numbers_and_the_others_have_a_reason(tmp_path, swarm, capsys):
    place = fit(tmp_path, *swarm)
    folder = tmp_path / "figures"
    words = ["figures", "--fit", str(place), "--to", str(folder), "--draws", "10"]
    assert main(words) == 0
    names = {path.stem for path in folder.iterdir()}
    assert {"tested", "domains", "front", "effects", "region"} <= names
    for name in names:
        for suffix in (".svg", ".png", ".pdf", ".csv"):
            assert (folder / f"{name}{suffix}").stat().st_size > 0
        with (folder / f"{name}.csv").open() as file:
            assert len(list(csv.reader(file))) > 1
    said = capsys.readouterr().err
    undrawn = [line for line in said.splitlines() if line.startswith("figures: not drawn: ")]
    assert any("finals" in line and "only a study makes" in line for line in undrawn)
    assert any("mixtures: natural is unknown" in line for line in undrawn)
    listed = {name for line in undrawn for name in re.findall(r"[a-z_]+(?=[,:])", line)}
    assert not listed & names


def test_without_matplotlib_the_page_has_no_figures_and_figures_names_the_extra(
    tmp_path, swarm, monkeypatch, capsys
):
    from mixwright.report.own import drawn

    place = fit(tmp_path, *swarm)
    monkeypatch.setattr(drawn, "can_draw", lambda: False)
    shown = page(place)
    assert "figure" not in shown.tags
    # the table says what the figure would
    assert "What 1 % more of a domain does to each target" in shown.text
    words = ["figures", "--fit", str(place), "--to", str(tmp_path / "f"), "--draws", "0"]
    assert main(words) == 1
    assert "pip install 'mixwright[figures]'" in capsys.readouterr().err


def test_numbers_of_a_figure_cannot_end_the_page():
    """A browser reads <!-- and <script> inside a script as more script: no data stands in one."""
    numbers = "domain,weight\na & b <!-- c <script>,0.5\n</script></pre>,0.5\n"
    figure = Drawn("domains", "Title", "<svg ></svg>", numbers, "mechanism")
    html = figure_boxes([figure], "mechanism")
    assert "<script" not in html and "<!--" not in html
    shown = Page(html)
    assert numbers.strip() in "".join(shown.words)
