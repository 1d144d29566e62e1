"""Well-known mail services, by the typed address alone: their inboxes, and which one a mistake may
mean.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

_SHORTEST = len("gmail.com")
"""Characters of a domain that a typing mistake may be meant for: too much is near a shorter one."""


class MailService(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str
    domains: tuple[str, ...]


class MailServices(msgspec.Struct, frozen=True, kw_only=True):
    """Every service that is known. `others`: domains near one of them that are no mistake."""

    services: tuple[MailService, ...]
    others: tuple[str, ...]


@cache
def known_services() -> MailServices:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), MailServices)


def inbox_of(email: str) -> MailService | None:
    """Return the service at which the user of that address reads mail, if it is known."""
    return _by_domain().get(email.rpartition("@")[2].lower())


def meant_by(email: str) -> str:
    """Return the address that may have been meant: its domain is a keystroke away from a known one.
    Otherwise "".
    """
    local, at, domain = email.rpartition("@")
    domain = domain.lower()
    if not at or domain in _by_domain() or domain in known_services().others:
        return ""
    near = (one for one in _by_domain() if len(one) >= _SHORTEST and is_keystroke_away(domain, one))
    return next((f"{local}{at}{one}" for one in near), "")


def is_keystroke_away(typed: str, meant: str) -> bool:
    """Tell whether one character is missing, superfluous or another one, or two neighbours are
    swapped.
    """
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = next(
        (at for at, (one, other) in enumerate(zip(typed, meant, strict=False)) if one != other),
        None,
    )
    if start is None:
        return len(typed) != len(meant)
    left, right = typed[start:], meant[start:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] in (right, right[1:]) or left == right[1:]


@cache
def _by_domain() -> Mapping[str, MailService]:
    return {domain: service for service in known_services().services for domain in service.domains}
