"""Where the tags of an MJML template go wrong. The compiler says only that they do, without a position."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_UNQUOTED = re.compile(r"""\s([\w:-]+)=[^\s"'>]""")
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])


@dataclass(frozen=True, slots=True)
class Unbalanced:
    line: int
    column: int
    message: str


def first_unbalanced(source: str) -> Unbalanced | None:
    """Return the first tag that is left open, closed twice or written in a way that MJML does not read."""
    tags = _Tags(convert_charrefs=False)
    tags.feed(_JINJA.sub(_blank, source))
    tags.close()
    return tags.found or tags.left_open()


def _blank(jinja: re.Match[str]) -> str:
    """Leave a word of the same length, so that lines stay where they are and an attribute keeps a value."""
    return re.sub(r"[^\n]", "x", jinja[0]) if jinja[0].startswith("{{") else re.sub(r"[^\n]", " ", jinja[0])


class _Tags(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.found: Unbalanced | None = None
        self._open: list[tuple[str, tuple[int, int]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as called
        self._check_quotes(tag)
        if tag not in _VOID:
            self._open.append((tag, self.getpos()))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as called
        self._check_quotes(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        elif tag in (name for name, _ in self._open):
            name, place = self._open[-1]
            self._report(place, f"<{name}> is not closed before </{tag}>.")
        else:
            self._report(self.getpos(), f"</{tag}> closes nothing: no <{tag}> is open here.")

    def left_open(self) -> Unbalanced | None:
        if not self._open:
            return None
        name, (line, offset) = self._open[-1]
        return Unbalanced(line, offset + 1, f"<{name}> is never closed.")

    def _check_quotes(self, tag: str) -> None:
        if found := _UNQUOTED.search(re.sub(r'"[^"]*"|\'[^\']*\'', '""', self.get_starttag_text() or "")):
            self._report(self.getpos(), f'<{tag}>: the value of {found[1]} needs quotes: {found[1]}="…".')

    def _report(self, place: tuple[int, int], message: str) -> None:
        self.found = self.found or Unbalanced(place[0], place[1] + 1, message)
