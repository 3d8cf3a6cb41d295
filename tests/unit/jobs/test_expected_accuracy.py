"""What to expect of so many runs: read from tables that are recorded, without heavy imports."""

import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mixwright.jobs.plan import accuracy
from mixwright.jobs.plan.accuracy import PLANTED, REGMIX, expected, of_curve, published, sentence

HOUSE = Path(__file__).parents[3]
RESULTS = (HOUSE / "benchmarks" / "RESULTS.md").read_text()


def recorded(title):
    """The rows of a recorded section's tables, as numbers by their first cells."""
    section = RESULTS.split(f"## {title}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+(?:\| [^|]+)+)\|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_the_tables_are_those_that_were_recorded():
    rows = recorded("benchmarks/expected.py, 2026-11-29")
    planted = {}
    ranks = {}
    for row in rows:
        if row[0] == "effective-data" and row[1] == "random":
            ranks[int(row[2])] = float(row[3])
        elif re.fullmatch(r"\.\d+", row[0]):
            planted[float(row[0]), float(row[1])] = tuple(map(float, row[2:6]))
    assert ranks == REGMIX
    mine = {}
    for noise, lines in PLANTED.items():
        for line in lines:
            numbers = (line.rank, line.least_rank, line.regret, line.most_regret)
            mine[noise, line.per_domain] = numbers
    assert planted == mine


def test_the_studies_are_those_that_were_recorded():
    for trained in accuracy.TRAINED:
        title, _, date = trained.study.partition(" of ")
        section = RESULTS.split(f"## {title}, {date}")[1].split("\n## ")[0]
        assert re.search(rf"effective-data .* {trained.rank:.2f} +[\d.]+ [MG]", section), title


@pytest.mark.parametrize("noise", PLANTED)
def test_more_runs_are_expected_to_rank_no_worse(noise):
    ranks = [expected(7, runs, noise).rank for runs in range(7, 200)]
    assert all(after >= before for before, after in itertools.pairwise(ranks))


def test_at_the_places_of_the_table_the_table_is_told_and_between_them_what_lies_between():
    assert expected(8, 32, 0.1).rank == 0.966
    assert expected(8, 8).rank == 0.653
    # the middle of 4 and 6 in logarithms
    middle = round(1000 * (4 * 6) ** 0.5)
    assert expected(1000, middle).rank == pytest.approx((0.966 + 0.979) / 2, abs=1e-5)
    assert published(17, 64).rank == 0.989


def test_noise_is_rounded_up_and_what_no_table_says_is_not_known():
    assert expected(8, 32, 0.11) == expected(8, 32, 0.3)
    assert expected(8, 32, 0.5) is None
    assert expected(8, 7) is None and published(17, 16) is None
    assert "not known" in sentence(8, 7, None)


def test_more_runs_than_a_table_has_are_told_as_the_most():
    most = expected(4, 1_000)
    assert most.beyond and most.rank == PLANTED[0.1][-1].rank
    assert not expected(4, 64).beyond
    text = sentence(4, 1_000, most)
    assert "the table ends there, at 16 runs a domain" in text
    others = accuracy.other_sentences(4, 1_000)
    assert others[0].startswith("the table ends at 30 runs a domain, with 0.99")
    assert accuracy.other_sentences(4, 64)[0].startswith("16.0 runs a domain reached")


def test_a_sentence_has_the_numbers_and_their_source():
    text = sentence(8, 32, expected(8, 32))
    assert text.startswith("32 runs of 8 domains: expect rank correlation about 0.97, over 0.84")
    assert "12% of uniform's regret" in text and "benchmarks/RESULTS.md" in text
    assert len(accuracy.other_sentences(8, 32)) == 3


def test_finished_runs_count_for_more_than_tables():
    curve = SimpleNamespace(runs=32, mixer="effective-data")
    curve.at = lambda runs: np.array([0.9, *np.linspace(0.8, 0.95, 201)])
    known = of_curve(curve, 64)
    assert known.measured and known.beyond and known.rank == 0.9
    assert known.low == pytest.approx(0.80375) and known.high == pytest.approx(0.94625)
    assert "learning curve of 32 finished runs" in sentence(7, 64, known)
    assert "drawn on beyond its runs" in sentence(7, 64, known)
    assert "beyond" not in sentence(7, 32, of_curve(curve, 32))


def test_the_tables_are_read_without_heavy_imports():
    program = (
        "import sys, mixwright.jobs.plan.accuracy as a; a.expected(7, 32);"
        "assert not {'scipy', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
