"""Samples that stress a mail: all strings of a good sample made very long, right to left, or HTML.

A replacement has the kind and type of its string, since others would break any mail. A link still works, with the
hostile part in its query; an address stays an address; a colour and other code stays the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import inspect

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.samples.shapes import (
    Fields,
    Shape,
    alternatives,
    fields_of,
    first_that_fits,
    parts_of,
    shape_of,
)

PREFIX = "hostile: "
"""The start of their names. Written samples have no colon in their names."""

_LONGEST = 10_000
_LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwe, who was christened Wilhelmina Charlotte Featherstonehaugh"
_RIGHT_TO_LEFT = "مريم عبد الرحمن، نص حكيم له سر قاطع وذو شأن عظيم (2026) مكتوب على ثوب أخضر ومغلف بجلد أزرق"

Replacement = Callable[[str, int], Iterator[str]]
"""Yields replacements of a string, up to a maximum length, the preferred ones first."""


def hostile_samples(sample: Sample, props: type[EmailProps] | None) -> tuple[Sample, ...]:
    fields = fields_of(sample.values, props)
    return tuple(
        Sample(PREFIX + name, _with_strings(sample.values, fields, replacement), sample.kind, sample.origin)
        for name, replacement in _HOSTILE.items()
    )


def _very_long(text: str, longest: int) -> Iterator[str]:
    if _LINK.fullmatch(text):
        yield _with_query(text, "a-very-long-word-without-a-break-" * 8)
    elif _ADDRESS.fullmatch(text):
        yield text.replace("@", "@upper-harbour-valley-community-college.", 1)
    else:
        wanted = min(longest, max(160, 4 * len(text)))
        yield " ".join([text, *([_LONG] * (wanted // len(_LONG) + 1))])[:wanted].rstrip()


def _right_to_left(text: str, longest: int) -> Iterator[str]:
    if _LINK.fullmatch(text):
        yield _with_query(text, "شأن عظيم")
    elif _ADDRESS.fullmatch(text):  # RFC 6531 allows UTF-8 before the @
        yield f"مريم@{text.partition('@')[2]}"
    else:
        words = _RIGHT_TO_LEFT.split()
        words = [*islice(cycle(words), max(2, len(text.split())))]
        yield from (one for count in range(len(words), 0, -1) if len(one := " ".join(words[:count])) <= longest)


def _html(text: str, _: int) -> Iterator[str]:
    if _LINK.fullmatch(text):  # &copy and &lt without a semicolon are characters to HTML
        yield _with_query(text, "<b>\"'", "&copy=1&lt=2")
    elif _ADDRESS.fullmatch(text):  # RFC 5322, 3.2.3: what may stand before the @ without quotes
        yield text.replace("@", "&{{7*7}}@", 1)
    else:
        yield from (f'<b>{text}</b> & "Co" <script>alert(1)</script> {{{{ 7 * 7 }}}}', f'<i>{text}</i> & "Co"', "<b>")
        yield "<"


_HOSTILE: Mapping[str, Replacement] = {"very long": _very_long, "right to left": _right_to_left, "HTML": _html}

NAMES = tuple(PREFIX + name for name in _HOSTILE)


def _with_query(link: str, value: str, more: str = "") -> str:
    """Return the link with one more parameter in its query, before its fragment."""
    start, hash_sign, fragment = link.partition("#")
    name = "subject" if re.match("mailto:", link, re.IGNORECASE) else "next"
    return f"{start}{'&' if '?' in start else '?'}{name}={quote(value, safe='')}{more}{hash_sign}{fragment}"


_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>.]+")
_CODE = re.compile(
    r"""
      \#[0-9a-f]{3,8}                                       # a colour
    | [+-]?\d+(?:[.,:]\d+)*\s?(?:px|%|em|rem|pt)?           # a number, a size, a time
    | \d{4}-\d\d-\d\d(?:[t ][\d:.]+(?:z|[+-][\d:]+)?)?      # a date
    | -?p(?:t?\d+[a-z])+                                    # a duration
    | [a-z]{2}(?:[-_][a-z]{2})? | ltr | rtl                 # a language, a direction
    | (?:tel|cid|data|sms):\S+ | \.{0,2}/\S* | \S+\.(?:png|jpe?g|gif|svg|webp)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def _with_strings(values: Mapping[str, Any], fields: Fields, replacement: Replacement) -> dict[str, Any]:
    """Return the values with each string replaced by the first one that fits. Literals, enumerations and keys stay."""
    shapes = {field.name: field.type for field in fields}
    unknown = inspect.AnyType()
    return {name: _replace(value, shapes.get(name, unknown), replacement) for name, value in values.items()}


def _replace(value: Any, shape: Shape, replacement: Replacement) -> Any:
    for one in alternatives(shape):
        match value, one:
            case str(), inspect.StrType() if _LINK.fullmatch(value) or not _CODE.fullmatch(value):
                text = first_that_fits(replacement(value, one.max_length or _LONGEST), one)
                return value if text is None else text
            case ((list() | tuple()), (inspect.ListType() | inspect.VarTupleType())):
                return type(value)(_replace(each, one.item_type, replacement) for each in value)
            case Mapping(), inspect.DictType():
                return {key: _replace(each, one.value_type, replacement) for key, each in value.items()}
            case Mapping(), inspect.TypedDictType():
                return _with_strings(value, parts_of(one), replacement)
            case msgspec.Struct(), inspect.StructType() if isinstance(value, one.cls):
                return msgspec.structs.replace(
                    value, **_with_strings(msgspec.structs.asdict(value), parts_of(one), replacement)
                )
            case ((str() | list() | tuple() | Mapping()), inspect.AnyType()) if (told := shape_of(value)) != one:
                return _replace(value, told, replacement)
    return value
