"""Public files come whole and checked, from the mirror or the address.

Where they cannot, one line names the remedy.
"""

import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.sources.public import basename, fetch
from mixwright.study.config import resolve
from mixwright.study.study import Study
from perturbed_runs import notebook

CONTENT = b"run,a,b\n1,.5,.5\n"
NOTEBOOK = notebook("shares = np.array([.5, .5])*2").encode()
NOWHERE = "http://127.0.0.1:9/table.csv"  # the discard port: nothing answers
ENTRY = {
    "address": None,
    "sha256": sha256(CONTENT).hexdigest(),
    "mirror": "there/table.csv",
    "mirror_sha256": None,
}


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    (folder / "there").mkdir(parents=True)
    (folder / "there" / "table.csv").write_bytes(CONTENT)
    monkeypatch.setenv("MIXWRIGHT_MIRROR", str(folder))
    return folder


@pytest.fixture
def address():
    """A server of this machine that has the file, a notebook, and nothing else."""
    answers = {"/table.csv": CONTENT, "/table.ipynb": NOTEBOOK}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path, b"")
            self.send_response(200 if content else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_mirror_is_looked_at_first(mirror, tmp_path):
    lines: list[str] = []
    fetch("table", ENTRY | {"address": NOWHERE}, tmp_path / "out" / "table.csv", lines.append)
    assert (tmp_path / "out" / "table.csv").read_bytes() == CONTENT
    assert lines == [f"public.table: 16 bytes from {mirror}/there/table.csv, SHA-256 as expected"]


def test_the_address_where_the_mirror_lacks_it(mirror, address, tmp_path):
    fetch(
        "table",
        ENTRY | {"address": f"{address}/table.csv", "mirror": "else/table.csv"},
        tmp_path / "table.csv",
    )
    assert (tmp_path / "table.csv").read_bytes() == CONTENT


def test_a_notebook_s_table_is_what_its_sum_is_of(address, tmp_path, monkeypatch):
    monkeypatch.delenv("MIXWRIGHT_MIRROR", raising=False)
    table = {"heading": ["run", "a", "b"], "arrays": {"shares": ["1"]}}
    entry = ENTRY | {"address": f"{address}/table.ipynb", "mirror": None, "notebook": table}
    assert basename(entry) == "table.csv"
    fetch("table", entry, tmp_path / "out" / "table.csv")
    assert (tmp_path / "out" / "table.csv").read_bytes() == CONTENT
    with pytest.raises(MixwrightError, match=r"table\.ipynb has SHA-256 [0-9a-f]{64}, not"):
        fetch(
            "table",
            entry | {"notebook": table | {"arrays": {"shares": ["2"]}}},
            tmp_path / "else" / "table.csv",
        )
    assert list((tmp_path / "else").iterdir()) == []


def test_a_mirror_holds_a_notebook_s_table_as_csv(mirror, tmp_path):
    entry = ENTRY | {
        "address": NOWHERE,
        "notebook": {"heading": ["run", "a", "b"], "arrays": {"shares": ["1"]}},
    }
    assert basename(entry) == "table.csv"
    fetch("table", entry, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["mirror", "address"])
def test_another_content_is_refused_and_leaves_nothing(mirror, address, tmp_path, place):
    entry = {"sha256": "0" * 64} | (
        {"address": f"{address}/table.csv", "mirror": None} if place == "address" else {}
    )
    with pytest.raises(
        MixwrightError,
        match=rf"table\.csv has SHA-256 {ENTRY['sha256']}, not 0{{64}}; correct sha256",
    ) as caught:
        fetch("table", ENTRY | entry, tmp_path / "out" / "table.csv")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_mirror_may_hold_the_facts_in_another_form(mirror, tmp_path):
    fetch(
        "table",
        ENTRY | {"sha256": "0" * 64, "mirror_sha256": ENTRY["sha256"]},
        tmp_path / "table.csv",
    )
    assert (tmp_path / "table.csv").read_bytes() == CONTENT


def test_out_of_reach_is_one_line_with_the_remedy(address, tmp_path, monkeypatch):
    monkeypatch.delenv("MIXWRIGHT_MIRROR", raising=False)
    remedy = r"connect, or set MIXWRIGHT_MIRROR to a folder that holds there/table\.csv$"
    for place, reason in ((NOWHERE, "ConnectionError"), (f"{address}/none.csv", "HTTP 404")):
        with pytest.raises(
            MixwrightError, match=rf"public\.table: .* is out of reach \({reason}\); {remedy}"
        ) as caught:
            fetch("table", ENTRY | {"address": place}, tmp_path / "out" / "table.csv")
        assert "\n" not in str(caught.value)
    with pytest.raises(
        MixwrightError,
        match=r"it has no address; set MIXWRIGHT_MIRROR to a folder that holds there/table\.csv",
    ):
        fetch("table", ENTRY, tmp_path / "out" / "table.csv")
    assert list((tmp_path / "out").iterdir()) == []


def study(*, domain: str = "public:table", **public: dict[str, object]) -> Study:
    sources = {**LEAST["domains"], "x": {"source": "files", "files": ["own/*.txt", domain]}}
    return Study(resolve(LEAST | {"domains": sources, "public": public}, CONFIG))


TABLE = {"address": "https://example.org/v1/table.csv", "sha256": "a" * 64}


def test_a_source_names_the_fetched_file():
    resolved = study(table=TABLE)
    assert resolved.source("x").files == ["own/*.txt", "results/least/public/table.csv"]
    assert resolved.public_name("table.csv") == "table"
    assert resolved.corpus["domains"]["x"]["files"] == [
        "own/*.txt",
        "public:table",
    ]  # no study's name in what runs are called by
    assert resolved.corpus != study(table=TABLE | {"sha256": "b" * 64}).corpus


@pytest.mark.parametrize(
    "public, message",
    [
        (
            {"tables": TABLE},
            "config: domains.x.files: public:table is not among the study's public files; "
            "did you mean tables?",
        ),
        (
            {},
            "config: domains.x.files: public:table is not among the study's public files; "
            "add public.table",
        ),
        (
            {"table": {"sha256": "a" * 64}},
            "config: public.table has neither address nor mirror; give one",
        ),
        (
            {"table": {"address": "https://example.org/t.csv"}},
            "config: public.table.sha256 is missing; give it",
        ),
        (
            {"table": TABLE, "b": TABLE | {"sha256": "b" * 64}},
            "config: public.b and public.table are both fetched to table.csv; leave one",
        ),
        (
            {"table": TABLE | {"address": "ftp://example.org"}},
            "config: public.table.address: 'ftp://example.org' does not match",
        ),
    ],
)
def test_a_mistake_is_one_line(public, message):
    with pytest.raises(MixwrightError) as caught:
        study(**public)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
