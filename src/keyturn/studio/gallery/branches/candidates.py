"""Values that may take a branch, the likely ones first, and how to put them into a sample.

Candidates are the constants of the decision, then other values of the type.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import MAXYEAR, date, time, timedelta
from enum import Enum
from itertools import cycle, islice
from typing import Any

import msgspec
from msgspec import Struct, inspect

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.branches.conditions import Path
from keyturn.studio.gallery.branches.points import Outcome
from keyturn.studio.gallery.samples.shapes import Shape, alternatives, first_that_fits, parts_of, plain_data, shape_of
from keyturn.studio.gallery.variables.guessed_values import NOW


class Absent(Enum):
    """The value at a path that leads nowhere. As a new value it removes the old one."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class Refused(Exception):
    """A change is impossible, or its type forbids it."""


def value_at(values: Any, path: Path) -> Any:
    """Return the value at a path, or ABSENT."""
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
    """Return the part of a path that is data: of `date.year`, the date."""
    for nth in range(1, len(path)):
        at = value_at(values, path[:nth])
        fields = at.__struct_fields__ if isinstance(at, msgspec.Struct) else None
        if not (at is ABSENT or at is None or isinstance(at, Mapping | list | tuple) or path[nth] in (fields or ())):
            return path[:nth]
    return path


def with_value(values: Any, path: Path, value: Any) -> Any:
    """Return the data with another value at a path. Raises Refused if the path leads nowhere."""
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
    """Return the types that the props allow at a path; an empty tuple for an unknown path."""
    shapes: tuple[Shape, ...] = (inspect.type_info(props),)
    for step in path:
        shapes = tuple(one for shape in shapes for inner in _step_into(shape, step) for one in alternatives(inner))
    return shapes


def fit(values: Mapping[str, Any], props: type[EmailProps] | None) -> Mapping[str, Any]:
    """Convert the values to the types of the props. Raises Refused."""
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


_MOST = 14
"""The number of values to try for one part of the data."""

_LONGEST_LIST = 40
_LONGEST_TEXT = 400
_DEEPEST = 6
_TEXTS = ("Text", "https://www.example.com/", "someone@example.com", "2026-11-20", "#14614b", "")


class Known(Struct, frozen=True):
    """What is known of a part of the data.

    `value`: its current value. `guessed`: its guessed value. Both may be ABSENT. `shapes`: its declared types, if any.
    `constants`: the constants that templates compare it with.
    """

    value: Any
    guessed: Any = ABSENT
    shapes: tuple[Shape, ...] = ()
    constants: tuple[Any, ...] = ()


def candidates(known: Known, outcome: Outcome) -> list[Any]:
    """Return candidates that differ from the current value."""
    shapes = known.shapes or tuple(_shapes_of(known))
    found = [value for shape in shapes for value in _of_shape(shape, known)]
    if not known.shapes:
        found += [*known.constants, None, ABSENT]
    unlike = [value for value in found if not _is_same(value, known.value)]
    return list(islice(_each_once(sorted(unlike, key=lambda value: _rank(value, known, outcome))), _MOST))


def _shapes_of(known: Known) -> Iterator[Shape]:
    for one in (known.value, known.guessed):
        if one is not ABSENT and one is not None:
            yield shape_of(one)
            return
    yield inspect.AnyType()


def _rank(value: Any, known: Known, outcome: Outcome) -> int:
    """Rank a value by how likely it takes the branch; lower is likelier."""
    if value is ABSENT:
        return 9
    size = len(value) if isinstance(value, list | tuple) else None
    if outcome in ("none", "one", "several"):
        wanted = {"none": size == 0, "one": size == 1, "several": (size or 0) > 1}[outcome]
        return 0 if wanted else 5 if size is None else 3
    texts = [one for one in known.constants if isinstance(one, str) and one]
    if outcome == "yes":
        return 0 if value in known.constants and value else 1 if value else 4
    if texts:  # another text is likelier than none
        return 2 if value in texts or not value else 0
    return 1 if value else 0


def _of_shape(shape: Shape, known: Known) -> Iterator[Any]:  # noqa: C901, PLR0912 - a case for each type
    match shape:
        case inspect.BoolType():
            yield from (True, False)
        case inspect.NoneType():
            yield None
        case inspect.LiteralType():
            yield from shape.values
        case inspect.EnumType():
            yield from shape.cls
        case inspect.IntType() | inspect.FloatType():
            yield from _numbers(shape, known)
        case inspect.StrType():
            yield from _texts(shape, known)
        case inspect.DateTimeType() | inspect.DateType() | inspect.TimeType() | inspect.TimeDeltaType():
            yield from _moments(shape, known)
        case inspect.ListType() | inspect.VarTupleType():
            yield from _lists(shape, known)
        case inspect.AnyType():
            yield from (*known.constants, *_if_there(known.guessed), True, "Text", 1, False, 0, "", [])
        case inspect.DictType():
            yield from (*_if_there(known.guessed), {})
        case _:
            yield from _if_there(known.guessed)
            if (made := _made(shape, 0)) is not ABSENT:
                yield made
            if isinstance(shape, inspect.TypedDictType) and not known.shapes:
                yield {}


def _numbers(shape: inspect.IntType | inspect.FloatType, known: Known) -> Iterator[float]:
    numbers = [one for one in known.constants if isinstance(one, int | float) and not isinstance(one, bool)]
    for number in numbers:
        yield from (number, number + 1, number - 1)
    bounds = (shape.ge, shape.le, shape.gt, shape.lt)
    inside = (bound + step for bound, step in zip(bounds, (0, 0, 1, -1), strict=True) if bound is not None)
    yield from (0, *inside, 1, 2, 5, 1000, -1)


def _texts(shape: inspect.StrType, known: Known) -> Iterator[str]:
    texts = [one for one in known.constants if isinstance(one, str)]
    yield from texts
    yield from (one for one in (known.guessed, known.value) if isinstance(one, str))
    other = first_that_fits((text for text in _TEXTS if text not in texts), shape)
    yield from _if_there(ABSENT if other is None else other)
    for text in texts:
        yield from (f"{text} text", f"text {text}")
    for count in _counts(known, _LONGEST_TEXT):
        yield "x" * count
    yield ""


def _moments(shape: Shape, known: Known) -> Iterator[Any]:
    now: Any = known.value if isinstance(known.value, date | time | timedelta) else None
    if isinstance(shape, inspect.TimeDeltaType):
        yield from (timedelta(minutes=30), timedelta(hours=2), timedelta(days=2), timedelta(0))
    elif isinstance(shape, inspect.TimeType):
        yield from (time(8, 30), time(20, 30), time(0))
    else:
        start = now or (NOW if isinstance(shape, inspect.DateTimeType) else NOW.date())
        years = [one for one in known.constants if isinstance(one, int) and 1 < one <= MAXYEAR]
        yield from (start.replace(month=1, day=1, year=year) for year in years)
        yield from (start + timedelta(days=days) for days in (1, -1, 30, -30, 400, -400))


def _lists(shape: inspect.ListType | inspect.VarTupleType, known: Known) -> Iterator[Any]:
    """Yield lists of several lengths, of known entries or else of made-up ones."""
    kind = tuple if isinstance(shape, inspect.VarTupleType) else list
    entries: Sequence[Any] = ()
    for one in (known.value, known.guessed):
        if isinstance(one, list | tuple) and not entries:
            entries = one
    if not entries and (made := _made(shape.item_type, 0)) is not ABSENT:
        entries = [made]
    yield kind()
    for count in (1, 2, 3, *_counts(known, _LONGEST_LIST)):
        if entries and count:
            yield kind(islice(cycle(entries), count))


def _counts(known: Known, most: int) -> Iterator[int]:
    for one in known.constants:
        if isinstance(one, int) and not isinstance(one, bool) and 0 <= one < most:
            yield from (one, one + 1)


def _made(shape: Shape, depth: int) -> Any:
    if depth > _DEEPEST:
        return ABSENT
    match shape:
        case inspect.Metadata():
            return _made(shape.type, depth)
        case inspect.UnionType():
            found = (_made(one, depth) for one in shape.types if not isinstance(one, inspect.NoneType))
            return next((one for one in found if one is not ABSENT), ABSENT)
        case inspect.AnyType():
            return "Text"
        case inspect.StructType() | inspect.TypedDictType() | inspect.DataclassType():
            return _made_of_parts(shape, depth)
        case inspect.ListType() | inspect.VarTupleType():
            return ()
    return next(_of_shape(shape, Known(ABSENT)), ABSENT)


def _made_of_parts(shape: Shape, depth: int) -> Any:
    parts: Mapping[str, Any] = {field.name: _made(field.type, depth + 1) for field in parts_of(shape) if field.required}
    if ABSENT in parts.values():
        return ABSENT
    return getattr(shape, "cls", dict)(**parts)


def _if_there(value: Any) -> tuple[Any, ...]:
    return () if value is ABSENT else (value,)


def _each_once(values: Sequence[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    for value in values:
        if not any(_is_same(value, other) for other in seen):
            seen.append(value)
            yield value


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
