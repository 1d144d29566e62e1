"""Keys for one purpose each, derived from the secret key."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and purpose give (HKDF, RFC 5869; NIST SP 800-108, key separation)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=f"keyturn {purpose} 1".encode()).derive(secret.encode())


def box(secrets: Sequence[str], purpose: str) -> "MultiFernet":
    """Return what encrypts for a purpose by the first secret, and decrypts by all: Fernet, AES-128-CBC, HMAC-SHA256."""
    from cryptography.fernet import Fernet, MultiFernet

    return MultiFernet([Fernet(base64.urlsafe_b64encode(derive(secret, purpose))) for secret in secrets])
