"""Well-known mail services: the addresses of their inboxes, and corrections of mistyped domains.

Only the typed address decides, so an answer never depends on an account. The other reader of typed
addresses is in `frontend/keyturn/making.js`; both read `mail_services.toml`.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

_SHORTEST = len("gmail.com")
"""Characters of a domain that is suggested: too many other domains resemble a shorter one."""


class MailService(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    domains: tuple[str, ...]


class MailServices(msgspec.Struct, frozen=True, kw_only=True):
    """The known services.

    `others`: domains that resemble one of theirs and are not mistyped.
    """

    services: tuple[MailService, ...]
    others: tuple[str, ...]


@cache
def known_services() -> MailServices:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), MailServices)


def inbox_of(email: str) -> MailService | None:
    """Return the service at which the owner of that address reads mail, if it is known."""
    return _by_domain().get(email.rpartition("@")[2].lower())


def meant_by(email: str) -> str:
    """Return the address that the user probably meant, or "".

    Its known domain is one keystroke away from the typed one.
    """
    local, at, domain = email.rpartition("@")
    domain = domain.lower()
    if not at or domain in _by_domain() or domain in known_services().others:
        return ""
    for known in _by_domain():
        if len(known) >= _SHORTEST and is_keystroke_away(domain, known):
            return f"{local}@{known}"
    return ""


def is_keystroke_away(typed: str, meant: str) -> bool:
    """Tell whether `typed` has one mistake.

    A character is missing, added or replaced, or two neighbours are swapped.
    """
    if typed == meant:
        return False
    same = 0  # characters at the start
    while typed[same : same + 1] == meant[same : same + 1]:
        same += 1
    typed_rest = typed[same:]
    meant_rest = meant[same:]
    is_missing = typed_rest == meant_rest[1:]
    is_added = typed_rest[1:] == meant_rest
    is_replaced = typed_rest[1:] == meant_rest[1:]
    is_swapped = typed_rest == meant_rest[1:2] + meant_rest[:1] + meant_rest[2:]
    return is_missing or is_added or is_replaced or is_swapped


@cache
def _by_domain() -> Mapping[str, MailService]:
    by_domain = {}
    for service in known_services().services:
        for domain in service.domains:
            by_domain[domain] = service
    return by_domain
