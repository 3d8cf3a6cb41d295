"""What stays evidence of a study whose domains are others than those of its results."""

from collections.abc import Iterator
from pathlib import Path

from mixwright.errors import MixwrightError, as_typed, counted
from mixwright.study.study import Study

DESIGN = "design/swarm.parquet"


def changed_lines(study: Study, results: Path) -> Iterator[str]:
    """Yields what a dry run says where domains came or went since the study was run.

    Args:
        study: as it is written now.
        results: its folder of results.
    """
    try:
        before = Study.read(results / "study.json")
    except (OSError, MixwrightError):
        return
    if before.measured or study.measured or not (results / DESIGN).exists():
        return
    gone = sorted(set(before.domains) - set(study.domains))
    come = sorted(set(study.domains) - set(before.domains))
    if not gone and not come:
        return
    words = []
    if gone:
        words.append(f"{', '.join(gone)} went")
    if come:
        words.append(f"{', '.join(come)} came")
    yield f"  the domains changed: {'; '.join(words)}; {_worth(results, gone, come)}"
    options = ""
    for option, names in (("drop", gone), ("add", come)):
        if names:
            options += f" --{option} {as_typed(*names)}"
    yield (
        f"  to keep what they tell, give this study another name, and run mixwright surgery --study"
        f" {as_typed(results / 'study.json')}{options} --to changed"
    )
    if gone and come:
        yield "  (domains that are parts or sums of others: --split and --merge in their place)"
    if not study.own_tokenizer:
        yield (
            "  the tokenizer is trained on the domains, so that no run is found again in"
            f" results/store; it is with tokenizer: {{folder: {results / 'tokenizer'}}}"
        )


def _worth(results: Path, gone: list[str], come: list[str]) -> str:
    """How many runs of the swarm stay what they are."""
    # read only where domains changed: a dry run loads nothing heavy
    from mixwright import tables
    from mixwright.designs.surgery import LOST, VALID, Add, Drop, Operation, Surgery, carry

    design = tables.read(results / DESIGN, tables.DESIGN)
    weights = tables.design_matrix(design)
    names = [str(name) for name in weights.columns]
    operations: list[Operation] = []
    for name in gone:
        if name in names:
            operations.append(Drop(name))
    for name in come:
        if name not in names:
            operations.append(Add(name))
    runs = counted(len(weights), "run")
    if not operations:
        return f"{runs} of the swarm were designed for these"
    try:
        surgery = Surgery.of(names, operations)
    except MixwrightError:
        return f"none of {runs} of the swarm is evidence"
    states = carry(surgery, weights.to_numpy()).states
    valid, lost = states.count(VALID), states.count(LOST)
    moved = len(states) - valid - lost
    return (
        f"of {runs} of the swarm {valid} stay valid, {moved} a law can move, {lost} are not valid"
    )
