"""Files named by their https address and SHA-256 where they are read: fetched whole, or not at all.

A server of this machine answers by https, with a certificate of its own.
"""

import gzip
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.study.config import resolve
from mixwright.study.study import Study

WORKFLOW = CONFIG.parent / "workflow"
LINES = "".join(json.dumps({"text": f"text {number}"}) + "\n" for number in range(2000)).encode()
PACKED = gzip.compress(LINES, mtime=0)
FILES = {
    "/web/train.jsonl": LINES,
    "/books/train.jsonl": LINES[:2000],
    "/a%20file.jsonl.gz": PACKED,
    "/cut.jsonl": LINES,
}
HASHES = {path: sha256(content).hexdigest() for path, content in FILES.items()}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        content = FILES.get(path, b"no such file")
        self.send_response(200 if path in FILES else 404)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if path.startswith("/cut"):
            # The connection ends before the file does.
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of the server, and the file with its certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    https = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    https.socket = context.wrap_socket(https.socket, server_side=True)
    threading.Thread(target=https.serve_forever, daemon=True).start()
    yield f"https://localhost:{https.server_port}", certificate
    https.shutdown()
    https.server_close()


def study(files: object, **domains: object) -> Study:
    entry = {"source": "files", "files": files}
    return Study(resolve({**LEAST, "domains": LEAST["domains"] | {"web": entry} | domains}, CONFIG))


def refusal(files: object) -> str:
    with pytest.raises(MixwrightError) as caught:
        study(files)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fetch(
    plan: Study, file: str, certificate: Path | None, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Runs the command of rule fetch_public, as the rule does."""
    plan.write(folder / f"results/{plan.name}/study.json")
    variables = ("MIXWRIGHT_MIRROR", "REQUESTS_CA_BUNDLE")
    environment = {key: value for key, value in os.environ.items() if key not in variables}
    environment["PYTHONPATH"] = str(WORKFLOW)
    if certificate is not None:
        environment["REQUESTS_CA_BUNDLE"] = str(certificate)
    command = [sys.executable, "-m", "mixwright", "fetch-public"]
    command += ["--study", f"results/{plan.name}/study.json", "--file", file]
    command += ["--to", f"results/{plan.name}/public/{file}"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def pinned(address: str, path: str, **others: str) -> dict[str, str]:
    return {"address": address + path, "sha256": HASHES[path], **others}


@pytest.mark.parametrize("several", [False, True])
def test_a_file_is_fetched_and_read(server, tmp_path, monkeypatch, several):
    monkeypatch.delenv("MIXWRIGHT_MIRROR", raising=False)
    address, certificate = server
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.jsonl").write_text('{"text": "here"}\n')
    files: list = [pinned(address, "/web/train.jsonl"), "here.jsonl"]
    plan = study(files)
    if several:
        listed = [{"source": "files", "files": file} for file in files]
        plan = study("here.jsonl", books={"sources": listed})
    name = "books" if several else "web"
    source = plan.source(name)
    assert source.inputs()[0] == Path("results/least/public/train.jsonl")
    assert source.pinned() == {"train.jsonl": HASHES["/web/train.jsonl"]}
    done = fetch(plan, "train.jsonl", certificate, tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path("results/least/public/train.jsonl").read_bytes() == LINES
    texts = [row["text"] for row in source.documents()]
    assert texts == [f"text {number}" for number in range(2000)] + ["here"]


def test_a_name_with_a_query_and_a_space_is_a_name_of_a_file(server, tmp_path, monkeypatch):
    monkeypatch.delenv("MIXWRIGHT_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    address, certificate = server
    path = "/a%20file.jsonl.gz"
    plan = study({"address": f"{address}{path}?download=true", "sha256": HASHES[path]})
    assert list(plan.config["public"]) == ["a-file.jsonl.gz"]
    done = fetch(plan, "a-file.jsonl.gz", certificate, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(plan.source("web").documents())) == 2000


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        (
            "/web/train.jsonl",
            {"sha256": "0" * 64},
            f"has SHA-256 {HASHES['/web/train.jsonl']}, not",
        ),
        ("/cut.jsonl", {}, "is out of reach ("),
        ("/none.jsonl", {"sha256": "0" * 64}, "is out of reach (HTTP 404); connect, or"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(server, tmp_path, path, changes, words):
    address, certificate = server
    plan = study([{"address": address + path, "sha256": HASHES.get(path, ""), **changes}])
    (file,) = plan.config["public"]
    done = fetch(plan, file, certificate, tmp_path)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert words in line and f"{address}{path}" in line and ";" in line
    assert list((tmp_path / "results/least/public").iterdir()) == []


def test_a_certificate_that_nobody_vouches_for_is_refused(server, tmp_path):
    address, _ = server
    plan = study([pinned(address, "/web/train.jsonl")])
    done = fetch(plan, "train.jsonl", None, tmp_path)
    assert done.returncode == 1 and "is out of reach (SSLError)" in done.stderr
    assert list((tmp_path / "results/least/public").iterdir()) == []


def test_files_of_one_name_are_told_by_their_hashes():
    address = "https://example.org"
    web, books = pinned(address, "/web/train.jsonl"), pinned(address, "/books/train.jsonl")
    plan = study([web, books], books={"source": "files", "files": books})
    hashed = f"{books['sha256'][:8]}-train.jsonl"
    assert sorted(plan.config["public"]) == sorted(["train.jsonl", hashed])
    assert plan.config["domains"]["web"]["files"] == ["public:train.jsonl", f"public:{hashed}"]
    # the same content under another address is the same file
    assert plan.config["domains"]["books"]["files"] == [f"public:{hashed}"]
    names = [path.name for path in plan.source("web").inputs()]
    assert names == ["train.jsonl", hashed]


def test_a_file_of_the_section_public_keeps_its_name():
    entry = {"address": "https://example.org/x.jsonl", "sha256": "1" * 64}
    config = {**LEAST, "public": {"notes": entry}}
    config["domains"] = LEAST["domains"] | {
        "web": {"source": "files", "files": [{**entry, "sha256": "2" * 64}, "public:notes"]}
    }
    config["public"]["x.jsonl"] = {**entry, "sha256": "3" * 64, "address": "https://b/y.jsonl"}
    plan = Study(resolve(config, CONFIG))
    assert sorted(plan.config["public"]) == ["22222222-x.jsonl", "notes", "x.jsonl"]
    assert [path.name for path in plan.source("web").inputs()] == ["22222222-x.jsonl", "x.jsonl"]
    config["domains"]["web"]["files"] = [entry]
    same = Study(resolve(config, CONFIG))
    assert same.config["domains"]["web"]["files"] == ["public:notes"]


def test_what_an_address_lacks_is_one_line():
    address = "https://example.org/x.jsonl"
    pin = f"write {{address: {address}, sha256: <64 hex digits>}}; `curl -L {address} | sha256sum`"
    for files in (address, [address], "http://example.org/x.jsonl"):
        assert "is an address without its SHA-256" in refusal(files)
        assert pin in refusal(files)
    assert f"{address} has no sha256 of 64 small hex digits; {pin}" in refusal(
        [{"address": address}]
    )
    assert "has no sha256 of" in refusal({"address": address, "sha256": "abc"})
    assert "md5 is unknown beside address; known: address, sha256, mirror" in refusal(
        [{"address": address, "md5": "1"}]
    )
    assert "ftp://x/y is no address of https" in refusal({"address": "ftp://x/y"})
    assert "domains.web.files.0 is {'path': 'x'}" in refusal([{"path": "x"}])


def test_a_mirror_is_looked_at_first(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXWRIGHT_MIRROR", str(tmp_path / "mirror"))
    entry = {"address": "https://example.org/x.jsonl", "sha256": "1" * 64, "mirror": "deep/z.jsonl"}
    plan = study([entry])
    assert plan.config["public"]["z.jsonl"]["mirror"] == "deep/z.jsonl"
