"""The form of a template's data: a field with a control for each value, and what a browser sends of it."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import Any, Literal, NamedTuple

from msgspec import NODEFAULT, Struct, inspect

from keyturn.studio.gallery.samples.shapes import (
    Fields,
    Shape,
    alternatives,
    description_of,
    in_iso,
    in_words,
    parts_of,
    plain_data,
    read_duration,
)
from keyturn.studio.web.data.edits import Values, add_item, edit_between, pointer, remove_item

Kind = Literal["line", "lines", "number", "flag", "moment", "day", "clock", "span", "choice", "group", "many", "json"]

_TO_THE_MILLISECOND = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?!\d)")
_LONG = 40
_ROOMY = 80

# Syntax that HTML's `pattern` (JavaScript with the flag v) reads as Python does (HTML 4.10.5.3.6).
_A_CLASS = re.compile(r"\[\^?(?:\w-\w|\w|[.+%@_ ]|\\[wdsWDS.-])+\]")
_PYTHON_ALONE = re.compile(r"\(\?(?![:=!])|\\[AZpPk]|[\[\]]")


class Control(NamedTuple):
    """The HTML control of a value, with the constraints of its type as attributes."""

    kind: Kind
    attributes: Mapping[str, str]


_JSON = Control("json", {})
_NUMBERS = (inspect.IntType, inspect.FloatType)
_MANY = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_GROUPS = (inspect.StructType, inspect.TypedDictType, inspect.DataclassType)


def control_for(shape: Shape, value: Any, start: Any) -> Control:
    """Return the control for a value. A value that does not fit its type gets a control for any text.

    `start`: the value before the edit. The control must not turn into another one while the reader types.
    """
    kinds = [one for one in alternatives(shape) if not isinstance(one, inspect.NoneType)]
    if not kinds or (len(kinds) > 1 and not all(isinstance(one, _NUMBERS) for one in kinds)):
        return _JSON
    match kinds[-1]:
        case inspect.StrType() as text:
            return _text(text, value, start)
        case inspect.IntType() | inspect.FloatType() as number:
            return Control("number", _limits(number, value))
        case inspect.BoolType() if value is None or isinstance(value, bool):
            return Control("flag", {})
        case inspect.EnumType() | inspect.LiteralType():
            return Control("choice", {})
        case one if isinstance(one, _MANY) and isinstance(value, list | None):
            return _JSON if isinstance(getattr(one, "item_type", None), inspect.AnyType) else Control("many", {})
        case one if isinstance(one, _GROUPS) and isinstance(value, dict | None):
            return _JSON if getattr(one, "array_like", False) else Control("group", {})
        case one:
            return _time(one, value)


def _time(shape: Shape, value: Any) -> Control:
    match shape:
        case inspect.DateTimeType():
            return Control("moment", {"step": "any"}) if not value or _moment(value) else Control("line", {})
        case inspect.DateType():
            return Control("day", {"required": ""})
        case inspect.TimeType():
            fits = not value or _TO_THE_MILLISECOND.match(str(value))
            return Control("clock", {"step": "any"}) if fits else Control("line", {})
        case inspect.TimeDeltaType():
            return Control("span", {"required": ""})
        case inspect.UUIDType() | inspect.DecimalType():
            return Control("line", {"required": ""})
    return _JSON


def choices(shape: Shape) -> list[Any]:
    for one in alternatives(shape):
        if isinstance(one, inspect.LiteralType):
            return [value for value in one.values if value is not None]
        if isinstance(one, inspect.EnumType):
            return [member.value for member in one.cls]
    return []


def to_control_text(kind: Kind, value: Any) -> str:
    match kind, value:
        case _, None:
            return ""
        case "moment", str():
            return _moment(value)
        case "clock", str():
            return value.removesuffix(zone_of(value))
        case "span", str():
            try:
                return in_words(read_duration(value))
            except ValueError:
                return value
        case "choice" | "json", _ if not isinstance(value, str) or kind == "choice":
            return json.dumps(value, ensure_ascii=False, indent=2 if kind == "json" else None)
        case _, str():
            return value
    return json.dumps(value, ensure_ascii=False)


def zone_of(value: Any) -> str:
    """Return the zone at the end of a moment, which its control cannot show: "Z", "+01:00" or an empty text."""
    found = re.search(r"(?:Z|[+-]\d\d:\d\d)$", str(value))
    return found[0] if found else ""


def _text(text: inspect.StrType, value: Any, start: Any) -> Control:
    attributes = {}
    if text.max_length is not None:
        attributes["maxlength"] = str(text.max_length)
    if text.min_length:
        attributes |= {"minlength": str(text.min_length), "required": ""}
    roomy = text.max_length is None or text.max_length > _ROOMY
    if "\n" in str(value or "") or (roomy and len(str(start or "")) > _LONG and not str(start).startswith("data:")):
        return Control("lines", attributes)
    if text.pattern and (pattern := _in_html(text.pattern)):
        attributes["pattern"] = pattern
    return Control("line", attributes)


def _in_html(pattern: str) -> str:
    """Return the pattern for a whole value, or an empty text if a browser would read it in another way."""
    if _PYTHON_ALONE.search(_A_CLASS.sub("", pattern)):
        return ""
    return rf"(?:.*(?:{pattern}).*)"


def _limits(number: inspect.IntType | inspect.FloatType, value: Any) -> dict[str, str]:
    """Return the limits. A value that is no number needs a control that shows it."""
    if isinstance(value, str) and value.strip():
        return {"type": "text", "inputmode": "decimal"}
    whole = isinstance(number, inspect.IntType)
    least = number.ge if number.ge is not None else number.gt + 1 if whole and number.gt is not None else number.gt
    if number.multiple_of and least is not None:  # the steps of HTML start at `min`
        least = math.ceil(least / number.multiple_of) * number.multiple_of
    most = number.le if number.le is not None else number.lt - 1 if whole and number.lt is not None else number.lt
    limits = {"min": least, "max": most, "step": number.multiple_of or (1 if whole else "any"), "required": ""}
    return {name: str(limit) for name, limit in limits.items() if limit is not None}


def _moment(value: Any) -> str:
    """Return a moment for datetime-local, to the millisecond. Empty if the value is no moment."""
    try:
        local = datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return ""
    exact = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
    return local.isoformat(timespec=exact)


ABSENT: Any = object()
"""The value of a missing field, such as an optional key of a mapping."""


class FormField(Struct, frozen=True, kw_only=True):
    """A value that can be edited.

    `place`: its JSON Pointer.
    `value`: its value as JSON.
    `shown`: the text of its control.
    `zone`: the zone of a moment, which its control cannot show.
    `options`: the values of a choice.
    `parts`: the fields of a group, or the items of a list, of which it may have `least` to `most`.
    `always`: the value cannot be unset. `unset`: it is unset: None, or removed if it is `droppable`.
    `reset`: the edit without this field. None if the field was not edited, or is a part of another field.
    """

    place: str
    name: str
    kind: Kind
    shape: Shape
    value: Any
    shown: str = ""
    zone: str = ""
    attributes: Mapping[str, str]
    says: str = ""
    options: tuple[tuple[str, str], ...] = ()
    parts: "tuple[FormField, ...]" = ()
    least: int = 0
    most: int | None = None
    always: bool = True
    droppable: bool = False
    unset: bool = False
    fault: str = ""
    reset: str | None = None

    @property
    def id(self) -> str:
        """The id for labels and messages, without spaces (HTML 3.2.6)."""
        return "field" + "".join(one if one.isalnum() or one in "-_/" else f".{ord(one):x}." for one in self.place)


class Form(Struct, frozen=True):
    """Makes the fields of a template's data. `start`: the data before the edit. `faults`: by place."""

    fields: Fields
    start: Values
    values: Values
    faults: Mapping[str, str]

    def __iter__(self) -> Iterator[FormField]:
        known = {field.name for field in self.fields}
        unknown = [inspect.Field(name, name, inspect.AnyType()) for name in self.values if name not in known]
        for field in (*self.fields, *unknown):
            start = self.start.get(field.name, ABSENT)
            yield self._field(
                pointer(field.name), field, self.values.get(field.name, ABSENT), start, self._reset(field)
            )

    def _reset(self, field: inspect.Field) -> str | None:
        without = {name: value for name, value in self.values.items() if name != field.name}
        if field.name in self.start:
            without[field.name] = self.start[field.name]
        edit = edit_between(self.start, without)
        return edit if edit != edit_between(self.start, self.values) else None

    def _field(
        self,
        place: str,
        field: inspect.Field,
        value: Any,
        start: Any,
        reset: str | None = None,
        *,
        droppable: bool = False,
    ) -> FormField:
        nullable = any(isinstance(one, inspect.NoneType) for one in alternatives(field.type))
        if value is ABSENT and not droppable:
            value = _default(field)
        there = None if value is ABSENT else value
        kind, attributes = control_for(field.type, there, None if start is ABSENT else start)
        if nullable or droppable:
            attributes = {name: each for name, each in attributes.items() if name != "required"}
        least, most = _lengths(field.type)
        return FormField(
            place=place,
            name=field.encode_name,
            kind=kind,
            shape=field.type,
            value=value,
            shown=to_control_text(kind, there),
            zone=(zone_of(there) or zone_of(start)) if kind in ("moment", "clock") else "",
            attributes=attributes,
            says=description_of(field.type),
            options=tuple((to_control_text("choice", one), str(one)) for one in choices(field.type)),
            parts=tuple(self._parts(place, kind, field.type, there, start)),
            least=least,
            most=most,
            always=not (nullable or droppable),
            droppable=droppable,
            unset=there is None and (nullable or droppable),
            fault=self._fault(place, kind),
            reset=reset,
        )

    def _parts(self, place: str, kind: Kind, shape: Shape, value: Any, start: Any) -> Iterator[FormField]:
        if value is None:
            return
        for one in alternatives(shape):
            if kind == "group" and (fields := parts_of(one)):
                for field in fields:
                    name = field.encode_name
                    was = start.get(name, ABSENT) if isinstance(start, dict) else ABSENT
                    droppable = isinstance(one, inspect.TypedDictType) and not field.required
                    yield self._field(
                        f"{place}{pointer(name)}", field, value.get(name, ABSENT), was, droppable=droppable
                    )
            elif kind == "many" and (item := getattr(one, "item_type", None)) is not None:
                for at, each in enumerate(value):
                    was = start[at] if isinstance(start, list) and at < len(start) else each
                    named = inspect.Field(str(at + 1), str(at + 1), item)
                    yield self._field(f"{place}{pointer(at)}", named, each, was)

    def _fault(self, place: str, kind: Kind) -> str:
        """Return the fault of this field. Faults within a group or list belong to the fields within."""
        if place in self.faults or kind in ("group", "many"):
            return self.faults.get(place, "")
        return next((says for where, says in self.faults.items() if where.startswith(f"{place}/")), "")


def _default(field: inspect.Field) -> Any:
    if field.default is not NODEFAULT:
        return plain_data({"": field.default})[""]
    return plain_data({"": field.default_factory()})[""] if field.default_factory is not NODEFAULT else ABSENT


def _lengths(shape: Shape) -> tuple[int, int | None]:
    many: Any = next((one for one in alternatives(shape) if hasattr(one, "item_type")), None)
    return (many.min_length or 0, many.max_length) if many else (0, None)


_WHOLE = re.compile(r"[+-]?\d+")
_TO_THE_MINUTE = re.compile(r"(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d")
_NEVER_EMPTY = ("number", "moment", "day", "clock", "span", "choice")


class SubmittedForm:
    """What a browser sent of a form, by the names of the fields. Line breaks arrive as CR LF (HTML 4.10.22.4)."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._all: dict[str, list[str]] = {}
        for name, text in pairs:
            self._all.setdefault(name, []).append(text.replace("\r\n", "\n"))

    def text(self, name: str) -> str | None:
        return self._all[name][-1] if name in self._all else None

    def texts(self, name: str) -> list[str]:
        return self._all.get(name, [])

    @property
    def has_fields(self) -> bool:
        return any(name.startswith("/") for name in self._all)


def read_values(form: Form, sent: SubmittedForm) -> Values:
    """Return the sent values, with an item added or removed if a button asked for it. Untouched values stay exact."""
    fields = list(form)
    values = _read_group(tuple(fields), sent)
    for place in sent.texts("remove"):
        remove_item(values, place)
    for place in sent.texts("add"):
        if many := _find_field(fields, place):
            add_item(values, place, _next_item(many))
    return values


def _read_group(fields: tuple[FormField, ...], sent: SubmittedForm) -> Values:
    read = ((field.name, _read_value(field, sent)) for field in fields)
    return {name: value for name, value in read if value is not ABSENT}


def _read_value(field: FormField, sent: SubmittedForm) -> Any:
    if field.place in sent.texts("unset"):
        return ABSENT if field.droppable else None
    if field.kind in ("group", "many") and field.unset:
        return blank_value(field.shape, optional=False)
    match field.kind:
        case "group":
            return _read_group(field.parts, sent)
        case "many":
            return [_read_value(item, sent) for item in field.parts]
        case "flag":
            return sent.text(field.place) is not None
    text = sent.text(field.place)
    if text is None or (text == field.shown and not field.unset):
        return field.value
    if not text and not field.always and field.kind in _NEVER_EMPTY:
        return ABSENT if field.droppable else None
    return _parse_text(field, text)


def _parse_text(field: FormField, text: str) -> Any:
    """Return the value of a text. A text that has no such value is returned itself, and becomes a fault."""
    match field.kind:
        case _ if not text:
            return text
        case "number":
            try:
                return int(text) if _WHOLE.fullmatch(text.strip()) else float(text)
            except ValueError:
                return text
        case "moment" | "clock":
            return f"{text}{':00' if _TO_THE_MINUTE.fullmatch(text) else ''}{field.zone}"
        case "span":
            try:
                return in_iso(read_duration(text))
            except ValueError:
                return text
        case "choice" | "json":
            try:
                return json.loads(text)
            except ValueError:
                return text
    return text


def _find_field(fields: Iterable[FormField], place: str) -> FormField | None:
    for field in fields:
        if field.place == place:
            return field
        if place.startswith(f"{field.place}/"):
            return _find_field(field.parts, place)
    return None


def _next_item(many: FormField) -> Any:
    """Return one more item: a copy of the last, which is most plausible."""
    if many.value:
        return many.value[-1]
    item = next((one.item_type for one in alternatives(many.shape) if hasattr(one, "item_type")), inspect.AnyType())
    return blank_value(item)


def blank_value(shape: Shape, *, optional: bool = True) -> Any:
    """Return the simplest value of a type, as JSON has it; None if that is allowed and `optional`."""
    kinds = alternatives(shape)
    if optional and any(isinstance(one, inspect.NoneType) for one in kinds):
        return None
    match next((one for one in kinds if not isinstance(one, inspect.NoneType)), inspect.AnyType()):
        case inspect.IntType() | inspect.FloatType() as number:
            return number.ge or (number.gt + 1 if number.gt is not None else None) or min(0, number.le or 0)
        case inspect.EnumType() | inspect.LiteralType():
            return choices(shape)[0]
        case inspect.StrType() as text:
            return "x" * (text.min_length or 0)
        case group if fields := parts_of(group):
            return {field.encode_name: blank_value(field.type) for field in fields if field.required}
        case one:
            return copy(next((value for kinds, value in _BLANKS.items() if isinstance(one, kinds)), ""))


_BLANKS: Mapping[tuple[type[Shape], ...], Any] = {
    (inspect.BoolType,): False,
    (inspect.DateTimeType,): "2026-11-20T14:32:00Z",
    (inspect.DateType,): "2026-11-20",
    (inspect.TimeType,): "14:32:00",
    (inspect.TimeDeltaType,): "PT30M",
    (inspect.DictType,): {},
    (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType): [],
}
