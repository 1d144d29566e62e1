"""Lines of Jinja's tokens, trees and errors that know their column, too."""

import re
from collections.abc import Iterator
from copy import copy
from functools import lru_cache
from typing import Self

from jinja2 import TemplateSyntaxError
from jinja2.lexer import Lexer


class Position(int):
    """A line number as Jinja has it, with the place where its tag or text starts.

    Jinja passes it on from tokens to nodes and errors, as it does plain numbers. In a tag of
    several lines, the number is the line within the tag.

    `line`, `column`: of the start, from 1.
    """

    line: int
    column: int

    @classmethod
    def at(cls, number: int, line: int, column: int) -> Self:
        position = cls(number)
        position.line = line
        position.column = column
        return position


def position_of(number: int) -> Position:
    """Return a line number of a tree or an error with its column.

    It is 1 for a plain number, which comes from an extension or another lexer.
    """
    if isinstance(number, Position):
        return number
    return Position.at(number, number, 1)


@lru_cache
def with_positions(lexer: Lexer) -> Lexer:
    """Return a copy of the lexer whose tokens have a `Position` as line number."""
    positioning = copy(lexer)
    positioning.__class__ = _PositioningLexer
    return positioning


class _PositioningLexer(Lexer):
    """Adds columns to the lines of tokens: those of the text, expression or statement that a token
    is in.
    """

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        text = re.sub(r"\r\n?", "\n", source)
        tokens: list[tuple[int, str, str]] = []
        offset = 0
        started = 0  # the offset of the text or tag that the token is in
        line = 1
        column = 1
        try:
            for number, kind, value in super().tokeniter(source, name, filename, state):
                while not text.startswith(value, offset) and text[offset : offset + 1].isspace():
                    offset += 1  # white space that a minus sign took away
                if kind in ("data", "variable_begin", "block_begin"):
                    line += text.count("\n", started, offset)
                    column = offset - text.rfind("\n", 0, offset)
                    started = offset
                tokens.append((Position.at(number, line, column), kind, value))
                offset += len(value)
        except TemplateSyntaxError as error:
            error.lineno = Position.at(error.lineno, line, column)
            raise
        return iter(tokens)
