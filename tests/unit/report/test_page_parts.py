"""The parts that pages are made of: words for what a mixture is worth, terms, figures, costs."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import least_study
import study_tables
from mixwright.corpus.counts import Extent
from mixwright.learners import LOSS, Metric
from mixwright.report.comparison import Comparison
from mixwright.report.conclusion import conclude
from mixwright.report.cost import FINALS, duration, more, recorded, spent
from mixwright.report.drawings import embedded, figure_boxes, inline
from mixwright.report.figures import draw, save, tabulate
from mixwright.report.frame import document, table
from mixwright.report.left_out import left_out
from mixwright.report.limits import limits_of
from mixwright.report.mixture_words import NAMED, block, recipe, worth
from mixwright.report.next_steps import after_finals
from mixwright.report.origin import commands, configuration
from mixwright.report.room import write_with_room
from mixwright.report.sections import in_order
from mixwright.report.terms import TERMS, explained
from mixwright.report.your_data import source_words
from mixwright.study.study import Study
from page_words import outline, words

BITS = Metric("loss", "loss", "bits/byte")
POINTS = Metric("accuracy", "accuracy", "points of 100", higher=True, whole=100.0)
SCORE = Metric("score", "score", "", higher=True)


@pytest.mark.parametrize(
    ("gain", "metric", "natural", "expected"),
    [
        (0.24, LOSS, 5.0, "0.24 nats/token better than natural, about 21 % lower perplexity"),
        (-0.1, LOSS, 5.0, "0.1 nats/token worse than natural, about 11 % higher perplexity"),
        (0.004, LOSS, 5.0, "0.004 nats/token better than natural, about 0.4 % lower perplexity"),
        (0.05, BITS, 1.0, "0.05 bits/byte better than natural, about 5 % fewer bits for each byte"),
        (0.05, BITS, None, "0.05 bits/byte better than natural"),
        (2.5, POINTS, 40.0, "2.5 points of 100 better than natural"),
        (1.25, SCORE, 3.0, "1.25 score better than natural"),
    ],
)
def test_what_a_mixture_is_worth_is_told_in_what_its_unit_allows(gain, metric, natural, expected):
    assert worth(gain, metric, natural) == expected


@pytest.mark.parametrize("seed", range(20))
def test_the_block_of_a_mixture_sums_to_one_whatever_its_weights(seed):
    rng = np.random.default_rng(seed)
    names = [f"domain {i}" if i % 2 else f"d{i}" for i in range(int(rng.integers(1, 40)))]
    weights = dict(zip(names, rng.dirichlet(np.full(len(names), 0.2)), strict=True))
    shares = [line.rpartition(": ")[2] for line in block(weights).splitlines()]
    assert sum(round(float(share) * 1e5) for share in shares) == 100_000
    for line in block(weights).splitlines():
        assert line.startswith('"domain ') or re.match(r"d\d+: ", line)


def test_a_recipe_names_few_domains_and_none_that_has_nothing():
    assert recipe({"a": 1.0, "b": 0.0}) == "100 % a"
    assert recipe({"a": 0.6, "b": 0.395, "c": 0.005}) == "60 % a, 40 % b and 0.5 % c"
    assert recipe({"a": 0.994, "b": 0.006}) == "99 % a and 1 % b"
    many = {f"n{i}": 0.04 for i in range(25)}
    assert recipe(many).count(",") == NAMED - 1 and recipe(many).endswith(
        "84 % in 21 others together"
    )
    long = {f"{'x' * 60}{i}": 0.2 for i in range(5)}
    assert recipe(long).endswith("and 80 % in 4 others together")


@pytest.mark.parametrize("seed", range(30))
def test_the_shares_of_a_recipe_sum_to_a_hundred(seed):
    rng = np.random.default_rng(seed)
    names = [f"d{i}" for i in range(int(rng.integers(2, 12)))]
    # of shares that are whole: small ones have decimals of their own
    weights = 0.7 / len(names) + 0.3 * rng.dirichlet(np.ones(len(names)))
    text = recipe(dict(zip(names, weights.tolist(), strict=True)))
    shares = re.findall(r"(\d+) % (\w+)", text)
    assert sum(int(share) for share, _ in shares) == 100
    for share, name in shares[:-1]:
        assert int(share) == round(100 * weights[names.index(name)])


def test_a_domain_that_gets_next_to_nothing_is_named_where_no_bound_holds():
    study = Study(study_tables.study())
    record = {"active_bounds": [], "epochs": {}, "notes": []}
    record |= {"weights": {"web": 0.9996, "books": 0.0004}}
    (line,) = limits_of(study, record)
    start = "No cap or floor holds it back, but nearly nothing is taken of books (0.04 %);"
    assert line.startswith(start)
    # a sentence that begins with it leaves the name as it is written
    *_, last = limits_of(study, record | {"active_bounds": ["books>=0"]})
    assert last.startswith("Nearly nothing is taken of books (0.04 %);")


def test_a_term_is_explained_once_where_it_first_stands():
    page = explained("<h2>perplexity</h2><p>a perplexity, the PERPLEXITY</p><p>perplexity</p>")
    assert page.count("<dfn") == 1
    assert page.index("<dfn") < page.index(TERMS["perplexity"][:20])
    assert page.startswith("<h2>perplexity</h2><p>a <dfn")
    # not inside words, programs or drawings, and not in what the explorer writes
    for untouched in (
        "<p>imperplexity</p>",
        "<script>perplexity</script>",
        "<svg><text>perplexity</text></svg>",
        '<section id="explore"><p>perplexity</p></section>',
    ):
        assert explained(untouched) == untouched
    after = explained('<section id="explore"><p>seeds</p></section><p>seeds</p>')
    assert after.index("<dfn") > after.index("</section>")


def test_a_page_allows_no_request_and_its_sections_have_an_order():
    sections = in_order({"cost": "a", "data": "b"})
    page = document("demo", f'<section id="answer"></section>{sections}')
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy and "http" not in policy
    parsed = outline(page)
    assert parsed.headings == ["Your data", "What it took"]
    with pytest.raises(KeyError):
        in_order({"unknown": "a"})


def test_a_table_has_a_caption_and_heads_for_columns_and_rows():
    html = table(["name", "", "loss"], [["a", "b", "1"]], "Losses &amp; <em>more</em>")
    assert '<th scope="col">name</th><td></td><th scope="col">loss</th>' in html
    assert '<th scope="row">a</th><td>b</td>' in html
    assert 'aria-label="Losses &amp; more"' in html and 'tabindex="0"' in html


def test_figures_stand_in_their_section_with_unique_ids_and_their_numbers(tmp_path):
    study = Study(study_tables.study())
    paths = []
    for name, results in {
        "mixtures": {"mixtures": study_tables.mixtures()},
        "finals": {"scores": study_tables.scores(), "study": study},
    }.items():
        rows = tabulate(name, **results)
        paths.append(tmp_path / f"{name}.svg")
        save(draw(name, rows), paths[-1])
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    drawn = embedded([*paths, tmp_path / "unknown.svg"])
    assert {figure.name for figure in drawn} == {"mixtures", "finals"}
    sections = {figure.section for figure in drawn}
    html = "".join(figure_boxes(drawn, section) for section in sections)
    outline(html)
    references = set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', html))
    ids = set(re.findall(r' id="([^"]*)"', html))
    assert references and {first or second for first, second in references} <= ids
    assert html.count('role="img"') == 2 and html.count("<details>") == 2
    (finals,) = [figure for figure in drawn if figure.name == "finals"]
    written = pd.read_csv(tmp_path / "finals.csv")
    shown = pd.read_csv(pd.io.common.StringIO(finals.csv))
    pd.testing.assert_frame_equal(shown, written, rtol=1e-5)


def test_an_inlined_drawing_keeps_what_it_shows():
    svg = (
        '<?xml version="1.0"?>\n<!-- a --><svg viewBox="0 0 9 9">\n<metadata>x</metadata>'
        '<g id="g1"><path id="p1" d="M 1.23456 2" transform="scale(0.015625)"/></g>'
        + '<use xlink:href="#p1" x="1.23456" y="2" style="fill: #0072b2"/>' * 3
        + "</svg>"
    )
    drawing = inline(svg, "f")
    assert drawing.startswith("<svg") and "metadata" not in drawing and "scale(0.015625)" in drawing
    assert 'd="M 1.23 2"' in drawing and 'id="g1"' not in drawing
    assert drawing.count("#0072b2") == 1 and drawing.count('href="#f-0"') == 3
    assert drawing.count('id="f-0"') == 1


def test_what_each_stage_took_is_counted_and_its_time_is_what_jobs_recorded(tmp_path):
    study = least_study.study()
    rows = {row.stage: row for row in spent(study, recorded(study, tmp_path), None)}
    for role, runs in study.runs.items():
        assert rows[role].models == len(runs) and rows[role].seconds is None
        assert rows[role].tokens == sum(run.tokens for run in runs)
        assert rows[role].flops > 0
    beats = {}
    for number, pack in enumerate(study.packs):
        beats[pack] = {"state": "finished", "started": 10.0, "updated": 12.0 + number}
    timed = spent(study, beats, None)
    assert sum(row.seconds or 0 for row in timed) == pytest.approx(
        sum(2.0 + number for number in range(len(study.packs)))
    )
    finals = pd.DataFrame({"store_key": ["a", "a", "b"], "seconds": [30.0, 30.0, 50.0]})
    (last,) = [row for row in spent(study, {}, finals) if row.stage == FINALS]
    # equal mixtures share a model, which is paid once
    assert last.models == 2 and last.seconds == 80.0
    assert any("about 40 s of jobs" in sentence for sentence in more(2, (last,)))
    assert [duration(5400), duration(90), duration(4.2)] == ["1.5 h", "1.5 min", "4.2 s"]


def test_the_configuration_holds_what_differs_from_the_defaults_and_nothing_else():
    study = least_study.study()
    text = configuration(study)
    for name in [*study.domains, *study.mixers]:
        assert f"{name}:" in text
    assert "shape" not in text and "on_error" not in text
    changed = least_study.study(goal={**least_study.LEAST.get("goal", {}), "max_epochs": 7})
    assert "max_epochs: 7" in configuration(changed) and "max_epochs" not in text


def test_the_commands_that_make_a_page_again_quote_its_files():
    lines = commands(least_study.study(), "summarise", {"html": Path("a b/summary.html")})
    assert lines[0].startswith("snakemake --cores all --configfile ")
    assert lines[1].endswith("--html 'a b/summary.html'")


def test_what_was_left_out_is_told_with_its_share_the_largest_first():
    counts = {"read": 200, "documents": 150, "bytes": 900, "bytes_read": 1000, "bytes_cut": 100}
    counts |= {"broken": 1, "bytes_duplicates": 100, "broken_files": 2}
    lost = left_out(counts)
    assert next(iter(lost)) == "2 files skipped: they cannot be read"
    assert "10% cut: documents longer than corpus.max_document_bytes" in lost
    assert "10% left out: duplicates" in lost
    assert "0.5% skipped: lines or rows that cannot be read" in lost
    assert left_out({"read": 9, "bytes_read": 9}) == {}


@pytest.mark.parametrize(
    ("bound", "parts"),
    [
        ("web<=0.4", ("web stands at its cap, 40 %", "goal.caps.web")),
        ("books<=0.1", ("books stands at 10 %", "2 M tokens 4 times", "goal.max_epochs")),
        ("books>=0.05", ("books stands at its floor, 5 %", "goal.floors.books")),
        ("code<=0.2", ("code is fixed at 20 %", "goal.fixed.code")),
        ("all-code<=0.5", ("group all-code (code, web)", "goal.groups.all-code.most")),
        ("all-code>=0.3", ("group all-code", "goal.groups.all-code.least")),
    ],
)
def test_a_bound_says_where_it_is_set_and_what_moves_it(bound, parts):
    goal = {
        "max_epochs": 4.0,
        "caps": {"web": 0.4},
        "floors": {"books": 0.05},
        "fixed": {"code": 0.2},
        "groups": {"all-code": {"domains": ["code", "web"], "least": 0.3, "most": 0.5}},
    }
    study = Study(study_tables.study() | {"goal": goal})
    sizes = {"books": Extent("books", 2_000_000, "counted", 10**6, 10**6)}
    (line,) = limits_of(study, {"active_bounds": [bound], "epochs": {}}, sizes)
    for part in parts:
        assert part in line


def test_a_mixture_inside_its_bounds_says_so_and_which_source_is_nearly_used_up():
    study = Study(study_tables.study())
    record = {"active_bounds": [], "epochs": {"web": 3.6, "books": 1.0}, "notes": []}
    free, near = limits_of(study, record)
    assert (
        free == "No cap or floor holds it back."
        and "web is read 3.6 times; goal.max_epochs allows 4" in near
    )


def test_trees_are_told_apart_by_more_test_rows():
    draws = np.random.default_rng(0).normal(0, 0.02, 200)
    values = pd.DataFrame({0: {"natural": 0.5, "regmix": 0.51}})
    frame = pd.DataFrame(
        [np.full(200, 0.5), 0.51 + draws], pd.MultiIndex.from_product([["t"], values.index])
    )
    metric = Metric("accuracy", "accuracy", "", higher=True)
    comparison = Comparison(values, {"t": 1.0}, None, metric, frame, seeded=False)
    _, _, chosen = conclude(comparison)
    (step,) = after_finals(Study(study_tables.study()), comparison, chosen)
    factor = int(re.search(r"about (\d+) times as much would tell", step)[1])
    exact = ((1.96 + 0.8416) * draws.std(ddof=1) / 0.01) ** 2
    assert "test rows" in step and factor == math.ceil(exact)


def test_a_source_says_where_its_text_is():
    assert source_words({"source": "installed"}) == "installed"
    files = {"source": "files", "files": ["a.jsonl", "b.jsonl", "c.jsonl"]}
    assert source_words(files) == "files: a.jsonl, b.jsonl and 1 more"
    assert words(f"<p>{source_words({'source': 'files', 'files': 'a'})}</p>") == "files: a"


def test_a_page_leaves_out_what_makes_it_too_large_and_says_so(tmp_path, capsys):
    paths = []
    for name, size in (("mixtures", 1_000), ("finals", 3_000_000)):
        paths.append(tmp_path / f"{name}.svg")
        paths[-1].write_text(f'<svg viewBox="0 0 9 9"><path d="{"M 1 1 " * (size // 6)}"/></svg>')
        (tmp_path / f"{name}.csv").write_text("a\n1\n")
    page = tmp_path / "page.html"
    write_with_room(lambda drawn: " ".join(figure.svg for figure in drawn), paths, page)
    assert page.stat().st_size < 2_000
    assert "without the figure finals" in capsys.readouterr().err
