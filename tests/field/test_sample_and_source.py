"""Domains of 30, 6 and 3 MB, of which 1.5 MB each are read: every number is of the right one."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import study_tables
from least_study import CONFIG
from mixwright import tables
from mixwright.__main__ import main
from mixwright.corpus.counts import extents, train_domains
from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture, natural_weights
from mixwright.report.corpus_caveats import corpus_caveats
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.summary import summarise
from mixwright.report.terminal import print_summary
from mixwright.report.your_data import data_rows, data_section
from mixwright.study.config import resolve
from mixwright.study.gate import check_mixtures
from mixwright.study.study import Study
from sampled_shards import manifest, write

MB = 10**6
SIZES = {"books": 3 * MB, "web": 30 * MB, "wiki": 6 * MB}
SAMPLE = 1_500_000
SHARES = {"books": 3 / 39, "web": 30 / 39, "wiki": 6 / 39}
# Training tokens of a sample.
READ = 450_000


def a_study(folder: Path, **changes) -> Study:
    """The study, written to `folder`, with its domains counted."""
    config = {
        "study": "sampled",
        "corpus": {"sample": SAMPLE},
        "domains": {name: {"source": "files", "files": f"{name}.jsonl"} for name in SIZES},
        "targets": {"held": {"source": "files", "files": "held.jsonl"}},
        "designs": {"swarm": {"runs": 200}, "repeat": {"runs": 2, "mixture": "natural"}},
        "mixers": {"natural": {}, "unimax": {"max_epochs": 1}, "regmix": {}},
        "goal": {"tokens": 300_000, "max_epochs": None},
        "final": {"batch": 1},
    }
    for key, value in changes.items():
        section = config.get(key)
        merged = {**section, **value} if isinstance(section, dict) else value
        config[key] = merged
    plan = Study(resolve(config, CONFIG))
    plan.write(folder / "study.json")
    shards = folder / "shards"
    if not shards.exists():
        write(shards, [manifest(name, SAMPLE, size) for name, size in SIZES.items()])
    call("count-domains", folder, "--shards", *(str(shards / name) for name in SIZES))
    return plan


def call(command: str, folder: Path, *words: str) -> int:
    """Runs a command on the study in `folder`; what it writes is named after it."""
    to = {"count-domains": "domains.parquet", "resolve-design": "design.parquet"}
    path = folder / to.get(command, "mixture.json")
    arguments = [command, "--study", str(folder / "study.json"), *words, "--to", str(path)]
    if command != "count-domains":
        arguments += ["--domains", str(folder / "domains.parquet")]
    return main(arguments)


def weights_of(folder: Path, mixer: str, settings: str = "{}") -> dict[str, float]:
    assert call("propose-mixture", folder, "--mixer", mixer, "--settings", settings) == 0
    return json.loads((folder / "mixture.json").read_text())["weights"]


def test_natural_is_of_the_text_there_is(tmp_path):
    a_study(tmp_path)
    counts = tables.read(tmp_path / "domains.parquet", tables.DOMAINS)
    train = counts[counts.split == "train"].set_index("domain")
    assert train.tokens.tolist() == [READ] * 3
    assert set(train.counted) == {"estimated"}
    shares = train.source_tokens / train.source_tokens.sum()
    assert shares.round(2).to_dict() == {"books": 0.08, "web": 0.77, "wiki": 0.15}
    assert natural_weights(train_domains(tmp_path / "domains.parquet")) == pytest.approx(
        list(SHARES.values()), abs=1e-5
    )


def test_the_design_and_the_baselines_stand_around_it(tmp_path):
    a_study(tmp_path)
    means = {}
    for role in ("repeat", "swarm"):
        assert call("resolve-design", tmp_path, "--role", role) == 0
        design = tables.read(tmp_path / "design.parquet", tables.DESIGN)
        means[role] = design.groupby("domain").weight.mean()
    assert means["repeat"].to_dict() == pytest.approx(SHARES, abs=1e-5)
    # Rows of a swarm lie on all sides of its middle, some of them near uniform.
    uniform = 1 / 3
    for name, share in SHARES.items():
        assert min(uniform, share) < means["swarm"][name] < max(uniform, share)
    assert weights_of(tmp_path, "natural") == pytest.approx(SHARES, abs=1e-5)


def test_passes_and_their_caps_count_the_source(tmp_path):
    # A final that is trained elsewhere, on all there is: 3 M tokens.
    a_study(tmp_path, finals="none", goal={"tokens": 3 * MB, "max_epochs": 1})
    weights = weights_of(tmp_path, "unimax", '{"max_epochs": 1}')
    # One pass over the 900,000 tokens of books; the others share the rest.
    assert weights["books"] == pytest.approx(0.3, abs=1e-3)
    assert weights["web"] == pytest.approx(weights["wiki"]) == pytest.approx(0.35, abs=1e-3)
    proposal = json.loads((tmp_path / "mixture.json").read_text())
    assert proposal["epochs"]["books"] == pytest.approx(1, abs=1e-3)
    assert proposal["epochs"]["web"] == pytest.approx(3 * MB * 0.35 / 9e6, abs=1e-3)


def test_a_final_that_a_sample_cannot_hold_is_refused_before_any_proxy(tmp_path, capsys):
    a_study(tmp_path, goal={"tokens": 2 * MB})
    counting = capsys.readouterr().err
    assert "books: 900,000 training tokens of the source (estimated), 450,000 in the" in counting
    assert call("resolve-design", tmp_path, "--role", "swarm") == 1
    error = capsys.readouterr().err
    assert "domains: books: a final may take 2,000,000 tokens" in error
    assert "its sample holds 450,000 of about 900,000; set domains.books.sample to all," in error
    assert "or cap it: goal.caps.books 0.22" in error
    # Of web and wiki 2 M tokens are needed, 6.6 MB and all.
    assert "likewise domains.web.sample 7400000 or more, domains.wiki.sample all" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "design.parquet").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"goal": {"tokens": 400_000}},
        {"goal": {"tokens": 2 * MB, "caps": {"books": 0.2, "web": 0.2, "wiki": 0.2}}},
        {"goal": {"tokens": 2 * MB}, "finals": "none"},
    ],
    ids=["short", "capped", "none"],
)
def test_finals_that_fit_go_on(tmp_path, change):
    if "caps" in change["goal"]:
        # Caps that leave a mixture need one more domain, which is read whole.
        change = change | {"domains": {"code": {"source": "files", "files": "code.jsonl"}}}
        manifests = [manifest(name, SAMPLE, size) for name, size in SIZES.items()]
        manifests.append(manifest("code", SAMPLE, SAMPLE, whole=True))
        write(tmp_path / "shards", manifests)
        a_study(tmp_path, **change)
        shards = map(str, sorted((tmp_path / "shards").iterdir()))
        call("count-domains", tmp_path, "--shards", *shards)
    else:
        a_study(tmp_path, **change)
    assert call("resolve-design", tmp_path, "--role", "repeat") == 0


def test_a_reference_outside_the_bounds_is_counted_at_the_gate(tmp_path, capsys):
    targets = {"held": {"source": "files", "files": "held.jsonl", "weight": 0}, "web": {}}
    caps = {"books": 0.2, "wiki": 0.2, "web": 0.61}
    changes = {"targets": targets, "goal": {"tokens": 700_000, "caps": caps}}
    a_study(tmp_path, **changes)
    assert call("resolve-design", tmp_path, "--role", "repeat") == 0
    a_study(tmp_path, **changes, mixers={"own-data": {}})
    assert call("resolve-design", tmp_path, "--role", "repeat") == 1
    error = capsys.readouterr().err
    assert "domains: web: a final may take 700,032 tokens" in error
    # A cap does not bind it.
    assert error.endswith("set domains.web.sample to 2600000 or more, or leave own-data out\n")


def test_a_mixture_that_repeats_a_sample_is_refused_where_finals_are_trained(tmp_path):
    plan = a_study(tmp_path, goal={"tokens": 700_000})
    sizes = extents(tmp_path / "domains.parquet")
    names = tuple(SIZES)
    fitting = Mixture(names, [0.4, 0.2, 0.4])
    check_mixtures(plan, [fitting], sizes)
    with pytest.raises(MixwrightError, match=r"wiki: a final takes 560,026 tokens and its sample"):
        check_mixtures(plan, [fitting, Mixture(names, [0.1, 0.1, 0.8])], sizes)
    # What is read whole may be repeated: bounds and mixers see to that.
    whole = {name: replace(size, source_tokens=size.tokens) for name, size in sizes.items()}
    check_mixtures(plan, [Mixture(names, [0.1, 0.1, 0.8])], whole)


def test_what_the_study_states_goes_before_estimates(tmp_path):
    domains = {"books": {"source": "files", "files": "books.jsonl", "tokens": 9 * MB}}
    before = a_study(tmp_path)
    after = a_study(tmp_path, domains=domains)
    sizes = extents(tmp_path / "domains.parquet")
    assert (sizes["books"].source_tokens, sizes["books"].counted) == (9 * MB, "stated")
    assert weights_of(tmp_path, "natural")["books"] == pytest.approx(9 / 19.8, abs=1e-4)
    # The text is the same, and so are the runs' names.
    names = [[run.name for run in plan.runs["swarm"]] for plan in (before, after)]
    assert names[0] == names[1]


# The report


def points(folder: Path, amounts: dict[str, float], epochs_of: int | None = None) -> list:
    """Serious points about proxies that take so many tokens of a domain, each a run."""
    rows = []
    for name, amount in amounts.items():
        rows.append({"run": name, "domain": name, "weight": 1.0, "tokens": amount})
    manifests = [json.loads(path.read_text()) for path in sorted(folder.glob("shards/*/*.json"))]
    sizes = extents(folder / "domains.parquet")
    caveats = corpus_caveats(manifests, {}, pd.DataFrame(rows), [], sizes, epochs_of)
    return [caveat.text for caveat in caveats if caveat.serious]


def test_a_sample_is_no_caveat_in_itself(tmp_path):
    a_study(tmp_path)
    assert points(tmp_path, {"web": 400_000, "books": 100_000, "wiki": 450_000}) == []


def test_proxies_that_repeat_their_samples_are_told_with_the_sample_that_suffices(tmp_path):
    a_study(tmp_path)
    (text,) = points(tmp_path, {"web": 1_440_000, "books": 100_000, "wiki": 450_000})
    assert text == (
        "Proxies repeat their samples: web (3.2 passes over the sample, 0.16 over the source);"
        " raise domains.web.sample to 5300000."
    )
    # Of wiki all there is does not reach; a proxy that repeats its source is another matter.
    texts = points(tmp_path, {"wiki": 20 * MB})
    assert "wiki (44.4 passes over the sample, 11 over the source)" in texts[1]
    assert texts[1].endswith("raise domains.wiki.sample to all.")
    assert "Proxies read small domains many times over: wiki (11 times)" in texts[0]


def test_simulated_epochs_repeat_what_they_are_meant_to(tmp_path):
    a_study(tmp_path)
    # A run of 40,000 tokens of a final's 1 M may show 4 % of a source: 360,000 tokens of web.
    assert points(tmp_path, {"web": 40_000, "books": 40_000}, epochs_of=MB) == []
    # One of 600,000 may show 540,000 tokens of books, and the sample has 450,000 of them.
    (text,) = points(tmp_path, {"books": 600_000}, epochs_of=MB)
    assert "books (1.3 passes over the sample, 1.1 over the source)" in text


def test_the_table_of_the_data_has_both_numbers(tmp_path):
    a_study(tmp_path)
    frame = tables.read(tmp_path / "domains.parquet", tables.DOMAINS)
    mixtures = [{"mixer": "regmix", "epochs": {"web": 0.5, "books": 2.25}}, {"mixer": "natural"}]
    rows = data_rows(frame, mixtures, "regmix")
    assert [row.domain for row in rows] == ["web", "wiki", "books"]
    assert [round(row.natural, 2) for row in rows] == [0.77, 0.15, 0.08]
    assert [row.passes for row in rows] == [0.5, None, 2.25]
    page = data_section(rows, "regmix")
    for cell in ("9 M", "450 k", "76.9%", "0.5", "2.25"):
        assert f"<td>{cell}</td>" in page
    assert "All sizes are estimated." in page and "domains.NAME.tokens states them" in page
    assert data_section(data_rows(None, mixtures, "regmix"), "regmix") == ""


def test_the_summary_holds_the_table(capsys):
    manifests = []
    for number, name in enumerate(study_tables.DOMAINS):
        manifests.append(manifest(name, SAMPLE, (number + 1) * SAMPLE, whole=number == 0))
    design, losses = study_tables.proxies()
    rows = []
    for content in manifests:
        for split, counts in content["splits"].items():
            source = 450_000 * content["source"]["bytes"] // SAMPLE if split == "train" else None
            row = {"domain": content["domain"], "split": split, "source_tokens": source, **counts}
            rows.append(row | {"counted": "counted" if source == READ else "estimated"})
    summary = summarise(
        Study(study_tables.study()),
        study_tables.scores(),
        design,
        losses,
        study_tables.mixtures(),
        manifests=manifests,
        domains=pd.DataFrame(rows),
    )
    content = as_json(summary)
    assert [row["domain"] for row in content["data"]] == list(study_tables.DOMAINS[::-1])
    assert content["data"][0]["source_tokens"] == 7 * READ
    assert {row["sample_tokens"] for row in content["data"]} == {READ}
    assert all(row["passes"] > 0 for row in content["data"])
    assert "<h2>Your data</h2>" in summary_page(summary)
    print_summary(content)
    shown = capsys.readouterr().out
    assert "Your data: training tokens" in shown and "3.15 M" in shown


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"bytes_cut": 20_000}, "Documents were cut to corpus.max_document_bytes"),
        ({"bytes_cut": 400_000}, "!Documents were cut to corpus.max_document_bytes"),
        ({"broken": 1}, "!Lines or rows that could not be read were skipped"),
        ({"broken_files": 2}, "!Files that could not be read were skipped (corpus.on_error): web"),
        ({"contaminated": 2, "dropped_contaminated": 0}, "Documents that share a passage with a"),
        ({"contaminated": 9, "dropped_contaminated": 0}, "!Documents that share a passage with a"),
        (
            {"contaminated": 9, "dropped_contaminated": 9, "bytes_contaminated": 9_000},
            "Text that shares a passage with a target was left out: web (0.6%)",
        ),
        ({"bytes_duplicates": 15_000}, "Text that repeats an earlier one was left out"),
        ({"duplicates": 25}, "Documents that repeat an earlier one were left in: web (1%)"),
        ({"duplicates": 900}, "!Documents that repeat an earlier one were left in: web (36%)"),
        ({"bytes_repeated_lines": 15}, "Long lines that repeat an earlier one were left out"),
        ({"altered": 3}, "Rows with characters that are no text"),
        ({"empty": 3}, "Rows without text"),
    ],
)
def test_whatever_is_cut_dropped_or_skipped_is_told(counts, expected):
    # 2,500 documents
    content = manifest("web", SAMPLE, 30 * MB, **counts)
    design = pd.DataFrame({"run": [], "domain": [], "weight": [], "tokens": []})
    (caveat,) = corpus_caveats([content], {}, design, [])
    text = f"{'!' * caveat.serious}{caveat.text}"
    assert text.startswith(expected) and "web (" in text


@pytest.mark.parametrize("count", ["bytes_duplicates", "bytes_repeated_lines"])
def test_what_a_step_drops_is_a_share_of_the_text_that_it_met(count):
    # Ten times the sample was looked at; the step met the sample and what it dropped of it.
    counts = {"bytes_read": 10 * SAMPLE, count: SAMPLE}
    content = manifest("web", SAMPLE, 30 * MB, **counts)
    design = pd.DataFrame({"run": [], "domain": [], "weight": [], "tokens": []})
    (caveat,) = corpus_caveats([content], {}, design, [])
    assert "web (50%)" in caveat.text


def test_text_that_shares_a_passage_is_a_share_of_the_text_that_was_compared():
    dropped = {"contaminated": 9, "dropped_contaminated": 9, "bytes_contaminated": SAMPLE}
    content = manifest("web", SAMPLE, 30 * MB, bytes_read=10 * SAMPLE, **dropped)
    design = pd.DataFrame({"run": [], "domain": [], "weight": [], "tokens": []})
    (caveat,) = corpus_caveats([content], {}, design, [])
    assert caveat.serious and "was left out: web (50%)" in caveat.text


def test_a_target_of_which_a_part_is_scored_is_told():
    design = pd.DataFrame({"run": [], "domain": [], "weight": [], "tokens": []})
    entry = {"cleaning": {"read": 1000, "over_cap": 350, "bytes_read": 10}}
    (caveat,) = corpus_caveats([], {"held": entry}, design, [])
    assert caveat.serious and "Of each target only a part is scored" in caveat.text
    (caveat,) = corpus_caveats([], {"held": entry}, design, [], target_bytes=30_000)
    assert "only 30 kB is scored" in caveat.text and "held (35%)" in caveat.text
    assert "held (35%)" in caveat.text
