"""Megatron's list of weights and prefixes of paths, as words in turn.

    even   weight, prefix, weight, prefix; or prefixes alone, where no word before a prefix is a
           number
    odd    prefixes alone: every number is taken for a prefix

Read in Megatron-LM of August 2026: megatron/core/datasets/utils.py (get_blend_from_list), the same
in megatron-core 0.16.1 and 0.19.2, and in NeMo Automodel 0.7.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import Blend, Entry, Fault
from mixwright.proposals.export.text.content import is_number
from mixwright.proposals.export.text.quoting import refuse
from mixwright.proposals.export.trainers.megatron_index import BY_LENGTH


def blend_of_words(
    words: Sequence[Any],
    where: str,
    settings: Mapping[str, Any] | None = None,
    faults: Sequence[Fault] = (),
) -> Blend:
    """Returns the blend that Megatron makes of words.

    Args:
        words: weights and prefixes in turn, or prefixes.
        where: what messages call the file.
        settings: of the blend.
        faults: of the file.

    Raises:
        MixwrightError: Megatron would stop at the words, or take a weight for a prefix.
    """
    texts = [str(word) for word in words]
    if not texts:
        raise MixwrightError(f"{where}: no source stands there; give weights and paths in turn")
    settings = dict(settings or {})
    if len(texts) % 2 == 1 or not any(map(is_number, texts[::2])):
        _check_no_weights(texts, where)
        entries = [Entry(text.strip(), 1.0) for text in texts]
        return Blend(tuple(entries), {**settings, BY_LENGTH: True}, faults=tuple(faults))
    entries = []
    for number, path in zip(texts[::2], texts[1::2], strict=True):
        if not is_number(number):
            raise MixwrightError(f"{where}: {number} is no weight; give a weight before every path")
        entries.append(Entry(path.strip(), float(number)))
    return Blend(tuple(entries), settings, faults=tuple(faults))


def zipped(weights: Sequence[Any], paths: Sequence[str]) -> list[Any]:
    """Returns weights and prefixes in turn."""
    words: list[Any] = []
    for weight, path in zip(weights, paths, strict=True):
        words += [weight, path]
    return words


def _check_no_weights(words: Sequence[str], where: str) -> None:
    numbers = [word for word in words if is_number(word)]
    if numbers:
        raise MixwrightError(
            f"{where}: {len(words)} words: Megatron takes an odd number for paths without weights,"
            f" {numbers[0]} too; give a weight before every path"
        )


def check_prefix(path: str, name: str) -> None:
    """Refuses a prefix that Megatron would not get as it stands.

    Raises:
        MixwrightError: white space is at an end of it, or a control character in it.
    """
    refuse(path, "", name, "no list of Megatron holds it")
    if path != path.strip():
        raise MixwrightError(
            f"{name}: {path!r} begins or ends with white space, which Megatron cuts off;"
            " give the source another path in --sources"
        )
