"""Values that people write: secrets, folders, files or URLs, and sentences about wrong ones."""

import difflib
import re
from collections.abc import Iterable
from typing import Any, get_args

import msgspec
from msgspec import inspect


class SecretStr(str):
    """A string that hides its value in a repr, a log and a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretStr('…')" if self else "SecretStr('')"


class Folder(str):
    """A path, relative to keyturn.toml if it is written there, in a variable to the working
    directory.
    """

    __slots__ = ()


class FileOrUrl(str):
    """The path of a file, relative like a Folder, or a URL with its scheme."""

    __slots__ = ()

    @property
    def is_url(self) -> bool:
        return "://" in self


def did_you_mean(
    name: str, known: Iterable[str], cutoff: float = 0.6, question: str = "; did you mean {}?"
) -> str:
    """Ask about the closest known name; return an empty text if none is close (`difflib`)."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return question.replace("{}", close[0]) if close else ""


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

_PATH = re.compile(r" - at `[^`]*`$")
_WRONG_TYPE = re.compile(r"Expected `([\w |]+)`, got `(\w+)`")
_WRONG_LENGTH = re.compile(r"Expected `str` of length (<=|>=) (\d+)")

_LONG_NUMBER = 100_000
"""From here on, the digits of a number are hard to count."""

_LONGEST_SHOWN = 60
"""Characters of a value that are shown: enough to recognise it."""


def mismatch(value: Any, wanted: Any) -> str:
    """Return the sentence: "must be a whole number from 10 to 16, not 'high'".

    A secret is not shown.
    """
    not_this = "" if SecretStr in (wanted, *get_args(wanted)) else f", not {shown(value)}"
    return f"must be {_words(inspect.type_info(wanted))}{not_this}"


def plain_message(message: str) -> str:
    """Return what msgspec says as a sentence, else as it is, without the value: in a request it may
    be a password.
    """
    shown = _PATH.sub("", message)
    if match := _WRONG_TYPE.fullmatch(shown):
        wanted = " or ".join(_TYPES.get(one.strip(), one.strip()) for one in match[1].split("|"))
        return f"must be {wanted}, not {_TYPES.get(match[2], match[2])}"
    if match := _WRONG_LENGTH.fullmatch(shown):
        characters = "character" if match[2] == "1" else "characters"
        return f"must have at {'most' if match[1] == '<=' else 'least'} {match[2]} {characters}"
    return "is not one of the allowed values" if shown.startswith("Invalid enum value ") else shown


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(extra_json_schema={"description": str(description)}):
            return description
        case (
            inspect.Metadata(type=inner) | inspect.UnionType(types=(inner, *_))
        ):  # a type, or nothing
            return _words(inner)
        case inspect.IntType() | inspect.FloatType():
            return _TYPES["int" if isinstance(kind, inspect.IntType) else "float"] + _bounds(
                kind.ge, kind.le, kind.gt
            )
        case inspect.BoolType():
            return "true or false"
        case inspect.VarTupleType(item_type=item):
            return f"a list in which each item is {_words(item)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values if value)}"
        case inspect.DictType():
            return "a table"
        case inspect.StructType(fields=fields):
            return (
                "a table with "
                f"{', '.join(f'{field.encode_name} ({_words(field.type)})' for field in fields)}"
            )
        case _:
            return "a text"


def _bounds(at_least: float | None, at_most: float | None, above: float | None) -> str:
    if above is not None:
        return f" above {_number(above)}"
    if at_least is not None and at_most is not None:
        return f" from {_number(at_least)} to {_number(at_most)}"
    return f" of at least {_number(at_least)}" if at_least is not None else ""


def _number(value: float) -> str:
    return f"{value:g}" if value < _LONG_NUMBER else f"{value:,}"


def not_this(value: str) -> str:
    """Return the end of a sentence about a value: ", not 'soon'".

    What is or may hold a secret is not shown.
    """
    return "" if isinstance(value, SecretStr) or "@" in value else f", not {shown(value)}"


def shown(value: Any) -> str:
    """Return a value as it was written, short enough for a line."""
    text = (
        msgspec.json.encode(value, enc_hook=str).decode()
        if isinstance(value, bool | dict | list)
        else repr(value)
    )
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
