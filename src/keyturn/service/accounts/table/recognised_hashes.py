"""Recognises the format of an app's hashes from a few of them. Pure; results hold no part of a hash."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from keyturn.mail.port.finding import Finding
from keyturn.service.accounts.table.columns import text_of
from keyturn.service.reset.passwords.hash_formats import bcrypt_cost, hash_parts
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings

_KNOWN = (
    ("bcrypt$", "django-bcrypt"),
    ("{bcrypt}", "spring-bcrypt"),
    *((prefix, written) for written, prefix in BCRYPT_PREFIXES.items()),
    *((start, "django-pbkdf2") for start in ("bcrypt_sha256$", "pbkdf2_", "argon2$", "scrypt$")),
    *((start, "werkzeug-scrypt") for start in ("pbkdf2:", "scrypt:")),
    ("$argon2", "argon2id"),
)
"""Beginnings of hashes that Keyturn reads, and as in hashing.format what it writes for the app that writes them."""

_SHOWN = {
    **{written: f"bcrypt ({prefix})" for written, prefix in BCRYPT_PREFIXES.items()},
    "django-pbkdf2": "Django (pbkdf2_sha256)",
    "werkzeug-scrypt": "Werkzeug (werkzeug-scrypt)",
    "argon2id": "argon2 (argon2id)",
}
"""The formats in words."""

_UNKNOWN = "unknown format"

_PBKDF2 = "pbkdf2_sha256$"

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
    `shown`: the format in words, with the app that uses it.
    `todo`: what the app must do, or "".
    """

    format: str = "bcrypt"
    cost: int = 0
    shown: str = ""
    todo: str = ""

    @property
    def written(self) -> dict[str, Any]:
        """The keys of `[hashing]` that write this format."""
        return {"format": self.format} | ({"cost": self.cost} if self.cost else {})

    @property
    def settings(self) -> HashingSettings:
        return msgspec.convert(self.written, HashingSettings)


def recognise_hashes(values: Iterable[object]) -> HashFormat:
    """Return the format of most of the hashes. `values`: those of their column."""
    hashes = list(filter(None, map(text_of, values)))
    if not hashes:
        todo = "The table has no passwords yet: check that your app verifies bcrypt hashes that begin with $2b$."
        return HashFormat(shown="unknown format: no rows yet", todo=todo)
    form = Counter(map(_form, hashes)).most_common(1)[0][0]
    if form.shown.startswith("bcrypt"):
        usual = Counter(filter(None, map(bcrypt_cost, hashes))).most_common(1)[0][0]
        return replace(form, cost=usual if usual in _COSTS else 0)
    if form.format == "django-pbkdf2" and not all(one.startswith(_PBKDF2) for one in hashes):
        return replace(form, todo="Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default.")
    return form


def _form(stored: str) -> HashFormat:
    """Return the format of one hash, without its parameters."""
    if hash_parts(stored):
        written = next(written for start, written in _KNOWN if stored.startswith(start))
        return HashFormat(format=written, shown=_SHOWN[written])
    for pattern, whose, written, todo in _NOT_WRITTEN:
        if pattern.match(stored):
            shown = f"{whose}; new hashes are {BCRYPT_PREFIXES[written]}"
            return HashFormat(format=written, shown=shown, todo=todo.format(whose))
    todo = "Let your app verify bcrypt: Keyturn does not know its present format, so new passwords get $2b$."
    return HashFormat(shown=_UNKNOWN, todo=todo)


def doubt_format(table: str, hashes: Iterable[object], settings: HashingSettings) -> list[Finding]:
    """Compare the format of most hashes with the one that `settings` write; nothing if it is the same or unknown."""
    used = recognise_hashes(hashes)
    if used.shown.startswith(_UNKNOWN) or used.format == settings.format:
        return []
    writes = _SHOWN[settings.format] if settings.format in BCRYPT_PREFIXES else settings.format
    theirs, _, _ = used.shown.partition(";")
    message = f"the table {table} has hashes of {theirs}, but hashing.format writes {writes}"
    fix = f'Set hashing.format = "{used.format}", or let your app verify both.'
    fix += " Otherwise users cannot sign in with a new password."
    return [Finding("accounts", "warn", f"{message}, which your app may not read", fix)]
