"""Samples that stress a mail: the texts of a good sample made very long, right to left, or HTML."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any
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
    made = {name: _with_texts(sample.values, props, texts) for name, texts in _HOSTILE.items()}
    return tuple(
        Sample(PREFIX + name, values, sample.kind, sample.file) for name, values in made.items()
    )


def _very_long(text: str) -> Iterator[str]:
    longest = max(_SHORTEST, 4 * len(text))
    long = " ".join([text, *[_LONG] * (longest // len(_LONG) + 1)])
    yield from (long[:length].rstrip() for length in range(longest, len(text), -1))


def _right_to_left(text: str) -> Iterator[str]:
    words = _RIGHT_TO_LEFT.split()
    words *= len(text.split()) // len(words) + 1
    yield from (" ".join(words[:count]) for count in range(max(2, len(text.split())), 0, -1))


def _html(text: str) -> Iterator[str]:
    yield from (
        f'<b>{text}</b> & "Co" <script>alert(1)</script> {{{{ 7 * 7 }}}}',
        f'<i>{text}</i> & "Co"',
        "<b>",
        "<",
    )


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
    if props and not _fits(made, props):  # types that only the app can make
        return values
    for holder, key in _places_of_texts(made):
        was = holder[key]
        for text in (_with_query(was, texts),) if _LINK.fullmatch(was) else texts(was):
            holder[key] = text
            if not props or _fits(made, props):
                break
        else:
            holder[key] = was
    return msgspec.structs.asdict(msgspec.convert(made, props)) if props else made


def _fits(values: Mapping[str, Any], props: type[EmailProps]) -> bool:
    try:
        msgspec.convert(values, props)
    except (msgspec.ValidationError, TypeError):
        return False
    return True


def _places_of_texts(holder: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in [*(holder.items() if isinstance(holder, dict) else enumerate(holder))]:
        if isinstance(value, dict | list):
            yield from _places_of_texts(value)
        elif isinstance(value, str) and (
            _LINK.fullmatch(value) or (_TEXT.match(value) and not _ADDRESS.match(value))
        ):
            yield holder, key


def _with_query(link: str, texts: _Texts) -> str:
    start, hash_sign, fragment = link.partition("#")
    separator = "&" if "?" in start else "?"
    value = quote(next(texts("a")), safe="")
    return f"{start}{separator}next={value}{hash_sign}{fragment}"
