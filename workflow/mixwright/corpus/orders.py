"""The order in which a run reads a domain's blocks, pass after pass."""

import hashlib
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Runs of one seed share the orders that they read at the time; nobody else holds them.
_orders: WeakValueDictionary[tuple[int, str, int, int, int], NDArray[Any]] = WeakValueDictionary()


def block_order(seed: int, domain: str, epoch: int, blocks: int) -> Ints:
    """Returns (blocks,): the order of a domain's blocks in one pass.

    It sorts raw 64-bit draws, whose stream numpy keeps between versions.
    """
    return np.argsort(_draws(seed, domain, epoch, blocks), kind="stable")


def _draws(seed: int, domain: str, epoch: int, blocks: int) -> NDArray[np.uint64]:
    """(blocks,) a number for each block of a pass."""
    name = hashlib.sha256(f"{seed}/{domain}/{epoch}".encode()).digest()
    stream = np.random.PCG64(int.from_bytes(name[:16], "little"))
    return stream.random_raw(blocks)


def shared_order(
    seed: int, domain: str, epoch: int, whole: int, available: int
) -> NDArray[np.integer[Any]]:
    """Returns the order of a pass over a part of a domain's blocks.

    The part are the first blocks in the order of the first pass. The array is the same for all who
    ask while one of them holds it.

    Args:
        seed: of the orders.
        domain: its name.
        epoch: number of the pass, from 0.
        whole: blocks of the domain.
        available: blocks of the part.

    Returns:
        (available,) blocks, of 32 bits where they fit; not to be written to.
    """
    key = (seed, domain, epoch, whole, available)
    order = _orders.get(key)
    if order is None:
        order = _order(*key).astype(_index_type(whole))
        order.setflags(write=False)
        _orders[key] = order
    return order


def _order(seed: int, domain: str, epoch: int, whole: int, available: int) -> NDArray[Any]:
    if epoch == 0 or available == whole:
        return block_order(seed, domain, epoch, whole)[:available]
    # Sorted by their draws alone, the part's blocks come as in the order of all.
    part = np.sort(shared_order(seed, domain, 0, whole, available))
    draws = _draws(seed, domain, epoch, whole)[part]
    return part[np.argsort(draws, kind="stable")]


def _index_type(count: int) -> type[np.signedinteger[Any]]:
    """The narrower type that numbers so many."""
    if count <= np.iinfo(np.int32).max:
        return np.int32
    return np.int64
