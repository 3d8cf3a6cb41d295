"""How much text a domain's source holds, and how much of it is in its sample: the DOMAINS table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.corpus.shards import Shard
from mixwright.corpus.text_settings import TextSettings
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.mixture import Domain, digest

if TYPE_CHECKING:
    import pandas as pd

# How the tokens of a source are known: the study says so, all of it was tokenized, or the sample's
# tokens a byte were taken for those of all its text.
STATED, COUNTED, ESTIMATED = "stated", "counted", "estimated"
# Share of a sample that is held out, and bytes of it at most, where a study says nothing.
HELD_OUT = (TextSettings.validation_share, TextSettings.validation_bytes)
# A sample that is raised to hold so many tokens gets this much more, for the tokens a byte of other
# documents differ.
SPARE = 1.1
# Counts of bytes that are not what steps of cleaning dropped, up to the sample's last document.
NOT_DROPPED = ("bytes_read", "bytes_cut", "bytes_beyond_sample")


@dataclass(frozen=True)
class Extent:
    """What a domain's source holds, and what its sample holds of it."""

    domain: str
    # training tokens of the source
    source_tokens: int
    # stated, counted or estimated
    counted: str
    # training tokens of the sample
    tokens: int
    # UTF-8 bytes of the sample, with what is held out of it
    bytes: int
    # tokens of text beside the source that the models' checkpoint has read
    read_before: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all that the source holds."""
        return self.source_tokens <= self.tokens

    def bytes_for(self, tokens: float) -> int:
        """Returns bytes of a sample that holds so many training tokens, to two digits, rounded up.

        Text as dense as the sample's is assumed, and a little to spare.
        """
        size = SPARE * tokens * self.bytes / max(self.tokens, 1)
        unit = 10.0 ** max(math.floor(math.log10(max(size, 1.0))) - 1, 0)
        return max(1000, int(unit * math.ceil(size / unit)))


def count_domains(
    shards: Sequence[str | Path],
    stated: Mapping[str, int] | None = None,
    held_out: tuple[float, int] = HELD_OUT,
    read_before: Mapping[str, int] | None = None,
) -> "pd.DataFrame":
    """Returns the DOMAINS table of shards, from their manifests.

    Args:
        shards: folders of token shards, or of data sets of labelled rows.
        stated: domain -> training tokens of its source, where the study says so.
        held_out: share of a sample that is held out, and UTF-8 bytes of it at most.
        read_before: domain -> tokens beside its source that the models' checkpoint has read.

    Raises:
        MixwrightError: a domain is said to hold fewer tokens than were read of it, or nobody knows
            how much it holds.
    """
    import pandas as pd

    rows = []
    for folder in shards:
        manifest = read_json(Path(folder) / "manifest.json")
        name = manifest["domain"]
        for split, counts in manifest["splits"].items():
            row = {"domain": name, "split": split}
            for key in ("tokens", "bytes", "documents", "sha256"):
                row[key] = counts[key]
            if split == "train":
                row |= _of_source(name, manifest, (stated or {}).get(name), held_out)
                if read_before:
                    row["read_before"] = read_before.get(name, 0)
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["domain", "split"], ignore_index=True)


def train_domains(path: Path) -> tuple[Domain, ...]:
    """Returns the domains of a DOMAINS table: training tokens, or shares of natural."""
    domains = []
    for row in _rows(path, "train"):
        sample = _number(row.tokens)
        source = _number(row.source_tokens)
        if source is None or source == sample:
            domain = Domain(str(row.domain), sample, _share(row.share))
        else:
            domain = Domain(str(row.domain), source, _share(row.share), sample)
        domains.append(replace(domain, read_before=_read_before(row)))
    return tuple(domains)


def extents(domains: "Path | pd.DataFrame | None") -> dict[str, Extent]:
    """Returns domain -> what its source and its sample hold, of a DOMAINS table or its file.

    Domains whose source nobody counted, such as rows of tables, are not among them.
    """
    if domains is None:
        return {}
    sizes: dict[str, int] = {}
    for row in _rows(domains):
        size = _number(row.bytes) or 0
        sizes[row.domain] = size + sizes.get(row.domain, 0)
    of_domain = {}
    for row in _rows(domains, "train"):
        source = _number(row.source_tokens)
        if source is not None:
            name = str(row.domain)
            counted = str(row.counted)
            of_domain[name] = Extent(
                name, source, counted, int(row.tokens), sizes[name], _read_before(row)
            )
    return of_domain


def documents_of_sources(domains: Path) -> dict[str, tuple[float, float | None]]:
    """Returns domain -> tokens of its source, and documents, in the sample's tokens a document.

    Domains whose tokens nobody counted are not among them; documents are None where there are none.
    """
    of_domain: dict[str, tuple[float, float | None]] = {}
    for row in _rows(domains, "train"):
        sample = _number(row.tokens)
        if not sample:
            continue
        source = float(_number(row.source_tokens) or sample)
        documents = _number(row.documents)
        count = documents * source / sample if documents else None
        of_domain[str(row.domain)] = (source, count)
    return of_domain


def with_sources(shards: Sequence[Shard], domains: Sequence[Domain]) -> list[Shard]:
    """Returns the shards, each with the training tokens of the source that it is a sample of."""
    of_domain = {domain.name: domain for domain in domains}
    result = []
    for shard in shards:
        domain = of_domain[shard.domain]
        source = domain.tokens if domain.sample is not None else None
        result.append(replace(shard, source_tokens=source))
    return result


def corpus_fingerprint(domains: Path) -> str:
    """Returns what results rest on: a hash of every domain's training tokens."""
    return digest({str(row.domain): str(row.sha256) for row in _rows(domains, "train")})


def _of_source(
    name: str, manifest: Mapping[str, Any], stated: int | None, held_out: tuple[float, int]
) -> dict[str, Any]:
    """The columns of a domain's source, of the row of its split train."""
    # a data set of labelled rows: all of a table's rows are read
    if "features" in manifest:
        return {"source_tokens": None, "source_bytes": None, "counted": None}
    splits = manifest["splits"]
    tokens = int(splits["train"]["tokens"])
    held = sum(int(split["bytes"]) for split in splits.values())
    # older shards were taken for all there is
    source = manifest.get("source", {"bytes": held, "whole": True})
    size = source["bytes"] or None
    cleaning = manifest.get("cleaning", {})
    if stated is not None:
        if stated < tokens:
            raise MixwrightError(
                f"config: domains.{name}.tokens: {stated:,} are fewer than the {tokens:,} training"
                " tokens that were read of it; state what the whole source holds, or leave it out"
            )
        return {"source_tokens": stated, "source_bytes": size, "counted": STATED}
    if source["whole"] and not cleaning.get("beyond_sample", 0):
        return {"source_tokens": tokens, "source_bytes": size, "counted": COUNTED}
    share, most = held_out
    trained = 1 - min(share, most / max(held, 1))
    passing = _passing(held, cleaning)
    if source.get("tokens"):
        # the files say how many there are; cleaning and splits leave a part of them
        sample = sum(int(split["tokens"]) for split in splits.values())
        beyond = max(source["tokens"] * passing - sample, 0)
        counted = tokens + round(trained * beyond)
        return {"source_tokens": counted, "source_bytes": size, "counted": COUNTED}
    if size is None:
        raise MixwrightError(
            f"domains: nobody can tell how much text {name} holds beyond its sample; give"
            f" domains.{name}.tokens, the training tokens of all of it, or domains.{name}.sample:"
            " all"
        )
    # Text beyond the sample has its tokens a byte. What is trained on of the sample is known: so a
    # source that is barely more than its sample counts barely more.
    train = splits["train"]
    tokens_a_byte = tokens / max(int(train["bytes"]), 1)
    beyond = tokens_a_byte * max(size * passing - held, 0)
    return {
        "source_tokens": tokens + round(trained * beyond),
        "source_bytes": size,
        "counted": ESTIMATED,
    }


def _passing(held: int, cleaning: Mapping[str, Any]) -> float:
    """The share of a source's text that cleaning leaves.

    Of all text the same share is dropped as of the text that the sample was taken from.

    Args:
        held: bytes of the sample, with what is held out.
        cleaning: the counts of cleaning.
    """
    dropped = 0
    for key, count in cleaning.items():
        if key.startswith("bytes_") and key not in NOT_DROPPED:
            dropped += count
    # where they are counted and left in
    if cleaning.get("dropped_contaminated") == 0:
        dropped -= cleaning.get("bytes_contaminated", 0)
    # documents are cut as they are read, also those beyond the sample
    uncut = 1 - cleaning.get("bytes_cut", 0) / max(cleaning.get("bytes_read", 0), 1)
    return float(uncut * held / max(held + dropped, 1))


def _rows(domains: "Path | pd.DataFrame", split: str | None = None) -> Iterable[Any]:
    """Rows of the DOMAINS table, or of its file; of one split, or of all."""
    from mixwright import tables

    frame = tables.read(domains, tables.DOMAINS) if isinstance(domains, Path) else domains
    if split is not None:
        frame = frame[frame.split == split]
    return frame.itertuples()


def _number(value: Any) -> int | None:
    """A whole number of a table; None where it is empty."""
    if value is None or math.isnan(value):
        return None
    return int(value)


def _read_before(row: Any) -> int:
    """Tokens of a row that a checkpoint has read; none where the table does not count them."""
    return _number(getattr(row, "read_before", None)) or 0


def _share(value: Any) -> float | None:
    if value is None or math.isnan(value):
        return None
    return float(value)
