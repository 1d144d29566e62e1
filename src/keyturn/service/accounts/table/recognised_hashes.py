"""Recognises the format of an app's hashes from a few of them. Pure; results hold no part of a hash."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from keyturn.mail.port.finding import Finding
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings

_BCRYPT = re.compile(r"((?:bcrypt\$|\{bcrypt\})?\$2[aby]\$)(\d\d)\$[./A-Za-z0-9]{53}")
_NAMED = (("bcrypt$", "django-bcrypt"), ("{bcrypt}", "spring-bcrypt"))
_PBKDF2 = re.compile(r"pbkdf2_sha256\$")
_OTHERS = (
    (re.compile(r"bcrypt_sha256\$|pbkdf2_sha(1|256)\$|argon2\$argon2|scrypt\$"), "Django", "django-pbkdf2"),
    (re.compile(r"(pbkdf2:sha(1|256|512)|scrypt):"), "Werkzeug", "werkzeug-scrypt"),
    (re.compile(r"\$argon2(id|i|d)\$"), "argon2", "argon2id"),
)
_READS = "Let your app verify bcrypt, too: Keyturn cannot write {} hashes, so new passwords get $2b$."
_NOT_WRITTEN = (
    (re.compile(r"\$wp\$2y\$|\$[PH]\$"), "WordPress or phpBB", "php", ""),
    (re.compile(r"AQAAAA[A-Za-z0-9+/]{50,}={0,2}"), "ASP.NET Core Identity", "bcrypt", _READS),
)
"""Formats known by their look: the app, the format that a change writes, and what the app must do. WordPress 6.8
and phpBB read bcrypt by themselves (wp_check_password; phpbb/passwords)."""

_COSTS = range(10, 17)
"""Allowed values of hashing.cost: less is too weak (OWASP Password Storage), more too slow."""


class HashFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The format of the app's hashes, as the settings of `hashing` express it.

    `cost`: that of most hashes, if Keyturn would write it; otherwise 0.
    `shown`: the format in words, with the app that uses it. `held`: the same without the app.
    `todo`: what the app must do, or "".
    """

    format: str = "bcrypt"
    cost: int = 0
    shown: str = ""
    held: str = ""
    todo: str = ""

    @property
    def settings(self) -> HashingSettings:
        return msgspec.convert({"format": self.format} | ({"cost": self.cost} if self.cost else {}), HashingSettings)


def is_known_hash(stored: str) -> bool:
    """Return whether it is a password's hash in one of the formats above."""
    return bool(_format(stored)[0]) or any(pattern.match(stored) for pattern, *_ in _NOT_WRITTEN)


def recognise_hashes(hashes: Sequence[str]) -> HashFormat:
    """Return the format of most of the hashes."""
    if not hashes:
        todo = "The table has no passwords yet: check that your app verifies bcrypt hashes that begin with $2b$."
        return HashFormat(shown="unknown format: no rows yet", todo=todo)
    (name, written), _ = Counter(_format(one) for one in hashes).most_common(1)[0]
    if name == "bcrypt":
        shown = f"bcrypt ({BCRYPT_PREFIXES[written]})"
        return HashFormat(format=written, cost=_usual_cost(hashes), shown=shown, held=shown)
    if name == "Django":
        theirs = all(map(_PBKDF2.match, hashes))
        todo = "" if theirs else "Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default."
        return HashFormat(format=written, shown="Django (pbkdf2_sha256)", held="Django hashes", todo=todo)
    if name:
        return HashFormat(format=written, shown=f"{name} ({written})", held=written)
    for pattern, whose, written, todo in _NOT_WRITTEN:
        if all(map(pattern.match, hashes)):
            shown, held = f"{whose}; new hashes are {BCRYPT_PREFIXES[written]}", f"{whose} hashes"
            return HashFormat(format=written, shown=shown, held=held, todo=todo.format(whose))
    todo = "Let your app verify bcrypt: Keyturn does not know its present format, so new passwords get $2b$."
    return HashFormat(shown="unknown format", todo=todo)


def doubt_format(table: str, hashes: Sequence[str], settings: HashingSettings) -> list[Finding]:
    """Compare the format of most hashes with the one that `settings` write; nothing if it is the same or unknown."""
    found = recognise_hashes(hashes)
    if not found.held or found.format == settings.format:
        return []
    prefix = BCRYPT_PREFIXES.get(settings.format)
    writes = f"bcrypt ({prefix})" if prefix else settings.format
    message = f"the table {table} has {found.held}, but hashing.format writes {writes}, which your app may not read"
    mend = (
        f'Set hashing.format = "{found.format}", or let your app verify both. Otherwise users cannot sign in with a new'
    )
    return [Finding("accounts", "warn", message, f"{mend} password.")]


def _usual_cost(hashes: Sequence[str]) -> int:
    """Return the most common cost of bcrypt; 0 if it is not allowed."""
    usual = Counter(int(one[2]) for one in map(_BCRYPT.match, hashes) if one).most_common(1)[0][0]
    return usual if usual in _COSTS else 0


def _format(stored: str) -> tuple[str, str]:
    """Return whose format it is, and its name in hashing.format."""
    if found := _BCRYPT.fullmatch(stored):
        plain = {prefix: written for written, prefix in BCRYPT_PREFIXES.items()}
        return "bcrypt", next((written for name, written in _NAMED if stored.startswith(name)), "") or plain[found[1]]
    return next(((name, written) for pattern, name, written in _OTHERS if pattern.match(stored)), ("", ""))
