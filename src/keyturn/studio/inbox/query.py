"""Searches as SQL conditions: words, "phrases", `to:ada@example.test`, `-not`, in the syntax of Mailpit.

A search matches the beginnings of words anywhere in a mail. From three letters on, it also matches any part of the
subject and the addresses.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

_TERM = re.compile(r'(?P<not>[-!]?)(?:(?P<field>[a-z-]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))', re.IGNORECASE)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_LARGEST = 2.0**62
"""Octets: what a column of SQLite can be compared with."""


_MOST_TERMS = 20
_LONGEST_SEARCH = 500
_TRIGRAM = 3
"""A shorter text is in no index of parts, so the column is read."""

_COLUMNS = {
    "subject": "subject",
    "from": "sender",
    "to": "recipients",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "reply_to",
    "message-id": "message_id",
}
_ADDRESSED = ("sender", "recipients", "cc", "bcc", "reply_to")
_FLAGS = {
    ("is", "read"): "read",
    ("is", "unread"): "NOT read",
    ("has", "attachment"): "attachments > 0",
    ("has", "attachments"): "attachments > 0",
    ("is", "tagged"): "number IN (SELECT number FROM tags)",
}


_FIELDS_WITH_VALUES = {
    "is": "read, unread or tagged",
    "has": "attachment",
    "larger": "a size, such as 200k",
    "smaller": "a size, such as 2m",
    "after": "a day, such as 2026-11-20",
    "before": "a day, such as 2026-11-20",
}

LOWEST = object()
"""Stands among the values for the lowest wanted number, from which an index is read."""


class Condition(NamedTuple):
    """A part of a WHERE clause, and its values, with `LOWEST` if it uses an index."""

    sql: str
    values: tuple[object, ...] = ()

    @property
    def asks_an_index(self) -> bool:
        return LOWEST in self.values

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(f"({self.sql}) AND ({other.sql})", self.values + other.values)


EVERYTHING = Condition("TRUE")
IN_FOLDER = Condition("in_folder")
UNREAD = Condition("NOT read")


class SearchInvalid(ValueError):
    """A search uses an unknown field or value."""


def search_condition(search: str, *, is_exact: bool = False) -> Condition:
    """Return the condition that all terms set together; terms beyond the twentieth are ignored.

    An unreadable term is searched as words, as while the user types. If the search `is_exact`, as for a program or
    before a deletion, such a term raises SearchInvalid: without it, a misspelt word would match all mails.
    """
    condition = EVERYTHING
    for _, term in zip(range(_MOST_TERMS), _TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", "")), strict=False):
        condition &= _of_term(term, is_exact=is_exact)
    return condition


def condition_for(
    query: str = "", to: str = "", subject: str = "", tag: str = "", since: datetime | None = None
) -> Condition:
    """Return the condition of a program; `EVERYTHING` itself for an empty query. `since`: UTC without a zone.

    Raises SearchInvalid.
    """
    condition = search_condition(query, is_exact=True)
    if to:
        condition &= sent_to(to)
    if subject:
        condition &= _part_of(subject, "subject")
    if tag:
        condition &= with_tag(tag)
    if since:
        condition &= Condition("arrived > ?", (since.replace(tzinfo=since.tzinfo or UTC).timestamp(),))
    return condition


def sent_to(email: str) -> Condition:
    return Condition("number IN (SELECT number FROM recipients WHERE email = ?)", (email,))


def with_tag(name: str) -> Condition:
    return Condition("number IN (SELECT number FROM tags WHERE tag = ?)", (name,))


def with_id(*mail_ids: str) -> Condition:
    """Match mails by their ids. Without ids, match no mail."""
    return Condition(f"id IN ({', '.join('?' * len(mail_ids))})", mail_ids)


def older_than(number: int) -> Condition:
    return Condition("number < ?", (number,))


def newer_than(number: int) -> Condition:
    return Condition("number > ?", (number,))


def _of_term(term: re.Match[str], *, is_exact: bool) -> Condition:
    field = (term["field"] or "").lower()
    value = term["quoted"] if term["quoted"] is not None else term["word"]
    condition = _of_field(field, value) if field else _of_words(value)
    if condition is None and is_exact:
        _require_words(term, field)
    if condition is None:  # no known field: "https://..." is a word, too
        condition = _of_words(f"{term['field']}:{value}")
    return Condition(f"NOT ({condition.sql})", condition.values) if term["not"] else condition


def _require_words(term: re.Match[str], field: str) -> None:
    """Raise SearchInvalid for a term that cannot be words: a known field, or a negated unknown one."""
    if field in _FIELDS_WITH_VALUES:
        raise SearchInvalid(f'"{term[0]}" is not allowed: write {field}: with {_FIELDS_WITH_VALUES[field]}')
    if term["not"]:
        raise SearchInvalid(f'"{term[0]}" names no field; put words with a colon into ""')


def _of_field(field: str, value: str) -> Condition | None:
    if field in _COLUMNS:
        return _part_of(value, _COLUMNS[field])
    if flag := _FLAGS.get((field, value.lower())):
        return Condition(flag)
    read = _READERS.get(field)
    return read(value) if read else None


def _of_words(text: str) -> Condition:
    """Match a text in the words of a mail, or in a part of its subject and its addresses."""
    if not any(letter.isalnum() for letter in text):
        return _part_of(text, "subject", *_ADDRESSED)
    words = _in_index("words", "words MATCH ?", f"{_quoted(text)} *")
    if len(text) < _TRIGRAM:
        return words
    condition = _part_of(text, "subject", *_ADDRESSED)
    return Condition(f"{condition.sql} OR {words.sql}", condition.values + words.values)


def _part_of(text: str, *columns: str) -> Condition:
    if len(text) >= _TRIGRAM:
        return _in_index("heads", "heads MATCH ?", f"{{{' '.join(columns)}}} : {_quoted(text)}")
    wanted = " OR ".join(f"instr(lower({column}), ?)" for column in columns)
    return _in_index("heads", f"({wanted})", *(text.lower(),) * len(columns))


def _in_index(index: str, wanted: str, *values: str) -> Condition:
    return Condition(f"number IN (SELECT rowid FROM {index} WHERE {wanted} AND rowid >= ?)", (*values, LOWEST))  # noqa: S608


def _quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def _of_size(sign: str, value: str) -> Condition | None:
    size = _SIZE.fullmatch(value)
    return size and Condition(f"size {sign} ?", (int(min(float(size[1]) * _UNITS[size[2].lower()], _LARGEST)),))


def _of_date(sign: str, value: str) -> Condition | None:
    try:
        moment = datetime.fromisoformat(value)
        return Condition(f"at {sign} ?", (moment.replace(tzinfo=moment.tzinfo or UTC).timestamp(),))
    except (ValueError, OverflowError):
        return None


_READERS: Mapping[str, Callable[[str], Condition | None]] = {
    "tag": with_tag,
    "addressed": lambda value: _part_of(value, *_ADDRESSED),
    "larger": partial(_of_size, ">"),
    "smaller": partial(_of_size, "<"),
    "after": partial(_of_date, ">="),
    "before": partial(_of_date, "<"),
}
