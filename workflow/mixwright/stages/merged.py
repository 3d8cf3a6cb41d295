"""Compare merged single-domain proxies with the swarm of a finished study."""

import json
import logging
from dataclasses import replace
from pathlib import Path

from mixwright import tables
from mixwright.corpus.counts import train_domains
from mixwright.corpus.shards import Examples
from mixwright.designs.resolve import resolve_mixtures
from mixwright.errors import MixwrightError, counted
from mixwright.files import read_json, write_json
from mixwright.jobs.lease import hold_gpu
from mixwright.observations import last_losses
from mixwright.proxies.evaluate import read_pack
from mixwright.proxies.work import Work
from mixwright.study.study import Study
from mixwright.tables import design_matrix
from mixwright.trust.merged import compare

log = logging.getLogger(__name__)


def merged(study: Path, store: Path, to: Path | None = None) -> None:
    """Say whether merged single-domain proxies rank mixtures as the study's swarm does.

    Nothing is trained: the weights of the vertex runs are interpolated by each mixture of the
    swarm, and scored on the targets. A study with `merged: {}` does so itself.

    Example:
        mixwright merged --study results/demo/study.json --store results/store
            --to results/demo/merged.json
    """
    plan = Study.read(study)
    folder = study.parent
    if plan.measured or not {"vertex", "swarm"} <= set(plan.runs):
        raise MixwrightError(
            f"{study}: it trains no swarm beside runs of single domains; add `merged: {{}}` to the"
            " study, and run it again"
        )
    if not plan.learner.sized or plan.learner.masked:
        raise MixwrightError(f"{study}: models of its learner are not merged; use causal-lm")
    computed, keys = _stored(plan, folder)
    work = _work(plan.calibrated(json.loads(computed)), folder)
    names = [shard.domain for shard in work.shards]
    ordered = [keys[name] for name in names]
    targets = list(work.targets)
    design = tables.read(_gathered(plan, folder, "design"), tables.DESIGN)
    measured = tables.read(_gathered(plan, folder, "losses"), tables.LOSSES)
    last = last_losses(measured)
    wide = last.pivot(index="run", columns="target", values="loss")[targets]
    trained = wide.dropna()
    left_out = len(wide) - len(trained)
    if left_out:
        log.info("%s of the swarm diverged, and are left out", counted(left_out, "run"))
    weights = design_matrix(design, trained.index, names)
    hold_gpu(plan.proxy)
    # here, for they import torch
    from mixwright.proxies.merged import merged_losses
    from mixwright.proxies.weights import Weights

    losses = merged_losses(work, Weights(store), ordered, weights.to_numpy())
    result = compare(targets, losses, trained.to_numpy(), plan.target_weights)
    result = replace(result, start=plan.proxy["init"] or "", left_out=left_out)
    log.info("%s", result.verdict)
    if to is not None:
        write_json(to, result.as_json())


def _gathered(plan: Study, folder: Path, kind: str) -> list[Path]:
    """The tables of the swarm, one a round."""
    names = plan.tables_of_role("swarm")
    return [folder / kind / f"{name}.parquet" for name in names]


def _work(plan: Study, folder: Path) -> Work:
    """The vertex runs, with the texts that they are scored on."""
    listed = read_json(folder / "scored.json")
    counted = train_domains(Path(listed["domains"]))
    runs = plan.runs["vertex"]
    mixtures = resolve_mixtures(runs, plan.goal(counted).domains)
    open_domain = plan.learner.function("open_domain")
    shards = []
    for path in listed["shards"]:
        shards.append(open_domain(Path(path)))
    texts = {}
    for path in listed["targets"]:
        texts[Path(path).stem] = Examples.load(path)
    return Work.of(runs, mixtures, shards, texts, plan)


def _stored(plan: Study, folder: Path) -> tuple[str, dict[str, str]]:
    """How the vertex runs were computed, as JSON, and domain -> the key of its run."""
    computed = ""
    keys = {}
    for pack in plan.packs_of(["vertex"]):
        table = read_pack(folder / "packs" / f"{pack}.parquet")
        computed = table.schema.metadata[b"computed"].decode()
        by_run = {}
        for row in table.select(["run", "store_key"]).to_pylist():
            by_run[row["run"]] = row["store_key"]
        for run in plan.packs[pack]:
            domain = str(run.parameters["domain"])
            keys[domain] = by_run[run.name]
    return computed, keys
