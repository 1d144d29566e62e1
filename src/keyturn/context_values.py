"""Sets context variables for a block, like `with variable.set(value)` of Python 3.14."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def within(variable: ContextVar[Any], value: T) -> Iterator[T]:
    """Set a context variable for the block, and restore its former value at the end."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
