"""Settings for passwords: the rules for new ones, the source of leaked ones, the format of hashes."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from keyturn.texts import Folder


class PasswordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which passwords are accepted.

    `profile` is what an authority asks for, and what the other keys may not fall short of: see `shortest`, and
    `rules.py` for the rest.

    The defaults follow NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2: length and a blocklist, no composition rules.

    `block_current`: not the password again that the account has, where the store's hashes can be read.
    """

    profile: Literal["", "nist", "asvs"] = ""
    min_length: Annotated[int, Meta(ge=1, le=72)] = 12
    uppercase: bool = False
    lowercase: bool = False
    digit: bool = False
    special: bool = False
    block_common: bool = True
    block_current: bool = True

    @property
    def shortest(self) -> int:
        """How many characters a password has at least: `min_length`, or what the profile asks for where that is more.

        NIST SP 800-63B-4 3.1.1.1 says 15 where a password alone signs somebody in, ASVS 6.2.1 says 8.
        """
        return max(self.min_length, {"": 1, "nist": 15, "asvs": 8}[self.profile])


class BreachSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is asked whether a password is known from a data leak.

    `source`: "hibp" asks `url` by five digits of a hash, "file" looks into `file`, which `keyturn breaches build`
    makes. What does not answer within `timeout` is counted, and the password taken.
    """

    source: Literal["none", "hibp", "file"] = "none"
    url: str = "https://api.pwnedpasswords.com"
    file: Folder = Folder("")
    timeout: timedelta = timedelta(seconds=1)


class HashingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How passwords are hashed.

    `workers` 0 means one for each core. `queue`: hashes that may wait before the answer is 503.

    `format` is what the app's own sign-in reads: PHP's is bcrypt that begins with "$2y$"; `prefix` is how any other
    library writes bcrypt, Django "bcrypt$$2b$", Spring "{bcrypt}$2a$". `iterations` are those of django-pbkdf2; OWASP
    asks for 600,000.
    """

    cost: Annotated[int, Meta(ge=10, le=16)] = 12
    workers: Annotated[int, Meta(ge=0)] = 0
    queue: Annotated[int, Meta(ge=1)] = 64
    format: Literal["bcrypt", "django-pbkdf2", "argon2id", "werkzeug-scrypt", "php"] = "bcrypt"
    prefix: Literal["$2a$", "$2b$", "$2y$", "bcrypt$$2b$", "{bcrypt}$2a$"] = "$2b$"
    iterations: Annotated[int, Meta(ge=600_000, le=10_000_000)] = 1_200_000

    @property
    def hash_start(self) -> str:
        """How each hash begins: its format, and the parameters that say what it costs."""
        return {
            "bcrypt": f"{self.prefix}{self.cost}$",
            "php": f"$2y${self.cost}$",
            "django-pbkdf2": f"pbkdf2_sha256${self.iterations}$",
            "argon2id": "$argon2id$v=19$m=65536,t=3,p=4$",
            "werkzeug-scrypt": "scrypt:32768:8:1$",
        }[self.format]

    @property
    def hash_length(self) -> int:
        """How many characters a hash has: those of its salt and its digest follow."""
        rest = {"bcrypt": 53, "php": 53, "django-pbkdf2": 22 + 1 + 44, "argon2id": 22 + 1 + 43, "werkzeug-scrypt": 145}
        return len(self.hash_start) + rest[self.format]

    @property
    def max_bytes(self) -> int:
        """What a password may have: bcrypt ignores what follows the 72nd (CVE-2025-22228).

        The others read all of it; 256 are 64 characters in any script (OWASP ASVS 6.2.9).
        """
        return 72 if self.format in {"bcrypt", "php"} else 256
