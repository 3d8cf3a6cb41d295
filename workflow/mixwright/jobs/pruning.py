"""What the store keeps of models that no study refers to any more, and how it goes.

Results of runs are small, and stay. Models are large: final models, the weights of proxies, and
checkpoints that nobody goes on from.
"""

import math
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.files import locked, read_json
from mixwright.finals.job import lock_of
from mixwright.jobs.plan.here import finished
from mixwright.study.study import Study

DAY = 24 * 60 * 60
# a key of the store: hex digits
KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
# tables of a study whose rows name what they take from the store
TABLES = ("packs", "measured", "finals")
FINAL, WEIGHTS, CHECKPOINT = "final model", "weights of a proxy", "checkpoint"
# the name of a folder that is being removed
GOING = ".pruned"


@dataclass(frozen=True)
class Leftover:
    """Something in the store that nobody refers to."""

    path: Path
    kind: str
    size: int  # bytes
    days: float  # since it was last changed


def leftovers(
    store: Path, studies: Iterable[Path], older: float, now: float | None = None
) -> list[Leftover]:
    """Returns what no study refers to, the largest first.

    A final and weights are referred to by a row of a study's tables, or by a key in its config. A
    checkpoint goes where its final is stored, and nobody trains that again. Models that train side
    by side have one checkpoint, which goes by its age alone. What an unfinished study has stored
    may be in no table yet: nothing goes that was made since it began.

    Args:
        store: the folder of the store.
        studies: folders of results, of all studies that take from it.
        older: days for which something must not have changed.
        now: seconds since 1970; None: the clock's.

    Raises:
        MixwrightError: no study refers to anything, or what one of them refers to is not known.
    """
    now = time.time() if now is None else now
    folders = [folder for folder in studies if (folder / "study.json").exists()]
    keys, orders = set[str](), set[str]()
    before = now - older * DAY
    for folder in folders:
        keys |= keys_of(folder)
        orders |= _orders_of(folder)
        before = min(before, _began(folder))
    if not keys:
        raise MixwrightError(
            f"{store}: no study is there that takes from it, so that all would go; name the folders"
            " of their results with --studies, or remove all with `make clean-store`"
        )
    items = []
    for path, kind in _unused(store, keys, orders):
        changed = _changed(path)
        if changed <= before:
            items.append(Leftover(path, kind, _size(path), (now - changed) / DAY))
    return sorted(items, key=lambda item: (-item.size, item.path))


def keys_of(study: Path) -> set[str]:
    """Returns the keys of the store that a study refers to; `study` is its folder of results."""
    # a final may start from another one
    keys = set(KEY.findall((study / "study.json").read_text()))
    for name in TABLES:
        for path in sorted((study / name).glob("*.parquet")):
            keys.update(_column(path))
    return keys


def remove(item: Leftover) -> bool:
    """Removes a leftover; returns whether it did, for a job may hold it."""
    path = item.path
    if item.kind == FINAL and not _is_free(lock_of(path)):
        return False
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return True
    # nobody meets a half of it
    going = path.with_name(f".{path.name.strip('.')}{GOING}")
    if path != going:
        path.replace(going)
    shutil.rmtree(going)
    return True


def _unused(store: Path, keys: set[str], orders: set[str]) -> Iterator[tuple[Path, str]]:
    """Paths that no key names, and what they are."""
    finals = store / "finals"
    for folder in sorted(finals.glob("*")):
        key, _, rest = folder.name.partition(".")
        if folder.name.endswith(GOING):
            yield folder, FINAL
        elif not KEY.fullmatch(key):
            continue
        elif not rest and key not in keys:
            yield folder, FINAL
        elif rest == CHECKPOINT and (finals / key / "result.json").exists():
            yield folder, CHECKPOINT
        elif rest == CHECKPOINT and key not in keys:
            # of a final that nobody has finished
            yield folder, CHECKPOINT
        elif rest.endswith(f".{CHECKPOINT}") and rest.partition(".")[0] not in orders:
            yield folder, CHECKPOINT
    for path in sorted((store / "weights").glob("*/*.safetensors")):
        if path.stem not in keys:
            yield path, WEIGHTS
    for path in sorted((store / "checkpoints").glob("*")):
        # a folder is of an order to train again
        if path.name not in orders:
            yield path, CHECKPOINT


def _column(path: Path) -> list[str]:
    """The keys of the store in a table.

    Raises:
        MixwrightError: it cannot be read, so that nobody knows what it refers to.
    """
    try:
        return [str(key) for key in pq.read_table(path, columns=["store_key"])["store_key"]]
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise MixwrightError(
            f"{path}: not readable ({reason}); remove it, and run its study again before you prune"
        ) from None


def _orders_of(study: Path) -> set[str]:
    """Names of orders to train again that a killed job has left, whose checkpoints are its own."""
    orders = set()
    for path in study.glob("*/.*.refresh"):
        orders.add(str(read_json(path)["name"]))
    return orders


def _began(study: Path) -> float:
    """When a study began, of which packs are still to be trained; infinite where none are."""
    plan = Study.read(study / "study.json")
    if plan.measured or finished(plan, study).issuperset([*plan.packs, *plan.final_packs]):
        return math.inf
    return min(path.stat().st_mtime for path in study.iterdir())


def _is_free(lock: Path) -> bool:
    """Whether no job holds the lock of a final."""
    try:
        with lock.open() as file:
            return locked(file, lock, "a final that a job trains may be removed", wait=False)
    except FileNotFoundError:
        return True


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _changed(path: Path) -> float:
    """When a file, or the last file of a folder, was changed."""
    times = [path.stat().st_mtime]
    if path.is_dir():
        times += [file.stat().st_mtime for file in path.rglob("*")]
    return max(times)
