"""The lines around a finding, short enough for a narrow pane."""

import re
from dataclasses import dataclass

_AROUND = 1
_BEFORE = 16
_TOKEN = re.compile(r"</?[\w-]+>?|[\w-]+|\{\{.*?\}\}|\{%.*?%\}|\S")


@dataclass(frozen=True, slots=True)
class ExcerptLine:
    """`marked` is the word that the finding is at; it is empty, as `after` is, in the lines around."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


def excerpt(lines: list[str], line: int, column: int) -> tuple[ExcerptLine, ...]:
    """Return the lines without the blanks that all of them start with. A place further right is brought near."""
    if not 1 <= line <= len(lines):
        return ()
    first = max(1, line - _AROUND)
    around = lines[first - 1 : line + _AROUND]
    blanks = min((len(text) - len(text.lstrip()) for text in around if text.strip()), default=0)
    return tuple(
        _marked(number, text, column, blanks) if number == line else ExcerptLine(number, text[blanks:])
        for number, text in enumerate(around, first)
    )


def _marked(number: int, text: str, column: int, blanks: int) -> ExcerptLine:
    start = min(column - 1, len(text))
    before = text[blanks:start]
    if len(before) > 2 * _BEFORE:
        before = "…" + before[-_BEFORE:]
    found = _TOKEN.match(text, start)
    end = found.end() if found else start
    return ExcerptLine(number, before, text[start:end], text[end:])
