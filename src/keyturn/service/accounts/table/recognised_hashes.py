"""Recognises the format of an app's hashes from a few of them.

The functions read no database, and their results hold no part of a hash.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from keyturn.mail.port.check_result import CheckResult, warn
from keyturn.service.accounts.hash_formats import bcrypt_cost, is_readable
from keyturn.service.accounts.table.columns import hash_text
from keyturn.service.settings import BCRYPT_PREFIXES, COSTS, HashingSettings


class HashFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The format of an app's hashes.

    `format`: the value of the setting `hashing.format`.
    `cost`: the cost of most hashes, if it is an allowed value of `hashing.cost`; otherwise 0.
    `shown`: the format in words.
    `todo`: what the operator must check, or "".
    `is_foreign`: Keyturn cannot write these hashes, and the app may not read those of Keyturn.
    """

    format: str = "bcrypt"
    cost: int = 0
    shown: str = ""
    todo: str = ""
    is_foreign: bool = False

    @property
    def written(self) -> dict[str, Any]:
        if self.cost:
            return {"format": self.format, "cost": self.cost}
        return {"format": self.format}

    @property
    def settings(self) -> HashingSettings:
        return msgspec.convert(self.written, HashingSettings)


_UNKNOWN = HashFormat(shown="unknown format", is_foreign=True)
_NO_ROWS = HashFormat(
    shown="unknown format: no rows yet",
    todo="The table has no passwords yet: check that your app verifies bcrypt hashes that "
    "begin with $2b$.",
)
_DJANGO = "Django (pbkdf2_sha256)"
_DJANGO_TOO = "Check that PASSWORD_HASHERS contains PBKDF2PasswordHasher, as it does by default."


class _Known(NamedTuple):
    """A format, and the beginnings of its hashes."""

    beginnings: tuple[str, ...]
    form: HashFormat


_READ = (
    _Known(("bcrypt$",), HashFormat(format="django-bcrypt", shown="bcrypt (bcrypt$$2b$)")),
    _Known(("{bcrypt}",), HashFormat(format="spring-bcrypt", shown="bcrypt ({bcrypt}$2a$)")),
    _Known(("$2b$",), HashFormat(format="bcrypt", shown="bcrypt ($2b$)")),
    _Known(("$2a$",), HashFormat(format="bcrypt-2a", shown="bcrypt ($2a$)")),
    _Known(("$2y$",), HashFormat(format="php", shown="bcrypt ($2y$)")),
    _Known(("pbkdf2_sha256$",), HashFormat(format="django-pbkdf2", shown=_DJANGO)),
    _Known(
        ("bcrypt_sha256$", "pbkdf2_sha1$", "argon2$", "scrypt$"),
        HashFormat(format="django-pbkdf2", shown=_DJANGO, todo=_DJANGO_TOO),
    ),
    _Known(
        ("pbkdf2:", "scrypt:"),
        HashFormat(format="werkzeug-scrypt", shown="Werkzeug (werkzeug-scrypt)"),
    ),
    _Known(("$argon2",), HashFormat(format="argon2id", shown="argon2 (argon2id)")),
)
"""Formats that Keyturn reads."""

_NOT_READ = (
    _Known(
        ("$wp$2y$", "$P$", "$H$"),
        HashFormat(format="php", shown="WordPress or phpBB; new hashes are $2y$"),
    ),
    _Known(
        ("AQAAAA",), HashFormat(shown="ASP.NET Core Identity; new hashes are $2b$", is_foreign=True)
    ),
)
"""Formats that Keyturn does not read. WordPress 6.8 and phpBB also read bcrypt (wp_check_password;
phpbb/passwords).
"""


def recognise_hashes(values: Iterable[object]) -> HashFormat:
    hashes = list(filter(None, map(hash_text, values)))
    if not hashes:
        return _NO_ROWS
    form = Counter(map(_form, hashes)).most_common(1)[0][0]
    if not form.shown.startswith("bcrypt"):
        return form
    costs = Counter(map(bcrypt_cost, hashes))
    del costs[None]  # hashes of other formats
    if not costs:
        return form
    cost = costs.most_common(1)[0][0]
    return replace(form, cost=cost) if cost in COSTS else form


def _form(stored: str) -> HashFormat:
    known = _READ if is_readable(stored) else _NOT_READ
    for one in known:
        if stored.startswith(one.beginnings):
            return one.form
    return _UNKNOWN


def doubt_format(
    table: str, hashes: Iterable[object], settings: HashingSettings
) -> list[CheckResult]:
    """Compare the format of most hashes with the one that `settings` write."""
    stored = list(hashes)
    used = recognise_hashes(stored)
    if used.is_foreign:
        return [_foreign_format(table, stored, used, settings)]
    if used == _NO_ROWS or used.format == settings.format:
        return []
    found = f"the table {table} has hashes of {_name_of(used)}"
    written = f"hashing.format writes {_written_as(settings)}, which your app may not read"
    fix = f'Set hashing.format = "{used.format}", or let your app verify both. {_LOCKED_OUT}'
    return [warn(f"{found}, but {written}", fix)]


_LOCKED_OUT = "Otherwise users cannot sign in with a new password."


def _foreign_format(
    table: str, stored: Sequence[object], used: HashFormat, settings: HashingSettings
) -> CheckResult:
    hashes = list(filter(None, map(hash_text, stored)))
    foreign = [one for one in hashes if _form(one).is_foreign]
    why = f"cannot write ({_name_of(used)})"
    if used == _UNKNOWN:
        why = "does not know"
    share = f"{len(foreign)} of {len(hashes)} hashes in the table {table}"
    new = _written_as(settings)
    return warn(
        f"{share} have a format that Keyturn {why}; new ones will be {new}",
        f"Let your app verify {new}, too. {_LOCKED_OUT}",
    )


def _name_of(used: HashFormat) -> str:
    return used.shown.partition(";")[0]


def _written_as(settings: HashingSettings) -> str:
    prefix = BCRYPT_PREFIXES.get(settings.format)
    return f"bcrypt ({prefix})" if prefix else settings.format


_SALT = re.compile(r"(password|passwd|pwd|pw|pass|hash|user)?(salt|pepper)(hash|value)?")


def is_salt(column: str) -> bool:
    """Tell whether an app with such a column is likely to hash its value with the password."""
    return bool(_SALT.fullmatch(re.sub(r"[^a-z0-9]", "", column.lower())))
