"""From sources to the losses of small proxies, by the functions of the workflow's rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.corpus.documents import write_part
from mixwright.corpus.join import join_parts
from mixwright.corpus.shards import open_shard
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.tokenize import tokenize_part
from mixwright.mixture import Mixture
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.train import Member, Result, train
from mixwright.sources import create
from mixwright.sources.places import Places
from small_packs import SETTINGS, numbers

# Everything is read, and nothing is altered.
ALL = TextSettings(clean=("exact-duplicates",))
VOCABULARY = 300


def shards_of(
    folder: Path, tokenizer: str, domains: Mapping[str, Mapping[str, Any]], parts: int = 1
) -> list[Path]:
    """Writes the shard of each domain, from the settings of its source."""
    written = []
    for name, settings in sorted(domains.items()):
        source = create(name, settings, Places(str(folder), tokenizer=tokenizer))
        tokens = []
        for part in range(parts):
            documents = folder / "documents" / name / f"{part}.parquet"
            write_part(source, ALL, [], documents, part, parts)
            to = folder / "tokens" / name / str(part)
            tokenize_part(name, documents, tokenizer, to)
            tokens.append(to)
        join_parts(name, tokens, folder / "shards" / name)
        written.append(folder / "shards" / name)
    return written


def losses_of(shards: list[Path]) -> list[Any]:
    """Trains two small proxies on shards; returns their losses and log-likelihoods."""
    opened = [open_shard(folder) for folder in shards]
    names = tuple(shard.domain for shard in opened)
    members = []
    for number, weights in enumerate([(0.5, 0.5), (0.2, 0.8)]):
        mixture = Mixture(names, np.array(weights))
        members.append(Member(f"key{number}", mixture, 8, seed=3, wants_loglikelihoods=True))
    targets = {shard.domain: shard.validation for shard in opened}
    results: dict[str, Result] = {}

    def collect(member: Member, result: Result) -> None:
        results[member.key] = result

    shape = Shape(layers=2, width=24, heads=3, hidden=52, context=32, vocabulary=VOCABULARY)
    train(
        members,
        shape,
        opened,
        settings=SETTINGS,
        targets=targets,
        likelihoods=targets,
        on_finished=collect,
    )
    return [numbers(results[member.key]) for member in members]
