"""The data that a mail is rendered with: a sample with the edit in the address on top, and its
types as JSON Schema.

The edit is one JSON object: the fields that differ from the sample, each as a whole, and below ""
the removed ones. Places in the values are JSON Pointers (RFC 6901).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

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
        known = schema_of(self.sample.values, self.props)
        own = known.get("properties", {})
        # In the order of the types.
        return known | {"properties": {**own, **{name: {} for name in self.values}, **own}}


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
        return CurrentData(
            sample, props, start, start, {"": "The edit in this address is no JSON object."}
        )
    fitted, faults = (
        _fit_to_props(sample, values, props) if props else _fit_to_sample(sample, values)
    )
    return CurrentData(replace(sample, values=fitted), props, start, values, faults)


def _edited(start: Values, edit: str) -> Values:
    """Return the values with an edit.

    Raises DecodeError, RecursionError and ValueError for what is no JSON object.
    """
    changes = msgspec.json.decode(edit, type=dict[str, Any])
    removed = changes.pop(_REMOVED, [])
    # An address that a user wrote by hand may hold any JSON.
    removed = removed if isinstance(removed, list) else []
    return {name: value for name, value in {**start, **changes}.items() if name not in removed}


def _pointer(*steps: object) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


# Values for a template, and faults by JSON Pointer.
_Fitted = tuple[Mapping[str, Any], Mapping[str, str]]


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
            steps = (step or index for step, index in _STEP.findall(path.removesuffix("`")))
            faults[_pointer(name, *steps)] = _to_plain_words(message)
    faults |= {
        _pointer(name): "This is required."
        for name in fields
        if fields[name].required and name not in edited
    }
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

    return {
        name: fit(start.values.get(name), value, name) for name, value in edited.items()
    }, faults


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
        (
            r"Invalid RFC3339 encoded datetime",
            "Enter a date and time, such as 2026-11-20T14:32:00Z.",
        ),
        (r"Invalid RFC3339 encoded date", "Enter a date, such as 2026-11-20."),
        (r"Invalid RFC3339 encoded time", "Enter a time, such as 14:32:00."),
        (r"Invalid ISO8601 duration", "Enter a duration, such as PT30M."),
    )
)
