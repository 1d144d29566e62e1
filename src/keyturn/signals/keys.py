"""Signs security events, and publishes the keys that verify them."""

from collections.abc import Mapping
from typing import Any

from keyturn.packaging import requires_extra
from keyturn.settings import SignalSettings

with requires_extra("signals", "[signals]", "signals.receivers"):
    from joserfc import jwt
    from joserfc.jwk import RSAKey

_ALGORITHM = "RS256"
"""All events must be signed with it (OpenID CAEP Interoperability Profile 1.0, 2.6)."""


class SigningKeys:
    """The keys of the settings: `sign_with` signs, and all are published.

    A key is published before it signs, and as long as events that it signed may be verified.
    """

    def __init__(self, settings: SignalSettings) -> None:
        keys = {
            name: RSAKey.import_key(pem.encode(), {"kid": name, "use": "sig", "alg": _ALGORITHM})
            for name, pem in settings.keys.items()
        }
        self._key = keys[settings.sign_with]
        self._header = {"typ": "secevent+jwt", "alg": _ALGORITHM, "kid": settings.sign_with}
        self.published = {"keys": [key.as_dict(private=False) for key in keys.values()]}
        """The JSON Web Key Set (RFC 7517, 5)."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the Security Event Token (RFC 8417). It takes a millisecond, so many are signed in a thread."""
        return jwt.encode(self._header, dict(claims), self._key, [_ALGORITHM])
