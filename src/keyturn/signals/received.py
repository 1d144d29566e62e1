"""Verifies events of other systems (RFC 8417), and reads about whom they are (RFC 9493)."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from keyturn import addresses
from keyturn.errors import KeyturnError
from keyturn.packaging import requires_extra
from keyturn.problems.requests import InputInvalid
from keyturn.settings import SignalTransmitter
from keyturn.signals.published_keys import PublishedKeys

with requires_extra("signals", "[signals]", "signals.transmitters"):
    from joserfc import jws
    from joserfc.errors import JoseError

_ALGORITHMS = ("RS256", "ES256")
"""Signatures with a public key alone (RFC 8725, 3.1): with HS256, a reader of the published keys could sign."""

_TYPES = {"secevent+jwt", "application/secevent+jwt", "jwt", ""}
"""Google sends no type. `events`, which no other token has, then tells that it is an event (RFC 8417, 4.5)."""

MOST_BYTES = 65_536
"""Of an event; most have 1,000."""

_FUTURE = timedelta(minutes=5)
"""By how much a transmitter's clock may be ahead of ours."""

OLDEST = timedelta(days=14)
"""Age of an event that is accepted. Transmitters that are polled keep events for days."""

_MOST_BRACKETS = 500
"""In the JSON of a header, and of claims: a deeper nesting than Python's own limit would be an error of the server."""

_DEEPEST, _MOST_SUBJECTS = 3, 10
"""Subjects within subjects, such as a complex one with aliases, and those that are looked up."""


class SignalRefused(KeyturnError):
    """An event is refused for good; the text says why. `err`: the reason's code (RFC 8935, 2.4)."""

    def __init__(
        self,
        err: Literal["invalid_request", "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed"],
        description: str,
    ) -> None:
        super().__init__(description)
        self.err = err


class Subject(NamedTuple):
    """A name of the account: its address, or the transmitter's own id of the user."""

    kind: Literal["email", "sub"]
    value: str


class ReceivedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose signature, issuer, audience and time are right. `subjects`: the names of its account."""

    id: str
    issued_at: datetime
    events: Mapping[str, Mapping[str, Any]]
    subjects: Sequence[Subject]


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""
    typ: str = ""
    crit: Any = None


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    iat: float
    jti: str
    events: dict[str, dict[str, Any]]
    sub_id: Any = None


class SignalVerifier:
    """Verifies the events of one transmitter."""

    def __init__(self, transmitter: SignalTransmitter, timeout: timedelta) -> None:
        self._transmitter = transmitter
        self.keys = PublishedKeys(transmitter.jwks_url, timeout)

    async def verify(self, token: bytes, moment: datetime) -> ReceivedSignal:
        """Return the event. Raises SignalRefused, and KeysUnready if its key cannot be read now.

        A signature takes less than a millisecond, so it is verified on the event loop.
        """
        if len(token) > MOST_BYTES:
            raise SignalRefused("invalid_request", "the event is too long")
        header = _header_of(token)
        key = await self.keys.find(header.kid)
        if key is None:
            raise SignalRefused("invalid_key", "the key is not in the issuer's key set")
        registry = jws.JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            payload = jws.deserialize_compact(token, key, registry=registry).payload
        except (JoseError, ValueError, TypeError):
            raise SignalRefused("invalid_key", "the signature does not fit the key") from None
        try:
            claims = _decoded(payload, _Claims)
        except ValueError:
            raise SignalRefused("invalid_request", "the claims are not those of a security event token") from None
        return self._checked(claims, moment)

    def _checked(self, claims: _Claims, moment: datetime) -> ReceivedSignal:
        issuer = self._transmitter.issuer.rstrip("/")  # Google writes its own with the slash and without
        if claims.iss.rstrip("/") != issuer:
            raise SignalRefused("invalid_issuer", "another issuer is expected here")
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if not set(audiences) & set(self._transmitter.audiences):
            raise SignalRefused("invalid_audience", "the event is meant for another receiver")
        try:
            issued_at = datetime.fromtimestamp(claims.iat, UTC)
        except (ValueError, OverflowError, OSError):
            raise SignalRefused("invalid_request", "iat is not a time") from None
        if issued_at > moment + _FUTURE:
            raise SignalRefused("invalid_request", "the event is from the future: compare the clocks")
        if issued_at < moment - OLDEST:
            raise SignalRefused("invalid_request", "the event is too old")
        if not claims.events or not claims.jti:
            raise SignalRefused("invalid_request", "jti or events is empty")
        named = [claims.sub_id, *(body.get("subject") for body in claims.events.values())]
        subjects = dict.fromkeys(subject for each in named for subject in _subjects(each, issuer))
        return ReceivedSignal(
            id=claims.jti, issued_at=issued_at, events=claims.events, subjects=list(subjects)[:_MOST_SUBJECTS]
        )


_Decoded = TypeVar("_Decoded")


def _decoded(text: bytes, kind: type[_Decoded]) -> _Decoded:
    """Return what the JSON says. Raises ValueError, of which msgspec's errors are kinds."""
    if text.count(b"[") + text.count(b"{") > _MOST_BRACKETS:
        raise ValueError
    return msgspec.json.decode(text, type=kind)


def _header_of(token: bytes) -> _Header:
    encoded = token.partition(b".")[0]
    try:
        header = _decoded(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)), _Header)
    except ValueError:
        raise SignalRefused("invalid_request", "the body is not a signed token") from None
    if header.alg not in _ALGORITHMS:
        raise SignalRefused("invalid_key", f"the algorithm must be {' or '.join(_ALGORITHMS)}")
    if header.typ.lower() not in _TYPES or header.crit is not None:
        raise SignalRefused("invalid_request", "the token is of another type")
    return header


def _subjects(named: Any, issuer: str, depth: int = 0) -> Iterator[Subject]:
    """Yield the account's names in a subject identifier. Of a complex one, only `user` is an account."""
    if not isinstance(named, dict) or depth > _DEEPEST:
        return
    form = str(named.get("format", named.get("subject_type"))).replace("-", "_")  # Google writes subject_type: iss-sub
    email, sub, uri = named.get("email"), named.get("sub"), named.get("uri")
    if form in ("iss_sub", "id_token_claims") and str(named.get("iss")).rstrip("/") == issuer and isinstance(sub, str):
        yield Subject("sub", sub)
    if form in ("email", "id_token_claims"):
        yield from _email(email)
    if form == "account" and isinstance(uri, str) and uri.startswith("acct:"):
        yield from _email(uri.removeprefix("acct:"))
    if form == "aliases" and isinstance(named.get("identifiers"), list):
        for alias in named["identifiers"]:
            yield from _subjects(alias, issuer, depth + 1)
    if form in ("complex", "None"):
        yield from _subjects(named.get("user"), issuer, depth + 1)


def _email(text: Any) -> Iterator[Subject]:
    if isinstance(text, str):
        with suppress(InputInvalid):
            yield Subject("email", addresses.parse(text))
