"""Keys for one purpose each, which are derived from the settings' secret keys."""

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: str, purpose: str) -> bytes:
    """Return a key of 32 bytes that only this secret and this purpose give.

    Each purpose has its own key (HKDF, RFC 5869; NIST SP 800-108, key separation).
    """
    hkdf = HKDF(SHA256(), 32, salt=None, info=f"keyturn {purpose} 1".encode())
    return hkdf.derive(secret.encode())


def box(secrets: Sequence[str], purpose: str) -> MultiFernet:
    """Return a cipher for one purpose: Fernet, which is AES-128-CBC with HMAC-SHA256.

    The first secret encrypts, all of them decrypt.
    """
    keys = [base64.urlsafe_b64encode(derive(secret, purpose)) for secret in secrets]
    return MultiFernet([Fernet(key) for key in keys])
