"""How a text is cut to a number of bytes: used where text is harvested and where it is cleaned."""


def cut(text: str, limit: int) -> str:
    """Returns at most `limit` bytes of UTF-8, ending at a character."""
    # A character has four bytes at most.
    if len(text) * 4 <= limit:
        return text
    return text.encode(errors="replace")[:limit].decode(errors="ignore")
