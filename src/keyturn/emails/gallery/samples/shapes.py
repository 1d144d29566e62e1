"""What values look like: by their typed props, or guessed from the values themselves. Both are msgspec's own types."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from msgspec import inspect

from keyturn.mail.rendering.render import EmailProps

Shape = inspect.Type
Fields = tuple[inspect.Field, ...]

_SIMPLE: Mapping[type, Shape] = {
    bool: inspect.BoolType(),
    int: inspect.IntType(),
    float: inspect.FloatType(),
    str: inspect.StrType(),
    datetime: inspect.DateTimeType(),
    date: inspect.DateType(),
    time: inspect.TimeType(),
    timedelta: inspect.TimeDeltaType(),
}


def fields_of(values: Mapping[str, Any], props: type[EmailProps] | None) -> Fields:
    """Return what a template is given: the fields of its props, else what can be told from `values`."""
    return parts_of(inspect.type_info(props) if props else shape_of(values))


def parts_of(shape: Shape) -> Fields:
    """Return the fields of a struct, a dataclass or a mapping with known keys; nothing for what has none."""
    return getattr(shape, "fields", ())


def alternatives(shape: Shape) -> tuple[Shape, ...]:
    """Return what a value may be, without the wrapping that descriptions and unions are."""
    if isinstance(shape, inspect.Metadata):
        return alternatives(shape.type)
    if isinstance(shape, inspect.UnionType):
        return tuple(one for each in shape.types for one in alternatives(each))
    return (shape,)


def description_of(shape: Shape) -> str:
    """Return what is said of a value, or of what it is where it may be None, too."""
    if isinstance(shape, inspect.Metadata):
        return str((shape.extra_json_schema or {}).get("description", "")) or description_of(shape.type)
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(description_of, shape.types)), "")
    return ""


def shape_of(value: object) -> Shape:
    """Guess from a value. Numbers of one list may be whole or not, and mappings of one list may lack keys."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return inspect.AnyType()
        return _mapping({name: (shape_of(each), True) for name, each in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return inspect.ListType(_common_shape([shape_of(item) for item in value]))
    return _SIMPLE.get(type(value), inspect.AnyType())


def fits(text: str, shape: inspect.StrType) -> bool:
    return (
        len(text) >= (shape.min_length or 0)
        and (shape.max_length is None or len(text) <= shape.max_length)
        and (shape.pattern is None or re.search(shape.pattern, text) is not None)
    )


def first_that_fits(texts: Iterable[str], shape: inspect.StrType) -> str | None:
    return next((text for text in texts if fits(text, shape)), None)


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    if not shapes:
        return inspect.AnyType()
    if all(isinstance(shape, inspect.TypedDictType) for shape in shapes):
        return _merge(shapes)
    if all(isinstance(shape, (inspect.IntType, inspect.FloatType)) for shape in shapes):
        return next((shape for shape in shapes if isinstance(shape, inspect.FloatType)), shapes[0])
    return shapes[0] if all(shape == shapes[0] for shape in shapes) else inspect.AnyType()


def _merge(mappings: Sequence[Shape]) -> Shape:
    """Return one mapping for all: what some of them lack is not required."""
    found: dict[str, list[inspect.Field]] = {}
    for field in (field for mapping in mappings for field in parts_of(mapping)):
        found.setdefault(field.name, []).append(field)
    return _mapping(
        {
            name: (_common_shape([field.type for field in fields]), _is_always_there(fields, len(mappings)))
            for name, fields in found.items()
        }
    )


def _is_always_there(fields: Iterable[inspect.Field], times: int) -> bool:
    required = [field.required for field in fields]
    return all(required) and len(required) == times


def _mapping(fields: Mapping[str, tuple[Shape, bool]]) -> Shape:
    return inspect.TypedDictType(
        cls=dict,
        fields=tuple(inspect.Field(name, name, shape, required) for name, (shape, required) in fields.items()),
    )
