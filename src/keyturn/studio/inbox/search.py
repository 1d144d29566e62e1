"""Searches as predicates: words, "phrases", `to:ada@example.test`, in the syntax of Mailpit."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from keyturn.studio.inbox.captured_mail import CapturedMail

Match = Callable[[CapturedMail], bool]

_TEXTS: Mapping[str, Callable[[CapturedMail], str]] = {
    "subject": lambda mail: mail.subject,
    "from": lambda mail: str(mail.sender),
    "to": lambda mail: " ".join(map(str, (*mail.to, *mail.cc, *mail.bcc))),
}
_TERM = re.compile(rf'(?:(?P<field>(?a:{"|".join(_TEXTS)})):)?(?:"(?P<quoted>[^"]*)"?|(?P<word>\S+))', re.IGNORECASE)
_MOST_TERMS = 20
_LONGEST_SEARCH = 500


def everything(_: CapturedMail) -> bool:
    return True


def unread(mail: CapturedMail) -> bool:
    return not mail.read


def with_id(*mail_ids: str) -> Match:
    return lambda mail: mail.id in mail_ids


def all_of(*matches: Match) -> Match:
    """Return whether a mail matches all; `everything` itself for none."""
    return (lambda mail: all(match(mail) for match in matches)) if matches else everything


def search_for(search: str) -> Match:
    """Return whether a mail has all terms; terms beyond the twentieth are ignored. Unknown fields are words."""
    return all_of(*map(_of_term, islice(_TERM.finditer(search[:_LONGEST_SEARCH].replace("\0", "")), _MOST_TERMS)))


def match_for(query: str = "", to: str = "", subject: str = "", since: datetime | None = None) -> Match:
    """Return the predicate of a program; `everything` itself for an empty query. `since`: UTC without a zone."""
    matches = [search_for(query)] if query.strip() else []
    if to:
        matches.append(lambda mail: to.lower() in (each.lower() for each in mail.recipients))
    if subject:
        matches.append(_part_of("subject", subject))
    if since:
        after = since.replace(tzinfo=since.tzinfo or UTC)
        matches.append(lambda mail: mail.at > after)
    return all_of(*matches)


def _of_term(term: re.Match[str]) -> Match:
    value = term["word"] if term["quoted"] is None else term["quoted"]
    if term["field"]:
        return _part_of(term["field"].lower(), value)
    wanted = " ".join(value.casefold().split())
    return lambda mail: wanted in mail.words


def _part_of(field: str, text: str) -> Match:
    wanted, read = text.casefold(), _TEXTS[field]
    return lambda mail: wanted in read(mail).casefold()
