"""Recognises the format of an app's hashes from a few of them. Pure; results hold no part of a hash."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from keyturn.mail.port.finding import Finding
from keyturn.service.reset.passwords.hash_formats import hash_parts
from keyturn.service.settings import HashingSettings

_APPS = (
    (("bcrypt_sha256$", "pbkdf2_", "argon2$", "scrypt$"), "Django (pbkdf2_sha256)", "Django hashes", "django-pbkdf2"),
    (("pbkdf2:", "scrypt:"), "Werkzeug (werkzeug-scrypt)", "werkzeug-scrypt", "werkzeug-scrypt"),
    (("$argon2",), "argon2 (argon2id)", "argon2id", "argon2id"),
)
"""Beginnings of hashes that are not bcrypt's, in words with the app and without it, and as in hashing.format."""

_PBKDF2 = "pbkdf2_sha256$"
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
    def written(self) -> dict[str, Any]:
        """The keys of `[hashing]` that write this format."""
        form = {"prefix": self.prefix} if self.format == "bcrypt" else {"format": self.format}
        return form | {name: value for name in ("cost", "iterations") if (value := getattr(self, name))}

    @property
    def settings(self) -> HashingSettings:
        return msgspec.convert(self.written, HashingSettings)


def is_known_hash(stored: str) -> bool:
    """Return whether it is a password's hash in a format that this module knows."""
    return bool(_form(stored).held)


def recognise_hashes(hashes: Sequence[str]) -> HashFormat:
    """Return the format of most of the hashes."""
    if not hashes:
        todo = "The table has no passwords yet: check that your app verifies bcrypt hashes that begin with $2b$."
        return HashFormat(shown="unknown format: no rows yet", todo=todo)
    form = Counter(map(_form, hashes)).most_common(1)[0][0]
    if form.held.startswith("bcrypt"):
        return replace(form, cost=_usual(hashes, "cost", _COSTS))
    if form.format == "django-pbkdf2":
        theirs = [one for one in hashes if one.startswith(_PBKDF2)]
        todo = "Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default."
        counts = _usual(theirs, "iterations", _ITERATIONS)
        return replace(form, iterations=counts, todo=todo if len(theirs) < len(hashes) else "")
    return form


def _form(stored: str) -> HashFormat:
    """Return the format of one hash, without its parameters."""
    if parts := hash_parts(stored):
        for starts, shown, held, written in _APPS:
            if stored.startswith(starts):
                return HashFormat(format=written, shown=shown, held=held)
        name, sign, version = stored[: parts.start("cost")].partition("$2")
        prefix = _NAMED.get(name, f"{sign}{version}")
        return HashFormat(prefix=prefix, shown=f"bcrypt ({prefix})", held=f"bcrypt ({prefix})")
    for pattern, whose, written, todo in _NOT_WRITTEN:
        if pattern.match(stored):
            shown, held = f"{whose}; new hashes are {written}", f"{whose} hashes"
            return HashFormat(prefix=written, shown=shown, held=held, todo=todo.format(whose))
    todo = "Let your app verify bcrypt: Keyturn does not know its present format, so new passwords get $2b$."
    return HashFormat(shown="unknown format", todo=todo)


def _usual(hashes: Sequence[str], part: str, allowed: range) -> int:
    """Return the most common number in this part of the hashes; 0 if it is not allowed."""
    counted = Counter(int(parts[part]) for parts in map(hash_parts, hashes) if parts and part in parts.groupdict())
    usual = counted.most_common(1)[0][0] if counted else 0
    return usual if usual in allowed else 0


def doubt_format(table: str, hashes: Sequence[str], settings: HashingSettings) -> list[Finding]:
    """Compare the format of most hashes with the one that `settings` write; nothing if it is the same or unknown."""
    used = recognise_hashes(hashes)
    if not used.held or _written(used.settings) == _written(settings):
        return []
    setting = "prefix" if {used.format, settings.format} == {"bcrypt"} else "format"
    message = f"the table {table} has {used.held}, but hashing.{setting} writes {_written(settings)}"
    meant = [f'hashing.format = "{used.format}"'] if setting == "format" else []
    meant += [f'hashing.prefix = "{used.prefix}"'] if used.format == "bcrypt" else []
    mend = (
        f"Set {' and '.join(meant)}, or let your app verify both. Otherwise users cannot sign in with a new password."
    )
    return [Finding("accounts", "warn", f"{message}, which your app may not read", mend)]


def _written(settings: HashingSettings) -> str:
    """Return the format as one text, in which PHP's is bcrypt that begins with $2y$."""
    prefix = {"bcrypt": settings.prefix, "php": "$2y$"}.get(settings.format)
    return f"bcrypt ({prefix})" if prefix else settings.format
