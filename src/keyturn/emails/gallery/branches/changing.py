"""One part of some data, found, described and replaced by its path."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from keyturn.emails.gallery.branches.reads import Path
from keyturn.emails.gallery.samples.plain_data import plain_data
from keyturn.emails.gallery.samples.shapes import Shape, alternatives, parts_of
from keyturn.mail.rendering.render import EmailProps


class Absent(Enum):
    """What is at a path that leads to nothing. As a new value it takes away what is there."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Refused(Exception):
    """A change cannot be made, or the type does not allow it."""


def value_at(values: Any, path: Path) -> Any:
    """Return what is at a path, ABSENT where nothing is."""
    for nth, step in enumerate(path):
        match values, step:
            case Mapping(), int():  # an entry of a loop: its first value, or the pair
                if not values:
                    return ABSENT
                values = next(iter(values.items())) if path[nth + 1 :] else next(iter(values.values()))
            case Mapping(), _ if step in values:
                values = values[step]
            case ((list() | tuple()), int()) if step < len(values):
                values = values[step]
            case msgspec.Struct(), str() if step in values.__struct_fields__:
                values = getattr(values, step)
            case _:
                return ABSENT
    return values


def changeable(values: Any, path: Path) -> Path:
    """Return the part of a path that data hold: the year of a date is not theirs, and the date is."""
    for nth in range(1, len(path)):
        at = value_at(values, path[:nth])
        fields = at.__struct_fields__ if isinstance(at, msgspec.Struct) else None
        if not (at is ABSENT or at is None or isinstance(at, Mapping | list | tuple) or path[nth] in (fields or ())):
            return path[:nth]
    return path


def with_value(values: Any, path: Path, value: Any) -> Any:
    """Return the data with another value at a path. Raises Refused where the path leads nowhere."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    match values, step:
        case Mapping(), int():
            if not values or rest[:1] == (0,):
                raise Refused
            return _in_mapping(values, next(iter(values)), rest[1:], value)
        case Mapping(), _:
            return _in_mapping(values, step, rest, value)
        case ((list() | tuple()), int()) if step < len(values):
            return type(values)(with_value(one, rest, value) if nth == step else one for nth, one in enumerate(values))
        case msgspec.Struct(), str() if step in values.__struct_fields__ and (rest or value is not ABSENT):
            return msgspec.structs.replace(values, **{step: with_value(getattr(values, step), rest, value)})
        case ((Absent() | None), str()) if value is not ABSENT:
            return {step: with_value(ABSENT, rest, value)}
    raise Refused


def shapes_at(props: type[EmailProps], path: Path) -> tuple[Shape, ...]:
    """Return what a value may be there, by the typed props; nothing where they do not know the path."""
    shapes: tuple[Shape, ...] = (inspect.type_info(props),)
    for step in path:
        shapes = tuple(one for shape in shapes for inner in _step_into(shape, step) for one in alternatives(inner))
    return shapes


def fit(values: Mapping[str, Any], props: type[EmailProps] | None) -> Mapping[str, Any]:
    """Return the values as the props have them. Raises Refused where these do not allow them."""
    if props is None:
        return values
    try:
        return msgspec.structs.asdict(msgspec.convert(plain_data(values), props))
    except (msgspec.ValidationError, TypeError) as error:
        raise Refused from error


def _in_mapping(values: Mapping[Any, Any], key: Any, rest: Path, value: Any) -> dict[Any, Any]:
    changed = dict(values)
    if value is ABSENT and not rest:
        changed.pop(key, None)
    else:
        changed[key] = with_value(values.get(key, ABSENT), rest, value)
    return changed


def _step_into(shape: Shape, step: str | int) -> tuple[Shape, ...]:
    match shape, step:
        case inspect.TupleType(), int() if step < len(shape.item_types):
            return (shape.item_types[step],)
        case ((inspect.ListType() | inspect.VarTupleType() | inspect.SetType()), int()):
            return (shape.item_type,)
        case inspect.DictType(), _:
            return (shape.value_type,)
    return tuple(field.type for field in parts_of(shape) if field.name == step)
