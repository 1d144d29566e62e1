"""Samples that stress a mail: the texts of a good sample made very long, right to left, or HTML."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.samples import Sample
from keyturn.studio.gallery.samples.shapes import plain_data

PREFIX = "hostile: "  # the start of the names of made samples
_SHORTEST = 160  # characters of a text that is made very long
_LONG = (
    "Donaudampfschifffahrtsgesellschaftskapitänswitwe, who was christened Wilhelmina "
    "Charlotte Featherstonehaugh"
)
_RIGHT_TO_LEFT = (
    "مريم عبد الرحمن، نص حكيم له سر قاطع وذو شأن عظيم (2026) مكتوب على ثوب أخضر ومغلف بجلد أزرق"
)
_TEXT = re.compile(r"[A-Z][a-z]|.*[^\W\d_] \S|.*[^\x00-\x7f]", re.DOTALL)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@]+@\S+")


def hostile_samples(sample: Sample, props: type[EmailProps] | None) -> tuple[Sample, ...]:
    """Return a sample for each kind of `NAMES`. The props accept its values."""
    made = []
    for name, texts in _HOSTILE.items():
        values = _with_texts(sample.values, props, texts)
        made.append(Sample(PREFIX + name, values, sample.kind, sample.file))
    return tuple(made)


def _very_long(text: str) -> Iterator[str]:
    longest = max(_SHORTEST, 4 * len(text))
    repeats = longest // len(_LONG) + 1
    long = " ".join([text, *[_LONG] * repeats])
    for length in range(longest, len(text), -1):
        yield long[:length].rstrip()


def _right_to_left(text: str) -> Iterator[str]:
    count = len(text.split())
    words = _RIGHT_TO_LEFT.split()
    words *= count // len(words) + 1
    for most in range(max(2, count), 0, -1):
        yield " ".join(words[:most])


def _html(text: str) -> Iterator[str]:
    yield f'<b>{text}</b> & "Co" <script>alert(1)</script> {{{{ 7 * 7 }}}}'
    yield f'<i>{text}</i> & "Co"'
    yield "<b>"
    yield "<"


_Texts = Callable[[str], Iterator[str]]  # yields replacements of a text, the preferred ones first
_HOSTILE: Mapping[str, _Texts] = {
    "very long": _very_long,
    "right to left": _right_to_left,
    "HTML": _html,
}

NAMES = tuple(PREFIX + name for name in _HOSTILE)


def _with_texts(
    values: Mapping[str, Any], props: type[EmailProps] | None, texts: _Texts
) -> Mapping[str, Any]:
    """Return the values with each text replaced by the first one that the props, if there are some,
    accept.
    """
    made = plain_data(values, () if props else (date, datetime, time))
    if not _fits(made, props):  # types that only the app can make
        return values
    for place in _places_of_texts(made):
        for text in _replacements(place.text, texts):
            place.put(text)
            if _fits(made, props):
                break
        else:
            place.put(place.text)
    return msgspec.structs.asdict(msgspec.convert(made, props)) if props else made


def _replacements(text: str, texts: _Texts) -> Iterator[str]:
    if _LINK.fullmatch(text):
        yield _with_query(text, texts)
    else:
        yield from texts(text)


def _fits(values: Mapping[str, Any], props: type[EmailProps] | None) -> bool:
    if props is None:
        return True
    try:
        msgspec.convert(values, props)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


class _Place(NamedTuple):
    """A place in values that holds a text: `holder[key]`."""

    holder: Any
    key: Any
    text: str

    def put(self, text: str) -> None:
        self.holder[self.key] = text


def _places_of_texts(holder: dict[str, Any] | list[Any]) -> Iterator[_Place]:
    # As a list, since the caller replaces the values meanwhile.
    entries = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
    for key, value in entries:
        if isinstance(value, dict | list):
            yield from _places_of_texts(value)
        elif isinstance(value, str) and _is_replaced(value):
            yield _Place(holder, key, value)


def _is_replaced(text: str) -> bool:
    """Tell whether it is a link, or a text for readers: no id, address of a mailbox or colour."""
    if _LINK.fullmatch(text):
        return True
    return bool(_TEXT.match(text)) and not _ADDRESS.match(text)


def _with_query(link: str, texts: _Texts) -> str:
    start, hash_sign, fragment = link.partition("#")
    separator = "&" if "?" in start else "?"
    value = quote(next(texts("a")), safe="")
    return f"{start}{separator}next={value}{hash_sign}{fragment}"
