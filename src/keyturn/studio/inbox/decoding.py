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
    """A mailbox with the name of its owner, which may be empty."""

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
    charset, _, _ = (label or "").partition("*")
    encoding = webencodings.lookup(charset)
    likely = [webencodings.UTF8]
    if encoding and _is_ascii(label):
        likely.append(encoding)
    elif encoding:
        likely.insert(0, encoding)
    for one in likely:
        with contextlib.suppress(ValueError):
            return _decode(content, one, "strict")
    return _decode(content, encoding or "windows-1252", "replace")


def _decode(content: bytes, encoding: webencodings.Encoding | str, errors: str) -> str:
    text, _ = webencodings.decode(content, encoding, errors)
    return str(text)


def _is_ascii(label: str | None) -> bool:
    try:
        return codecs.lookup(label or "").name == "ascii"
    except (LookupError, ValueError):
        return False


_WORD = r"=\?[^?]*\?[qb]\?.*?\?="
_ENCODED_WORDS = re.compile(rf"{_WORD}(?:\s*{_WORD})*", re.IGNORECASE)


def decode_words(value: str) -> str:
    """Return a header in one line, with its encoded words decoded (RFC 2047)."""
    value = utf8(unfold(value))
    if "=?" not in value or len(value) > _LONGEST_HEADER:
        return value
    decoded = _ENCODED_WORDS.sub(_decode_run, value)
    return _CONTROLS.sub(" ", decoded).strip()  # an encoded line break is no new line (RFC 2047, 5)


def _decode_run(words: re.Match[str]) -> str:
    """Return encoded words that follow each other, without the blanks between them, as a text;
    malformed ones as they are.
    """
    # Python's decoder gets no other text, in which it would take "\u" for an escape, or fail.
    try:
        parts = decode_header(words[0])
    except (MessageError, ValueError):
        return words[0]
    return "".join(decode_text(part, charset) for part, charset in parts)


def parameter(params: list[tuple[str, Any]], name: str) -> str:
    """Return a parameter of a header.

    Its extended form (RFC 2231) goes before its plain one (RFC 6266, 4.3).
    """
    value: str | tuple[str, str, str] = ""
    for key, written in params:
        if key.lower() == name:
            value = written
    if isinstance(value, str):
        return decode_words(value)
    charset, _, text = value
    encoding = "latin-1" if charset else "utf-8"
    return decode_text(text.encode(encoding, "replace"), charset)


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


def _token_of(quoted: str, comment: str) -> re.Pattern[str]:
    return re.compile(f"{quoted}|{comment}|{_OTHERS}", re.DOTALL)


_TOKEN = {
    (True, True): _token_of(_QUOTED, _COMMENT),
    (True, False): _token_of(_QUOTED, _NEVER),
    (False, True): _token_of(_NEVER, _COMMENT),
    (False, False): _token_of(_NEVER, _NEVER),
}
"""The tokens of a list of addresses, by whether a quoted text and a comment may still be closed."""

_UNCLOSED_COMMENT = re.compile(r"\((?:\\.|[^()\\])*+\Z", re.DOTALL)
_GROUP = re.compile(r"\A[^@\[\"]*:")
_QUOTED_PAIR = re.compile(r"\\(.)")


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
            address = _address(tokens)
            if address:
                found.append(address)
            tokens = []
    return tuple(found[:_LONGEST_ADDRESS_LIST])


def _tokens_of(header: str) -> Iterator[re.Match[str]]:
    """Yield the tokens of a list of addresses. The time grows with the length alone.

    Where a quoted text or a comment is not closed up to the end, no later one is: the search for
    the end of each would take time that grows with the square of the length (CWE-1333).
    """
    at = 0
    quotes = True
    comments = True
    token = _TOKEN[quotes, comments].match(header, at)
    while token:
        if token[5] == '"':
            quotes = False
        if token[5] == "(" and comments:
            comments = _UNCLOSED_COMMENT.match(header, at) is None
        yield token
        at = token.end()
        token = _TOKEN[quotes, comments].match(header, at)


def _address(tokens: list[re.Match[str]]) -> Address | None:
    """Return the address of its tokens: that in angle brackets, after a name, or else a plain one
    with its name in a comment (RFC 5322, 3.4 and 4.4).
    """
    in_brackets: str | None = None
    comments = []
    plain = ""
    unquoted = ""
    for token in tokens:
        if token[3] is not None:
            in_brackets = token[3]
        elif token[2] is not None:
            comments.append(token[2])
        elif token[1] is not None:
            plain += token[0]
            unquoted += _QUOTED_PAIR.sub(r"\1", token[1])
        else:
            plain += token[0]
            unquoted += token[0]
    if in_brackets is None:
        address = _without_group(plain)
        name = " ".join(comments)
    else:
        address = in_brackets.strip()
        name = _without_group(unquoted)
    return Address(decode_words(name), address) if address else None


def _without_group(words: str) -> str:
    return _GROUP.sub("", words, count=1).strip()
