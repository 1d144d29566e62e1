"""A receiver of shared signals: it verifies with PyJWT, which did not sign, and speaks RFC 8935."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.serving import serving
from tests.webhooks.app import Answer, App, Told

from keyturn.settings import Secret, SignalReceiver, SignalSettings

AUDIENCE = "https://receiver.northwind.test"
ISSUER = "http://127.0.0.1:8000"
TOKEN, OTHER_TOKEN = (
    Secret("receiver-token-of-forty-characters-000001"),
    Secret("another-token-of-forty-characters-0000002"),
)
AUTHORIZATION = Secret("Bearer for-the-receiver")

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
CHANGE_REQUIRED = "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"


class Receiver(App):
    """Accepts what it can verify, and says what is wrong with anything else (RFC 8935, 2.3).

    `jwks`: the keys that it has read from the transmitter.
    """

    def forget(self) -> None:
        super().forget()
        self.jwks: Mapping[str, Any] = {"keys": []}
        self.accepted: list[dict[str, Any]] = []

    def usual(self, told: Told) -> Answer:
        if told.headers["content-type"] != "application/secevent+jwt" or told.headers["accept"] != "application/json":
            return Answer(400, said={"err": "invalid_request", "description": "not a request of RFC 8935"})
        try:
            self.accepted.append(verified(told.body.decode(), self.jwks))
        except jwt.InvalidAudienceError:
            return Answer(400, said={"err": "invalid_audience", "description": "it is for another receiver"})
        except jwt.InvalidIssuerError:
            return Answer(400, said={"err": "invalid_issuer", "description": "unknown"})
        except (jwt.PyJWTError, KeyError):
            return Answer(400, said={"err": "invalid_key", "description": "the signature does not fit"})
        return Answer(202)

    @property
    def types(self) -> list[str]:
        return [type_of(claims) for claims in self.accepted]


def verified(token: str, jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a token, as a receiver that follows SSF 1.0, 4.1 accepts it."""
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("secevent+jwt", "RS256")
    keys = {key["kid"]: jwt.PyJWK(key) for key in jwks["keys"]}
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[header["kid"]].key,
        algorithms=["RS256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["iss", "aud", "iat", "jti"]},
    )
    assert not {"sub", "exp"} & claims.keys(), "SSF 1.0, 4.1.3"
    assert len(claims["events"]) == 1, "CAEP Interoperability Profile 1.0, 2.8.1"
    return claims


def type_of(claims: Mapping[str, Any]) -> str:
    (name,) = claims["events"]
    return str(name)


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver, receiver.connections) as receiver.address:
        yield receiver


@cache
def pem(number: int, bits: int = 2048) -> Secret:
    """Return an RSA key, the same for each number."""
    del number
    key = rsa.generate_private_key(65537, bits)
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def signals(sign_with: str = "2026-11", *, keys: tuple[str, ...] = ("2026-11",), **receivers: Any) -> SignalSettings:
    """Return settings with receivers: each name with what differs from a push of everything, or with a struct."""
    return SignalSettings(
        receivers={name: SignalReceiver(**{"audience": AUDIENCE, **fields}) for name, fields in receivers.items()},
        keys={name: pem(place) for place, name in enumerate(keys)},
        sign_with=sign_with,
    )


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
