"""Users export a mixture to their trainer, and check a trainer's file that somebody else wrote."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import own_tables
from mixwright.__main__ import main
from mixwright.proposals.export import FORMATS

HOUSE = Path(__file__).parents[2]
SHARES = {"web": 0.6, "code": 0.3, "wiki": 0.1}
# A published recipe: a hundredth of 50 T tokens is asked of a source of 130 M.
PUBLISHED = "--data-path \\\n  0.59 /d/web \\\n  0.4 /d/code \\\n  0.01 /d/tiny\n"
PUBLISHED_SIZES = "/d/web: 4e13\n/d/code: 2e13\n/d/tiny: 130000000\n"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with a mixture; paths in tests are relative to it."""
    monkeypatch.chdir(tmp_path)
    write("mixture.json", json.dumps(SHARES))
    return tmp_path


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def export(*words: str) -> int:
    return main(["export", "--mixture", "mixture.json", "--to", "out", *words])


def check(*words: str) -> int:
    return main(["check-mixture", *words])


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(name).read_text(encoding="utf-8").splitlines()))


# Export


def test_a_mixture_becomes_a_trainers_file_with_an_account(desk, capsys):
    write("map.yaml", "web: /d/web\ncode: {path: /d/code, tokens: 1e9}\nwiki: /d/wiki\n")
    words = ["--sources", "map.yaml", "--tokens", "2e9", "--sequence", "4096"]
    assert export("--format", "megatron", *words, "--table", "account.csv") == 0
    assert "0.3 /d/code" in (desk / "out").read_text()
    account = {row["source"]: row for row in rows("account.csv")}
    assert float(account["/d/code"]["passes"]) == pytest.approx(0.6, rel=1e-3)
    assert account["/d/web"]["passes"] == ""
    out = capsys.readouterr().out
    assert "passes over /d/web, /d/wiki are unknown; give the sizes of /d/web, /d/wiki" in out


def test_without_sizes_one_line_says_what_passes_need(desk, capsys):
    assert export("--format", "megatron") == 0
    remarks = [line for line in capsys.readouterr().out.splitlines() if "unknown" in line]
    assert len(remarks) == 1
    assert "--tokens" in remarks[0]


def test_many_passes_are_remarked_and_very_many_are_a_fault(desk, capsys):
    write("map.yaml", "web: {tokens: 1e8}\ncode: {tokens: 1e9}\nwiki: {tokens: 4e6}\n")
    words = ["--sources", "map.yaml", "--tokens", "1e9", "--sequence", "1000"]
    assert export("--format", "megatron", *words, "--most-passes", "30") == 0
    assert "remark: wiki is read 25.0 times over" in capsys.readouterr().out
    (desk / "out").unlink()
    assert export("--format", "megatron", *words) == 1
    out, error = capsys.readouterr()
    assert "remark: web is read 6.0 times over" in out
    assert "passes: wiki is read 25 times over" in out
    assert "code is read" not in out
    # a script stops, and a reader has the file
    assert error.splitlines()[-1].startswith("mixwright: out: written, but something goes wrong")
    assert "0.1 wiki" in (desk / "out").read_text()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--tokens", "0"),
        ("--tokens", "-1"),
        ("--tokens", "nan"),
        ("--tokens", "inf"),
        ("--sequence", "0"),
        ("--sequence", "-4096"),
        ("--most-passes", "-1"),
    ],
)
def test_numbers_that_no_training_has_are_one_line(option, value, desk, capsys):
    assert export("--format", "megatron", "--tokens", "1e9", "--sequence", "8", option, value) == 1
    message = f"mixwright: {option} {value}: give a number above 0\n"
    assert capsys.readouterr().err.endswith(message)
    assert not (desk / "out").exists()
    write("blend.txt", "0.6 /d/web 0.4 /d/code")
    assert check("blend.txt", "--format", "megatron", option, value) == 1
    assert capsys.readouterr().err == message


def test_rows_that_are_not_packed_are_told(desk, capsys):
    """The map says 500 tokens a row of web, --packed 1,000 a row of all."""
    write(
        "map.yaml",
        "web: {path: /d/web, tokens: 4e9, rows: 8.2e6}\n"
        "code: {path: /d/code, tokens: 4e9, rows: 4.4e6}\n"
        "wiki: {path: /d/wiki, tokens: 4e9}\n",
    )
    words = ["--sources", "map.yaml", "--tokens", "1e9", "--sequence", "1000", "--packed"]
    assert export("--format", "hf", *words) == 0
    out = capsys.readouterr().out
    assert "a row of /d/web holds others (the first 488); correct the sizes" in out
    assert export("--format", "megatron", *words) == 0
    assert "--packed says" not in capsys.readouterr().out


def test_a_seed_that_no_trainer_takes_is_one_line(desk, capsys):
    assert export("--format", "megatron", "--seed", "-1") == 1
    assert "--seed -1: give a whole number from 0 to" in capsys.readouterr().err


def test_names_are_read_as_they_are_written(desk):
    """YAML takes `no` for false and 007 for 7; a CSV may hold a line end of Windows."""
    write("mixture.json", '{"no": 0.5, "007": 0.25, "1.10": 0.25}')
    write("map.yaml", "no: /d/norwegian\n007: /d/bond\n1.10: /d/old\n")
    assert export("--format", "json", "--sources", "map.yaml") == 0
    assert json.loads((desk / "out").read_text()) == {
        "/d/norwegian": 0.5,
        "/d/bond": 0.25,
        "/d/old": 0.25,
    }
    (desk / "wanted.csv").write_bytes(b'domain,share\r\n"a\r\nb",.5\r\nc,.5\r\n')
    assert main(["export", "--mixture", "wanted.csv", "--to", "out.csv", "--format", "csv"]) == 0
    assert b'"a\r\nb"' in (desk / "out.csv").read_bytes()
    assert check("out.csv", "--format", "csv", "--mixture", "wanted.csv") == 0


HOSTILE_TABLES = {
    "data in the first line": ("web,.6\ncode,.4\n", "line 1 is no heading"),
    "three columns": ("domain,share,note\nweb,1,x\n", "line 1 has 3 cells"),
    "semicolons": ("domain;share\nweb;1\n", "line 1 has 1 cells"),
    "a domain twice": ("domain,share\nweb,.5\n\nweb,.5\n", "line 4: web stands twice"),
    "nothing": ("\n", "no mixture stands there"),
    "a field of megabytes": (f'domain,share\n"{"a" * 200_000}",1\n', "no CSV: field larger"),
}


@pytest.mark.parametrize("name", HOSTILE_TABLES)
def test_a_faulty_table_of_shares_is_one_line(name, desk, capsys):
    text, message = HOSTILE_TABLES[name]
    write("m.csv", text)
    assert main(["export", "--mixture", "m.csv", "--to", "out", "--format", "json"]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_what_a_dropped_domain_costs_is_predicted_by_the_fit(desk, caplog):
    """Two sequences cannot hold three domains."""
    caplog.set_level("INFO")
    mixtures, losses = own_tables.write(desk)
    tables = ["--mixtures", str(mixtures), "--losses", str(losses)]
    assert main(["fit", *tables, "--mixer", "effective-data", "--to", "fit"]) == 0
    wanted = {"weights": SHARES, "objective": {"prose": 0.5, "questions": 0.5}}
    write("mixture.json", json.dumps(wanted))
    caplog.clear()
    words = ["--format", "megatron", "--tokens", "2000", "--sequence", "1000"]
    assert export(*words, "--fit", "fit", "--table", "account.csv") == 0
    note = next(line for line in caplog.messages if line.startswith("dropped: wiki"))
    both = [SHARES, {"web": 2 / 3, "code": 1 / 3, "wiki": 0.0}]
    predicted = predicted_losses(both)
    change = predicted[1] - predicted[0]
    assert f"predicted cost: {change.mean():+.2g} nats/token" in note
    worst = int(change.argmax())
    assert f"most on {own_tables.TARGETS[worst]} ({change[worst]:+.2g} nats/token)" in note
    assert "a training of 10 sequences or more reads all of them" in caplog.messages
    dropped = rows("account.csv")[-1]
    assert (dropped["source"], dropped["in_file"], dropped["read"]) == ("wiki", "", "0.0")
    # another team has the surface alone
    surface = ["surface", "--fit", "fit", "--to", "surface.json", "--draws", "0"]
    assert main(surface) == 0
    caplog.clear()
    assert export(*words, "--fit", "surface.json") == 0
    assert note in caplog.messages


def predicted_losses(mixtures) -> np.ndarray:
    """(mixtures, targets) losses by the command `predict`."""
    lines = [("id", *own_tables.DOMAINS)]
    for number, mixture in enumerate(mixtures):
        lines.append((f"m{number}", *(mixture[name] for name in own_tables.DOMAINS)))
    own_tables.save(Path("asked.csv"), lines)
    assert main(["predict", "--fit", "fit", "--mixtures", "asked.csv", "--to", "p.csv"]) == 0
    return np.array([[float(row[name]) for name in own_tables.TARGETS] for row in rows("p.csv")])


def test_the_file_of_a_proposal_knows_its_goal(desk, capsys):
    """What a dropped domain costs is counted in the goal of the proposal."""
    mixtures, losses = own_tables.write(desk)
    tables = ["--mixtures", str(mixtures), "--losses", str(losses)]
    assert main(["fit", *tables, "--mixer", "effective-data", "--to", "fit"]) == 0
    words = ["propose", "--fit", "fit", "--target", "prose=3", "questions", "--draws", "0"]
    assert main([*words, "--to", "mixture.json"]) == 0
    content = json.loads((desk / "mixture.json").read_text())
    assert content["objective"] == {"prose": 0.75, "questions": 0.25}
    assert export("--format", "json", "--fit", "fit") == 0
    write("mixture.json", json.dumps(content | {"objective": {"prose": 0.5, "poems": 0.5}}))
    assert export("--format", "json", "--fit", "fit") == 1
    assert "predicts no poems, which the mixture's goal weighs" in capsys.readouterr().err


def test_without_a_fit_the_cost_is_said_to_be_unknown(desk, caplog):
    caplog.set_level("INFO")
    words = ["--format", "megatron", "--tokens", "2000", "--sequence", "1000"]
    assert export(*words) == 0
    assert "what that costs is unknown: give --fit, a fit that predicts it" in caplog.messages


def test_zero_weights_are_left_out_by_name(desk, caplog):
    caplog.set_level("INFO")
    write("mixture.json", json.dumps(SHARES | {"laws": 0.0}))
    assert export("--format", "megatron") == 0
    assert "left out, for the weight is 0: laws" in caplog.messages
    lines = [line for line in (desk / "out").read_text().splitlines() if line[:1] != "#"]
    assert not [line for line in lines if "laws" in line]


def test_several_sources_of_a_domain_share_its_weight_by_tokens(desk):
    write(
        "map.yaml",
        "web: [{path: /d/a, tokens: 3e9}, {path: /d/b, tokens: 1e9}]\ncode: /d/code\nwiki: /d/w\n",
    )
    assert export("--format", "json", "--sources", "map.yaml") == 0
    assert json.loads((desk / "out").read_text()) == pytest.approx(
        {"/d/a": 0.45, "/d/b": 0.15, "/d/code": 0.3, "/d/w": 0.1}
    )


HOSTILE_MAPS = {
    "no YAML": ("web: [", "no JSON or YAML"),
    "a list": ("- web", "no map of sources; give DOMAIN: PATH"),
    "a key twice": ("web: /a\nweb: /b\n", "the key web stands twice"),
    "an unknown domain": ("wbe: /a\n", "wbe is no domain of the mixture; did you mean web?"),
    "a domain lacks": ("web: /a\ncode: /b\n", "nothing is said of wiki; give its path"),
    "an empty domain": ("web: /a\ncode: /b\nwiki:\n", "nothing is said of wiki; give its path"),
    "one path twice": ("web: /a\ncode: /a\nwiki: /c\n", "/a stands twice"),
    "an unknown key": (
        "web: {pth: /a}\ncode: /b\nwiki: /c\n",
        "web: pth is unknown; did you mean path?",
    ),
    "tokens in words": (
        "web: {tokens: many}\ncode: /b\nwiki: /c\n",
        "web: tokens is 'many'; give a number",
    ),
    "negative tokens": (
        "web: {tokens: -1}\ncode: /b\nwiki: /c\n",
        "web: tokens is -1; give a number from 0 on",
    ),
    "a switch for a path": (
        "web: {path: yes}\ncode: /b\nwiki: /c\n",
        "web: path is True; give a path in quotes",
    ),
    "several without tokens": (
        "web: [/a, /b]\ncode: /c\nwiki: /d\n",
        "the tokens of /a are unknown; add `tokens:` to each",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_MAPS)
def test_a_faulty_map_is_one_line_and_writes_nothing(name, desk, capsys):
    text, message = HOSTILE_MAPS[name]
    write("map.yaml", text)
    assert export("--format", "megatron", "--sources", "map.yaml") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (desk / "out").exists()


HOSTILE_MIXTURES = {
    "no mixture": ("[1]", "no mixture stands there"),
    "no sum": ('{"web": 0.5, "code": 0.4}', "sum to 0.9"),
    "a word": ('{"web": "much"}', "web is 'much'; give a number"),
    "no share": ('{"web": 1.0, "code": null}', "code has no share"),
    "stages without tokens": ('{"stages": [{"mixture": {"web": 1}}]}', "tokens is missing"),
    "a stage of stages": (
        '{"stages": [{"tokens": 1, "mixture": "mixture.json"}]}',
        "no mixture stands there",
    ),
    "a stage of no file": (
        '{"stages": [{"tokens": 1, "mixture": "none.json"}]}',
        "none.json: No such file",
    ),
    "an unknown key of a stage": (
        '{"stages": [{"token": 1, "mixture": {"web": 1}}]}',
        "token is unknown; did you mean tokens?",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_MIXTURES)
def test_a_faulty_mixture_is_one_line(name, desk, capsys):
    text, message = HOSTILE_MIXTURES[name]
    write("mixture.json", text)
    assert export("--format", "megatron") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_stages_of_a_trainer_without_stages_are_refused(desk, capsys):
    stages = [{"name": name, "tokens": 1e9, "mixture": SHARES} for name in ("stable", "anneal")]
    write("mixture.json", json.dumps({"stages": stages}))
    assert export("--format", "megatron") == 1
    assert "knows no stages; export each stage by itself" in capsys.readouterr().err
    assert export("--format", "megatron", "--tokens", "3e9") == 1
    assert "stages have 2e+09 tokens and --tokens says 3e+09" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--format", "megatorn"]])
def test_a_format_that_is_missing_or_misspelt_lists_all(words, desk, caplog, capsys):
    caplog.set_level("INFO")
    assert export(*words) == 1
    for name, kind in FORMATS.items():
        assert any(line.split(maxsplit=1) == [name, kind.purpose] for line in caplog.messages)
    error = capsys.readouterr().err
    assert "did you mean megatron?" in error or "name one of megatron" in error


def test_the_help_lists_the_formats(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    text = " ".join(capsys.readouterr().out.replace("-\n", "-").split()).replace("- ", "-")
    assert all(name in text for name in FORMATS)


# Files of others


def published() -> list[str]:
    """The command that checks a published recipe."""
    write("blend.txt", PUBLISHED)
    write("sizes.yaml", PUBLISHED_SIZES)
    sized = ["--sizes", "sizes.yaml", "--sequence", "4096"]
    return ["blend.txt", "--format", "megatron", *sized]


def test_a_published_file_that_means_thousands_of_passes_is_told(desk, capsys):
    assert check(*published(), "--tokens", "50e12") == 1
    out, error = capsys.readouterr()
    (fault,) = [line for line in out.splitlines() if line.startswith("passes: ")]
    assert fault == "passes: /d/tiny is read 3,846 times over; lower its weight, or find more of it"
    assert "blend.txt: something goes wrong" in error


def test_numbers_beyond_reason_stay_short(desk, capsys):
    assert check(*published(), "--tokens", "1e300") == 1
    out = capsys.readouterr().out
    assert "/d/tiny is read 7.69e+289 times over" in out
    assert max(map(len, out.splitlines())) < 200


def test_passes_that_are_meant_are_allowed(desk, capsys):
    assert check(*published(), "--tokens", "50e12", "--most-passes", "5000") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing goes wrong"


def test_where_passes_are_unknown_nothing_is_promised_of_them(desk, capsys):
    """A source may be read thousands of times: without sizes nobody can tell."""
    write("blend.txt", "0.6 /d/web 0.4 /d/code")
    assert check("blend.txt", "--format", "megatron", "--tokens", "1e12") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "nothing goes wrong, as far as is known: passes over some sources are not"


def test_a_zero_that_the_trainer_refuses_is_told(desk, capsys):
    write("blend.txt", "1 /d/web 0 /d/code")
    assert check("blend.txt", "--format", "megatron") == 1
    out = capsys.readouterr().out
    assert "refused: /d/code has 0: Megatron takes numbers above 0 alone" in out
    assert "nothing goes wrong" not in out


def test_a_file_beside_the_mixture_that_was_wanted(desk, capsys):
    """Entries are matched by path, or by the name of the domain."""
    words = published()
    write("wanted.yaml", "web: .59\n/d/code: .4\ntiny: .01\n")
    write("sizes.yaml", "web: /d/web\ntiny: {path: /d/tiny, tokens: 1e9}\n")
    assert check(*words, "--tokens", "1e9", "--mixture", "wanted.yaml", "--table", "t.csv") == 0
    assert [float(row["requested"]) for row in rows("t.csv")] == [0.59, 0.4, 0.01]
    write("wanted.yaml", "web: .5\ntiny: .1\nlaws: .4\n")
    assert check(*words, "--tokens", "1e9", "--mixture", "wanted.yaml") == 1
    out = capsys.readouterr().out
    assert "lost: laws (0.4 of the tokens was asked) is not in the file" in out
    assert "changed: /d/web: 50.0000% of the tokens was asked" in out
    assert "changed: /d/code was not asked" in out


def test_a_file_without_a_number_of_tokens_is_compared_too(desk, capsys):
    """Shares alone are not whole units, whatever their sum is rounded to."""
    write("blend.txt", "0.6 /d/web 0.3 /d/code 0.1 /d/wiki")
    write("wanted.yaml", "/d/web: .5\n/d/code: .4\n/d/wiki: .1\n")
    assert check("blend.txt", "--format", "megatron", "--mixture", "wanted.yaml") == 1
    assert "changed: /d/web: 50.0000% of the tokens was asked" in capsys.readouterr().out


def test_what_cannot_be_compared_is_told(desk, capsys):
    """Rows of unknown lengths are no shares of tokens."""
    write("mixed.py", RANDOM)
    write("wanted.yaml", "web: .5\ncode: .5\n")
    words = ["mixed.py", "--format", "hf", "--mixture", "wanted.yaml"]
    assert check(*words[:3]) == 0
    message = "remark: shares of tokens are unknown: rows are drawn, and nobody said how many"
    assert message in capsys.readouterr().out
    assert check(*words) == 1
    assert "whether --mixture is read is unknown" in capsys.readouterr().out


def test_a_file_of_domains_takes_the_sizes_of_their_sources(desk):
    write("sizes.yaml", "web: {path: /d/web, tokens: 6e8}\ncode: {path: /d/code, tokens: 1e9}\n")
    words = ["mixture.json", "--format", "json", "--sizes", "sizes.yaml", "--tokens", "1e9"]
    assert check(*words, "--table", "t.csv") == 0
    assert [row["passes"] for row in rows("t.csv")] == ["1.0", "0.3", ""]


def test_sizes_of_other_names_are_told(desk, capsys):
    words = published()
    write("sizes.yaml", "/d/web: 4e13\n/d/cod: 2e13\n")
    assert check(*words, "--tokens", "1e9") == 0
    message = "remark: /d/cod of --sizes is nowhere in the file, which has /d/code, /d/tiny without"
    assert message in capsys.readouterr().out
    write("sizes.yaml", f"{PUBLISHED_SIZES}/d/more: 1e9\n")
    assert check(*words, "--tokens", "1e9") == 0
    assert "nowhere in the file" not in capsys.readouterr().out


def test_a_mixture_of_other_stages_is_refused(desk, capsys):
    words = published()
    stages = [{"tokens": 1, "mixture": {"web": 1}}] * 2
    write("wanted.json", json.dumps({"stages": stages}))
    assert check(*words, "--mixture", "wanted.json") == 1
    assert "--mixture has 2 stages and the file 1" in capsys.readouterr().err


# What was consumed

SEQUENCES = {"/d/web": 5_901, "/d/code": 4_000, "/d/tiny": 99}


def counted(counts, heading: str = "sequences") -> str:
    lines = [f"source,{heading}", *(f"{name},{count}" for name, count in counts.items())]
    return write("counts.csv", "\n".join(lines) + "\n")


def observe(*words: str) -> int:
    return check(*published(), "--tokens", "1e9", "--observed", "counts.csv", *words)


def test_a_deterministic_trainer_is_right_to_a_unit(desk, capsys):
    counted(SEQUENCES)
    assert observe("--table", "t.csv") == 0
    table = rows("t.csv")
    assert float(table[0]["observed"]) == pytest.approx(0.5901)
    assert {row["unit"] for row in table} == {"sequences"}
    counted(SEQUENCES | {"/d/web": 5_898, "/d/tiny": 102})
    assert observe() == 1
    assert "changed: /d/tiny" in capsys.readouterr().out


def test_tokens_are_counted_in_sequences(desk):
    counted({name: 4_096 * count for name, count in SEQUENCES.items()}, "tokens")
    assert observe() == 0


def test_tokens_of_unknown_sequences_are_compared_coarsely(desk, capsys):
    counted({"/d/web": 600, "/d/code": 390, "/d/tiny": 10}, "count")
    words = ["blend.txt", "--format", "megatron", "--observed", "counts.csv"]
    published()
    assert check(*words) == 0
    assert "how many sequences were drawn is unknown" in capsys.readouterr().out
    counted({"/d/web": 400, "/d/code": 590, "/d/tiny": 10}, "count")
    assert check(*words) == 1


def test_sources_that_are_missing_or_not_expected_are_named(desk, capsys):
    counted({"/d/web": 5_900, "/d/code": 4_000, "/d/laws": 100})
    assert observe() == 1
    out = capsys.readouterr().out
    assert "remark: /d/tiny does not stand in counts.csv: it counts as 0" in out
    assert "lost: /d/tiny: 1.0002% is drawn and 0.0000% was consumed" in out
    assert "changed: /d/laws does not stand in the file, and 100 sequences of it" in out


def test_a_domain_of_several_sources_is_counted_by_source(desk, capsys):
    words = published()
    write("sizes.yaml", "web: [{path: /d/web, tokens: 4e13}, {path: /d/tiny, tokens: 1e13}]\n")
    counted({"web": 6_000, "/d/code": 4_000})
    assert check(*words, "--tokens", "1e9", "--observed", "counts.csv") == 1
    message = "counts.csv: web has several sources; count each by itself: /d/web, /d/tiny"
    assert message in capsys.readouterr().err


RANDOM = (
    "from datasets import interleave_datasets\n"
    "PROBABILITIES = {'web': 0.6, 'code': 0.4}\n"
    "interleave_datasets(SOURCES, probabilities=list(PROBABILITIES.values()), seed=0,"
    " stopping_strategy='all_exhausted')\n"
)


def random_check(counts, heading: str = "rows") -> int:
    write("mixed.py", RANDOM)
    write("sizes.yaml", "web: {tokens: 1e9, rows: 1e6}\ncode: {tokens: 1e9, rows: 5e5}\n")
    counted(counts, heading)
    return check("mixed.py", "--format", "hf", "--sizes", "sizes.yaml", "--observed", "counts.csv")


def test_random_draws_are_right_within_four_standard_errors(desk, capsys):
    """Of 10,000 draws the standard error is 49."""
    assert random_check({"web": 6_000 + 195, "code": 4_000 - 195}) == 0
    assert "+4.0" in capsys.readouterr().out
    assert random_check({"web": 6_000 + 200, "code": 4_000 - 200}) == 1
    assert "(+4.1 standard errors)" in capsys.readouterr().out


def test_tokens_are_counted_in_rows_by_their_length(desk):
    """A row of web has 1,000 tokens, one of code 2,000."""
    assert random_check({"web": 6_000_000, "code": 8_000_000}, "tokens") == 0
    assert random_check({"web": 6_000_000, "code": 4_000_000}, "tokens") == 1


def test_counts_that_cannot_be_converted_say_what_lacks(desk, capsys):
    write("blend.txt", "0.5 /d/web 0.5 /d/code")
    counted({"/d/web": 5, "/d/code": 5}, "documents")
    words = ["blend.txt", "--format", "megatron", "--observed", "counts.csv"]
    assert check(*words) == 1
    assert "it counts documents and the trainer draws sequences" in capsys.readouterr().err


HOSTILE_COUNTS = {
    "empty": ("", "give two columns, source and count"),
    "three columns": ("source,count,more\n", "give two columns, source and count"),
    "an unknown unit": ("source,bytes\na,1\n", "the second heading is 'bytes'"),
    "a word": ("source,count\n/d/web,much\n", "line 2: /d/web is 'much'; give a number"),
    "not finite": ("source,count\n/d/web,nan\n", "give a number from 0 on"),
    "twice": ("source,count\n/d/web,1\n/d/web,2\n", "line 3: /d/web stands twice"),
    "nothing": ("source,count\n/d/web,0\n", "nothing was consumed"),
    "other names": ("source,count\na,1\n", "it names no source of the file"),
    "a cell more": ("source,count\n/d/web,1,2\n", "line 2 has 3 cells"),
}


@pytest.mark.parametrize("name", HOSTILE_COUNTS)
def test_faulty_counts_are_one_line(name, desk, capsys):
    text, message = HOSTILE_COUNTS[name]
    words = published()
    write("counts.csv", text)
    assert check(*words, "--observed", "counts.csv") == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_lists_every_setting_and_the_words_that_it_takes(name):
    page = (HOUSE / "docs" / "export.md").read_text().split("### Settings")[1]
    rows = [line for line in page.splitlines() if line.startswith("| `") and f"`{name}`" in line]
    (row,) = [line for line in rows if f"`{name}`" in line.split("|")[1]]
    trainer = FORMATS[name].load_class()
    for key in trainer.defaults:
        assert f"`{key}`" in row, key
    for word in trainer.words.get("form", ()):
        assert f"`{word}`" in row, word


def test_the_table_of_the_page_has_a_row_for_every_format():
    page = (HOUSE / "docs" / "export.md").read_text().split("## Formats")[1]
    for name in FORMATS:
        assert f"`{name}`" in page, name
