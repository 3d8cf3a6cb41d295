"""Data sets in the hub's own layouts, and a server that answers as the hub does."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
configs:
- config_name: plain
  data_files:
  - split: train
    path: plain/train-*
  - split: test
    path: plain/test-*
- config_name: other
  data_files:
  - split: train
    path: other/*
---
# Notes
"""


def rows_of(stem: str, count: int = 4) -> list[dict]:
    """Rows with text, a title and an object."""
    rows = []
    for number in range(count):
        group = ["web", "books"][number % 2]
        text = f"{stem} {number} é"
        rows.append({"text": text, "title": f"T{number}", "meta": {"set": group}})
    return rows


def write_parquet(path: Path, rows: Sequence[Mapping], row_group: int = 100) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=row_group)


def write_snapshot(folder: Path) -> Path:
    """A data set of two configurations, one with two splits, as a clone of it has it."""
    for number in range(3):
        write_parquet(folder / f"plain/train-{number:05d}-of-00003.parquet", rows_of(f"p{number}"))
    write_parquet(folder / "plain/test-00000-of-00001.parquet", rows_of("t", 2))
    write_parquet(folder / "other/part.parquet", rows_of("o", 3))
    (folder / "README.md").write_text(CARD)
    (folder / ".gitattributes").write_text("*.parquet filter=lfs\n")
    return folder


def write_cache(cache: Path, name: str, tags: Mapping[str, str] | None = None) -> Path:
    """The same data set in the hub's cache: a snapshot of links to blobs, and references."""
    root = cache / f"datasets--{name.replace('/', '--')}"
    plain = write_snapshot(root / "source")
    snapshot = root / "snapshots" / COMMIT
    (root / "blobs").mkdir()
    for path in sorted(plain.rglob("*")):
        if path.is_file():
            blob = root / "blobs" / sha256(path.read_bytes()).hexdigest()
            blob.write_bytes(path.read_bytes())
            link = snapshot / path.relative_to(plain)
            link.parent.mkdir(parents=True, exist_ok=True)
            up = "../" * (len(link.relative_to(root).parents) - 1)
            link.symlink_to(f"{up}blobs/{blob.name}")
            path.unlink()
    (root / "refs").mkdir()
    for tag, commit in {"main": COMMIT, **(tags or {})}.items():
        (root / "refs" / tag).write_text(commit)
    return snapshot


class _Hub(BaseHTTPRequestHandler):
    """Answers as the hub does, for data sets at one commit."""

    protocol_version = "HTTP/1.1"
    # name of a data set -> its folder
    repositories: ClassVar[Mapping[str, Path]] = {}

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.posted = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        for name, folder in self.repositories.items():
            if path == f"/api/datasets/{name}":
                self.facts(folder, name, "revision/main")
                return
            if path.startswith(f"/api/datasets/{name}/"):
                self.facts(folder, name, path.removeprefix(f"/api/datasets/{name}/"))
                return
            if path.startswith(f"/datasets/{name}/resolve/"):
                self.file(folder, path.removeprefix(f"/datasets/{name}/resolve/"))
                return
        self.refuse("RepoNotFound")

    def facts(self, folder: Path, name: str, rest: str) -> None:
        kind, _, tail = rest.partition("/")
        revision, _, inside = tail.partition("/")
        if revision not in ("main", COMMIT):
            self.refuse("RevisionNotFound")
        elif kind == "revision":
            files = [path for path in folder.rglob("*") if path.is_file()]
            siblings = [{"rfilename": str(path.relative_to(folder))} for path in files]
            self.json({"id": name, "sha": COMMIT, "siblings": siblings})
        elif kind == "tree" and (folder / inside).is_dir():
            pattern = "**/*" if "recursive=true" in self.path.lower() else "*"
            paths = sorted((folder / inside).glob(pattern))
            self.json([_facts_of(folder, path) for path in paths])
        elif kind == "paths-info":
            paths = [folder / path for path in json.loads(self.posted)["paths"]]
            self.json([_facts_of(folder, path) for path in paths if path.exists()])
        else:
            self.refuse("EntryNotFound")

    def file(self, folder: Path, rest: str) -> None:
        revision, _, inside = rest.partition("/")
        path = folder / inside
        if revision not in ("main", COMMIT):
            self.refuse("RevisionNotFound")
            return
        if not path.is_file():
            self.refuse("EntryNotFound")
            return
        content = path.read_bytes()
        headers = {"etag": f'"{sha1(content).hexdigest()}"', "accept-ranges": "bytes"}
        wanted = self.headers.get("range")
        if not wanted:
            self.send(200, content, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        stop = int(last) + 1 if last else len(content)
        headers["content-range"] = f"bytes {first}-{stop - 1}/{len(content)}"
        self.send(206, content[int(first) : stop], headers)

    def refuse(self, code: str) -> None:
        self.send(404, b"{}", {"x-error-code": code})

    def json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), {"content-type": "application/json"})

    def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("x-repo-commit", COMMIT)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub_server(repositories: Mapping[str, Path]) -> Iterator[str]:
    """Serves folders as the hub serves data sets, at one commit. Yields its address."""
    handler = type("Hub", (_Hub,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _facts_of(folder: Path, path: Path) -> dict[str, object]:
    """What the hub says of a file or folder of a data set."""
    oid = sha1(str(path).encode()).hexdigest()
    inside = str(path.relative_to(folder))
    if path.is_dir():
        return {"type": "directory", "path": inside, "size": 0, "oid": oid}
    return {"type": "file", "path": inside, "size": path.stat().st_size, "oid": oid}
