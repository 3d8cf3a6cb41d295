"""Which held-out texts a model is scored on, and how much of each: alike for proxies and finals."""

from collections.abc import Mapping, Sequence

from mixwright.corpus.shards import Examples, Shard
from mixwright.errors import MixwrightError
from mixwright.study.study import Study


def held_out_texts(
    targets: Mapping[str, Examples], shards: Sequence[Shard], study: Study
) -> dict[str, Examples]:
    """Returns name -> all examples of each target and of each domain, sorted by name.

    Of a domain's document no more than the first `evaluation.document_tokens` are there.

    Args:
        targets: target -> its examples.
        shards: of all domains; their validation splits are read.
        study: the resolved study.
    """
    longest = study.evaluation.get("document_tokens")
    if longest is not None:
        # The end token opens a document.
        longest += 1
    texts = dict(targets)
    for shard in shards:
        texts[shard.domain] = shard.validation.first(example_tokens=longest)
    return dict(sorted(texts.items()))


def scored_texts(
    targets: Mapping[str, Examples], shards: Sequence[Shard], study: Study, tokens: int
) -> dict[str, Examples]:
    """Returns name -> what is scored of each target and of each domain, sorted by name.

    An example of a target has at most `evaluation.example_tokens`, its end token among them, and
    a domain's document at most `evaluation.document_tokens`. Nothing else cuts a text, least of
    all the context of a model, which reads a long one in windows.

    Args:
        targets: target -> its examples.
        shards: of all domains; their validation splits are read.
        study: the resolved study. Its targets may be domains.
        tokens: tokens to score of each text (see `Examples.first`).

    Raises:
        MixwrightError: a text has no example.
    """
    target_names = {*targets, *study.config.get("targets", ())}
    scored = {}
    for name, examples in held_out_texts(targets, shards, study).items():
        longest = None
        if name in target_names:
            longest = study.evaluation.get("example_tokens")
        scored[name] = examples.first(tokens, example_tokens=longest)
        if not len(examples):
            raise MixwrightError(
                f"{name}: no held-out example to score; "
                "give it more text or raise corpus.validation_share"
            )
    return scored
