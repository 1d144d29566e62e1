"""Headers, addresses and texts of captured mails, as their readers see them.

Each function takes linear time.
"""

import codecs
import contextlib
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header
from typing import Any

import msgspec
import webencodings

_LONGEST_HEADER = 16_384
_LONGEST_ADDRESS_LIST = 500
_BREAKS = re.compile(r"[\r\n]+[ \t]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


class Address(msgspec.Struct, frozen=True, rename="pascal"):
    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


def decode_text(content: bytes, label: str | None) -> str:
    """Decode a text by the label of its charset, as the Encoding standard reads it; then as UTF-8
    or windows-1252.

    A text that is labelled as ASCII, which the standard takes for windows-1252, is UTF-8 if it can
    be.
    """
    # A language may follow behind "*" (RFC 2231, 5).
    encoding = webencodings.lookup((label or "").partition("*")[0])
    likely = [encoding, webencodings.UTF8] if encoding else [webencodings.UTF8]
    for one in reversed(likely) if _is_ascii(label) else likely:
        with contextlib.suppress(ValueError):
            return str(webencodings.decode(content, one, "strict")[0])
    return str(webencodings.decode(content, encoding or "windows-1252", "replace")[0])


def _is_ascii(label: str | None) -> bool:
    try:
        return codecs.lookup(label or "").name == "ascii"
    except (LookupError, ValueError):
        return False


def decode_words(value: str) -> str:
    """Return a header in one line, with its encoded words decoded (RFC 2047)."""
    value = utf8(unfold(value))
    if "=?" not in value or len(value) > _LONGEST_HEADER:
        return value
    try:
        parts = decode_header(value)
    except (MessageError, ValueError):
        return value
    decoded = "".join(
        part
        if isinstance(part, str)
        else decode_text(part, charset)
        if charset
        else part.decode("raw-unicode-escape")
        for part, charset in parts
    )
    return _CONTROLS.sub(" ", decoded).strip()  # an encoded line break is no new line (RFC 2047, 5)


def parameter(params: list[tuple[str, Any]], name: str) -> str:
    """Return a parameter of a header.

    Its extended form (RFC 2231) goes before its plain one (RFC 6266, 4.3).
    """
    value = next((value for key, value in reversed(params) if key.lower() == name), "")
    if isinstance(value, str):
        return decode_words(value)
    charset, _, text = value
    return decode_text(text.encode("latin-1" if charset else "utf-8", "replace"), charset)


def unfold(value: str) -> str:
    return _BREAKS.sub(" ", value).strip()


def utf8(value: str) -> str:
    """Decode the bytes of a header as UTF-8 (RFC 6532): the parser keeps bytes beyond ASCII as
    surrogates.
    """
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_QUOTED = r'"((?:\\.|[^"\\])*+)"'
_COMMENT = r"\(((?:\\.|[^()\\])*+)\)"
_OTHERS = r'<([^<>]*)>|([^",;<(]+)|(.)'
_NEVER = r"(?!)()"
_TOKEN = {
    (quotes, comments): re.compile(
        f"{_QUOTED if quotes else _NEVER}|{_COMMENT if comments else _NEVER}|{_OTHERS}", re.DOTALL
    )
    for quotes, comments in ((True, True), (True, False), (False, True), (False, False))
}
"""The tokens of a list of addresses, by whether a quoted text and a comment may still be closed."""

_UNCLOSED_COMMENT = re.compile(r"\((?:\\.|[^()\\])*+\Z", re.DOTALL)
_GROUP = re.compile(r"\A[^@\[\"]*:")


def addresses_of(header: str) -> tuple[Address, ...]:
    """Return the addresses of a header (RFC 5322, 3.4), also of a damaged one, where Python's
    parser has none.
    """
    found: list[Address] = []
    tokens: list[re.Match[str]] = []
    for token in _tokens_of(header[:_LONGEST_HEADER] + ","):
        if token[5] not in {",", ";"}:
            tokens.append(token)
        else:
            found += _address(tokens)
            tokens = []
    return tuple(found[:_LONGEST_ADDRESS_LIST])


def _tokens_of(header: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a list of addresses. The time grows with the length alone.

    Where a quoted text or a comment is not closed up to the end, no later one is: the search for
    the end of each would take time that grows with the square of the length (CWE-1333).
    """
    at = 0
    quotes = comments = True
    while token := _TOKEN[quotes, comments].match(header, at):
        if token[5] == '"':
            quotes = False
        if token[5] == "(" and comments:
            comments = _UNCLOSED_COMMENT.match(header, at) is None
        at = token.end()
        yield token


def _address(tokens: list[re.Match[str]]) -> list[Address]:
    in_brackets = next((token[3] for token in reversed(tokens) if token[3] is not None), None)
    comments = [token[2] for token in tokens if token[2] is not None]
    others = [token for token in tokens if token[2] is None and token[3] is None]
    if in_brackets is None:
        address = _GROUP.sub("", "".join(token[0] for token in others), count=1).strip()
        name = " ".join(comments)
    else:
        address = in_brackets.strip()
        words = "".join(
            token[0] if token[1] is None else re.sub(r"\\(.)", r"\1", token[1]) for token in others
        )
        name = _GROUP.sub("", words, count=1).strip()
    return [Address(decode_words(name), address)] if address else []
