"""Tokens of sources: stated, counted or estimated."""

import pytest

from mixwright import tables
from mixwright.corpus.counts import Extent, count_domains, extents, train_domains, with_sources
from mixwright.errors import MixwrightError
from mixwright.mixture import Domain
from sampled_shards import manifest, write
from shard_files import make_shards


def train_rows(folder, manifests, stated=None):
    counts = count_domains(write(folder, manifests), stated)
    tables.check(counts, tables.DOMAINS, "domains")
    return counts[counts.split == "train"].set_index("domain")


def test_a_whole_source_is_counted_and_a_sample_estimates_the_rest(tmp_path):
    rows = train_rows(
        tmp_path,
        [
            manifest("books", 300_000, 300_000, whole=True),
            manifest("web", 300_000, 9_000_000),
            # every row was looked at, and the sample is a part of them
            manifest("wiki", 300_000, 600_000, whole=True),
        ],
    )
    assert rows.counted.tolist() == ["counted", "estimated", "estimated"]
    assert rows.tokens.tolist() == [90_000] * 3
    assert rows.source_tokens.tolist() == [90_000, 2_700_000, 180_000]
    assert rows.source_bytes.tolist() == [300_000, 9_000_000, 600_000]


def test_what_cleaning_drops_it_would_drop_of_all_text(tmp_path):
    counts = {"bytes_read": 1_000_000, "bytes_cut": 500_000}
    rows = train_rows(
        tmp_path,
        [
            manifest("cut", 300_000, 9_000_000, **counts),
            manifest("twice", 300_000, 9_000_000, bytes_duplicates=300_000),
            manifest(
                "leaks", 300_000, 9_000_000, bytes_contaminated=300_000, dropped_contaminated=500
            ),
            manifest(
                "tolerated", 300_000, 9_000_000, bytes_contaminated=300_000, dropped_contaminated=0
            ),
        ],
    )
    assert rows.source_tokens[["cut", "twice", "leaks"]].tolist() == [1_350_000] * 3
    assert rows.source_tokens["tolerated"] == 2_700_000


def test_a_source_barely_more_than_its_sample_counts_barely_more(tmp_path):
    # By chance less was held out than its share: 8 % in place of 10 %.
    content = manifest("web", 300_000, 303_000, whole=True)
    content["splits"]["train"] |= {"tokens": 92_000, "bytes": 276_000}
    content["splits"]["validation"] |= {"tokens": 8_000, "bytes": 24_000}
    rows = train_rows(tmp_path, [content])
    assert rows.source_tokens["web"] == 92_900
    assert rows.counted["web"] == "estimated"


def test_tokens_that_files_count_beyond_a_sample_are_added_to_it(tmp_path):
    content = manifest("web", 300_000, 600_000, whole=True)
    content["source"]["tokens"] = 200_000
    rows = train_rows(tmp_path, [content])
    assert rows.source_tokens["web"] == 180_000
    assert rows.counted["web"] == "counted"


def test_a_statement_goes_before_any_count(tmp_path):
    manifests = [
        manifest("books", 300_000, 300_000, whole=True),
        manifest("web", 300_000, None),
        manifest("wiki", 300_000, 900_000),
    ]
    rows = train_rows(tmp_path, manifests, {"books": 10**12, "web": 10**9})
    assert rows.source_tokens.tolist() == [10**12, 10**9, 270_000]
    assert rows.counted.tolist() == ["stated", "stated", "estimated"]
    assert rows.tokens.tolist() == [90_000] * 3


def test_a_statement_under_what_was_read_is_refused(tmp_path):
    with pytest.raises(MixwrightError, match=r"web.tokens: 1,000 are fewer than the 90,000"):
        train_rows(tmp_path, [manifest("web", 300_000, 900_000)], {"web": 1_000})


def test_a_source_of_unknown_size_is_refused_with_the_keys_that_help(tmp_path):
    with pytest.raises(MixwrightError, match=r"web holds beyond its sample; give domains.web.tok"):
        train_rows(tmp_path, [manifest("web", 300_000, None)])


def test_shards_that_say_nothing_of_a_source_are_all_there_is(tmp_path):
    shards = make_shards(tmp_path)
    counts = count_domains([tmp_path / shard.domain for shard in shards])
    assert counts.source_tokens.tolist() == counts.tokens.tolist()
    assert set(counts.counted) == {"counted"}


def test_a_domain_whose_sample_is_its_source_has_one_number(tmp_path):
    manifests = [manifest("books", 300_000, 300_000, whole=True), manifest("web", 300_000, 900_000)]
    counts = count_domains(write(tmp_path, manifests))
    tables.write(counts, tmp_path / "domains.parquet", tables.DOMAINS)
    expected = (Domain("books", 90_000), Domain("web", 270_000, sample=90_000))
    assert train_domains(tmp_path / "domains.parquet") == expected
    sizes = extents(tmp_path / "domains.parquet")
    assert sizes["books"].is_whole and not sizes["web"].is_whole
    assert sizes["web"] == Extent("web", 270_000, "estimated", 90_000, 300_000)


def test_the_bytes_of_a_sample_suffice_and_have_two_digits():
    extent = Extent("web", 10**9, "estimated", tokens=90_000, bytes=300_000)
    size = extent.bytes_for(1_000_000)
    assert size == 3_700_000
    # Of a denser source they still do.
    assert size * extent.tokens / extent.bytes > 1.05e6
    assert extent.bytes_for(1) == 1000


def test_shards_know_of_how_much_they_are_a_sample(tmp_path):
    shards = make_shards(tmp_path, sizes=(4000, 1000))
    domains = [Domain("a", 4000), Domain("b", 50_000, sample=1000)]
    a, b = with_sources(shards, domains)
    assert (a.times_sampled, b.times_sampled) == (1.0, 50.0)
