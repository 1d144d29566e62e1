"""Every string of some values, however deep, replaced by another one that its type accepts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from keyturn.emails.gallery.samples.shapes import Fields, Shape, alternatives, first_that_fits, parts_of, shape_of

Replacement = Callable[[str, int | None], Iterator[str]]
"""Given a string and how long another may be, yields others, the most wanted first."""


def with_strings(values: Mapping[str, Any], fields: Fields, replacement: Replacement) -> dict[str, Any]:
    """Return the values with each string replaced by the first that fits; it stays where none does.

    What is one of a few known words (Literal, an enumeration) and the keys of mappings stay.
    """
    shapes = {field.name: field.type for field in fields}
    unknown = inspect.AnyType()
    return {name: _replace(value, shapes.get(name, unknown), replacement) for name, value in values.items()}


def _replace(value: Any, shape: Shape, replacement: Replacement) -> Any:
    for one in alternatives(shape):
        match value, one:
            case str(), inspect.StrType():
                text = first_that_fits(replacement(value, one.max_length), one)
                return value if text is None else text
            case ((list() | tuple()), (inspect.ListType() | inspect.VarTupleType())):
                return type(value)(_replace(each, one.item_type, replacement) for each in value)
            case Mapping(), inspect.DictType():
                return {key: _replace(each, one.value_type, replacement) for key, each in value.items()}
            case Mapping(), inspect.TypedDictType():
                return with_strings(value, parts_of(one), replacement)
            case msgspec.Struct(), inspect.StructType() if isinstance(value, one.cls):
                return msgspec.structs.replace(
                    value, **with_strings(msgspec.structs.asdict(value), parts_of(one), replacement)
                )
            case ((str() | list() | tuple() | Mapping()), inspect.AnyType()) if (told := shape_of(value)) != one:
                return _replace(value, told, replacement)
    return value
