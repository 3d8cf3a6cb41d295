"""The files of a data set of Hugging Face that were fetched to this machine before."""

import os
from pathlib import Path


def snapshot_of(dataset: str) -> Path | None:
    """Returns the folder of the newest snapshot of a data set in the hub's cache.

    No connection is opened. None where the cache has none.

    Args:
        dataset: its name, owner/name.
    """
    folder = _cache() / f"datasets--{dataset.replace('/', '--')}"
    main = folder / "refs" / "main"
    if main.is_file():
        snapshot = folder / "snapshots" / main.read_text().strip()
        return snapshot if snapshot.is_dir() else None
    snapshots = sorted(folder.glob("snapshots/*"), key=lambda path: path.stat().st_mtime)
    return snapshots[-1] if snapshots else None


def _cache() -> Path:
    """The folder of the hub's cache, as its own library looks for it."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(base).expanduser() / "huggingface" / "hub"
