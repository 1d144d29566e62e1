"""In which format an app keeps its hashes, told from a few. Pure; what is returned holds no part of a hash."""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

_BCRYPT = re.compile(r"(bcrypt\$)?(\$2[aby]\$)(\d\d)\$[./A-Za-z0-9]{53}")
_OTHERS = (
    (re.compile(r"bcrypt_sha256\$|pbkdf2_sha(1|256)\$|argon2\$argon2|scrypt\$"), "Django"),
    (re.compile(r"(pbkdf2:sha(1|256|512)|scrypt):"), "Werkzeug"),
    (re.compile(r"\$argon2(id|i|d)\$"), "argon2"),
)
_DJANGO_PREFIX = "bcrypt$$2b$"
_COSTS = range(10, 17)
"""What hashing.cost may be: less is too little (OWASP Password Storage), and more holds a thread for seconds."""


class HashFormat(msgspec.Struct, frozen=True, kw_only=True):
    """Describes how the app writes its hashes.

    `prefix` is how hashing.prefix is written; `shown` the format in words; `todo` what the app must do, or "".

    `cost` is what most bcrypt hashes took, where Keyturn would write it; else 0.
    """

    prefix: str
    cost: int = 0
    shown: str
    todo: str = ""


def recognise_hashes(hashes: Sequence[str]) -> HashFormat:
    """Return the format that most of the hashes have."""
    if not hashes:
        todo = "There are no passwords yet: see that your app verifies bcrypt hashes that begin with $2b$."
        return HashFormat(prefix="$2b$", shown="no rows to tell a format by", todo=todo)
    (name, prefix), _ = Counter(_format(one) for one in hashes).most_common(1)[0]
    if name == "bcrypt":
        return HashFormat(prefix=prefix, cost=_usual_cost(hashes), shown=f"bcrypt ({prefix})")
    if name == "Django":
        todo = "Add django.contrib.auth.hashers.BCryptPasswordHasher to PASSWORD_HASHERS: a change writes bcrypt."
        return HashFormat(prefix=_DJANGO_PREFIX, shown="Django's; a change writes bcrypt", todo=todo)
    if name:
        todo = f"Let your app verify bcrypt beside {name}'s format: a change writes hashes that begin with $2b$."
        return HashFormat(prefix="$2b$", shown=f"{name}'s; a change writes bcrypt", todo=todo)
    todo = "Let your app verify bcrypt: what it stores now is no hash that Keyturn knows, and a change writes $2b$."
    return HashFormat(prefix="$2b$", shown="no format that is known", todo=todo)


def _usual_cost(hashes: Sequence[str]) -> int:
    found = filter(None, map(_BCRYPT.fullmatch, hashes))
    (cost, _), *_ = Counter(int(one[3]) for one in found).most_common(1)
    return cost if cost in _COSTS else 0


def _format(stored: str) -> tuple[str, str]:
    if found := _BCRYPT.fullmatch(stored):
        return "bcrypt", _DJANGO_PREFIX if found[1] else found[2]
    return next(((name, "") for pattern, name in _OTHERS if pattern.match(stored)), ("", ""))
