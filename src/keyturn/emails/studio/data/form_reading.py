"""What a browser sends of a form, read back into values. What nobody touched stays exactly as it was."""

import json
import re
from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

from msgspec import inspect

from keyturn.emails.gallery.samples.durations import in_iso, read_duration
from keyturn.emails.gallery.samples.shapes import Shape, alternatives, parts_of
from keyturn.emails.studio.data.controls import choices
from keyturn.emails.studio.data.edits import Values, add_item, remove_item
from keyturn.emails.studio.data.form import ABSENT, Field, Form

_WHOLE = re.compile(r"[+-]?\d+")
_TO_THE_MINUTE = re.compile(r"(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d")
_NEVER_EMPTY = ("number", "moment", "day", "clock", "span", "choice")


class SubmittedForm:
    """What a browser sent of a form, by the names of its fields. Line breaks arrive as CR LF (HTML 4.10.22.4)."""

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
    """Return the values as they were sent, with an item added or removed where a button asked for that."""
    fields = list(form)
    values = _read_group(tuple(fields), sent)
    for place in sent.texts("remove"):
        remove_item(values, place)
    for place in sent.texts("add"):
        if many := _find_field(fields, place):
            add_item(values, place, _next_item(many))
    return values


def _read_group(fields: tuple[Field, ...], sent: SubmittedForm) -> Values:
    read = ((field.name, _read_value(field, sent)) for field in fields)
    return {name: value for name, value in read if value is not ABSENT}


def _read_value(field: Field, sent: SubmittedForm) -> Any:
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


def _parse_text(field: Field, text: str) -> Any:
    """Return the value that a text stands for; the text itself where it stands for none, which is a fault then."""
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


def _find_field(fields: Iterable[Field], place: str) -> Field | None:
    for field in fields:
        if field.place == place:
            return field
        if place.startswith(f"{field.place}/"):
            return _find_field(field.parts, place)
    return None


def _next_item(many: Field) -> Any:
    """Return one more item: like the last, which is most plausible."""
    if many.value:
        return many.value[-1]
    item = next((one.item_type for one in alternatives(many.shape) if hasattr(one, "item_type")), inspect.AnyType())
    return blank_value(item)


def blank_value(shape: Shape, *, optional: bool = True) -> Any:
    """Return the simplest value of a type, as JSON has it; None where that is allowed and `optional`."""
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
