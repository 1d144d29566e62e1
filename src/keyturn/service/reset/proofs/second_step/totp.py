"""Time-based codes (TOTP, RFC 6238), by pyotp. Pure."""

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

SEED_BYTES = 20
"""160 bits, as RFC 4226 recommends (section 4, R6)."""

_SHORTEST = 10
"""Bytes. RFC 4226 demands 128 bits, but the seeds of many apps have 80; a shorter seed is a mistake."""

_STEP = 30
"""Seconds: ASVS 6.5.5."""

_DRIFT = (0, -1, 1)
"""Steps around the server's own that are accepted: for slow typing and a phone's clock (RFC 6238, 5.2)."""

_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_BLANKS = re.compile(r"[\s-]+")


def totp_step(seed: bytes, code: str, moment: datetime) -> int | None:
    """Return the code's step; None if it is none of the steps that are accepted now."""
    plain = _BLANKS.sub("", code)
    if not _CODE.fullmatch(plain):
        return None
    totp, now = _totp(seed), int(moment.timestamp()) // _STEP
    found = [step for step in (now + drift for drift in _DRIFT) if hmac.compare_digest(totp.generate_otp(step), plain)]
    return max(found, default=None)


def otpauth_uri(seed: bytes, email: str, issuer: str) -> str:
    """Return the address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(base32(seed)).provisioning_uri(name=email, issuer_name=issuer)


def base32(seed: bytes) -> str:
    return base64.b32encode(seed).decode().rstrip("=")


def seed_of_base32(text: str) -> bytes:
    """Return a seed written in groups, in lower case, or as an otpauth:// address. Raises ValueError."""
    if text.startswith("otpauth://"):
        (text,) = parse_qs(urlsplit(text).query)["secret"]
    plain = _BLANKS.sub("", text).rstrip("=")
    return checked_seed(base64.b32decode(plain + "=" * (-len(plain) % 8), casefold=True))


def checked_seed(seed: bytes) -> bytes:
    """Return the seed. Raises ValueError if it is short enough to guess."""
    if len(seed) < _SHORTEST:
        raise ValueError("too short for a seed")
    return seed


def _totp(seed: bytes) -> pyotp.TOTP:
    # pyotp refuses seeds under 112 bits since 2.12. HMAC pads a key with zeros up to its block (RFC 2104, 2), so a
    # short seed gives the same codes with some of the zeros written out.
    return pyotp.TOTP(base64.b32encode(seed.ljust(SEED_BYTES, b"\0")).decode())


_PHP_STRING = re.compile(r's:\d+:"(.*)";', re.DOTALL)


class _Json(msgspec.Struct):
    """Reads the data of django-allauth's authenticator."""

    secret: str


class _Sealed(msgspec.Struct):
    """Reads the output of Laravel's Encrypter: each field in base64, the MAC in hex over iv and value as written."""

    iv: str
    value: str
    mac: str


def read_seed(written: str, form: str, keys: Sequence[str]) -> bytes:
    """Return the seed. Raises ValueError if it has another form or if no key opens it."""
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
                text = _open_laravel(msgspec.json.decode(base64.b64decode(written), type=_Sealed), keys)
            case _:
                text = written
    except (InvalidToken, msgspec.MsgspecError) as error:
        raise ValueError("sealed with another key, or in another form") from error
    return seed_of_base32(text)


def _open_laravel(sealed: _Sealed, keys: Sequence[str]) -> str:
    for key in keys:
        raw = base64.b64decode(key.removeprefix("base64:")) if key.startswith("base64:") else key.encode()
        mac = hmac.digest(raw, f"{sealed.iv}{sealed.value}".encode(), "sha256").hex()
        if hmac.compare_digest(mac, sealed.mac):  # before anything is decrypted
            decryptor = Cipher(AES(raw), CBC(base64.b64decode(sealed.iv))).decryptor()
            padded = decryptor.update(base64.b64decode(sealed.value)) + decryptor.finalize()
            unpadder = PKCS7(AES.block_size).unpadder()
            text = (unpadder.update(padded) + unpadder.finalize()).decode()
            serialised = _PHP_STRING.fullmatch(text)
            return serialised[1] if serialised else text
    raise InvalidToken
