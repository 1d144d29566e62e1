"""Errors between two parts of what a template prints: of its time that is over, or of what has become too large."""

import inspect
from collections.abc import Iterable


def raise_where_it_is(error: Exception, parts: Iterable[str]) -> None:
    """Raise the error within the template that prints the parts, so that its line is known.

    Return where it came from there, or where what prints them is no generator.
    """
    if inspect.isgenerator(parts) and inspect.getgeneratorstate(parts) == inspect.GEN_SUSPENDED:
        parts.throw(error)
