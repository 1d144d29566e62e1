"""Derives a separate key for each purpose from the one secret in the settings."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and purpose give (HKDF, RFC 5869; NIST SP 800-108, key separation)."""
    return HKDF(SHA256(), 32, salt=None, info=f"keyturn {purpose} 1".encode()).derive(secret.encode())
