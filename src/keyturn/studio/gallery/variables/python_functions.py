"""Functions of Python that apps hand to their templates, for a template that calls one and has no
sample.

Only their results reach a template, never the functions: a type such as `str` would lead to
Python's objects.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

# Entries of a result, so that a list of a megabyte does not become tuples of a hundred.
_MOST = 10_000


def _sum(numbers: Iterable[Any]) -> Any:
    """Add numbers, and no lists: their sum may be far larger than all of them."""
    return sum(numbers)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "enumerate": enumerate,
    "float": float,
    "int": int,
    "len": len,
    "list": list,
    "max": max,
    "min": min,
    "reversed": reversed,
    "round": round,
    "sorted": sorted,
    "str": str,
    "sum": _sum,
    "tuple": tuple,
    "zip": zip,
}
NAMES = frozenset(_FUNCTIONS)


def call_python(name: str, *arguments: Any, **named: Any) -> Any:
    """Return what the function of this name answers, with a list in place of an iterator.

    Raises what the function raises.
    """
    if name in ("list", "tuple"):
        entries = arguments[0] if arguments else ()
        return list(islice(entries, _MOST))
    answer = _FUNCTIONS[name](*arguments, **named)
    if isinstance(answer, Iterator):
        return list(islice(answer, _MOST))
    return answer
