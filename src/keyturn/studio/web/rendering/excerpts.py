"""The lines of a text around a place, with the word there marked."""

import re

from msgspec import Struct

_TOKEN = re.compile(r"</?[\w-]+>?|[\w-]+|\{\{.*?\}\}|\{%.*?%\}|\S")


class ExcerptLine(Struct, frozen=True):
    """A line of an excerpt. `marked`: the word of the finding. Only the line of the finding has it, and `after`."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


def excerpt(
    text: str, line: int, column: int | None = None, *, around: int = 1, before: int = 16
) -> tuple[ExcerptLine, ...]:
    """Return the lines of a text around one, without their common indentation. Without a column, nothing is marked.

    A place more than twice `before` characters to the right is brought near.
    """
    lines = text.split("\n")
    if not (text and 1 <= line <= len(lines)):
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
    token = _TOKEN.match(text, start)
    end = token.end() if token else start
    return ExcerptLine(number, before, text[start:end], text[end:])
