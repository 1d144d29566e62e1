"""Types for what people write (secrets, folders, files or URLs), and sentences about mistakes."""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec
from msgspec import inspect


class SecretStr(str):
    """A string that hides its value in a repr, a log and a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretStr('…')" if self else "SecretStr('')"


class Folder(str):
    """The path of a folder.

    In keyturn.toml it is relative to that file, in a variable to the working directory.
    """

    __slots__ = ()


class FileOrUrl(str):
    """The path of a file, relative like a `Folder`; or a URL with its scheme."""

    __slots__ = ()

    @property
    def is_url(self) -> bool:
        return "://" in self


def did_you_mean(
    name: str, known: Iterable[str], cutoff: float = 0.6, question: str = "; did you mean {}?"
) -> str:
    """Return a question about the closest known name; "" if none is close (`difflib`)."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    if not close:
        return ""
    return question.replace("{}", close[0])


_MOST_LISTED = 12


def listed(names: Sequence[str]) -> str:
    """Return the first twelve names, and how many more there are."""
    first = ", ".join(names[:_MOST_LISTED])
    more = len(names) - _MOST_LISTED
    return f"{first} and {more} more" if more > 0 else first


_TYPES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
"""Names for msgspec's JSON types."""

_PATH = re.compile(r" - at `([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `([\w |]+)`, got `(\w+)`")
_WRONG_LENGTH = re.compile(r"Expected `str` of length (<=|>=) (\d+)")

_LONG_NUMBER = 100_000
"""From here on, the digits of a number are hard to count."""

_LONGEST_SHOWN = 60
"""Characters of a value that are shown: enough to recognise it."""


def mismatch(value: Any, wanted: Any) -> str:
    """Return a sentence like "must be a whole number from 10 to 16, not 'high'".

    `wanted`: the type. The value of a secret is not shown.
    """
    sentence = f"must be {_words(inspect.type_info(wanted))}"
    if SecretStr in (wanted, *get_args(wanted)):
        return sentence
    return f"{sentence}, not {shown(value)}"


def explain_mismatch(message: str) -> tuple[str, str]:
    """Return the place and the sentence of a message of msgspec.

    "Expected `int`, got `str` - at `$.brand.radius`" becomes "brand.radius" and "must be a whole
    number, not a text". The place is "" if the whole value is wrong. For a missing field it is the
    field's own place. The value is left out: in a request it may be a password. Other messages stay
    as they are.
    """
    at = _PATH.search(message)
    place = at[1].removeprefix("$").removeprefix(".") if at else ""
    text = message[: at.start()] if at else message
    missing = _MISSING.fullmatch(text)
    if missing:
        return f"{place}.{missing[1]}".removeprefix("."), "missing"
    wrong_type = _WRONG_TYPE.fullmatch(text)
    if wrong_type:
        kinds = [kind.strip() for kind in wrong_type[1].split("|")]
        wanted = " or ".join(_TYPES.get(kind, kind) for kind in kinds)
        return place, f"must be {wanted}, not {_TYPES.get(wrong_type[2], wrong_type[2])}"
    wrong_length = _WRONG_LENGTH.fullmatch(text)
    if wrong_length:
        bound = "at most" if wrong_length[1] == "<=" else "at least"
        characters = "character" if wrong_length[2] == "1" else "characters"
        return place, f"must have {bound} {wrong_length[2]} {characters}"
    if text.startswith("Expected `str` matching regex "):
        return place, "does not have the expected form"
    if text.startswith("Invalid enum value "):
        return place, "is not one of the allowed values"
    return place, text


def _words(kind: inspect.Type) -> str:
    """Return a description of a type, for a sentence that begins with "must be"."""
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.UnionType(types=(inner, *_)):  # of a type and None
            return _words(inner)
        case inspect.IntType():
            return _TYPES["int"] + _bounds(kind.ge, kind.le, kind.gt)
        case inspect.FloatType():
            return _TYPES["float"] + _bounds(kind.ge, kind.le, kind.gt)
        case inspect.BoolType():
            return "true or false"
        case inspect.VarTupleType(item_type=item):
            return f"a list in which each item is {_words(item)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values if value)}"
        case inspect.DictType():
            return "a table"
        case inspect.StructType(fields=fields):
            named = [f"{field.encode_name} ({_words(field.type)})" for field in fields]
            return f"a table with {', '.join(named)}"
        case _:
            return "a text"


def _bounds(at_least: float | None, at_most: float | None, above: float | None) -> str:
    if above is not None:
        return f" above {_number(above)}"
    if at_least is not None and at_most is not None:
        return f" from {_number(at_least)} to {_number(at_most)}"
    if at_least is not None:
        return f" of at least {_number(at_least)}"
    return ""


def _number(value: float) -> str:
    return f"{value:g}" if value < _LONG_NUMBER else f"{value:,}"


def not_this(value: str) -> str:
    """Return the end of a sentence about a value: ", not 'soon'".

    Secrets are not shown, nor is text with an @, since a URL with a password has one.
    """
    if isinstance(value, SecretStr) or "@" in value:
        return ""
    return f", not {shown(value)}"


def shown(value: Any) -> str:
    """Return a value as it was written, short enough for a line."""
    if isinstance(value, bool | dict | list):
        text = msgspec.json.encode(value, enc_hook=str).decode()
    else:
        text = repr(value)
    if len(text) <= _LONGEST_SHOWN:
        return text
    return f"{text[:_LONGEST_SHOWN]}..."
