"""A domain of one part, from its documents to its shard."""

from pathlib import Path
from typing import Any

from mixwright.corpus.join import join_parts
from mixwright.corpus.tokenize import tokenize_part


def tokenize_domain(
    name: str,
    documents: str | Path,
    tokenizer: str | Path,
    to: str | Path,
    context: int | None = None,
) -> dict[str, Any]:
    """Writes the shard at `to`, and its tokens elsewhere, and returns the shard's manifest."""
    folder = Path(to).parent
    tokens = folder.parent / f"{folder.name}-tokens" / Path(to).name / "0"
    tokenize_part(name, documents, tokenizer, tokens)
    return join_parts(name, [tokens], to, context, tokenizer)
