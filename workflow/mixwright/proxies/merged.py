"""Merged proxies: the weights of single-domain runs, interpolated by a mixture and never trained.

DeMix and others rank mixtures so. The runs must begin at the same weights, as those of one design
do: by one seed, or from one checkpoint (`proxy.init`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mixwright.corpus.shards import Examples
from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proxies.device import prepare
from mixwright.proxies.loss_rows import losses
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import stack
from mixwright.proxies.scoring import Exam, batch_tokens
from mixwright.proxies.wave import PRECISIONS
from mixwright.proxies.weights import Weights
from mixwright.proxies.work import Work


def merge(members: Parameters, mixtures: Array) -> Parameters:
    """Returns (n, ...) weights sum_k w_k theta_k of members (K, ...) by mixtures (n, K)."""
    merged = {}
    for name, tensor in members.items():
        factors = torch.tensor(mixtures.tolist()).to(tensor)
        merged[name] = torch.tensordot(factors, tensor, dims=1)
    return merged


def merged_losses(work: Work, weights: Weights, keys: Sequence[str], mixtures: Array) -> Array:
    """Returns (mixtures, targets) losses in nats/token of merged single-domain runs.

    Args:
        work: of the single-domain runs; its targets are scored, in their order.
        weights: those of the store.
        keys: of the runs, in the order of the mixtures' domains.
        mixtures: (n, domains).

    Raises:
        MixwrightError: the weights of a run are not there.
    """
    proxy = work.study.proxy
    shape = Shape.of(proxy["shape"], work.shards[0].vocabulary, proxy["attention"])
    device = proxy["device"]
    prepare(device, proxy["precision"])
    members = []
    for key in keys:
        member = weights.get(key, shape, device)
        if member is None:
            raise MixwrightError(
                f"{weights.folder}: no weights of {key}; set proxy.keep: all or vertices, and"
                " train the vertex runs again: snakemake --forcerun train_proxies"
            )
        members.append(member)
    return _scored(stack(members), mixtures, work.targets, shape, work)


def _scored(
    members: Parameters,
    mixtures: Array,
    targets: Mapping[str, Examples],
    shape: Shape,
    work: Work,
) -> Array:
    """(mixtures, targets) losses, as many mixtures at a time as a wave has members."""
    proxy = work.study.proxy
    device, width = proxy["device"], proxy["wave"]
    size = batch_tokens(shape, device)
    exam = Exam.of(targets, shape.context, device, batch_tokens=size)
    parts = []
    for start in range(0, len(mixtures), width):
        merged = merge(members, mixtures[start : start + width])
        scored = exam.loglikelihoods(merged, shape, PRECISIONS[proxy["precision"]])
        columns = []
        for target, text in targets.items():
            per_token, _ = losses(scored[target], text)
            columns.append(per_token)
        parts.append(np.column_stack(columns))
    return np.concatenate(parts)
