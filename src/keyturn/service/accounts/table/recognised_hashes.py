"""Recognises the format of an app's hashes from a few of them.

Pure; results hold no part of a hash.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from keyturn.mail.port.finding import Finding, warn
from keyturn.service.accounts.hash_formats import bcrypt_cost, hash_parts
from keyturn.service.accounts.table.columns import hash_text
from keyturn.service.settings import BCRYPT_PREFIXES, HashingSettings

_COSTS = range(
    10, 17
)  # allowed values of hashing.cost: less is too weak (OWASP Password Storage), more too slow


class HashFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The format of the app's hashes, as the settings of `hashing` express it, and in words
    (`shown`).

    `cost`: that of most hashes, if Keyturn would write it; otherwise 0. `todo`: what the app must
    do, or "".
    `is_foreign`: Keyturn cannot write these hashes, and an app that does may not read what Keyturn
    writes.
    """

    format: str = "bcrypt"
    cost: int = 0
    shown: str = ""
    todo: str = ""
    is_foreign: bool = False

    @property
    def written(self) -> dict[str, Any]:
        return {"format": self.format} | ({"cost": self.cost} if self.cost else {})

    @property
    def settings(self) -> HashingSettings:
        return msgspec.convert(self.written, HashingSettings)


_UNKNOWN = HashFormat(shown="unknown format", is_foreign=True)
_NO_ROWS = HashFormat(
    shown="unknown format: no rows yet",
    todo="The table has no passwords yet: check that your app verifies bcrypt hashes that "
    "begin with $2b$.",
)
_DJANGO_TOO = "Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default."

_ASP_NET = "ASP.NET Core Identity; new hashes are $2b$"
_READ = (
    ("bcrypt$", "django-bcrypt", "bcrypt (bcrypt$$2b$)", ""),
    ("{bcrypt}", "spring-bcrypt", "bcrypt ({bcrypt}$2a$)", ""),
    *((prefix, written, f"bcrypt ({prefix})", "") for written, prefix in BCRYPT_PREFIXES.items()),
    ("pbkdf2_sha256$", "django-pbkdf2", "Django (pbkdf2_sha256)", ""),
    (
        "bcrypt_sha256$ pbkdf2_sha1$ argon2$ scrypt$",
        "django-pbkdf2",
        "Django (pbkdf2_sha256)",
        _DJANGO_TOO,
    ),
    ("pbkdf2: scrypt:", "werkzeug-scrypt", "Werkzeug (werkzeug-scrypt)", ""),
    ("$argon2", "argon2id", "argon2 (argon2id)", ""),
)
_NOT_READ = (
    ("$wp$2y$ $P$ $H$", "php", "WordPress or phpBB; new hashes are $2y$", ""),
    ("AQAAAA", "bcrypt", _ASP_NET, ""),
)
"""Beginnings of hashes, of formats that Keyturn reads and of others: what it writes for the app
that writes them, the format in words, and what the app must do. WordPress 6.8 and phpBB read bcrypt
by themselves (wp_check_password; phpbb/passwords).
"""


def recognise_hashes(values: Iterable[object]) -> HashFormat:
    hashes = list(filter(None, map(hash_text, values)))
    if not hashes:
        return _NO_ROWS
    form = Counter(map(_form, hashes)).most_common(1)[0][0]
    costs = Counter(filter(None, map(bcrypt_cost, hashes))).most_common(1) or [
        (0, 0)
    ]  # 0 is no cost of bcrypt
    return (
        replace(form, cost=costs[0][0])
        if form.shown.startswith("bcrypt") and costs[0][0] in _COSTS
        else form
    )


def _form(stored: str) -> HashFormat:
    for starts, written, shown, todo in _READ if hash_parts(stored) else _NOT_READ:
        if stored.startswith(tuple(starts.split())):
            return HashFormat(format=written, shown=shown, todo=todo, is_foreign=shown == _ASP_NET)
    return _UNKNOWN


def doubt_format(table: str, hashes: Iterable[object], settings: HashingSettings) -> list[Finding]:
    """Compare the format of most hashes with the one that `settings` write."""
    stored = list(hashes)
    used = recognise_hashes(stored)
    if used.is_foreign:
        return [_foreign_format(table, stored, used, settings)]
    if used.shown == _NO_ROWS.shown or used.format == settings.format:
        return []
    message = (
        f"the table {table} has hashes of {_name_of(used)}, but hashing.format writes "
        f"{_written_as(settings)}"
    )
    fix = f'Set hashing.format = "{used.format}", or let your app verify both. {_LOCKED_OUT}'
    return [warn(f"{message}, which your app may not read", fix)]


_LOCKED_OUT = "Otherwise users cannot sign in with a new password."


def _foreign_format(
    table: str, stored: Sequence[object], used: HashFormat, settings: HashingSettings
) -> Finding:
    hashes = [text for text in map(hash_text, stored) if text]
    foreign = sum(_form(one).is_foreign for one in hashes)
    unable = "does not know" if used.shown == _UNKNOWN.shown else f"cannot write ({_name_of(used)})"
    message = (
        f"{foreign} of {len(hashes)} hashes in the table {table} have a format that Keyturn "
        f"{unable}"
    )
    new = _written_as(settings)
    return warn(
        f"{message}; new ones will be {new}", f"Let your app verify {new}, too. {_LOCKED_OUT}"
    )


def _name_of(used: HashFormat) -> str:
    return used.shown.partition(";")[0]


def _written_as(settings: HashingSettings) -> str:
    prefix = BCRYPT_PREFIXES.get(settings.format)
    return f"bcrypt ({prefix})" if prefix else settings.format


_SALT = re.compile(r"(password|passwd|pwd|pw|pass|hash|user)?(salt|pepper)(hash|value)?")


def is_salt(column: str) -> bool:
    """Whether an app that has such a column is likely to hash its value together
    with the password.
    """
    return bool(_SALT.fullmatch(re.sub(r"[^a-z0-9]", "", column.lower())))
