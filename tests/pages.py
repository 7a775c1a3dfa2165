"""HTML pages, taken apart: every tag closed, and nothing loaded."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Tags that are open, and what was seen of each."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(content.decode())
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br") and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("meta", "img", "br"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def count(self, tag):
        return sum(name == tag for name, _ in self.seen)

    def needs_nothing_else(self) -> None:
        assert self.count("script") == 0
        links = ("src", "href", "xlink:href")
        addresses = [value for _, attributes in self.seen for name, value in attributes.items() if name in links]
        assert all(address.startswith("data:") for address in addresses)
