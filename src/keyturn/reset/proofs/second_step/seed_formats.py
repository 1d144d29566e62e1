"""How apps write the seed of a TOTP. Pure.

| format | who writes it so |
|---|---|
| base32 | most: pyotp, otplib, speakeasy; an otpauth:// address, too |
| hex | django-otp, `otp_totp_totpdevice.key` |
| text | Better Auth where it does not encrypt: the characters themselves are the key, not their base32 |
| json | django-allauth, `mfa_authenticator.data`: {"secret": base32} |
| fernet | base32 under a key of Fernet's (Python's cryptography) |
| laravel | Laravel's encrypt(), in Fortify's `users.two_factor_secret`: AES-256-CBC and an HMAC, of base32 |

Not read, since nobody could try them here: Rails' Active Record encryption (devise-two-factor) and Better Auth's
XChaCha20-Poly1305, which cryptography does not have. An app with these keeps the step itself, by a factory.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from keyturn.reset.proofs.second_step.totp import checked_seed, seed_of_base32

Document = TypeVar("Document")

_PHP_STRING = re.compile(r's:\d+:"(.*)";', re.DOTALL)
_AES_BITS = 128


class _Json(msgspec.Struct):
    """Reads the data of django-allauth's authenticator."""

    secret: str


class _Sealed(msgspec.Struct):
    """Reads what Laravel's Encrypter writes: base64 each, and the MAC as hex over iv and value as they stand."""

    iv: str
    value: str
    mac: str


def read_seed(written: str, form: str, keys: Sequence[str]) -> bytes:
    """Return the seed. Raises ValueError for what is not written so, or under none of the keys."""
    match form:
        case "hex":
            return checked_seed(bytes.fromhex(written))
        case "text":
            return checked_seed(written.encode())
        case "json":
            return seed_of_base32(_decoded(written, _Json).secret)
        case "fernet":
            return seed_of_base32(_open_fernet(written, keys))
        case "laravel":
            return seed_of_base32(_open_laravel(written, keys))
        case _:
            return seed_of_base32(written)


def _decoded(text: str | bytes, form: type[Document]) -> Document:
    try:
        return msgspec.json.decode(text, type=form)
    except msgspec.MsgspecError as error:
        raise ValueError("not the JSON that was expected") from error


def _open_fernet(written: str, keys: Sequence[str]) -> str:
    try:
        return MultiFernet([Fernet(key) for key in keys]).decrypt(written).decode()
    except InvalidToken:
        raise ValueError("sealed with another key") from None


def _open_laravel(written: str, keys: Sequence[str]) -> str:
    sealed = _decoded(base64.b64decode(written), _Sealed)
    for key in keys:
        raw = base64.b64decode(key.removeprefix("base64:")) if key.startswith("base64:") else key.encode()
        mac = hmac.digest(raw, f"{sealed.iv}{sealed.value}".encode(), "sha256").hex()
        if hmac.compare_digest(mac, sealed.mac):  # before anything is decrypted
            decryptor = Cipher(AES(raw), CBC(base64.b64decode(sealed.iv))).decryptor()
            padded = decryptor.update(base64.b64decode(sealed.value)) + decryptor.finalize()
            unpadder = PKCS7(_AES_BITS).unpadder()
            text = (unpadder.update(padded) + unpadder.finalize()).decode()
            serialised = _PHP_STRING.fullmatch(text)
            return serialised[1] if serialised else text
    raise ValueError("sealed with another key")
