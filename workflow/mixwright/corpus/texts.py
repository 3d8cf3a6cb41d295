"""What a text is: its identity, and how it is spelled."""

from hashlib import blake2b


def content_hash(text: str) -> bytes:
    """Returns 16 bytes: a hash of the text with its white space normalised.

    It is the identity of a document, and its place in every order.
    """
    normalised = " ".join(text.split())
    return blake2b(normalised.encode(errors="replace"), digest_size=16).digest()


def encoded(text: str) -> tuple[bytes, bool]:
    """Returns the text in UTF-8, and whether characters that UTF-8 cannot hold were replaced."""
    try:
        return text.encode(), False
    except UnicodeEncodeError:
        return text.encode(errors="replace"), True


def plain(text: str) -> str:
    """Unix line ends, nothing that UTF-8 text does not have: all texts are spelled alike."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\0", "").removeprefix("\ufeff")
    return text.encode(errors="replace").decode()


def is_altered(text: str | None) -> bool:
    """Whether a text has characters that `plain` drops or replaces, line ends left aside."""
    if not text:
        return False
    return "\0" in text or encoded(text)[1]
