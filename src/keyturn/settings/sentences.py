"""What a setting has to be, in a sentence that shows the value that it is not."""

from typing import Any

import msgspec
from msgspec import inspect

from keyturn.settings.texts import Secret

_LONGEST_SHOWN = 60
"""Characters of a value: enough to know it again."""


def mismatch(value: Any, wanted: Any) -> str:
    """Return the sentence: "must be a whole number from 10 to 16, not 'high'". A secret is not shown."""
    kind = inspect.type_info(wanted)
    return f"must be {_words(kind)}" + ("" if wanted is Secret else f", not {shown(value)}")


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.IntType():
            return "a whole number" + _bounds(kind.ge, kind.le, kind.gt)
        case inspect.FloatType():
            return "a number" + _bounds(kind.ge, kind.le, kind.gt)
        case inspect.BoolType():
            return "true or false"
        case inspect.VarTupleType(item_type=item):
            return f"a list, of which each is {_words(item)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values if value)}"
        case inspect.DictType():
            return "a table"
        case _:
            return "a text"


def _bounds(at_least: float | None, at_most: float | None, above: float | None) -> str:
    if above is not None:
        return f" above {above:g}"
    if at_least is not None and at_most is not None:
        return f" from {at_least:g} to {at_most:g}"
    return f" of {at_least:g} at least" if at_least is not None else ""


def not_this(value: str) -> str:
    """Return the end of a sentence about a value: ", not 'soon'". What is or may hold a secret is not shown."""
    return "" if isinstance(value, Secret) or "@" in value else f", not {shown(value)}"


def shown(value: Any) -> str:
    """Return a value as it was written, short enough for a line."""
    text = msgspec.json.encode(value, enc_hook=str).decode() if isinstance(value, bool | dict | list) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
