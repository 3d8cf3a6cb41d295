"""What a page says to a reader: its words without tags, and its outline."""

import re
from html import unescape
from html.parser import HTMLParser

# Tags that hold nothing.
EMPTY = ("meta", "img", "br", "input", "wbr", "hr", "link")


class Outline(HTMLParser):
    """Collects headings, rows, ids and links; fails on tags that are closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.headings, self.links, self.ids = [], 0, [], [], []

    def handle_starttag(self, tag, attributes):
        self.rows += tag == "tr"
        for name, value in attributes:
            if name in ("src", "href"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        """A shape of an SVG, which closes itself."""

    def handle_data(self, data):
        if {"h1", "h2", "h3"}.intersection(self.open) and "span" not in self.open:
            self.headings[-1] += data


def outline(page: str) -> Outline:
    """The outline of a whole page: every tag closed, no id twice, no link that leaves it."""
    parsed = Outline()
    parsed.feed(page)
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    for link in parsed.links:
        assert link.startswith("data:") or link.removeprefix("#") in parsed.ids, link
    return parsed


def words(page: str) -> str:
    """The words of a page in one line, without its programs, its style and notes on terms."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    page = re.sub(r'<span class="gloss">.*?</span>', "", page)
    page = re.sub(r"</?(dfn|strong|code|small|span)\b[^>]*>", "", page)
    page = re.sub(r"<[^>]*>", " ", page)
    return re.sub(r"\s+", " ", unescape(page)).strip()
