"""Types of values (msgspec's, declared by props or inferred) as JSON Schema, and values as plain
data.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
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
_Many = inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType
_LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_LIMITS |= {"multiple_of": "multipleOf", "min_length": "minLength", "max_length": "maxLength"}


def schema_of(values: Mapping[str, Any], props: type[EmailProps] | None) -> Schema:
    """Return the JSON Schema (2020-12) of declared or inferred types; an empty one stands for what
    is shown as JSON.
    """
    if props:
        return _schema(inspect.type_info(props))
    return _schema(_shape_of(values))


def _schema(shape: Shape) -> Schema:
    alternatives = _alternatives(shape)
    kinds = [kind for kind in alternatives if not isinstance(kind, inspect.NoneType)]
    schema: Schema = {}
    if len(kinds) == 1 or (kinds and _are_numbers(kinds)):
        schema = _of_kind(kinds[-1])
    description = _description_of(shape)
    if description:
        schema["description"] = description
    if len(kinds) < len(alternatives):
        schema["nullable"] = True
    return schema


def _are_numbers(shapes: Sequence[Shape]) -> bool:
    return all(isinstance(shape, inspect.IntType | inspect.FloatType) for shape in shapes)


def _alternatives(shape: Shape) -> list[Shape]:
    if isinstance(shape, inspect.Metadata):
        return _alternatives(shape.type)
    if not isinstance(shape, inspect.UnionType):
        return [shape]
    alternatives: list[Shape] = []
    for member in shape.types:
        alternatives += _alternatives(member)
    return alternatives


def _description_of(shape: Shape) -> str:
    if isinstance(shape, inspect.Metadata):
        declared = shape.extra_json_schema or {}
        return str(declared.get("description", "")) or _description_of(shape.type)
    if isinstance(shape, inspect.UnionType):
        return next(filter(None, map(_description_of, shape.types)), "")
    return ""


def _of_kind(shape: Shape) -> Schema:
    match shape:
        case inspect.LiteralType(values=values):
            return {"enum": [value for value in values if value is not None]}
        case inspect.EnumType(cls=cls):
            return {"enum": [member.value for member in cls]}
    if isinstance(shape, _Many):
        return _of_list(shape)
    if _fields_of(shape) and not getattr(shape, "array_like", False):
        return _of_object(shape)
    if type(shape) in _TYPES:
        return _TYPES[type(shape)] | _limits_of(shape)
    return {}


def _of_list(shape: _Many) -> Schema:
    items = _schema(shape.item_type)
    if not items:
        return {}
    schema: Schema = {"type": "array", "items": items}
    for keyword, limit in _limits_of(shape).items():
        schema[keyword.replace("Length", "Items")] = limit
    return schema


def _of_object(shape: Shape) -> Schema:
    properties: Schema = {}
    required: list[str] = []
    for field in _fields_of(shape):
        properties[field.encode_name] = _schema(field.type) | _default(field)
        if field.required:
            required.append(field.encode_name)
    schema: Schema = {"type": "object", "properties": properties, "required": required}
    if isinstance(shape, inspect.TypedDictType):
        droppable = [name for name in properties if name not in required]
        if droppable:
            schema["droppable"] = droppable
    return schema


def _limits_of(shape: Shape) -> Schema:
    limits: Schema = {}
    for attribute, keyword in _LIMITS.items():
        limit = getattr(shape, attribute, None)
        if limit is not None:
            limits[keyword] = limit
    return limits


def _fields_of(shape: Shape) -> tuple[inspect.Field, ...]:
    return getattr(shape, "fields", ())


def _default(field: inspect.Field) -> Schema:
    default = field.default
    if field.default_factory is not NODEFAULT:
        default = field.default_factory()
    if default is NODEFAULT:
        return {}
    return plain_data({"default": default})


def _shape_of(value: object) -> Shape:
    """Infer the type of a value. Lists may mix int and float, and mappings with different keys."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return inspect.AnyType()
        fields = [_field(name, _shape_of(member)) for name, member in value.items()]
        return _mapping(fields)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return inspect.ListType(_common_shape([_shape_of(item) for item in value]))
    return _SIMPLE.get(type(value), inspect.AnyType())


def _common_shape(shapes: Sequence[Shape]) -> Shape:
    if not shapes:
        return inspect.AnyType()
    if all(isinstance(shape, inspect.TypedDictType) for shape in shapes):
        return _merge(shapes)
    first = shapes[0]
    if _are_numbers(shapes):
        return next((shape for shape in shapes if isinstance(shape, inspect.FloatType)), first)
    if all(shape == first for shape in shapes):
        return first
    return inspect.AnyType()


def _merge(mappings: Sequence[Shape]) -> Shape:
    by_name: dict[str, list[inspect.Field]] = {}
    for mapping in mappings:
        for field in _fields_of(mapping):
            by_name.setdefault(field.name, []).append(field)
    merged = []
    for name, fields in by_name.items():
        is_everywhere = len(fields) == len(mappings)
        is_required = is_everywhere and all(field.required for field in fields)
        shape = _common_shape([field.type for field in fields])
        merged.append(_field(name, shape, is_required))
    return _mapping(merged)


def _field(name: str, shape: Shape, is_required: bool = True) -> inspect.Field:
    return inspect.Field(name, name, shape, is_required)


def _mapping(fields: Iterable[inspect.Field]) -> Shape:
    return inspect.TypedDictType(cls=dict, fields=tuple(fields))


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
            properties = schema.get("properties", {})
            kept = {}
            for name, member in value.items():
                of_member = properties.get(name, {})
                is_none_by_default = of_member.get("default", ...) is None
                if member is not None or not is_none_by_default:
                    kept[name] = without_defaults(member, of_member)
            return kept
        case list():
            return [without_defaults(each, schema.get("items", {})) for each in value]
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
    return re.sub(r"(?<=T)(\d+)S$", _in_units, msgspec.to_builtins(span))


def _in_units(counted: re.Match[str]) -> str:
    seconds = int(counted[1])
    units = {"H": seconds // 3600, "M": seconds // 60 % 60, "S": seconds % 60}
    return "".join(f"{number}{unit}" for unit, number in units.items() if number)
