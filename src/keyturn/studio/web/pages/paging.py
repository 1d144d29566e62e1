"""Long lists: their pages, and the items beside one."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """Some items of a list. `number`: of this page, from 1. `last`: the number of the last page."""

    items: Sequence[T]
    number: int
    last: int


def page_of(items: Sequence[T], number: int, most: int) -> Page[T]:
    """Return a page of at most `most` items; the last page for a number beyond it."""
    last = max(1, -(-len(items) // most))
    number = min(number, last)
    start = (number - 1) * most
    return Page(items[start : start + most], number, last)


def neighbours(items: Sequence[T], here: T) -> dict[str, T | None]:
    """Return the items `before` and `after` this one, for the links of a page."""
    at = items.index(here) if here in items else 0
    before = None
    after = None
    if at > 0:
        before = items[at - 1]
    if at + 1 < len(items):
        after = items[at + 1]
    return {"before": before, "after": after}
