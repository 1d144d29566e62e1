"""Filters or tests of an environment that has one for every name."""

from collections.abc import Callable, Mapping
from typing import Any


class FilterTable(dict[str, Any]):
    """Filters or tests by name. `make` makes one for an unknown name."""

    def __init__(self, known: Mapping[str, Any], make: Callable[[str], Callable[..., Any]]) -> None:
        super().__init__(known)
        self._make = make

    def get(self, name: str, _: Any = None) -> Any:
        if name in self:
            return self[name]
        return self._make(name)

    __missing__ = get
