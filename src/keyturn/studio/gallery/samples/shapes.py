"""Types of values (msgspec's, declared by props or inferred) as JSON Schema, and values as plain
data.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
from msgspec import NODEFAULT, inspect

from keyturn.mail.rendering.render import EmailProps

Shape = inspect.Type
Schema = dict[str, Any]

_SIMPLE: Mapping[type, Shape] = {
    one: inspect.type_info(one) for one in (bool, int, float, str, datetime, date, time, timedelta)
}
_TYPES: Mapping[type[Shape], Schema] = {
    inspect.StrType: {"type": "string"},
    inspect.IntType: {"type": "integer"},
    inspect.FloatType: {"type": "number"},
    inspect.BoolType: {"type": "boolean"},
    inspect.DateTimeType: {"type": "string", "format": "date-time"},
    inspect.DateType: {"type": "string", "format": "date"},
    inspect.TimeType: {"type": "string", "format": "time"},
    inspect.TimeDeltaType: {"type": "string", "format": "duration"},
    inspect.UUIDType: {"type": "string", "format": "uuid"},
    inspect.DecimalType: {"type": "string", "format": "decimal"},
}
_MANY = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_LIMITS |= {"multiple_of": "multipleOf", "min_length": "minLength", "max_length": "maxLength"}


def schema_of(values: Mapping[str, Any], props: type[EmailProps] | None) -> Schema:
    """Return the JSON Schema (2020-12) of declared or inferred types; an empty one stands for what
    is shown as JSON.
    """
    return _schema(inspect.type_info(props) if props else _shape_of(values))


def _schema(shape: Shape) -> Schema:
    every = _alternatives(shape)
    kinds = [one for one in every if not isinstance(one, inspect.NoneType)]
    numbers = all(isinstance(one, inspect.IntType | inspect.FloatType) for one in kinds)
    schema = _of_kind(kinds[-1]) if kinds and (len(kinds) == 1 or numbers) else {}
    says = {"description": description} if (description := _description_of(shape)) else {}
    return schema | says | ({"nullable": True} if len(kinds) < len(every) else {})


def _alternatives(shape: Shape) -> tuple[Shape, ...]:
    if isinstance(shape, inspect.Metadata):
        return _alternatives(shape.type)
    if isinstance(shape, inspect.UnionType):
        return tuple(one for each in shape.types for one in _alternatives(each))
    return (shape,)


def _description_of(shape: Shape) -> str:
    if isinstance(shape, inspect.Metadata):
        return str((shape.extra_json_schema or {}).get("description", "")) or _description_of(
            shape.type
        )
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(_description_of, shape.types)), "")
    return ""


def _of_kind(shape: Shape) -> Schema:
    limits = {
        name: limit
        for of, name in _LIMITS.items()
        if (limit := getattr(shape, of, None)) is not None
    }
    match shape:
        case inspect.LiteralType(values=values):
            return {"enum": [value for value in values if value is not None]}
        case inspect.EnumType(cls=cls):
            return {"enum": [member.value for member in cls]}
        case many if isinstance(many, _MANY):
            items = _schema(many.item_type)
            counts = {name.replace("Length", "Items"): limit for name, limit in limits.items()}
            return {"type": "array", "items": items} | counts if items else {}
        case group if (fields := _fields_of(group)) and not getattr(group, "array_like", False):
            required = [field.encode_name for field in fields if field.required]
            properties = {
                field.encode_name: _schema(field.type) | _default(field) for field in fields
            }
            is_mapping = isinstance(group, inspect.TypedDictType)
            droppable = [name for name in properties if is_mapping and name not in required]
            schema: Schema = {"type": "object", "properties": properties, "required": required}
            return schema | ({"droppable": droppable} if droppable else {})
    return {**_TYPES[type(shape)], **limits} if type(shape) in _TYPES else {}


def _fields_of(shape: Shape) -> tuple[inspect.Field, ...]:
    return getattr(shape, "fields", ())


def _default(field: inspect.Field) -> Schema:
    default = field.default if field.default_factory is NODEFAULT else field.default_factory()
    return {} if default is NODEFAULT else plain_data({"default": default})


def _shape_of(value: object) -> Shape:
    """Infer the type of a value. Lists may mix int and float, and mappings with different keys."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return inspect.AnyType()
        return _mapping({name: (_shape_of(each), True) for name, each in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return inspect.ListType(_common_shape([_shape_of(item) for item in value]))
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
    by_name: dict[str, list[inspect.Field]] = {}
    for field in (field for mapping in mappings for field in _fields_of(mapping)):
        by_name.setdefault(field.name, []).append(field)
    merged = {}
    for name, fields in by_name.items():
        is_everywhere = len(fields) == len(mappings) and all(field.required for field in fields)
        merged[name] = _common_shape([field.type for field in fields]), is_everywhere
    return _mapping(merged)


def _mapping(shapes: Mapping[str, tuple[Shape, bool]]) -> Shape:
    fields = tuple(
        inspect.Field(name, name, shape, required) for name, (shape, required) in shapes.items()
    )
    return inspect.TypedDictType(cls=dict, fields=fields)


def plain_data(values: Mapping[str, Any], natively: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return values with the types of JSON and those in `natively`.

    Others become text, such as dates in ISO 8601.
    """
    built = msgspec.to_builtins(
        dict(values), builtin_types=(timedelta, *natively), str_keys=True, enc_hook=str
    )
    return {name: _without_spans(value) for name, value in built.items()}


def without_defaults(value: Any, schema: Schema) -> Any:
    """Drop values that are None by default: TOML cannot express None."""
    match value:
        case dict():
            own = {name: schema.get("properties", {}).get(name, {}) for name in value}
            missing = {
                name
                for name, one in value.items()
                if one is None and own[name].get("default", ...) is None
            }
            return {
                name: without_defaults(one, own[name])
                for name, one in value.items()
                if name not in missing
            }
        case list():
            return [without_defaults(one, schema.get("items", {})) for one in value]
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
    """Return ISO 8601 in the usual units, "PT1H30M", where msgspec counts seconds."""

    def in_units(counted: re.Match[str]) -> str:
        seconds = int(counted[1])
        units = {"H": seconds // 3600, "M": seconds // 60 % 60, "S": seconds % 60}
        return "".join(f"{number}{unit}" for unit, number in units.items() if number)

    return re.sub(r"(?<=T)(\d+)S$", in_units, msgspec.to_builtins(span))
