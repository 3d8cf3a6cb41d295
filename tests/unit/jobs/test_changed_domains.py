"""What a dry run says of a study whose domains are others than those of its results."""

import pytest

from least_study import study
from mixwright import tables
from mixwright.designs.resolve import resolve_design
from mixwright.jobs.plan.changed_domains import changed_lines
from mixwright.mixture import Domain

NAMES = ("cpp", "prose", "pycode")
MIXTURES = [{"cpp": number / 10, "prose": 1 - number / 10} for number in range(11)]


def of(*names, **changes):
    domains = {name: {"source": "installed"} for name in names}
    mixers = {"mixers": {"effective-data": {}}}
    designs = {"swarm": {"runs": 0}, "listed": [*MIXTURES, {"cpp": 0.6, "pycode": 0.4}]}
    return study(domains=domains, **{**mixers, "designs": designs, **changes})


@pytest.fixture
def results(tmp_path):
    before = of(*NAMES)
    before.write(tmp_path / "study.json")
    design = resolve_design(before.runs["swarm"], [Domain(name, 1000) for name in NAMES])
    (tmp_path / "design").mkdir()
    tables.write(design, tmp_path / "design" / "swarm.parquet", tables.DESIGN)
    return tmp_path


def changed(*names):
    return study(domains={name: {"source": "installed"} for name in names})


def without(name):
    """The least study without a domain, whatever the base study has."""
    asked = study()
    domains = {other: asked.config["domains"][other] for other in NAMES if other != name}
    return type(asked)({**asked.config, "domains": domains})


def test_the_same_domains_need_no_word(results):
    assert list(changed_lines(of(*NAMES), results)) == []


def test_a_study_without_results_needs_none(tmp_path):
    assert list(changed_lines(of(*NAMES), tmp_path)) == []


def test_a_dropped_domain_leaves_runs_and_names_the_command(results):
    lines = list(changed_lines(without("pycode"), results))
    assert "pycode went; of 12 runs of the swarm 11 stay valid, 1 a law can move" in lines[0]
    assert f"mixwright surgery --study {results / 'study.json'} --drop pycode --to" in lines[1]
    assert f"tokenizer: {{folder: {results / 'tokenizer'}}}" in lines[-1]


def test_an_added_domain_leaves_all_of_them(results):
    lines = list(changed_lines(changed(*NAMES, "tables"), results))
    assert "tables came; of 12 runs of the swarm 12 stay valid, 0 a law can move" in lines[0]
    assert "--add tables --to" in lines[1]


def test_runs_of_the_dropped_domain_alone_are_lost(results):
    lines = list(changed_lines(without("prose"), results))
    assert "5 a law can move, 5 are not valid" in lines[0]
