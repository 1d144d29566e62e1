"""The path and query of a request, as typed values, and errors in a sentence."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_origin

import msgspec
from litestar import Request
from litestar.di import Provide
from litestar.exceptions import ValidationException
from litestar.params import FromPath
from msgspec import inspect

from keyturn.emails.gallery.samples.shapes import Shape, alternatives, parts_of
from keyturn.emails.studio.view import View

_Asked = TypeVar("_Asked", bound=msgspec.Struct)

T = TypeVar("T")

_PLACE = re.compile(r"`\$\.(\w+)")


def name_in_path(name: FromPath[Path]) -> str:
    """Return the name of a template or file in the path of a request."""
    return name.as_posix().lstrip("/")


def neighbours(items: Sequence[T], here: T) -> dict[str, T | None]:
    """Return the items before and after this one, for the links of a page."""
    at = items.index(here) if here in items else 0
    return {"before": items[at - 1] if at > 0 else None, "after": items[at + 1] if at + 1 < len(items) else None}


def read_view(request: Request[Any, Any, Any]) -> View:
    return read_query(dict(request.query_params), View)


def read_query(query: Mapping[str, Any], kind: type[_Asked]) -> _Asked:
    try:
        return msgspec.convert(query, kind, strict=False)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        detail = _sentence(place[1], query[place[1]], kind) if place else f"The address cannot be read: {error}."
        raise ValidationException(detail=detail) from error


def _sentence(name: str, value: Any, kind: type[msgspec.Struct]) -> str:
    shapes = {field.encode_name: field.type for field in parts_of(inspect.type_info(kind))}
    said = ", ".join(value) if isinstance(value, list) else value
    return f"The address has {name}={said}, but {name} must be {_takes(shapes[name])}."


def _takes(shape: Shape) -> str:
    match next(one for one in alternatives(shape) if not isinstance(one, inspect.NoneType)):
        case inspect.VarTupleType(item_type=item):
            return _takes(item)
        case inspect.LiteralType(values=values):
            return _either([str(value) for value in values if value != ""])
        case inspect.IntType(ge=least, le=most) if least is not None and most is not None:
            return f"a whole number from {least} to {most}"
        case inspect.IntType():
            return "a whole number"
    return "a text"


def _either(words: Sequence[str]) -> str:
    return " or ".join([*filter(None, [", ".join(words[:-1])]), words[-1]])


def provide_address(kind: type[_Asked]) -> Provide:
    """Return the provider of the address of a page. A form repeats a name for several ticked choices."""
    several = {field.name for field in msgspec.structs.fields(kind) if get_origin(field.type) is tuple}

    def read(request: Request[Any, Any, Any]) -> _Asked:
        query = {name: request.query_params.getall(name) for name in request.query_params}
        return read_query({name: all_ if name in several else all_[-1] for name, all_ in query.items()}, kind)

    return Provide(read, sync_to_thread=False)
