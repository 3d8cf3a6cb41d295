"""In how many parts a domain is read, and how much of the embedded corpus is taken."""

from pathlib import Path

import pytest

from least_study import CONFIG, names, study
from mixwright.sources.files.local import LocalFiles
from mixwright.study.config import resolve
from mixwright.study.study import Study

INSTALLED = {"source": "installed"}


def planned(**sections) -> Study:
    """A study of these domains and no other."""
    targets = {"pytests": INSTALLED}
    config = {"study": "least", "targets": targets, "mixers": {"uniform": {}}} | sections
    return Study(resolve(config, CONFIG))


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A study of a domain of ten files, and how often their sizes were asked for."""
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("text " * 200)
    calls = []
    size = LocalFiles.size

    def counted(source):
        calls.append(source.name)
        return size(source)

    monkeypatch.setattr(LocalFiles, "size", counted)
    domains = {
        "cpp": INSTALLED,
        "web": {"source": "files", "files": str(tmp_path / "*.txt")},
        "away": {"source": "files", "files": str(tmp_path / "none" / "*.txt")},
    }
    return lambda **corpus: study(domains=domains, corpus=corpus), calls


def test_parts_are_known_from_the_files_sizes_that_are_looked_at_once(many):
    plan, calls = many
    planned = plan(part_bytes=2_500, sample="all")
    assert [planned.parts("web") for _ in range(50)] == [4] * 50
    assert calls.count("web") == 1
    # What nobody can size yet is read in one part: also files that are missing.
    assert planned.parts("cpp") == planned.parts("away") == 1


def test_of_a_small_sample_a_part_reads_ten_times_as_much(many):
    plan, _ = many
    assert plan(part_bytes=5_000, sample="all").parts("web") == 2
    assert plan(part_bytes=5_000, sample=1_000_000).parts("web") == 2
    assert plan(part_bytes=10_000, sample=1_000).parts("web") == 1


def test_public_files_have_one_part_before_and_after_they_are_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    public = {"text": {"address": "https://example.org/text.txt", "sha256": "0" * 64}}
    domains = {"web": {"source": "files", "files": "public:text"}, "cpp": INSTALLED}
    planned = study(domains=domains, public=public, corpus={"part_bytes": 1_000, "sample": "all"})
    fetched = Path(planned.source("web").inputs()[0])
    fetched.parent.mkdir(parents=True)
    fetched.write_text("text " * 2_000)
    assert planned.parts("web") == 1


@pytest.mark.parametrize(
    ("domains", "corpus", "harvest"),
    [
        ({"cpp": {}, "prose": {}}, {}, (1_500_000, 24_000)),
        ({"cpp": {}, "prose": {}}, {"sample": 120_000}, (120_000, 24_000)),
        ({"cpp": {"sample": 3_000_000}, "prose": {}}, {}, (3_000_000, 24_000)),
        (
            {"cpp": {"sample": 9_000}, "prose": {"sample": 8_000}},
            {"max_document_bytes": 5_000},
            (9_000, 5_000),
        ),
        ({"cpp": {"sample": "all"}, "prose": {}}, {}, (2**62, 24_000)),
    ],
)
def test_the_embedded_corpus_is_taken_as_far_as_a_domain_asks(domains, corpus, harvest):
    entries = {name: INSTALLED | entry for name, entry in domains.items()}
    assert planned(domains=entries, corpus=corpus).harvest == harvest


def test_targets_alone_take_what_a_domain_would(tmp_path):
    domains = {"web": {"source": "files", "files": str(tmp_path / "*.txt"), "sample": 5_000}}
    assert planned(domains=domains | {"more": domains["web"]}).harvest == (1_500_000, 24_000)


def test_a_size_of_parts_is_in_no_name_of_a_run(many):
    """In how many parts a domain is read follows from files, which are in no name either."""
    plan, _ = many
    names_of = [names(plan(part_bytes=size), "swarm") for size in (2_500, 2_501, 10**9)]
    assert names_of[0] == names_of[1] == names_of[2]
    assert names(plan(sample=123_456), "swarm") != names_of[0]
