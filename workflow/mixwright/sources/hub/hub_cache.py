"""Data sets and models of Hugging Face that were fetched before; nothing is fetched here."""

import os
from pathlib import Path

from mixwright.sources.places import expanded

MAIN = "main"
MODELS = "models"


def cache_folder() -> Path:
    """Returns the folder of the hub's cache, as the hub's own packages look for it."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return Path(expanded(os.environ[variable]))
    home = os.environ.get("HF_HOME")
    if not home:
        home = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    return Path(expanded(home)) / "hub"


def snapshots_of(dataset: str) -> Path:
    """Returns where the cache keeps the states of a data set; it need not be there."""
    return _folder(dataset) / "snapshots"


def snapshot_of(name: str, revision: str = MAIN, kind: str = "datasets") -> Path | None:
    """Returns the folder of one state of a data set or model; None where the cache lacks it.

    Args:
        name: org/name.
        revision: a commit, tag or branch.
        kind: datasets or models.
    """
    commit = revision
    reference = _folder(name, kind) / "refs" / revision
    if reference.is_file():
        commit = reference.read_text().strip()
    folder = _folder(name, kind) / "snapshots" / commit
    return folder.absolute() if folder.is_dir() else None


def newest_of(dataset: str) -> Path | None:
    """Returns the state `main` of a data set, or else the one that was fetched last, if any."""
    snapshot = snapshot_of(dataset)
    if snapshot is None and not (_folder(dataset) / "refs" / MAIN).is_file():
        folders = snapshots_of(dataset).glob("*")
        fetched = sorted(folders, key=lambda path: path.stat().st_mtime)
        snapshot = fetched[-1] if fetched else None
    return snapshot


def _folder(name: str, kind: str = "datasets") -> Path:
    return cache_folder() / f"{kind}--{name.replace('/', '--')}"
