"""The types of a template's data as JSON Schema, from which the page makes its form."""

from typing import Any

from msgspec import NODEFAULT, inspect

from keyturn.studio.gallery.samples.shapes import Fields, Shape, alternatives, description_of, parts_of, plain_data

_MANY = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_FORMATS: dict[type[Shape], str] = {
    inspect.DateTimeType: "date-time",
    inspect.DateType: "date",
    inspect.TimeType: "time",
    inspect.TimeDeltaType: "duration",
    inspect.UUIDType: "uuid",
    inspect.DecimalType: "decimal",
}


def schema_of_fields(fields: Fields) -> dict[str, Any]:
    """Return the schema of an object (JSON Schema 2020-12). `required`: the fields that cannot be left out."""
    return {
        "type": "object",
        "properties": {field.encode_name: schema_of(field.type) | _default(field) for field in fields},
        "required": [field.encode_name for field in fields if field.required],
    }


def schema_of(shape: Shape) -> dict[str, Any]:
    """Return the schema of a type: an empty one for a type that the form shows as JSON.

    `nullable`: whether None is allowed. `droppable`: the properties of a mapping that may be missing.
    """
    every = alternatives(shape)
    kinds = [one for one in every if not isinstance(one, inspect.NoneType)]
    numbers = all(isinstance(one, inspect.IntType | inspect.FloatType) for one in kinds)
    schema = _of_kind(kinds[-1]) if kinds and (len(kinds) == 1 or numbers) else {}
    if says := description_of(shape):
        schema["description"] = says
    return schema | ({"nullable": True} if len(kinds) < len(every) else {})


def _of_kind(shape: Shape) -> dict[str, Any]:
    match shape:
        case inspect.StrType() as text:
            return {"type": "string"} | _set(minLength=text.min_length, maxLength=text.max_length)
        case inspect.IntType() | inspect.FloatType() as number:
            limits = _set(
                minimum=number.ge,
                maximum=number.le,
                exclusiveMinimum=number.gt,
                exclusiveMaximum=number.lt,
                multipleOf=number.multiple_of,
            )
            return {"type": "integer" if isinstance(number, inspect.IntType) else "number"} | limits
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.LiteralType() as literal:
            return {"enum": [value for value in literal.values if value is not None]}
        case inspect.EnumType() as enum:
            return {"enum": [member.value for member in enum.cls]}
        case many if isinstance(many, _MANY):
            items = schema_of(many.item_type)
            limits = _set(minItems=many.min_length, maxItems=many.max_length)
            return {"type": "array", "items": items} | limits if items else {}
        case group if (fields := parts_of(group)) and not getattr(group, "array_like", False):
            droppable = [field.encode_name for field in fields if not field.required]
            mapping = isinstance(group, inspect.TypedDictType)
            return schema_of_fields(fields) | ({"droppable": droppable} if mapping else {})
    return {"type": "string", "format": _FORMATS[type(shape)]} if type(shape) in _FORMATS else {}


def _set(**limits: float | None) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}


def _default(field: inspect.Field) -> dict[str, Any]:
    if field.default is not NODEFAULT:
        return plain_data({"default": field.default})
    return plain_data({"default": field.default_factory()}) if field.default_factory is not NODEFAULT else {}
