"""Time-based codes (TOTP, RFC 6238): functions without input or output."""

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SEED_BYTES = 20
"""160 bits, as RFC 4226 recommends (section 4, R6)."""

_SHORTEST = 10
"""Bytes of a seed. RFC 4226 demands 128 bits, but the seeds of many apps have 80. A shorter seed is
a mistake.
"""

_DIGITS = 6
_HASH = SHA1()  # noqa: S303 - many authenticator apps know no other (RFC 6238, 1.2)

_STEP = 30
"""Seconds of a step (ASVS 6.5.5)."""

_DRIFT = (0, -1, 1)
"""Accepted steps, relative to the present one: users type slowly, and a phone's clock may be wrong
(RFC 6238, 5.2).
"""

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_BLANKS = re.compile(r"[\s-]+")


def totp_step(seed: bytes, code: str, moment: datetime) -> int | None:
    """Return the step of a code; None if the code is not that of an accepted step."""
    plain = _BLANKS.sub("", code)
    if not _CODE.fullmatch(plain):
        return None
    hotp = HOTP(seed, _DIGITS, _HASH, enforce_key_length=False)
    present = int(moment.timestamp()) // _STEP
    accepted = []
    for drift in _DRIFT:
        step = present + drift
        if hmac.compare_digest(hotp.generate(step), plain.encode()):
            accepted.append(step)
    return max(accepted, default=None)


def otpauth_uri(seed: bytes, email: str, issuer: str) -> str:
    """Return the otpauth:// address that an authenticator app reads from a QR code."""
    totp = TOTP(seed, _DIGITS, _HASH, _STEP, enforce_key_length=False)
    # Not all apps read a plus as a space: RFC 3986 does not know it.
    return totp.get_provisioning_uri(email, issuer).replace("+", "%20")


def base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode().rstrip("=")


def seed_of_base32(text: str) -> bytes:
    """Return the seed of a text in base 32.

    It may be written in groups, in lower case, or as an otpauth:// address. Raises ValueError.
    """
    if text.startswith("otpauth://"):
        (text,) = parse_qs(urlsplit(text).query).get("secret", [])
    plain = _BLANKS.sub("", text).rstrip("=")
    return checked_seed(base64.b32decode(plain + "=" * (-len(plain) % 8), casefold=True))


def checked_seed(seed: bytes) -> bytes:
    """Return the seed. Raises ValueError if it is short enough to guess."""
    if len(seed) < _SHORTEST:
        raise ValueError("too short for a seed")
    return seed


_PHP_STRING = re.compile(r's:\d+:"(.*)";', re.DOTALL)


class _Json(msgspec.Struct):
    """The data of an authenticator of django-allauth."""

    secret: str
    __repr__ = object.__repr__  # a traceback with its variables would show the seed


class _Sealed(msgspec.Struct):
    """The output of Laravel's Encrypter.

    `iv` and `value` are in base64. `mac` is an HMAC of these two texts, in hexadecimal digits.
    """

    iv: str
    value: str
    mac: str


def read_seed(written: str, form: str, keys: Sequence[str]) -> bytes:
    """Return the seed that an app has written in the given form.

    Raises ValueError if it has another form, or if no key decrypts it.
    """
    try:
        match form:
            case "hex":
                return checked_seed(bytes.fromhex(written))
            case "text":
                return checked_seed(written.encode())
            case "json":
                text = msgspec.json.decode(written, type=_Json).secret
            case "fernet":
                text = MultiFernet([Fernet(key) for key in keys]).decrypt(written).decode()
            case "laravel":
                sealed = msgspec.json.decode(base64.b64decode(written), type=_Sealed)
                text = _open_laravel(sealed, keys)
            case _:
                text = written
    except (InvalidToken, msgspec.MsgspecError) as error:
        raise ValueError("sealed with another key, or in another form") from error
    return seed_of_base32(text)


def _open_laravel(sealed: _Sealed, keys: Sequence[str]) -> str:
    for key in keys:
        raw = key.encode()
        if key.startswith("base64:"):
            raw = base64.b64decode(key.removeprefix("base64:"))
        mac = hmac.digest(raw, f"{sealed.iv}{sealed.value}".encode(), "sha256").hex()
        # The MAC is checked before anything is decrypted, so errors of the padding tell nothing.
        if hmac.compare_digest(mac, sealed.mac):
            decryptor = Cipher(AES(raw), CBC(base64.b64decode(sealed.iv))).decryptor()
            padded = decryptor.update(base64.b64decode(sealed.value)) + decryptor.finalize()
            unpadder = PKCS7(AES.block_size).unpadder()
            text = (unpadder.update(padded) + unpadder.finalize()).decode()
            serialised = _PHP_STRING.fullmatch(text)
            return serialised[1] if serialised else text
    raise InvalidToken
