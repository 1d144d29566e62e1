"""The lines around a finding, short enough for a narrow pane."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"</?[\w-]+>?|[\w-]+|\{\{.*?\}\}|\{%.*?%\}|\S")


@dataclass(frozen=True, slots=True)
class ExcerptLine:
    """A line of an excerpt. `marked` is the word that the finding is at, empty as `after` is in the lines around."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


def excerpt(
    lines: list[str], line: int, column: int | None, *, around: int = 1, before: int = 16
) -> tuple[ExcerptLine, ...]:
    """Return the lines without the blanks that all of them start with. Without a column, nothing is marked.

    A place that is twice `before` characters further right is brought near.
    """
    if not 1 <= line <= len(lines):
        return ()
    first = max(1, line - around)
    shown = lines[first - 1 : line + around]
    blanks = min((len(text) - len(text.lstrip()) for text in shown if text.strip()), default=0)
    return tuple(
        _mark_word(number, text, column, blanks, before)
        if column and number == line
        else ExcerptLine(number, text[blanks:])
        for number, text in enumerate(shown, first)
    )


def _mark_word(number: int, text: str, column: int, blanks: int, longest: int) -> ExcerptLine:
    start = min(column - 1, len(text))
    before = text[blanks:start]
    if len(before) > 2 * longest:
        before = "…" + before[-longest:]
    found = _TOKEN.match(text, start)
    end = found.end() if found else start
    return ExcerptLine(number, before, text[start:end], text[end:])
