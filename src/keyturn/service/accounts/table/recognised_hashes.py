"""Recognises the format of an app's hashes from a few of them. Pure; results hold no part of a hash."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from keyturn.mail.port.finding import Finding
from keyturn.service.settings import HashingSettings

_BCRYPT = re.compile(r"(bcrypt\$|\{bcrypt\})?(\$2[aby]\$)(\d\d)\$[./A-Za-z0-9]{53}")
_PBKDF2 = re.compile(r"pbkdf2_sha256\$(\d{1,8})\$")
_OTHERS = (
    (re.compile(r"bcrypt_sha256\$|pbkdf2_sha(1|256)\$|argon2\$argon2|scrypt\$"), "Django", "django-pbkdf2"),
    (re.compile(r"(pbkdf2:sha(1|256|512)|scrypt):"), "Werkzeug", "werkzeug-scrypt"),
    (re.compile(r"\$argon2(id|i|d)\$"), "argon2", "argon2id"),
)
_NAMED = {"bcrypt$": "bcrypt$$2b$", "{bcrypt}": "{bcrypt}$2a$"}
"""Beginnings of bcrypt hashes with a name in front: Django's, Spring's."""

_READS = "Let your app verify bcrypt, too: Keyturn cannot write {} hashes, so new passwords get $2b$."
_NOT_WRITTEN = (
    (re.compile(r"\$wp\$2y\$|\$[PH]\$"), "WordPress or phpBB", "$2y$", ""),
    (re.compile(r"AQAAAA[A-Za-z0-9+/]{50,}={0,2}"), "ASP.NET Core Identity", "$2b$", _READS),
)
"""Formats known by their look: the app, the bcrypt prefix that a change writes, and what the app must do. WordPress 6.8
and phpBB read bcrypt by themselves (wp_check_password; phpbb/passwords)."""

_COSTS, _ITERATIONS = range(10, 17), range(600_000, 10_000_001)
"""Allowed values of hashing.cost and hashing.iterations: less is too weak (OWASP Password Storage), more too slow."""


class HashFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The format of the app's hashes, as the settings of `hashing` express it.

    `cost`, `iterations`: the values of most hashes, if Keyturn would write that; otherwise 0.
    `shown`: the format in words, with the app that uses it. `held`: the same without the app.
    `todo`: what the app must do, or "".
    """

    format: str = "bcrypt"
    prefix: str = "$2b$"
    cost: int = 0
    iterations: int = 0
    shown: str = ""
    held: str = ""
    todo: str = ""

    @property
    def settings(self) -> HashingSettings:
        known = {name: value for name in ("cost", "iterations") if (value := getattr(self, name))}
        return msgspec.convert({"format": self.format, "prefix": self.prefix, **known}, HashingSettings)


def is_known_hash(stored: str) -> bool:
    """Return whether it is a password's hash in one of the formats above."""
    return bool(_format(stored)[0]) or any(pattern.match(stored) for pattern, *_ in _NOT_WRITTEN)


def recognise_hashes(hashes: Sequence[str]) -> HashFormat:
    """Return the format of most of the hashes."""
    if not hashes:
        todo = "The table has no passwords yet: check that your app verifies bcrypt hashes that begin with $2b$."
        return HashFormat(shown="unknown format: no rows yet", todo=todo)
    (name, prefix), _ = Counter(_format(one) for one in hashes).most_common(1)[0]
    if name == "bcrypt":
        cost = _usual(hashes, _BCRYPT, 3, _COSTS)
        shown = f"bcrypt ({prefix})"
        return HashFormat(prefix=prefix, cost=cost, shown=shown, held=shown)
    if name == "Django":
        iterations = _usual(hashes, _PBKDF2, 1, _ITERATIONS)
        theirs = all(map(_PBKDF2.match, hashes))
        todo = "" if theirs else "Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default."
        shown = "Django (pbkdf2_sha256)"
        return HashFormat(format=prefix, iterations=iterations, shown=shown, held="Django hashes", todo=todo)
    if name:
        return HashFormat(format=prefix, shown=f"{name} ({prefix})", held=prefix)
    for pattern, whose, written, todo in _NOT_WRITTEN:
        if all(map(pattern.match, hashes)):
            shown, held = f"{whose}; new hashes are {written}", f"{whose} hashes"
            return HashFormat(prefix=written, shown=shown, held=held, todo=todo.format(whose))
    todo = "Let your app verify bcrypt: Keyturn does not know its present format, so new passwords get $2b$."
    return HashFormat(shown="unknown format", todo=todo)


def doubt_format(table: str, hashes: Sequence[str], settings: HashingSettings) -> list[Finding]:
    """Compare the format of most hashes with the one that `settings` write; nothing if it is the same or unknown."""
    found = recognise_hashes(hashes)
    if not found.held or _written(found.settings) == _written(settings):
        return []
    setting = "prefix" if {found.format, settings.format} == {"bcrypt"} else "format"
    message = f"the table {table} has {found.held}, but hashing.{setting} writes {_written(settings)}"
    meant = f'format = "{found.format}"'
    if found.format == "bcrypt":
        meant = (
            f'prefix = "{found.prefix}"' if setting == "prefix" else f'{meant} and hashing.prefix = "{found.prefix}"'
        )
    mend = f"Set hashing.{meant}, or let your app verify both. Otherwise users cannot sign in with a new password."
    return [Finding("accounts", "warn", f"{message}, which your app may not read", mend)]


def _written(settings: HashingSettings) -> str:
    """Return the format as one text, in which PHP's is bcrypt that begins with $2y$."""
    prefix = {"bcrypt": settings.prefix, "php": "$2y$"}.get(settings.format)
    return f"bcrypt ({prefix})" if prefix else settings.format


def _usual(hashes: Sequence[str], pattern: re.Pattern[str], group: int, allowed: range) -> int:
    """Return the most common number in the hashes; 0 if it is not allowed."""
    found = Counter(int(one[group]) for one in map(pattern.match, hashes) if one)
    usual = found.most_common(1)[0][0] if found else 0
    return usual if usual in allowed else 0


def _format(stored: str) -> tuple[str, str]:
    """Return the format's name, and bcrypt's prefix or its name in hashing.format."""
    if found := _BCRYPT.fullmatch(stored):
        return "bcrypt", _NAMED.get(found[1], found[2])
    return next(((name, written) for pattern, name, written in _OTHERS if pattern.match(stored)), ("", ""))
