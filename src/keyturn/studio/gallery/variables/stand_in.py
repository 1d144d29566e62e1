"""A value for an unknown name."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from jinja2 import Undefined

from keyturn.studio.gallery.variables.plausible_texts import Named, text_for

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")
_MAKES_LINKS = frozenset({"asset", "href", "link", "path", "reverse", "route", "static", "uri", "url"})


class StandIn(Undefined):
    """The value of a name that could not be guessed: a plausible text, true, a list of one, and a function."""

    __slots__ = ()

    def __str__(self) -> str:
        of = self._undefined_obj._undefined_name if isinstance(self._undefined_obj, StandIn) else ""  # noqa: SLF001 - its own kind
        named = Named(str(self._undefined_name or "text"), str(of or ""))
        return text_for(named) or str(named)

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
        return self._items if name == "items" else StandIn(name=name, obj=self)

    def __getitem__(self, key: object) -> Any:
        return StandIn(name=key, obj=self) if isinstance(key, str) else self

    def _items(self) -> list[tuple[str, Any]]:
        return [("name", StandIn(name="value"))]

    def _call(self, *arguments: Any, **named: Any) -> Any:
        """Return a stand-in for a result: `url_for("orders.show")` is a link with this name."""
        texts = [text for text in (*named.values(), *arguments) if isinstance(text, str)]
        picture = next((text for text in texts if text.lower().endswith(_PICTURES)), None)
        if picture:
            return StandIn(name=f"{PurePosixPath(picture).stem}_image")
        if arguments and texts and _MAKES_LINKS & {*Named(str(self._undefined_name)).words}:
            return StandIn(name=f"{texts[-1]}_url")
        return self

    __call__ = _call

    def _answer_one(self, *_: Any) -> Any:
        return 1

    def _answer_true(self, *_: Any) -> Any:
        return True

    def __float__(self) -> Any:
        return 1.0

    __int__ = __index__ = __round__ = _answer_one
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __pos__ = __abs__ = _answer_one
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _answer_one
    __lt__ = __le__ = __gt__ = __ge__ = _answer_true
