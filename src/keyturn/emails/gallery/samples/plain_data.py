"""Values as plain data, which JSON, TOML and YAML have words for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from keyturn.emails.gallery.samples.durations import in_iso
from keyturn.emails.gallery.samples.shapes import Fields, Shape, alternatives, parts_of


def plain_data(values: Mapping[str, Any], natively: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return values as JSON has them, but those of the types `natively`; what it has no word for is what it prints as.

    Dates and durations are strings in ISO 8601.
    """
    built = msgspec.to_builtins(dict(values), builtin_types=(timedelta, *natively), str_keys=True, enc_hook=str)
    return {name: _without_spans(value) for name, value in built.items()}


def without_defaults(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return plain data without what is None when it is not there: TOML has no word for None."""
    shapes = {field.encode_name: field for field in fields}
    return {
        name: _without_defaults_in(value, shapes[name].type) if name in shapes else value
        for name, value in values.items()
        if value is not None or name not in shapes or shapes[name].default is not None
    }


def _without_defaults_in(value: Any, shape: Shape) -> Any:
    for one in alternatives(shape):
        if isinstance(value, dict) and (fields := parts_of(one)):
            return without_defaults(value, fields)
        if isinstance(value, list) and (item := getattr(one, "item_type", None)) is not None:
            return [_without_defaults_in(each, item) for each in value]
    return value


def _without_spans(value: Any) -> Any:
    match value:
        case timedelta():
            return in_iso(value)
        case dict():
            return {key: _without_spans(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_spans(each) for each in value]
    return value
