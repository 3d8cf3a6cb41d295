"""What the report says of checkpoints that models started from."""

from mixwright.errors import quantity
from mixwright.study.study import Study


def of_checkpoints(study: Study) -> list[str]:
    """Returns what natural proportions leave out, or count, of what a checkpoint has read.

    Nothing where no model starts from a checkpoint.
    """
    names = []
    for part in ("proxy", "final"):
        name = study.config.get(part, {}).get("init")
        if name and name not in names:
            names.append(name)
    if not names:
        return []
    start = f"Models start from {' and '.join(names)}."
    if not study.read_before:
        return [
            f"{start} Natural proportions count the sources of this study alone, and nothing of"
            " what the checkpoint has read before; goal.seen states that."
        ]
    listed = []
    for name, tokens in sorted(study.read_before.items()):
        listed.append(f"{name} {quantity(tokens)}")
    return [
        f"{start} Natural proportions count the tokens that goal.seen says it has read before"
        f" ({', '.join(listed)}), beside the sources. Passes count the sources alone."
    ]
