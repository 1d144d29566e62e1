"""The data that a mail is rendered with: a sample with the edit in the address on top, and its types as JSON Schema.

The edit is one JSON object, so it can be linked to: the fields that differ from the sample, each as a whole. The key ""
lists the removed fields. Places in the values are JSON Pointers (RFC 6901). The page makes its form of the schema.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct, inspect
from msgspec.structs import replace

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.samples.shapes import (
    Fields,
    Shape,
    alternatives,
    description_of,
    fields_of,
    parts_of,
    plain_data,
)
from keyturn.studio.web.view import View

Values = dict[str, Any]
"""Plain data, as JSON has it."""

_REMOVED = ""


class CurrentData(Struct, frozen=True):
    """The data of a mail. `sample`: what it is rendered with, with the sample's own values for those that do not fit.

    `start`, `values`: plain data before and after the edit, also if it does not fit.
    `faults`: what does not fit, by JSON Pointer.
    """

    sample: Sample
    props: type[EmailProps] | None
    start: Values
    values: Values
    faults: Mapping[str, str]

    @property
    def fields(self) -> Fields:
        return fields_of(self.sample.values, self.props)

    @property
    def schema(self) -> dict[str, Any]:
        """The types of the data as JSON Schema, with those of values that the types do not know."""
        known = {field.name for field in self.fields}
        unknown = tuple(inspect.Field(name, name, inspect.AnyType()) for name in self.values if name not in known)
        return schema_of_fields((*self.fields, *unknown))


def current_data(gallery: Gallery, template: str, view: View) -> CurrentData:
    """Return the data of a view. Raises LookupError, TemplateInvalid."""
    props = gallery.props.get(template)
    sample = gallery.sample(template, view.sample or next(iter(gallery.samples(template))))
    start = plain_data(sample.values)
    if not view.edit:
        return CurrentData(sample, props, start, start, {})
    try:
        values = _edited(start, view.edit)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return CurrentData(sample, props, start, start, {"": "The edit in this address is no JSON object."})
    fitted, faults = _fit_to_props(sample, values, props) if props else _fit_to_sample(sample, values)
    return CurrentData(replace(sample, values=fitted), props, start, values, faults)


def _edited(start: Values, edit: str) -> Values:
    """Return the values with an edit. Raises DecodeError, RecursionError and ValueError for what is no JSON object."""
    changes = msgspec.json.decode(edit, type=dict[str, Any])
    removed = changes.pop(_REMOVED, [])
    removed = removed if isinstance(removed, list) else []
    return {name: value for name, value in {**start, **changes}.items() if name not in removed}


def _pointer(*steps: object) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


_Fitted = tuple[Mapping[str, Any], Mapping[str, str]]
"""Values for a template, with those of the sample in place of unfit ones, and faults by JSON Pointer."""


def _fit_to_props(start: Sample, edited: Values, props: type[EmailProps]) -> _Fitted:
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    fields = {field.name: field for field in msgspec.structs.fields(props)}
    for name, value in edited.items():
        if name not in fields:
            faults[_pointer(name)] = f"{props.__name__} has no field with this name."
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            steps = (step or index for step, index in _STEP.findall(path.removesuffix("`")))
            faults[_pointer(name, *steps)] = _to_plain_words(message)
    faults |= {_pointer(name): "This is required." for name in fields if fields[name].required and name not in edited}
    if faults:
        return {**start.values, **values}, faults
    try:
        return msgspec.structs.asdict(msgspec.convert(plain_data(values), props)), {}
    except msgspec.ValidationError as error:  # a rule of the struct about several fields
        return start.values, {"": str(error)}


def _fit_to_sample(start: Sample, edited: Values) -> _Fitted:
    """Convert values to the types of the sample: plain values have no declared types."""
    faults: dict[str, str] = {}

    def fit(like: Any, value: Any, *steps: object) -> Any:
        match like, value:
            case ((datetime() | date() | time() | timedelta()), str()):
                try:
                    return msgspec.convert(value, type(like))
                except msgspec.ValidationError as error:
                    faults[_pointer(*steps)] = _to_plain_words(str(error))
                    return like
            case Mapping(), Mapping():
                return {key: fit(like.get(key), each, *steps, key) for key, each in value.items()}
            case ((list() | tuple()), list()):
                likes = [*like, *[like[0] if like else None] * (len(value) - len(like))]
                return [fit(likes[at], each, *steps, at) for at, each in enumerate(value)]
            case float(), int() if not isinstance(value, bool):
                return float(value)  # scripts write 42.0 as 42
            case ((Mapping() | list() | tuple()), str()):
                faults[_pointer(*steps)] = "Enter valid JSON."
                return like
        return value

    return {name: fit(start.values.get(name), value, name) for name, value in edited.items()}, faults


def _to_plain_words(message: str) -> str:
    matches = ((pattern.fullmatch(message), says) for pattern, says in _SAYINGS)
    return next((match.expand(says) for match, says in matches if match), f"{message}.")


# What msgspec says of a value, and what the form says.
_SAYINGS = tuple(
    (re.compile(pattern, re.DOTALL), says)
    for pattern, says in (
        (r"Expected `str` of length <= (\d+)", r"Characters: at most \1."),
        (r"Expected `str` of length >= (\d+)", r"Characters: at least \1."),
        (r"Expected `\w+` of length <= (\d+)", r"Items: at most \1."),
        (r"Expected `\w+` of length >= (\d+)", r"Items: at least \1."),
        (r"Expected `str` matching regex '(.*)'", r"This must match \1"),
        (r"Expected `\w+` >= (\S+?)(?:\.0)?", r"Enter \1 or more."),
        (r"Expected `\w+` <= (\S+?)(?:\.0)?", r"Enter \1 or less."),
        (r"Expected `\w+` > (\S+?)(?:\.0)?", r"Enter more than \1."),
        (r"Expected `\w+` < (\S+?)(?:\.0)?", r"Enter less than \1."),
        (r"Expected `\w+` that's a multiple of (\S+?)(?:\.0)?", r"Enter a multiple of \1."),
        (r"Expected `(?:int|float)(?: \| null)?`, got .*", "Enter a number."),
        (r"Expected `str(?: \| null)?`, got .*", "Enter a text."),
        (r"Expected `bool(?: \| null)?`, got .*", "Enter true or false."),
        (r"Expected `(?:object|array)(?: \| null)?`, got `str`", "Enter valid JSON."),
        (r"Expected `datetime` with a timezone component", "Add a time zone, such as Z."),
        (r"Invalid RFC3339 encoded datetime", "Enter a date and time, such as 2026-11-20T14:32:00Z."),
        (r"Invalid RFC3339 encoded date", "Enter a date, such as 2026-11-20."),
        (r"Invalid RFC3339 encoded time", "Enter a time, such as 14:32:00."),
        (r"Invalid ISO8601 duration", 'Enter a duration, such as "30 minutes" or "PT30M".'),
    )
)


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
