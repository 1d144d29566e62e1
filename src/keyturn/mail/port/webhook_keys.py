"""Keys and signatures of webhooks, as Standard Webhooks and Svix define them."""

import base64
import hmac

_PREFIX, _SHORTEST_KEY, _LONGEST_KEY = "whsec_", 24, 64
"""In bytes
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

FORM = f"{_PREFIX} and base64 of {_SHORTEST_KEY} to {_LONGEST_KEY} bytes"


def webhook_key(secret: str) -> bytes:
    """Return the key that a webhook's secret holds. Raises ValueError if the format is wrong."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise ValueError("not a webhook's secret")
    return key


def sign(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a delivery, with its version, by HMAC-SHA256."""
    return (
        "v1,"
        + base64.b64encode(
            hmac.digest(key, f"{identity}.{timestamp}.".encode() + body, "sha256")
        ).decode()
    )
