"""Scores the copies of finals on the study's targets, as the finals themselves are scored."""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright import tables
from mixwright.corpus.choices import Choices
from mixwright.corpus.shards import Examples, Shard
from mixwright.finals.processes import ALONE, Processes
from mixwright.finals.score import folder_losses, score
from mixwright.finals.snapshots import SNAPSHOTS, missing_copies, snapshot_steps
from mixwright.progress import Log, say
from mixwright.proxies.questions import NO_CHOICES, Questions
from mixwright.proxies.scored import scored_texts
from mixwright.study.study import Study


def evaluate_snapshots(
    finals: pd.DataFrame,
    targets: Mapping[str, Examples],
    shards: Sequence[Shard],
    study: Study,
    choices: Mapping[str, Choices] = NO_CHOICES,
    log: Log = say,
    processes: Processes = ALONE,
) -> pd.DataFrame:
    """Scores the copies of each model of a FINALS table on every target, as SNAPSHOT_SCORES.

    The same tokens of each target are scored as of the finals. Questions are asked of targets alone
    that choose by their answers. A copy that the store lacks is named and left out. A final that
    diverged has none.

    Args:
        finals: rows of tables.FINALS.
        targets: target -> its examples.
        shards: the tokens of every domain.
        study: the study; a target may be a domain of it.
        choices: target -> its questions.
        log: takes the lines of progress.
        processes: those that share the texts of each copy; every one has to call it.

    Raises:
        MixwrightError: a target has no example.
    """
    texts = scored_texts(targets, shards, study, study.evaluation["final_tokens"])
    tasks = {name: texts[name] for name in texts if name in study.config["targets"]}
    judging = {name: choices[name] for name in choices if name in study.chosen}
    questions = Questions.of_texts(judging, tasks, study.evaluation.get("example_tokens"))
    mask = shards[0].mask_token if study.learner.masked else None
    copies = snapshot_steps(study.final, study.final_steps).values()
    rows: list[dict[str, Any]] = []
    for model, arms in finals.groupby("folder", sort=False, dropna=True):
        folder = Path(str(model)).parent
        missing = missing_copies(folder, study.final, study.final_steps)
        if missing and processes.leads:
            log(
                f"{_names(arms)}: no copy at {', '.join(missing)} tokens, which is left out;"
                " store: refresh trains the final again"
            )
        for tokens in copies:
            if tokens in missing:
                continue
            copy = str(folder / SNAPSHOTS / tokens)
            losses = folder_losses(copy, tasks | questions.texts, study, mask, processes)
            scored = _scores(tasks, losses, questions)
            rows += _of_arms(arms, int(tokens), scored)
            if processes.leads:
                log(f"scored {_names(arms)} at {tokens} tokens")
    return pd.DataFrame(rows, columns=tables.SNAPSHOT_SCORES.schema.names)


def _scores(
    tasks: Mapping[str, Examples], losses: Mapping[str, Any], questions: Questions
) -> dict[str, list[dict[str, Any]]]:
    """Target -> rows of metrics of one copy."""
    answered = questions.scores({name: -nats for name, nats in losses.items()})
    scored = {}
    for task, examples in tasks.items():
        # no unigram model stands beside a copy
        scored[task] = score(task, losses[task], examples, nan)
        if task in answered:
            scored[task] += questions.score_rows(task, answered[task])
    return scored


def _of_arms(
    arms: pd.DataFrame, tokens: int, scored: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """The rows of all arms that share a final; one with a goal of its own has that target alone."""
    rows = []
    for arm in arms.itertuples():
        names = {"mixer": arm.mixer, "seed": arm.seed, "tokens": tokens}
        for task, of_task in scored.items():
            if pd.isna(arm.goal) or arm.goal == task:
                rows += [names | row for row in of_task]
    return rows


def _names(arms: pd.DataFrame) -> str:
    """The arms that share a final, in words."""
    words = []
    for arm in arms.itertuples():
        goal = "" if pd.isna(arm.goal) else f" for {arm.goal}"
        words.append(f"{arm.mixer}{goal}, seed {arm.seed}")
    return "; ".join(words)
