"""Keys for one purpose each, derived from the secret key."""


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and purpose give (HKDF, RFC 5869; NIST SP 800-108, key separation)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=f"keyturn {purpose} 1".encode()).derive(secret.encode())
