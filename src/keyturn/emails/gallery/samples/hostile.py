"""Samples that try a mail: each string of a good one made very long, right to left, full of emoji, HTML, or empty.

What takes a string's place is of its kind and fits its type: a link stays a link that works, with the hostile part in
its query; an address stays an address; what a program reads, such as a colour, stays as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from urllib.parse import quote

from keyturn.emails.gallery.samples.kinds import kind_of
from keyturn.emails.gallery.samples.sample import Sample
from keyturn.emails.gallery.samples.shapes import fields_of
from keyturn.emails.gallery.samples.strings import with_strings
from keyturn.mail.rendering.render import EmailProps

PREFIX = "hostile: "
"""What the names of these samples begin with, and of no other: a sample that is written has no colon in its name."""

_LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwe, who was christened Wilhelmina Charlotte Featherstonehaugh"
_RIGHT_TO_LEFT = "مريم عبد الرحمن، نص حكيم له سر قاطع وذو شأن عظيم (2026) مكتوب على ثوب أخضر ومغلف بجلد أزرق"
_EMOJI = ("👩🏽‍🚀", "🏳️‍🌈", "🎉", "👨‍👩‍👧‍👦", "🇯🇵", "✅")
_LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1

_At = Callable[[str, int | None], Iterator[str]]


def hostile_samples(sample: Sample, props: type[EmailProps] | None) -> tuple[Sample, ...]:
    """Return five samples made from `sample`, which `props` still accept."""
    fields = fields_of(sample.values, props)
    return tuple(
        Sample(PREFIX + name, with_strings(sample.values, fields, replacement), sample.kind, sample.origin)
        for name, replacement in _HOSTILE.items()
    )


def _very_long(text: str, longest: int | None) -> Iterator[str]:
    match kind_of(text):
        case "link":
            yield _with_query(text, "a-very-long-word-without-a-break-" * 8)
        case "address":
            local, _, host = text.partition("@")
            far = f"upper-harbour-valley-community-college.{host}"
            yield f"{local}.{'of-the-upper-harbour-valley-and-the-lower'}"[:_LONGEST_LOCAL_PART] + f"@{far}"
            yield f"{local}@{far}"
        case "text":
            wanted = min(longest or 10_000, max(160, 4 * len(text)))
            yield " ".join([text, *([_LONG] * (wanted // len(_LONG) + 1))])[:wanted].rstrip()


def _right_to_left(text: str, longest: int | None) -> Iterator[str]:
    match kind_of(text):
        case "link":
            yield _with_query(text, "شأن عظيم")
        case "address":  # RFC 6531 allows UTF-8 before the @
            yield f"مريم@{text.partition('@')[2]}"
        case "text":
            yield from _shortened_words(_words_for(text), longest)


def _emoji(text: str, longest: int | None) -> Iterator[str]:
    match kind_of(text):
        case "link":
            yield _with_query(text, "".join(_EMOJI[:3]))
        case "address":
            yield f"🎉{text}"
        case "text":
            signs = cycle(_EMOJI)
            words = [next(signs), *(part for word in text.split() for part in (word, next(signs)))]
            yield from _shortened_words(words, longest)


def _html(text: str, longest: int | None) -> Iterator[str]:  # noqa: ARG001 - as called
    match kind_of(text):
        case "link":  # &copy and &lt without a semicolon are characters to HTML
            yield _with_query(text, "<b>\"'", "&copy=1&lt=2")
        case "address":  # RFC 5322, 3.2.3: what may stand before the @ without quotes
            local, _, host = text.partition("@")
            yield f"o'{local}&{{{{7*7}}}}@{host}"
        case "text":
            yield from (
                f'<b>{text}</b> & "Co" <script>alert(1)</script> {{{{ 7 * 7 }}}}',
                f'<b>{text}</b> & "Co" &amp; {{{{ 7 * 7 }}}}',
                f'<i>{text}</i> & "Co"',
                "<b>&amp;</b>",
                "<b>",
                "<",
            )


def _empty(text: str, longest: int | None) -> Iterator[str]:  # noqa: ARG001 - as called
    if kind_of(text) == "text":
        yield ""


_HOSTILE: Mapping[str, _At] = {
    "very long": _very_long,
    "right to left": _right_to_left,
    "emoji": _emoji,
    "HTML": _html,
    "empty": _empty,
}


NAMES = tuple(PREFIX + name for name in _HOSTILE)


def _with_query(link: str, value: str, more: str = "") -> str:
    """Return the link with one more parameter in its query, before its fragment."""
    start, hash_sign, fragment = link.partition("#")
    name = "subject" if re.match("mailto:", link, re.IGNORECASE) else "next"
    return f"{start}{'&' if '?' in start else '?'}{name}={quote(value, safe='')}{more}{hash_sign}{fragment}"


def _words_for(text: str) -> list[str]:
    words = cycle(_RIGHT_TO_LEFT.split())
    return [next(words) for _ in range(max(2, len(text.split())))]


def _shortened_words(words: list[str], longest: int | None) -> Iterator[str]:
    """Yield all of the words, then fewer: a cut between code points would break an emoji."""
    for count in range(len(words), 0, -1):
        text = " ".join(words[:count])
        if longest is None or len(text) <= longest:
            yield text
