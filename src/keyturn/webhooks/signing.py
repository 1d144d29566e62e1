"""The signature by which the app knows that an event is ours, and new.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from keyturn.webhook_secrets import webhook_key


class Signer:
    """Signs under every secret, so that the app can change to a new one when it likes."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raise ValueError for a secret that `webhook_key` does not take."""
        self._keys = [webhook_key(secret) for secret in secrets]

    def headers(self, identity: str, moment: datetime, body: bytes) -> Mapping[str, str]:
        """Return the three headers of one try: the event's identity, when it was made, and the signatures."""
        timestamp = str(int(moment.timestamp()))
        signed = f"{identity}.{timestamp}.".encode() + body
        signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self._keys)
        return {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }
