"""Files that others wrote for trainers of rows: what our rule says beside what the trainer read."""

from mixwright.proposals.export import create
from mixwright.proposals.export.blend import REFUSED, Budget, Size

# rows of the sources that the files name
ROWS = {"a": 3_000, "b": 1_000, "c": 500}


def agree(name: str, text: str, read: dict[str, int] | str) -> None:
    """Asserts that a format refuses what the trainer refused, and else draws the same rows.

    Args:
        name: of the format.
        text: of the file.
        read: source -> rows that the trainer read, or the error that it stopped with.
    """
    trainer = create(name)
    (blend,) = trainer.read(text, "FILE")
    sizes = {source: Size(rows=count) for source, count in ROWS.items()}
    drawn = trainer.draw(blend, Budget(None, 1, True, sizes))
    refused = [fault for fault in (*blend.faults, *drawn.faults) if fault.kind == REFUSED]
    if isinstance(read, str):
        assert refused, read
        return
    assert not refused
    paths = [entry.path for entry in blend.entries]
    predicted = dict(zip(paths, drawn.units, strict=True))
    for source, count in read.items():
        assert predicted.get(source, 0) == count
