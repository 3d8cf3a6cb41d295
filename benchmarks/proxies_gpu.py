"""The packed trainer on a GPU.

Measured are tokens a second at RegMix's shape and at a small vocabulary. Where launching kernels is
what costs, the trainer is compared with a plain eager loop and HF Trainer. Times are wall seconds
between two synchronisations, in interleaved rounds, with bfloat16 everywhere.

python benchmarks/proxies_gpu.py [--quick] [--parts speed,launches]
    [--to results/benchmarks/proxies_gpu.parquet]
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import proxies
import rivals
import torch
from proxies import BATCH, Row, rounds

from mixwright.corpus.shards import Shard

proxies.WANTED |= {
    "RegMix": (3.0, 4.4),
    "8 k vocabulary": (8.0, 11.0),
    "plain loop": (3.0, None),
    "HF Trainer": (8.0, None),
}


def speed(quick: bool, count: int) -> Iterator[Row]:
    """Million tokens a second of packs of a few widths."""
    for case in ("RegMix", "8 k vocabulary"):
        shape = rivals.SHAPES[case]
        with tempfile.TemporaryDirectory() as folder:
            shards = rivals.write_shards(Path(folder), shape["vocabulary"])
            for members in (1, 4, 16):
                speeds = [
                    1 / _ours(shape, shards, members, 10 if quick else 50) for _ in range(count)
                ]
                yield Row.figure("speed", f"{case}, K = {members}", "M tokens / s", speeds, case)


def launches(quick: bool, count: int) -> Iterator[Row]:
    """A shape whose kernels take less time than their launches: seconds a million tokens."""
    shape, steps, members = rivals.SHAPES["tiny"], 50 if quick else 200, 64
    tokens = BATCH * shape["context"] / 1e6
    with tempfile.TemporaryDirectory() as folder:
        shards = rivals.write_shards(Path(folder), shape["vocabulary"])
        costs = rounds(
            count,
            lambda: _ours(shape, shards, members, steps),
            lambda: (
                rivals.plain(shape, shards, 10 + steps, BATCH, warm=10, device="cuda", bf16=True)
                / tokens
            ),
            lambda: (
                rivals.trainer(shape, shards, 10 + steps, BATCH, warm=10, device="cuda", bf16=True)
                / tokens
            ),
        )
    for index, against in enumerate(("plain loop", "HF Trainer"), start=1):
        yield Row.ratio(
            "launches",
            f"tiny, K = {members}",
            against,
            "s / M tokens",
            [(each[0], each[index]) for each in costs],
            against,
        )


def _ours(shape: Mapping[str, Any], shards: Sequence[Shard], members: int, steps: int) -> float:
    """Seconds a million tokens of a pack: a long call less a short one."""
    short, long = (
        rivals.packed(shape, shards, members, n, BATCH, "cuda", wave=members)
        for n in (10, 10 + steps)
    )
    return (long - short) / (steps * members * BATCH * shape["context"] / 1e6)


def main() -> None:
    if not torch.cuda.is_available():
        print("no GPU at hand: nothing was measured")
        return
    parts = {"speed": speed, "launches": launches}
    proxies.run(parts, tuple(parts), "proxies_gpu.parquet", torch.cuda.get_device_name(), __doc__)


if __name__ == "__main__":
    main()
