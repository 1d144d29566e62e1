"""The form of a template's data: a field for each value, with what its type says of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import NODEFAULT, inspect

from keyturn.emails.gallery.samples.plain_data import plain_data
from keyturn.emails.gallery.samples.shapes import Fields, Shape, alternatives, description_of, parts_of
from keyturn.emails.studio.data.controls import Kind, choices, control_for, to_control_text, zone_of
from keyturn.emails.studio.data.edits import Values, edit_between, pointer

ABSENT: Any = object()
"""The value of a field that is not there at all, as a key of a mapping may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value that can be edited.

    `place` is its JSON Pointer, `value` what it holds as JSON, `shown` the text of its control. A moment's `zone` has
    no place in that. `options` are the values of a choice. `parts` are the fields of a group, or the items of a list,
    of which there are to be `least` to `most`. A field that is not `always` there may be `unset`, which makes it None,
    or takes it away where it is `droppable`.

    `reset` is the edit without this field; None where it was not edited, or is a part of another one.
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
    parts: "tuple[Field, ...]" = ()
    least: int = 0
    most: int | None = None
    always: bool = True
    droppable: bool = False
    unset: bool = False
    fault: str = ""
    reset: str | None = None

    @property
    def id(self) -> str:
        """What labels and messages refer to: without spaces (HTML 3.2.6)."""
        return "field" + "".join(one if one.isalnum() or one in "-_/" else f".{ord(one):x}." for one in self.place)


@dataclass(frozen=True, slots=True)
class Form:
    """Makes the fields of a template's data. `start` is as it was before it was edited; `faults` are by place."""

    fields: Fields
    start: Values
    values: Values
    faults: Mapping[str, str]

    def __iter__(self) -> Iterator[Field]:
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
    ) -> Field:
        nullable = any(isinstance(one, inspect.NoneType) for one in alternatives(field.type))
        if value is ABSENT and not droppable:
            value = _default(field)
        there = None if value is ABSENT else value
        kind, attributes = control_for(field.type, there, None if start is ABSENT else start)
        if nullable or droppable:
            attributes = {name: each for name, each in attributes.items() if name != "required"}
        least, most = _lengths(field.type)
        return Field(
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

    def _parts(self, place: str, kind: Kind, shape: Shape, value: Any, start: Any) -> Iterator[Field]:
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
        """Return what is wrong here; what is wrong within belongs to the fields within, where there are any."""
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
