"""What a text is: its identity, and how it is spelled."""

import re
from hashlib import blake2b

import numpy as np

HASH_BYTES = 16
# Characters of a text that are split into words at a time.
PIECE = 1 << 20
# Characters of a text that is split into words one by one; of longer ones the bytes are compared.
SHORT = 500
# White space that has several bytes, and bytes in which all other white space is a space.
WIDE_SPACE = re.compile(f"[{''.join(chr(n) for n in range(0x80, 0x3001) if chr(n).isspace())}]")
ALL_SPACES_ALIKE = bytes(32 if n < 128 and chr(n).isspace() else n for n in range(256))


def content_hash(text: str) -> bytes:
    """Returns 16 bytes: a hash of the text with its white space normalised.

    It is the identity of a document, and its place in every order.
    """
    if len(text) > PIECE:
        return _hash_of_pieces(text)
    return blake2b(_normalised(text), digest_size=HASH_BYTES).digest()


def _normalised(text: str) -> bytes:
    """The words of a text in UTF-8, a space between two."""
    if len(text) < SHORT or (not text.isascii() and WIDE_SPACE.search(text)):
        return " ".join(text.split()).encode(errors="replace")
    codes = np.frombuffer(text.encode(errors="replace").translate(ALL_SPACES_ALIKE), np.uint8)
    spaces = codes == ord(" ")
    # Of spaces in a row the first stays.
    taken = np.append(True, ~(spaces[1:] & spaces[:-1]))
    return codes[taken].tobytes().strip(b" ")


def _hash_of_pieces(text: str) -> bytes:
    """The same of a long text: its words are not all in memory at once."""
    hashed = blake2b(digest_size=HASH_BYTES)
    # Whether there were words, and whether white space follows them.
    started = False
    apart = False
    for first in range(0, len(text), PIECE):
        piece = text[first : first + PIECE]
        words = piece.split()
        if words:
            if started and (apart or piece[0].isspace()):
                hashed.update(b" ")
            hashed.update(" ".join(words).encode(errors="replace"))
            started = True
        apart = piece[-1].isspace()
    return hashed.digest()


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
