"""Finals in the store: model, card, curve, copies, and what there is to say."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
from mixwright.finals import card, curve
from mixwright.finals.snapshots import SNAPSHOTS, taken_over

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Trained:
    """What the training of one final left."""

    result: dict[str, Any]  # of result.json
    curve: pd.DataFrame  # as curve.rows makes it
    model: "PreTrainedModel"
    facts: card.Facts | None = None  # of its card; None where it diverged: no model is stored
    weights: dict[str, Any] | None = None  # in place of the model's own
    snapshots: Path | None = None  # folder of the copies made on the way, which may not be there


def check_there(folder: str | Path) -> None:
    """Checks that the model of a final is still in the store.

    Raises:
        MixwrightError: it is gone.
    """
    if not (Path(folder) / "config.json").exists():
        raise MixwrightError(
            f"{folder}: the final model is gone; train it again (snakemake --forcerun train_finals)"
        )


def put(folder: Path, trained: Trained, tokenizer: Path, again: bool = False) -> None:
    """Puts a final into the store, whole or not at all, and removes its checkpoints.

    Where the file system has no locks another job may have been quicker. Its final is the same, and
    may be read already.

    Args:
        folder: `<store>/finals/<key>`.
        trained: what to keep.
        tokenizer: the folder of the tokenizer.
        again: whether it takes the place of one that is there.
    """
    # one whose result somebody has removed is none
    is_broken = folder.exists() and not (folder / "result.json").exists()
    with written(folder, keep=not again and not is_broken) as beside:
        _write(beside, trained, tokenizer)
    # also those of a refresh that nobody ended
    pattern = f"{folder.name}*.checkpoint"
    for old in folder.parent.glob(pattern):
        shutil.rmtree(old, ignore_errors=True)


def _write(beside: Path, trained: Trained, tokenizer: Path) -> None:
    """Fills the folder of a final."""
    beside.mkdir()
    if trained.facts:
        save(beside / "model", trained.model, trained.weights, tokenizer)
        card.write(beside / "model", trained.facts)
        if trained.snapshots:
            taken_over(trained.snapshots, beside / SNAPSHOTS)
    curve.save(beside, trained.curve)
    write_json(beside / "result.json", trained.result)


def save(
    folder: Path, model: "PreTrainedModel", weights: dict[str, Any] | None, tokenizer: Path
) -> None:
    """Writes model and tokenizer for from_pretrained.

    Args:
        folder: the model's.
        model: its configuration is written, and its weights.
        weights: in place of the model's own, of which each process may have a slice.
        tokenizer: its folder.
    """
    # Trainer switches the cache off; who generates text needs it
    use_cache = model.config.use_cache
    model.config.use_cache = True
    model.save_pretrained(folder, state_dict=weights)
    model.config.use_cache = use_cache
    without_model = shutil.ignore_patterns("config.json")
    shutil.copytree(tokenizer, folder, dirs_exist_ok=True, ignore=without_model)
