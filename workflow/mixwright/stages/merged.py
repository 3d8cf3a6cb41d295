"""Compare merged single-domain proxies with the swarm of a finished study."""

import json
import logging
from pathlib import Path

from mixwright import tables
from mixwright.corpus.counts import train_domains
from mixwright.corpus.shards import Examples
from mixwright.designs.resolve import resolve_mixtures
from mixwright.errors import MixwrightError
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
    swarm, and scored on the targets.

    Example:
        mixwright merged --study results/demo/study.json --store results/store
            --to results/demo/merged.json
    """
    plan = Study.read(study)
    folder = study.parent
    if plan.measured or not {"vertex", "swarm"} <= set(plan.runs):
        raise MixwrightError(
            f"{study}: it trains no swarm beside runs of single domains; add a mixer that reads"
            " vertex runs, such as mixmin, and one that reads a swarm"
        )
    if not plan.learner.sized or plan.learner.masked:
        raise MixwrightError(f"{study}: models of its learner are not merged; use causal-lm")
    listed = read_json(folder / "scored.json")
    domains = plan.goal(train_domains(Path(listed["domains"]))).domains
    runs = plan.runs["vertex"]
    computed, keys = _stored(plan, folder)
    open_domain = plan.learner.function("open_domain")
    shards = [open_domain(Path(path)) for path in listed["shards"]]
    texts = {Path(path).stem: Examples.load(path) for path in listed["targets"]}
    calibrated = plan.calibrated(json.loads(computed))
    hold_gpu(plan.proxy)
    mixtures = resolve_mixtures(runs, domains)
    work = Work.of(runs, mixtures, shards, texts, calibrated)
    names = [shard.domain for shard in work.shards]
    ordered = [keys[name] for name in names]
    # here, for they import torch
    from mixwright.proxies.merged import merged_losses
    from mixwright.proxies.weights import Weights

    design = tables.read(folder / "design/swarm.parquet", tables.DESIGN)
    last = last_losses(tables.read(folder / "losses/swarm.parquet", tables.LOSSES))
    wide = last.pivot(index="run", columns="target", values="loss").dropna()
    weights = design_matrix(design, wide.index, names).to_numpy()
    targets = list(work.targets)
    losses = merged_losses(work, Weights(store), ordered, weights)
    result = compare(targets, losses, wide[targets].to_numpy(), plan.target_weights)
    log.info("%s", result.verdict)
    if to is not None:
        write_json(to, result.as_json())


def _stored(plan: Study, folder: Path) -> tuple[str, dict[str, str]]:
    """How the vertex runs were computed, as JSON, and domain -> the key of its run."""
    computed = ""
    keys = {}
    for pack in plan.packs_of(["vertex"]):
        table = read_pack(folder / "packs" / f"{pack}.parquet")
        computed = table.schema.metadata[b"computed"].decode()
        by_run = dict(zip(table["run"].to_pylist(), table["store_key"].to_pylist(), strict=True))
        for run in plan.packs[pack]:
            keys[str(run.parameters["domain"])] = by_run[run.name]
    return computed, keys
