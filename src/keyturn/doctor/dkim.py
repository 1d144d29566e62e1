"""What a DKIM key record says (RFC 6376 3.6.1)."""

import base64
import binascii
from collections.abc import Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keyturn.finding import Finding

_SHORTEST = 1024
"""Bits: receivers must not accept shorter RSA keys (RFC 8301 3.2)."""

_ED25519 = 32
"""Bytes of such a key, which stands alone, without DER around it (RFC 8463 4.2)."""


def tags(record: str) -> dict[str, str]:
    """Return the tags of a record such as DKIM and DMARC share (RFC 6376 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def judge(name: str, texts: Sequence[str], remedy: str) -> Finding:
    """Return what receivers make of the records at `name`; `remedy` says where the right one is to be had."""
    keys = [found for text in texts if "p" in (found := tags(text))]
    if not keys:
        return _fail(f"no DKIM key at {name}", remedy)
    if len(keys) > 1:
        return _fail(f"{len(keys)} DKIM keys at {name}, and receivers take either", f"Keep one. {remedy}")
    encoded = "".join(keys[0]["p"].split())
    if not encoded:
        return _fail(f"the DKIM key at {name} was revoked: its p= is empty", remedy)
    kind = keys[0].get("k", "rsa")
    try:
        key = base64.b64decode(encoded, validate=True)
        bits = len(key) * 8 if kind == "ed25519" else _rsa_bits(key)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return _fail(f"the DKIM key at {name} cannot be read: it was cut off, or mistyped", remedy)
    if bits < (_ED25519 * 8 if kind == "ed25519" else _SHORTEST):
        return _fail(f"the DKIM key at {name} has {bits} bits, too few for receivers", remedy)
    return Finding("dkim", "ok", f"{name} holds a key of {bits} bits")


def _rsa_bits(der: bytes) -> int:
    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - the text is wrong, not the caller
    return key.key_size


def _fail(message: str, mend: str) -> Finding:
    return Finding("dkim", "fail", message, mend)
