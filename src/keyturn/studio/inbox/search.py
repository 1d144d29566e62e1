"""Searches as predicates: words, "phrases", `to:ada@example.test`, `-not`, in the syntax of Mailpit."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from keyturn.studio.inbox.captured_mail import CapturedMail
from keyturn.studio.inbox.decoding import Address

_TERM = re.compile(r'(?P<not>[-!]?)(?:(?P<field>[a-z-]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))', re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kmg]?)b?")
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_MOST_TERMS = 20
_LONGEST_SEARCH = 500

Match = Callable[[CapturedMail], bool]


def everything(_: CapturedMail) -> bool:
    return True


def unread(mail: CapturedMail) -> bool:
    return not mail.read


def with_id(*mail_ids: str) -> Match:
    return lambda mail: mail.id in mail_ids


def all_of(*matches: Match) -> Match:
    return lambda mail: all(match(mail) for match in matches)


_FLAGS: Mapping[str, Match] = {
    "is:read": lambda mail: mail.read,
    "is:unread": unread,
    "is:tagged": lambda mail: bool(mail.tags),
    "has:attachment": lambda mail: mail.attachments > 0,
    "has:attachments": lambda mail: mail.attachments > 0,
}
_TEXTS: Mapping[str, Callable[[CapturedMail], str]] = {
    "subject": lambda mail: mail.subject,
    "message-id": lambda mail: mail.message_id,
    "from": lambda mail: str(mail.sender),
    "to": lambda mail: _names(mail.to),
    "cc": lambda mail: _names(mail.cc),
    "bcc": lambda mail: _names(mail.bcc),
    "reply-to": lambda mail: _names(mail.reply_to),
    "addressed": lambda mail: _names((mail.sender, *mail.to, *mail.cc, *mail.bcc, *mail.reply_to)),
}
_FIELDS_WITH_VALUES = {
    "is": "read, unread or tagged",
    "has": "attachment",
    "larger": "a size, such as 200k",
    "smaller": "a size, such as 2m",
    "after": "a day, such as 2026-11-20",
    "before": "a day, such as 2026-11-20",
}


class SearchInvalid(ValueError):
    """A search uses an unknown field or value."""


def search_for(search: str, *, is_exact: bool = False) -> Match:
    """Return whether a mail has all terms; terms beyond the twentieth are ignored.

    An unreadable term is searched as words, as while the user types. If the search `is_exact`, as for a program or
    before a deletion, such a term raises SearchInvalid: without it, a misspelt word would match all mails.
    """
    terms = islice(_TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", "")), _MOST_TERMS)
    matches = [_of_term(term, is_exact=is_exact) for term in terms]
    return all_of(*matches) if matches else everything


def match_for(query: str = "", to: str = "", subject: str = "", tag: str = "", since: datetime | None = None) -> Match:
    """Return the predicate of a program; `everything` itself for an empty query. Raises SearchInvalid.

    `to`: a whole address. `subject`: a part of the subject. `tag`: a whole tag. `since`: UTC without a zone.
    """
    matches = [search_for(query, is_exact=True)] if query.strip() else []
    if to:
        matches.append(lambda mail: to.lower() in (each.lower() for each in mail.recipients))
    if subject:
        matches.append(_part_of("subject", subject))
    if tag:
        matches.append(_with_tag(tag))
    if since:
        after = since.replace(tzinfo=since.tzinfo or UTC)
        matches.append(lambda mail: mail.at > after)
    return all_of(*matches) if matches else everything


def _of_term(term: re.Match[str], *, is_exact: bool) -> Match:
    field = (term["field"] or "").lower()
    value = term["quoted"] if term["quoted"] is not None else term["word"]
    match = _of_field(field, value) if field else _with_words(value)
    if match is None and is_exact:
        _require_words(term, field)
    if match is None:  # no known field: "https://..." is a word, too
        match = _with_words(f"{field}:{value}")
    wanted = match
    return (lambda mail: not wanted(mail)) if term["not"] else wanted


def _require_words(term: re.Match[str], field: str) -> None:
    """Raise SearchInvalid for a term that cannot be words: a known field, or a negated unknown one."""
    if field in _FIELDS_WITH_VALUES:
        raise SearchInvalid(f'"{term[0]}" is not allowed: write {field}: with {_FIELDS_WITH_VALUES[field]}')
    if term["not"]:
        raise SearchInvalid(f'"{term[0]}" names no field; put words with a colon into ""')


def _of_field(field: str, value: str) -> Match | None:
    """Return the predicate of a field; None for an unknown field, or for a value that it does not take."""
    if field in _TEXTS:
        return _part_of(field, value)
    match field:
        case "tag":
            return _with_tag(value)
        case "larger" | "smaller" if size := _SIZE.fullmatch(value.lower()):
            octets = float(size[1]) * _UNITS[size[2]]
            return lambda mail: mail.size > octets if field == "larger" else mail.size < octets
        case "after" | "before":
            try:
                day = datetime.fromisoformat(value)
            except ValueError:
                return None
            moment = day.replace(tzinfo=day.tzinfo or UTC)
            return lambda mail: mail.at >= moment if field == "after" else mail.at < moment
    return _FLAGS.get(f"{field}:{value.lower()}")


def _with_words(text: str) -> Match:
    wanted = " ".join(text.casefold().split())
    return lambda mail: wanted in mail.words


def _part_of(field: str, text: str) -> Match:
    wanted, read = text.casefold(), _TEXTS[field]
    return lambda mail: wanted in read(mail).casefold()


def _with_tag(name: str) -> Match:
    return lambda mail: name.lower() in (tag.lower() for tag in mail.tags)


def _names(people: tuple[Address, ...]) -> str:
    return " ".join(map(str, people))
