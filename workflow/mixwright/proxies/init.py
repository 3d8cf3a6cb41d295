"""Checkpoints that models start from: where they lie, and what they hold. Runs in jobs.

A name on the Hugging Face hub is looked up in its cache, and fetched where the cache lacks it.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.files import sha256
from mixwright.progress import say
from mixwright.study.checkpoints import files_of, folder_of, weights_of
from mixwright.study.study import Study

# Files of a model on the hub that are fetched: its configuration and its weights.
CONFIGURATION = ("*.json",)
SAFE = (*CONFIGURATION, "*.safetensors")
PICKLED = (*CONFIGURATION, "pytorch_model*.bin")


def checkpoint_folder(name: str, where: str, weights: bool = True) -> Path:
    """Returns the folder of a checkpoint, or the config.json of a model.

    Args:
        name: a folder, a config.json, or a name on the hub.
        where: the key that names it, for messages.
        weights: whether its weights are needed, and not its configuration alone.

    Raises:
        MixwrightError: it is neither.
    """
    folder = folder_of(name)
    if folder is not None and (not weights or weights_of(folder) or Path(name).exists()):
        return folder
    if not weights:
        return _fetched(name, where, CONFIGURATION)
    for patterns in (SAFE, PICKLED):
        fetched = _fetched(name, where, patterns)
        if weights_of(fetched):
            return fetched
    raise MixwrightError(f"{where}: {name} has no weights on the hub; name another checkpoint")


def _fetched(name: str, where: str, patterns: Sequence[str]) -> Path:
    """Returns the folder of a model's files of these patterns, fetched from the hub."""
    from huggingface_hub import snapshot_download

    say(f"{where}: fetching {name} from the Hugging Face hub")
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:
        # The hub's library and its network have errors of many kinds.
        reason = str(error).strip().splitlines()[0]
        raise MixwrightError(
            f"{where}: {name} is no folder, and the hub does not give it ({reason});"
            " correct the name, or fetch the model with hf download"
        ) from None


@lru_cache(maxsize=8)
def checkpoint_print(name: str, where: str, weights: bool = True) -> str:
    """Returns the SHA-256 of a checkpoint's configuration and weights, in hex digits.

    Args:
        name: a folder, a config.json, or a name on the hub.
        where: the key that names it, for messages.
        weights: whether they count; else the configuration alone.
    """
    checkpoint_folder(name, where, weights)
    total = hashlib.sha256()
    for path in files_of(name, weights=weights):
        total.update(f"{path.name} {sha256(path)}\n".encode())
    return total.hexdigest()


def init_of(study: Study) -> dict[str, str]:
    """Returns what of a proxies' checkpoint goes into the key of their weights; empty without."""
    name = study.proxy.get("init")
    if not name:
        return {}
    return {"init": checkpoint_print(name, "proxy.init")}
