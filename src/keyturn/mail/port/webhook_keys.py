"""Keys and signatures of webhooks, as Standard Webhooks and Svix define them."""

import base64
import hmac

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_PREFIX = "whsec_"
_SHORTEST_KEY = 24  # bytes
_LONGEST_KEY = 64  # bytes

FORM = f"{_PREFIX} and base64 of {_SHORTEST_KEY} to {_LONGEST_KEY} bytes"


def webhook_key(secret: str) -> bytes:
    """Return the key that a webhook's secret holds. Raises ValueError if the format is wrong."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    has_right_length = _SHORTEST_KEY <= len(key) <= _LONGEST_KEY
    if not secret.startswith(_PREFIX) or not has_right_length:
        raise ValueError("not a webhook's secret")
    return key


def sign(key: bytes, identity: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a delivery by HMAC-SHA256, after its version."""
    content = f"{identity}.{timestamp}.".encode() + body
    signature = hmac.digest(key, content, "sha256")
    return f"v1,{base64.b64encode(signature).decode()}"
