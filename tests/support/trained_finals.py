"""Finals trained in tests: their curves, in one process or in several."""

from pathlib import Path

import pandas as pd

from final_study import study
from mixwright.finals.arm import Arm
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.study.study import Study
from torchrun_forks import together

ARM = Arm("regmix", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))


def train(
    shards,
    tokenizer,
    folder: Path,
    config: Study | None = None,
    arms=(ARM,),
    log=lambda news: None,
) -> None:
    train_finals(
        list(arms),
        shards,
        tokenizer,
        config or study(),
        folder / "store",
        folder / "results/finals/pack.parquet",
        log=log,
    )


def train_together(shards, tokenizer, folder: Path, config: Study) -> None:
    final = config.final
    size = final["nodes"] * final["processes"]
    if size == 1:
        train(shards, tokenizer, folder, config)
        return
    codes = together(lambda rank: train(shards, tokenizer, folder, config), size)
    assert codes == [0] * size


def folder_of(folder: Path) -> Path:
    """The folder of the one final in a store."""
    (path,) = (folder / "store/finals").iterdir()
    return path


def curve(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder_of(folder) / "curve.parquet")
