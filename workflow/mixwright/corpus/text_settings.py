"""How much is read of a domain's text, and what is done to it. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

ALL = "all"
AUTO = "auto"
# The steps that change or drop text, in the order in which they run.
STEPS = ("plain-text", "exact-duplicates", "repeated-lines", "decontaminate")
# Times the sample that is looked at: of that, the documents of the lowest hashes are taken.
LOOK = 10


@dataclass(frozen=True)
class TextSettings:
    """The section `corpus` as one domain sees it, with every default resolved."""

    # UTF-8 bytes of text taken; None: all
    sample: int | None = None
    # text that one job reads at most
    part_bytes: int = 1_000_000_000
    # longer documents are cut; None: none is
    max_document_bytes: int | None = None
    validation_share: float = 0.1
    validation_bytes: int = 2_000_000
    # some of STEPS, in their order
    clean: tuple[str, ...] = ()
    # words in a row that are looked for in the targets; 0: none
    ngram: int = 13
    # characters of a line that repeated-lines keeps once
    min_line: int = 40
    on_error: str = "stop"

    @classmethod
    def of(
        cls,
        corpus: Mapping[str, Any],
        entry: Mapping[str, Any],
        defaults: Mapping[str, Any],
        needed: int,
    ) -> Self:
        """Resolves what the study leaves open.

        Args:
            corpus: the config's section `corpus`.
            entry: what the config says of the domain; its own keys come first.
            defaults: those of its kind of source.
            needed: UTF-8 bytes that the study's longest run can need of a domain.
        """
        sample = entry.get("sample", corpus["sample"])
        if sample == AUTO:
            sample = defaults.get("sample", needed)
        steps = entry.get("clean", corpus["clean"])
        if steps is None:
            steps = defaults.get("clean", ())
        limit = corpus["max_document_bytes"]
        if limit is None:
            limit = defaults.get("max_document_bytes")
        return cls(
            sample=None if sample == ALL else int(sample),
            part_bytes=int(corpus["part_bytes"]),
            max_document_bytes=limit,
            validation_share=float(corpus["validation_share"]),
            validation_bytes=int(corpus["validation_bytes"]),
            clean=tuple(step for step in STEPS if step in steps),
            ngram=int(corpus["ngram"]),
            min_line=int(corpus["min_line"]),
            on_error=corpus["on_error"],
        )

    @property
    def looked_at(self) -> int | None:
        """UTF-8 bytes of text that are read to take the sample from; None: all."""
        return None if self.sample is None else LOOK * self.sample

    def parts(self, size: int | None) -> int:
        """Returns in how many parts a source is read.

        Args:
            size: about how many bytes of text it holds; None where that is unknown.
        """
        if size is None:
            return 1
        read = size if self.looked_at is None else min(size, self.looked_at)
        return max(1, -(-read // self.part_bytes))
