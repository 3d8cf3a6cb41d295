"""Where the losses of a final are also sent while it trains: TensorBoard, or Weights & Biases."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from transformers import TrainerCallback

# `final.track` -> packages of which one has to be there
PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",)}
# what Weights & Biases calls the runs of mixwright, unless its own variable says otherwise
PROJECT = "mixwright"


def check(track: str) -> None:
    """Checks that a tracker is installed.

    Raises:
        MixwrightError: it is not.
    """
    packages = PACKAGES.get(track, ())
    installed = [package for package in packages if find_spec(package)]
    if packages and not installed:
        raise MixwrightError(
            f"final.track: {track}: the package {packages[0]} is not installed;"
            " install it beside mixwright, or set final.track to none"
        )


def trackers(track: str, folder: Path, name: str) -> tuple["TrainerCallback", ...]:
    """Returns the callbacks that send a final's losses; none where the study tracks nothing.

    Args:
        track: `final.track` of a study.
        folder: where files of trackers go, results/<study>/tracking.
        name: of the final.

    Raises:
        MixwrightError: the tracker is not installed.
    """
    check(track)
    if track == "none":
        return ()
    if track == "tensorboard":
        return _tensorboard(folder / name)
    return _wandb(folder, name)


def _tensorboard(folder: Path) -> tuple["TrainerCallback", ...]:
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return (TensorBoardCallback(SummaryWriter(str(folder))),)


def _wandb(folder: Path, name: str) -> tuple["TrainerCallback", ...]:
    import wandb
    from transformers import TrainerCallback
    from transformers.integrations import WandbCallback

    class End(TrainerCallback):
        """Ends a final's run, or the next final of the job would go on with it."""

        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            wandb.finish()

    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WANDB_PROJECT", PROJECT)
    os.environ["WANDB_DIR"] = str(folder)
    os.environ["WANDB_NAME"] = name
    return WandbCallback(), End()
