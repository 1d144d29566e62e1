"""What an unknown name is in a template that no typed props describe."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import UndefinedError

_BY_NAME: Mapping[str, re.Pattern[str]] = {
    "https://www.example.com/": re.compile(r"url|link|href|src|image|logo|avatar", re.IGNORECASE),
    "#336699": re.compile(r"colou?r|accent|background", re.IGNORECASE),
    "someone@mail.example": re.compile(r"e?mail|address", re.IGNORECASE),
    "100": re.compile(r"width|height|size|count|number|total|amount|price|id$", re.IGNORECASE),
    "20 November 2026": re.compile(r"date|_at$|until|expir", re.IGNORECASE),
}


class UnknownName(Undefined):
    """Where samples exist, a name may be missing from them as long as it is only asked for, never printed."""

    __slots__ = ()

    def _printed(self) -> Any:
        raise UndefinedError(self._undefined_message)

    __str__ = __html__ = _printed


class StandIn(Undefined):
    """Where nothing says what a template is given: a plausible text by its name, true, a list of one, callable."""

    __slots__ = ()

    def __str__(self) -> str:
        name = str(self._undefined_name or "text")
        return next((text for text, names in _BY_NAME.items() if names.search(name)), name.replace("_", " "))

    def __html__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator["StandIn"]:
        yield self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._items if name == "items" else StandIn(name=name)

    def __getitem__(self, key: object) -> Any:
        return StandIn(name=key) if isinstance(key, str) else self

    def _items(self) -> list[tuple[str, Any]]:
        return [("name", StandIn(name="value"))]

    def _itself(self, *_: Any, **__: Any) -> Any:
        return self

    def _one(self, *_: Any) -> Any:
        return 1

    def _true(self, *_: Any) -> Any:
        return True

    __call__ = _itself

    def _one_point(self) -> Any:
        return 1.0

    __float__ = _one_point
    __int__ = __index__ = __round__ = _one
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __pos__ = _one
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _one
    __lt__ = __le__ = __gt__ = __ge__ = _true
