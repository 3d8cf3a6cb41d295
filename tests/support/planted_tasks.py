"""Answers of final models to questions of tasks, with planted shares of right ones."""

import numpy as np
import pandas as pd

from mixwright import tables

SEEDS = (1, 2, 3)
# Mixer -> share of right answers.
SHARES = {"natural": 0.5, "regmix": 0.8, "mixmin": 0.2, "uniform": 0.5}


def answers(task: str = "arc", questions: int = 400, seed: int = 0) -> pd.DataFrame:
    """Answers of all mixers, with a difficulty that a question has for all of them."""
    rng = np.random.default_rng(seed)
    hardness = rng.random(questions)
    frames = []
    for mixer, share in SHARES.items():
        for final_seed in SEEDS:
            luck = 0.02 * rng.standard_normal()
            noise = 0.05 * rng.standard_normal(questions)
            right = (hardness + noise < share + luck).astype(float)
            frame = {"mixer": mixer, "seed": final_seed, "task": task, "metric": "accuracy"}
            frame |= {"example": np.arange(questions), "value": right, "weight": 1.0}
            frame |= {"loglikelihood": -3.0 + right + 0.1 * rng.standard_normal(questions)}
            frames.append(pd.DataFrame(frame))
    return tables.check(pd.concat(frames), tables.TASK_ANSWERS, "answers")


def scores(*tasks: str, metric: str = "accuracy", higher: int = 1) -> pd.DataFrame:
    rows = []
    for task in tasks:
        row = {"mixer": "natural", "seed": 1, "task": task, "metric": metric, "value": 0.5}
        rows.append(row | {"stderr": 0.1, "n": 400, "higher": higher})
    return tables.check(pd.DataFrame(rows), tables.SCORES, "scores")
