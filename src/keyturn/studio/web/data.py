"""The data that a mail is rendered with: a sample with the edit in the address on top, and its
types as JSON Schema.

The edit is one JSON object: the fields that differ from the sample, each as a whole, and below ""
the removed ones. Places in the values are JSON Pointers (RFC 6901).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.samples.shapes import Schema, plain_data, schema_of
from keyturn.studio.web.view import View

Values = dict[str, Any]  # plain data, as JSON has it
_REMOVED = ""


class CurrentData(Struct, frozen=True):
    """The data of a mail.

    `sample`: what it is rendered with, with the sample's own values for those that do not fit.

    `start`, `values`: plain data before and after the edit. `faults`: what does not fit, by JSON
    Pointer.
    """

    sample: Sample
    props: type[EmailProps] | None
    start: Values
    values: Values
    faults: Mapping[str, str]

    @property
    def schema(self) -> Schema:
        """The types of the data as JSON Schema, with an empty one for each value that the types do
        not know.
        """
        schema = schema_of(self.sample.values, self.props)
        # The types keep their order.
        properties = dict(schema.get("properties", {}))
        for name in self.values:
            properties.setdefault(name, {})
        return schema | {"properties": properties}


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
        faults = {"": "The edit in this address is no JSON object."}
        return CurrentData(sample, props, start, start, faults)
    if props:
        fitted = _fit_to_props(sample, values, props)
    else:
        fitted = _fit_to_sample(sample, values)
    shown = replace(sample, values=fitted.values)
    return CurrentData(shown, props, start, values, fitted.faults)


def _edited(start: Values, edit: str) -> Values:
    """Return the values with an edit.

    Raises DecodeError, RecursionError and ValueError for what is no JSON object.
    """
    changes = msgspec.json.decode(edit, type=dict[str, Any])
    removed = changes.pop(_REMOVED, [])
    values = {**start, **changes}
    # An address that a user wrote by hand may hold any JSON.
    if not isinstance(removed, list):
        return values
    return {name: value for name, value in values.items() if name not in removed}


class _Fitted(NamedTuple):
    """The values for a template, and what does not fit, by JSON Pointer."""

    values: Mapping[str, Any]
    faults: Mapping[str, str]


def _fit_to_props(start: Sample, edited: Values, props: type[EmailProps]) -> _Fitted:
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    fields = {field.name: field for field in msgspec.structs.fields(props)}
    for name, value in edited.items():
        if name not in fields:
            mail = props.__name__.removesuffix("Props")
            faults[_pointer(name)] = f"{mail} has no field with this name."
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `$")
            faults[_pointer(name, *_steps(path))] = _to_plain_words(message)
    for name, field in fields.items():
        if field.required and name not in edited:
            faults[_pointer(name)] = "This is required."
    if faults:
        return _Fitted({**start.values, **values}, faults)
    try:
        whole = msgspec.convert(plain_data(values), props)
    except msgspec.ValidationError as error:  # a rule of the struct about several fields
        return _Fitted(start.values, {"": str(error)})
    return _Fitted(msgspec.structs.asdict(whole), {})


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def _steps(path: str) -> list[str]:
    """Return the steps of a path in an error of msgspec, such as ".items[0].name`"."""
    return [name or index for name, index in _STEP.findall(path.removesuffix("`"))]


def _pointer(*steps: object) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _fit_to_sample(start: Sample, edited: Values) -> _Fitted:
    """Convert values to the types of the sample: plain values have no declared types."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in edited.items():
        values[name] = _fit(start.values.get(name), value, [name], faults)
    return _Fitted(values, faults)


def _fit(like: Any, value: Any, steps: list[object], faults: dict[str, str]) -> Any:
    """Return a value in the type of the sample's, or the sample's own and a fault if it has no such
    form.

    `steps`: where it is. `faults`: gets the fault.
    """
    match like, value:
        case ((datetime() | date() | time() | timedelta()), str()):
            try:
                return msgspec.convert(value, type(like))
            except msgspec.ValidationError as error:
                faults[_pointer(*steps)] = _to_plain_words(str(error))
                return like
        case Mapping(), Mapping():
            members = {}
            for key, member in value.items():
                members[key] = _fit(like.get(key), member, [*steps, key], faults)
            return members
        case ((list() | tuple()), list()):
            items = []
            for at, item in enumerate(value):
                items.append(_fit(_like_item(like, at), item, [*steps, at], faults))
            return items
        case float(), int() if not isinstance(value, bool):
            return float(value)  # scripts write 42.0 as 42
        case ((Mapping() | list() | tuple()), str()):
            faults[_pointer(*steps)] = "Enter valid JSON."
            return like
    return value


def _like_item(like: Sequence[Any], at: int) -> Any:
    """Return the sample's item at an index; its first for items beyond its end."""
    if at < len(like):
        return like[at]
    return like[0] if like else None


def _to_plain_words(message: str) -> str:
    for pattern, says in _SAYINGS.items():
        match = pattern.fullmatch(message)
        if match:
            return match.expand(says)
    return f"{message}."


# What msgspec says of a value, and what the form says.
_MESSAGES = {
    r"Expected `str` of length <= (\d+)": r"Characters: at most \1.",
    r"Expected `str` of length >= (\d+)": r"Characters: at least \1.",
    r"Expected `\w+` of length <= (\d+)": r"Items: at most \1.",
    r"Expected `\w+` of length >= (\d+)": r"Items: at least \1.",
    r"Expected `str` matching regex '(.*)'": r"This must match \1",
    r"Expected `\w+` >= (\S+?)(?:\.0)?": r"Enter \1 or more.",
    r"Expected `\w+` <= (\S+?)(?:\.0)?": r"Enter \1 or less.",
    r"Expected `\w+` > (\S+?)(?:\.0)?": r"Enter more than \1.",
    r"Expected `\w+` < (\S+?)(?:\.0)?": r"Enter less than \1.",
    r"Expected `\w+` that's a multiple of (\S+?)(?:\.0)?": r"Enter a multiple of \1.",
    r"Expected `(?:int|float)(?: \| null)?`, got .*": "Enter a number.",
    r"Expected `str(?: \| null)?`, got .*": "Enter a text.",
    r"Expected `bool(?: \| null)?`, got .*": "Enter true or false.",
    r"Expected `(?:object|array)(?: \| null)?`, got `str`": "Enter valid JSON.",
    r"Expected `datetime` with a timezone component": "Add a time zone, such as Z.",
    r"Invalid RFC3339 encoded datetime": "Enter a date and time, such as 2026-11-20T14:32:00Z.",
    r"Invalid RFC3339 encoded date": "Enter a date, such as 2026-11-20.",
    r"Invalid RFC3339 encoded time": "Enter a time, such as 14:32:00.",
    r"Invalid ISO8601 duration": "Enter a duration, such as PT30M.",
}
_SAYINGS = {re.compile(message, re.DOTALL): says for message, says in _MESSAGES.items()}
