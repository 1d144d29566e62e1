"""The data that a mail is drawn with, and which edited values do not fit their types."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field
from msgspec.inspect import AnyType, Field
from msgspec.structs import replace

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery import Gallery, Sample
from keyturn.studio.gallery.samples.shapes import Fields, fields_of, plain_data, read_duration
from keyturn.studio.web.data.edits import EditUnreadable, Values, apply_edit, pointer, value_at
from keyturn.studio.web.data.schema import schema_of_fields
from keyturn.studio.web.view import View


class CurrentData(Struct, frozen=True):
    """The data of a mail. `sample`: what it is drawn with. Values that do not fit are replaced by the last that did.

    `start`, `values`: plain data before and after the edit, also if it does not fit.
    `faults`: what does not fit, by JSON Pointer.
    `unreadable`: the edit is no JSON object.
    """

    sample: Sample
    props: type[EmailProps] | None = None
    start: Values = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    unreadable: EditUnreadable | None = None

    @property
    def fields(self) -> Fields:
        return fields_of(self.sample.values, self.props)

    @property
    def schema(self) -> dict[str, Any]:
        """The types of the data as JSON Schema, with those of values that the types do not know."""
        known = {field.name for field in self.fields}
        unknown = tuple(Field(name, name, AnyType()) for name in self.values if name not in known)
        return schema_of_fields((*self.fields, *unknown))

    @property
    def is_edited(self) -> bool:
        return self.values != self.start


class CurrentDataReader:
    """Reads the data of a view. Remembers the last edit that fitted."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._last_fitting: dict[tuple[str, str], Mapping[str, Any]] = {}

    def of(self, template: str, view: View) -> CurrentData | None:
        """Return the data of a view, or None without a sample. Raises LookupError, TemplateInvalid."""
        props = self._gallery.props.get(template)
        name = view.sample or next(iter(self._gallery.samples(template)), "")
        if not name:
            return None
        start = self._gallery.sample(template, name)
        before = plain_data(start.values)
        last = self._last_fitting.get((template, start.name), start.values)
        try:
            values = apply_edit(before, view.edit)
        except EditUnreadable as error:
            return CurrentData(replace(start, values=last), props, before, before, unreadable=error)
        if not view.edit:
            self._last_fitting.pop((template, start.name), None)
            return CurrentData(start, props, before, values)
        drawn, faults = fit_values(start, values, props)
        if faults:
            return CurrentData(replace(start, values=last), props, before, values, faults)
        self._last_fitting[template, start.name] = drawn
        return CurrentData(replace(start, values=drawn), props, before, values)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class FittedValues(NamedTuple):
    """Values for a template, with those of the sample in place of unfit ones. `faults`: by JSON Pointer."""

    values: Mapping[str, Any]
    faults: Mapping[str, str]


def fit_values(start: Sample, edited: Values, props: type[EmailProps] | None) -> FittedValues:
    return _fit_to_props(start, edited, props) if props else _fit_to_sample(start, edited)


def _fit_to_props(start: Sample, edited: Values, props: type[EmailProps]) -> FittedValues:
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    fields = {field.name: field for field in msgspec.structs.fields(props)}
    for name, value in edited.items():
        if name not in fields:
            faults[pointer(name)] = f"{props.__name__} has no field with this name."
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            message, steps = _split_message(error)
            faults[pointer(name, *steps)] = _to_plain_words(message, value_at(value, steps))
    faults |= {pointer(name): "This is required." for name in fields if fields[name].required and name not in edited}
    if faults:
        return FittedValues({**start.values, **values}, faults)
    try:
        return FittedValues(msgspec.structs.asdict(msgspec.convert(plain_data(values), props)), {})
    except msgspec.ValidationError as error:  # a rule of the struct about several fields
        return FittedValues(start.values, {"": str(error)})


def _fit_to_sample(start: Sample, edited: Values) -> FittedValues:
    """Convert values to the types of the sample: plain values have no declared types."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in edited.items():
        try:
            values[name] = _convert_like(start.values.get(name), value, pointer(name))
        except _Unlike as error:
            faults[error.place] = error.message
            values[name] = start.values[name]
    return FittedValues(values, faults)


class _Unlike(Exception):
    def __init__(self, place: str, message: str) -> None:
        self.place, self.message = place, message


def _convert_like(start: Any, value: Any, place: str) -> Any:
    match start, value:
        case ((datetime() | date() | time() | timedelta()), str()):
            try:
                return msgspec.convert(value, type(start))
            except msgspec.ValidationError as error:
                raise _Unlike(place, _to_plain_words(str(error), value)) from error
        case Mapping(), Mapping():
            return {key: _convert_like(start.get(key), each, f"{place}{pointer(key)}") for key, each in value.items()}
        case ((list() | tuple()), list()):
            first = start[0] if start else None
            return [
                _convert_like(start[at] if at < len(start) else first, each, f"{place}{pointer(at)}")
                for at, each in enumerate(value)
            ]
        case float(), int() if not isinstance(value, bool):
            return float(value)  # scripts write 42.0 as 42
        case ((Mapping() | list() | tuple()), str()):
            raise _Unlike(place, "Enter valid JSON.")
    return value


def _split_message(error: msgspec.ValidationError) -> tuple[str, list[str]]:
    message, _, path = str(error).partition(" - at `$")
    return message, [name or index for name, index in _STEP.findall(path.removesuffix("`"))]


def _to_plain_words(message: str, value: Any) -> str:
    for pattern, say in _SAYINGS:
        if found := pattern.fullmatch(message):
            return say(found, value)
    return f"{message}."


def _without_zero(number: str) -> str:
    return number.removesuffix(".0")


def _length_fault(kind: str, bound: str, length: str, value: Any) -> str:
    limit = "At most" if bound == "<=" else "At least"
    unit = "character" if kind == "str" else "item"
    wanted = f"{limit} {length} {unit}{'' if length == '1' else 's'}."
    if not isinstance(value, (str, list, dict)):
        return wanted
    return f"{wanted} You entered {len(value)}."


_Saying = Callable[[re.Match[str], Any], str]
_SAYINGS: tuple[tuple[re.Pattern[str], _Saying], ...] = tuple(
    (re.compile(pattern, re.DOTALL), say)
    for pattern, say in (
        (
            r"Expected `(\w+)` of length (<=|>=) (\d+)",
            lambda found, value: _length_fault(found[1], found[2], found[3], value),
        ),
        (r"Expected `str` matching regex '(.*)'", lambda found, _: f"This must match {found[1]}"),
        (r"Expected `\w+` >= (\S+)", lambda found, _: f"Enter {_without_zero(found[1])} or more."),
        (r"Expected `\w+` <= (\S+)", lambda found, _: f"Enter {_without_zero(found[1])} or less."),
        (r"Expected `\w+` > (\S+)", lambda found, _: f"Enter more than {_without_zero(found[1])}."),
        (r"Expected `\w+` < (\S+)", lambda found, _: f"Enter less than {_without_zero(found[1])}."),
        (
            r"Expected `\w+` that's a multiple of (\S+)",
            lambda found, _: f"Enter a multiple of {_without_zero(found[1])}.",
        ),
        (r"Expected `(?:int|float)(?: \| null)?`, got .*", lambda *_: "Enter a number."),
        (r"Expected `str(?: \| null)?`, got .*", lambda *_: "Enter a text."),
        (r"Expected `bool(?: \| null)?`, got .*", lambda *_: "Enter true or false."),
        (r"Expected `(?:object|array)(?: \| null)?`, got `str`", lambda *_: "Enter valid JSON."),
        (r"Expected `datetime` with a timezone component", lambda *_: "Add a time zone, such as Z."),
        (r"Invalid RFC3339 encoded datetime", lambda *_: "Enter a date and time, such as 2026-11-20T14:32:00Z."),
        (r"Invalid RFC3339 encoded date", lambda *_: "Enter a date, such as 2026-11-20."),
        (r"Invalid RFC3339 encoded time", lambda *_: "Enter a time, such as 14:32:00."),
        (r"Invalid ISO8601 duration", lambda _, value: _duration_fault(value)),
    )
)


def _duration_fault(value: Any) -> str:
    try:
        read_duration(str(value))
    except ValueError as error:
        return str(error)
    return 'Write it as "PT30M".'
