"""Types of values (msgspec's, declared by props or inferred), and values as plain data."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
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
    return parts_of(inspect.type_info(props) if props else shape_of(values))


def parts_of(shape: Shape) -> Fields:
    return getattr(shape, "fields", ())


def alternatives(shape: Shape) -> tuple[Shape, ...]:
    if isinstance(shape, inspect.Metadata):
        return alternatives(shape.type)
    if isinstance(shape, inspect.UnionType):
        return tuple(one for each in shape.types for one in alternatives(each))
    return (shape,)


def description_of(shape: Shape) -> str:
    if isinstance(shape, inspect.Metadata):
        return str((shape.extra_json_schema or {}).get("description", "")) or description_of(shape.type)
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(description_of, shape.types)), "")
    return ""


def shape_of(value: object) -> Shape:
    """Infer the type of a value. Lists may mix int and float, and mappings with different keys."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return inspect.AnyType()
        return _mapping({name: (shape_of(each), True) for name, each in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return inspect.ListType(_common_shape([shape_of(item) for item in value]))
    return _SIMPLE.get(type(value), inspect.AnyType())


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    if not shapes:
        return inspect.AnyType()
    if all(isinstance(shape, inspect.TypedDictType) for shape in shapes):
        return _merge(shapes)
    if all(isinstance(shape, (inspect.IntType, inspect.FloatType)) for shape in shapes):
        return next((shape for shape in shapes if isinstance(shape, inspect.FloatType)), shapes[0])
    return shapes[0] if all(shape == shapes[0] for shape in shapes) else inspect.AnyType()


def _merge(mappings: Sequence[Shape]) -> Shape:
    """Merge mappings. Keys that some of them lack are optional."""
    by_name: dict[str, list[inspect.Field]] = {}
    for field in (field for mapping in mappings for field in parts_of(mapping)):
        by_name.setdefault(field.name, []).append(field)
    merged = {}
    for name, fields in by_name.items():
        is_everywhere = len(fields) == len(mappings) and all(field.required for field in fields)
        merged[name] = _common_shape([field.type for field in fields]), is_everywhere
    return _mapping(merged)


def _mapping(shapes: Mapping[str, tuple[Shape, bool]]) -> Shape:
    fields = tuple(inspect.Field(name, name, shape, required) for name, (shape, required) in shapes.items())
    return inspect.TypedDictType(cls=dict, fields=fields)


def plain_data(values: Mapping[str, Any], natively: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return values with the types of JSON and those in `natively`. Others become text, such as dates in ISO 8601."""
    built = msgspec.to_builtins(dict(values), builtin_types=(timedelta, *natively), str_keys=True, enc_hook=str)
    return {name: _without_spans(value) for name, value in built.items()}


def without_defaults(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Drop values that are None by default: TOML cannot express None."""
    shapes = {field.encode_name: field for field in fields}
    return {
        name: _without_defaults_in(value, shapes[name].type) if name in shapes else value
        for name, value in values.items()
        if value is not None or name not in shapes or shapes[name].default is not None
    }


def _without_defaults_in(value: Any, shape: Shape) -> Any:
    for one in alternatives(shape):
        if isinstance(value, dict) and (fields := parts_of(one)):
            return without_defaults(value, fields)
        if isinstance(value, list) and (item := getattr(one, "item_type", None)) is not None:
            return [_without_defaults_in(each, item) for each in value]
    return value


def _without_spans(value: Any) -> Any:
    match value:
        case timedelta():
            return in_iso(value)
        case dict():
            return {key: _without_spans(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_spans(each) for each in value]
    return value


def in_iso(span: timedelta) -> str:
    """Return ISO 8601, "PT1H30M", in the usual units, for msgspec."""
    seconds = span.total_seconds()
    if seconds != int(seconds):
        return str(msgspec.to_builtins(span))
    left, counted = abs(int(seconds)), ""
    for letter, size in (("D", 86_400), ("H", 3600), ("M", 60), ("S", 1)):
        count, left = divmod(left, size)
        counted += f"{count}{letter}" if count else ""
        counted += "T" if letter == "D" and left else ""
    return f"{'-' if seconds < 0 else ''}P{counted}" if counted else "PT0S"
