"""Searches as predicates: words, "phrases", `to:ada@example.test`, `-not`, in the syntax of Mailpit."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from keyturn.studio.inbox.captured_mail import CapturedMail

_TERM = re.compile(r'(?P<not>[-!]?)(?:(?P<field>[a-z-]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))', re.IGNORECASE)
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


_TEXTS: Mapping[str, Callable[[CapturedMail], str]] = {
    "subject": lambda mail: mail.subject,
    "from": lambda mail: str(mail.sender),
    "to": lambda mail: " ".join(map(str, (*mail.to, *mail.cc, *mail.bcc))),
}


class SearchInvalid(ValueError):
    """A search excludes an unknown field."""


def search_for(search: str, *, is_exact: bool = False) -> Match:
    """Return whether a mail has all terms; terms beyond the twentieth are ignored.

    A term of an unknown field is searched as words. If the search `is_exact`, as for a program or before a deletion,
    it raises SearchInvalid if it is excluded: a misspelt field would match all mails.
    """
    terms = islice(_TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", "")), _MOST_TERMS)
    matches = [_of_term(term, is_exact=is_exact) for term in terms]
    return all_of(*matches) if matches else everything


def match_for(query: str = "", to: str = "", subject: str = "", since: datetime | None = None) -> Match:
    """Return the predicate of a program; `everything` itself for an empty query. Raises SearchInvalid.

    `to`: a whole address. `subject`: a part of the subject. `since`: UTC without a zone.
    """
    matches = [search_for(query, is_exact=True)] if query.strip() else []
    if to:
        matches.append(lambda mail: to.lower() in (each.lower() for each in mail.recipients))
    if subject:
        matches.append(_part_of("subject", subject))
    if since:
        after = since.replace(tzinfo=since.tzinfo or UTC)
        matches.append(lambda mail: mail.at > after)
    return all_of(*matches) if matches else everything


def _of_term(term: re.Match[str], *, is_exact: bool) -> Match:
    field = (term["field"] or "").lower()
    value = term["quoted"] if term["quoted"] is not None else term["word"]
    is_known = field in ("", *_TEXTS)
    if not is_known and is_exact and term["not"]:  # all mails lack such words
        raise SearchInvalid(f'"{term[0]}" names no field; put words with a colon into ""')
    words = f"{field}:{value}" if field else value  # "https://..." is a word, too
    wanted = _part_of(field, value) if field in _TEXTS else _with_words(words)
    return (lambda mail: not wanted(mail)) if term["not"] else wanted


def _with_words(text: str) -> Match:
    wanted = " ".join(text.casefold().split())
    return lambda mail: wanted in mail.words


def _part_of(field: str, text: str) -> Match:
    wanted, read = text.casefold(), _TEXTS[field]
    return lambda mail: wanted in read(mail).casefold()
