"""A transmitter of shared signals: it signs with PyJWT, which does not verify, publishes keys and answers polls."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.serving import Connections, serving
from tests.signals.receiver import pem

from keyturn.settings import Secret, SignalSettings, SignalTransmitter

ISSUER = "https://accounts.google.test/"
AUDIENCE = "123-abc.apps.googleusercontent.test"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
DISABLED, ENABLED = f"{RISC}account-disabled", f"{RISC}account-enabled"

_IDS = count(1)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Transmitter:
    """Signs events, and serves keys at /jwks and events at /poll.

    `published`: the keys by their ids. `answer`: what /jwks answers instead: a status, bytes, or None for no answer.
    `events`: wait for a poll. `forgets_nothing`: repeat those that were ended. `delay`: seconds between the beginning
    of an answer to a poll and its end. `acknowledged`, `refused`: what receivers said of them.
    `fetches`: requests for keys.
    """

    def __init__(self) -> None:
        self.address = ""
        self.connections = Connections()
        self.forget()

    def forget(self) -> None:
        self.published: dict[str, PrivateKey] = {"one": key(0)}
        self.answer: int | bytes | None = 200
        self.fetches = 0
        self.events: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.refused: dict[str, Any] = {}
        self.polls: list[dict[str, Any]] = []
        self.poll_status = 200
        self.forgets_nothing = False
        self.delay = 0.0

    def settings(self, **changes: Any) -> SignalSettings:
        """Return settings that trust it for Ada's domain."""
        fields = {
            "issuer": ISSUER,
            "audiences": ("another-client", AUDIENCE),
            "jwks_url": f"{self.address}/jwks",
            "domains": ("northwind.test",),
        }
        timeouts = {"timeout": changes.pop("timeout")} if "timeout" in changes else {}
        return SignalSettings(transmitters={"google": SignalTransmitter(**fields | changes)}, **timeouts)

    def several(self, *names: str) -> SignalSettings:
        """Return settings that know it by each of these names."""
        (one,) = self.settings().transmitters.values()
        return SignalSettings(transmitters=dict.fromkeys(names, one))

    def polled(self, **changes: Any) -> SignalSettings:
        return self.settings(poll_from=f"{self.address}/poll", token=Secret("for-the-transmitter"), **changes)

    def event(self, kind: str = DISABLED, *, subject: Any = None, ago: float = 0, **body: Any) -> dict[str, Any]:
        """Return the claims of an event, `ago` seconds old, about a subject as Google writes it."""
        subject = {"subject_type": "iss-sub", "iss": ISSUER, "sub": "7375626A656374"} if subject is None else subject
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": int(time.time() - ago),
            "jti": f"event-{next(_IDS)}",
            "events": {kind: {"subject": subject, **body}},
        }

    def sign(self, claims: Any, *, kid: str | None = "one", by: PrivateKey | None = None, **header: Any) -> str:
        signer = by or self.published[kid or ""]
        algorithm = header.pop("alg", "ES256" if isinstance(signer, ec.EllipticCurvePrivateKey) else "RS256")
        return jwt.encode(claims, signer, algorithm, headers={"kid": kid, **header} if kid else header)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/poll":
            return await self._poll(scope, receive, send)
        self.fetches += 1
        if self.answer is None:
            await asyncio.sleep(30)
        if isinstance(self.answer, bytes):
            return await _respond(send, 200, self.answer)
        keys = [{**_public(one), "kid": kid, "use": "sig"} for kid, one in self.published.items()]
        return await _respond(send, self.answer or 200, json.dumps({"keys": keys}).encode())

    async def _poll(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        asked = json.loads((await receive())["body"])
        self.polls.append(asked)
        if headers[b"authorization"] != b"Bearer for-the-transmitter":
            return await _respond(send, 401, b"{}")
        if self.poll_status != 200:
            return await _respond(send, self.poll_status, b"{}")
        for name in () if self.forgets_nothing else (*asked.get("ack", ()), *asked.get("setErrs", {})):
            del self.events[name]
        self.acknowledged += asked.get("ack", ())
        self.refused |= asked.get("setErrs", {})
        some = dict(list(self.events.items())[: asked["maxEvents"]])
        answer = {"sets": some, "moreAvailable": len(self.events) > len(some)}
        return await _respond(send, 200, json.dumps(answer).encode(), self.delay)


def key(number: int) -> rsa.RSAPrivateKey:
    """Return an RSA key, the same for each number."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    loaded = load_pem_private_key(pem(number).encode(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded


def _public(one: PrivateKey) -> dict[str, Any]:
    if isinstance(one, rsa.RSAPrivateKey):
        return dict(jwt.algorithms.RSAAlgorithm.to_jwk(one.public_key(), as_dict=True))
    return dict(jwt.algorithms.ECAlgorithm.to_jwk(one.public_key(), as_dict=True))


async def _respond(send: Any, status: int, body: bytes, delay: float = 0) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await asyncio.sleep(delay)
    await send({"type": "http.response.body", "body": body})


@contextmanager
def running_transmitter() -> Iterator[Transmitter]:
    transmitter = Transmitter()
    with serving(transmitter, transmitter.connections) as transmitter.address:
        yield transmitter
