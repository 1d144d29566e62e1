"""Texts that Keyturn made up: each knows its variable, wherever a template prints it."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from itertools import islice
from typing import Any, Self, SupportsIndex

import msgspec

from keyturn.context_values import within
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.variables.missing_names import StandIn

_MOST = 20  # arguments of a call, and entries of a list among them, that are asked for their source


class MadeUp(str):
    """A text that Keyturn made up for the variable `source`.

    A text that is joined with it is made up, too.
    """

    __slots__ = ("source",)
    source: str

    def __new__(cls, text: object = "", source: str = "") -> Self:
        made = super().__new__(cls, text)
        made.source = source
        return made

    def __add__(self, other: str) -> "MadeUp":
        return MadeUp(super().__add__(other), self.source)

    def __radd__(self, other: str) -> "MadeUp":
        return MadeUp(other + str(self), self.source)

    def __mod__(self, values: object) -> "MadeUp":
        return MadeUp(super().__mod__(values), self.source)

    def __rmod__(self, text: str) -> "MadeUp":
        return MadeUp(text % str(self), self.source)

    def __getitem__(self, key: SupportsIndex | slice) -> "MadeUp":
        return MadeUp(super().__getitem__(key), self.source)


class MadeUpObject(dict[str, Any]):
    """The attributes of an object that a template also prints itself, as `text`: {{ user }} beside
    {{ user.email }}.
    """

    def __init__(self, attributes: Mapping[str, Any], text: str) -> None:
        super().__init__(attributes)
        self.text = text

    def __str__(self) -> str:
        return self.text


_names: ContextVar[dict[str, Any] | None] = ContextVar("made_up_names", default=None)


def marking(sample: Sample) -> AbstractContextManager[object]:
    """Let templates that render the sample know what is made up in it."""
    return within(_names, dict.fromkeys(sample.made_up_names))


def marked(name: str, value: Any) -> Any:
    """Return the value of a name with its texts as `MadeUp`, if Keyturn made it up.

    It is the same at each call.
    """
    names = _names.get()
    if names is None or name not in names:
        return value
    if names[name] is None:
        names[name] = _marked(value, name)
    return names[name]


def _marked(value: Any, source: str) -> Any:
    match value:
        case str():
            return MadeUp(value, source)
        case dict():
            attributes = {key: _marked(one, f"{source}.{key}") for key, one in value.items()}
            if isinstance(value, MadeUpObject):
                return MadeUpObject(attributes, value.text)
            return attributes
        case list() | tuple():
            return type(value)(_marked(entry, source) for entry in value)
        case msgspec.Struct():
            fields = {}
            for field in msgspec.structs.fields(value):
                fields[field.name] = _marked(getattr(value, field.name), f"{source}.{field.name}")
            return msgspec.structs.replace(value, **fields)
    return value


def source_of(value: object) -> str:
    """Return the variable of a made-up text, and of a stand-in the name; else an empty text."""
    if isinstance(value, MadeUp):
        return value.source
    if isinstance(value, StandIn):
        return str(value._undefined_name or "")  # noqa: SLF001 - our own kind
    return ""


def source_among(values: Iterable[Any]) -> str:
    """Return the first source among values, and in lists and mappings of them."""
    for value in islice(values, _MOST):
        source = source_of(value)
        if source:
            return source
        for entry in islice(_entries_of(value), _MOST):
            source = source_of(entry)
            if source:
                return source
    return ""


def _entries_of(value: object) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    return ()
