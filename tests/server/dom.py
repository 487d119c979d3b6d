"""What browsers would make of an answer: whether anything in it is not ours, and whether it is told to run nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'"
HEADERS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin"}


class Page(HTMLParser):
    """A page's elements, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.text, self.elements = "", []
        self._in = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))
        self._in = tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        assert self._in not in ("script", "style"), f"inline: {data}"
        self.text += data


def harmless(text: str) -> Page:
    """A page, when nothing in it runs but scripts of the server's own, and nothing leads to a script."""
    page = Page(text)
    for tag, attrs in page.elements:
        assert tag not in ("style", "iframe", "object", "embed", "base", "xss"), tag
        assert tag != "script" or "src" in dict(attrs)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name != "style", (tag, value)
            if name in ("href", "src", "action", "formaction", "xlink:href"):
                parts = urlsplit(value)
                assert parts.scheme in ("", "http", "https") or value == "data:,", value
                assert tag not in ("script", "form", "link") or not parts.netloc, value
    return page


def checked(answer) -> Page | None:
    """An answer with the policy that lets nothing run, and its page, harmless, if it has one."""
    assert answer.headers["content-security-policy"].startswith(POLICY)
    assert "unsafe" not in answer.headers["content-security-policy"]
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    return harmless(answer.text) if is_page else None
