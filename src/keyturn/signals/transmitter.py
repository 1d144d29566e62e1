"""Writes events for receivers, pushes them, and lets receivers fetch and acknowledge them."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from keyturn.database import Database, now
from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable
from keyturn.outbox import Delivery, Dropped, Message, Origin, Outbox, Seal, Sent
from keyturn.outbox.message import new_key
from keyturn.outbox.models import STILL_WAITING, OutboxRow
from keyturn.packaging import requires_extra
from keyturn.settings import Settings, SignalSettings
from keyturn.signals.events import TYPES, VERIFICATION, Claims, opaque, signals_of, subject_of
from keyturn.signals.streams import Stream, Streams, kind_of
from keyturn.telemetry.logs import LogEvent
from keyturn.webhooks.events import Event
from keyturn.webhooks.sender import EventPoster, accepted_status, status_of

with requires_extra("signals", "[signals]", "signals.receivers"):
    from joserfc import jwt
    from joserfc.jwk import RSAKey

log = logging.getLogger("keyturn.signals")

_ALGORITHM = "RS256"
"""All events must be signed with it (OpenID CAEP Interoperability Profile 1.0, 2.6)."""

_MOST_EVENTS = 100
"""Events in an answer to a poll, each of about a kilobyte."""

_BETWEEN_LOOKS = 1.0
"""Seconds between two looks for an event, while a poll waits."""

_NOT_RETRIED = {"invalid_request", "invalid_state"}
"""Errors that another try would meet again. Others end once an operator corrects a setting (RFC 8935, 2.4)."""

_PARKED = timedelta(hours=1)

_LONGEST_REASON = 100


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


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of a message: an event's claims, without those that the settings and the message give.

    `account_id`: for operators who look for an account's messages; "" in a verification.
    `client`: only what leads back to the request.
    """

    claims: Claims
    account_id: str = ""
    client: Origin = Origin()


class ReceiverError(msgspec.Struct, frozen=True):
    """A receiver's reason for not taking an event (RFC 8935, 2.3; RFC 8936, 2.6)."""

    err: str = "unspecified"
    description: str = ""

    def __str__(self) -> str:
        """Return it as one printable line: it goes into the history and the log (CWE-117)."""
        text = f"{self.err}: {self.description}" if self.description else self.err
        return "".join(filter(str.isprintable, text))[:_LONGEST_REASON]


class Transmitter:
    """Tells receivers of security events. `streams`: the receivers' streams. `keys`: sign the events."""

    def __init__(self, settings: Settings, database: Database, outbox: Outbox, secrets: Sequence[str]) -> None:
        self.settings = settings.signals
        self.issuer = settings.base_url.rstrip("/")
        self.keys = SigningKeys(self.settings)
        self.streams = Streams(database, self.settings, self.issuer, Seal(secrets))
        self._database = database
        self._outbox = outbox

    # Writing

    def tell(self, connection: Connection, event: Event[Any], client: Origin) -> None:
        """Write an event of the app for each receiver, in the caller's transaction."""
        signals = signals_of(event)
        if not signals:
            return
        txn, at = new_key(), int(event.timestamp.timestamp())
        for name, stream in self.streams.within(connection).read().items():
            if stream.status == "disabled":
                continue
            subject = subject_of(event.data, self.settings.receivers[name], self.issuer)
            for kind, body in signals:
                if kind in stream.delivered:
                    claims = Claims(iat=at, txn=txn, sub_id=subject, events={TYPES[kind]: body})
                    signal = Signal(claims=claims, account_id=event.data.account_id, client=client)
                    self._write(connection, stream, signal)

    async def verify(self, stream: Stream, state: str | None) -> None:
        """Write a verification event, which is not about an account (SSF 1.0, 8.1.4.1)."""
        body = {} if state is None else {"state": state}
        claims = Claims(
            iat=int(now().timestamp()), txn=new_key(), sub_id=opaque(stream.id), events={VERIFICATION: body}
        )
        await self._database.transact(lambda connection: self._write(connection, stream, Signal(claims=claims)))
        self._outbox.wake()

    def _write(self, connection: Connection, stream: Stream, signal: Signal) -> None:
        due = None if stream.sends else self._database.clock(self.settings.hold)
        self._outbox.within(connection).enqueue(kind_of(stream.receiver), signal, due=due)

    # Pushing

    def pusher(self, receiver: str, poster: EventPoster) -> "SignalHandler":
        return SignalHandler(self, receiver, poster)

    async def sign(self, receiver: str, payloads: Mapping[str, str]) -> Mapping[str, str]:
        """Return the tokens of messages, by their keys."""
        audience = self.settings.receivers[receiver].audience

        def sign_all() -> Mapping[str, str]:
            return {
                key: self.keys.sign({"iss": self.issuer, "aud": audience, "jti": key, **_claims(payload)})
                for key, payload in payloads.items()
            }

        return await asyncio.to_thread(sign_all)

    # Polling

    async def poll(self, receiver: str, most: int | None, *, wait: bool) -> tuple[Mapping[str, str], bool]:
        """Return the oldest events that the receiver has not acknowledged, by their ids, and whether there are more.

        `most`: how many events the receiver takes. `wait`: wait for one for a while (RFC 8936, 2.2).
        """
        most = min(_MOST_EVENTS if most is None else most, _MOST_EVENTS)
        ends = asyncio.get_running_loop().time() + self.settings.poll_wait.total_seconds()
        statement = select(OutboxRow.key, OutboxRow.payload).where(STILL_WAITING, OutboxRow.kind == kind_of(receiver))
        statement = statement.order_by(OutboxRow.id).limit(most + 1)
        while True:
            stream = await self.streams.of(receiver)
            is_open = stream is not None and stream.status == "enabled" and not stream.pushes
            found = await self._database.fetch(statement) if most and is_open else []
            left = ends - asyncio.get_running_loop().time()
            if found or not (wait and is_open and most and left > 0):
                tokens = await self.sign(receiver, {row["key"]: row["payload"] for row in found[:most]})
                return tokens, len(found) > most
            await asyncio.sleep(min(_BETWEEN_LOOKS, left))

    async def settle(self, receiver: str, acknowledged: Sequence[str], errors: Mapping[str, ReceiverError]) -> None:
        """End the events that a receiver has fetched, or cannot take. Others' and unknown ids are ignored."""
        # Nothing else is the id of an event, and PostgreSQL refuses a text with NUL.
        keys = [key for key in {*acknowledged, *errors} if key.isalnum()]
        if not keys:
            return
        waiting = select(OutboxRow.id, OutboxRow.key).where(
            STILL_WAITING, OutboxRow.kind == kind_of(receiver), OutboxRow.key.in_(keys)
        )

        def write(connection: Connection) -> list[ReceiverError]:
            settlements = self._outbox.settlements.within(connection)
            ended = connection.execute(waiting.order_by(OutboxRow.id).with_for_update()).all()
            for message_id, key in ended:
                if key in errors:
                    settlements.refused(message_id, str(errors[key]))
                else:
                    settlements.reported(message_id, Sent("poll", ""))
            return [errors[key] for _, key in ended if key in errors]

        for error in await self._database.transact(write):
            log.error(LogEvent("signals.event_refused", receiver=receiver, reason=error))


class SignalHandler:
    """Pushes events to a receiver (RFC 8935)."""

    def __init__(self, transmitter: Transmitter, receiver: str, poster: EventPoster) -> None:
        self._transmitter = transmitter
        self._receiver = receiver
        self._poster = poster

    async def __call__(self, message: Message) -> Dropped | Delivery:
        """Return the delivery, or what becomes of an event that is not pushed now."""
        stream = await self._transmitter.streams.of(self._receiver)
        if stream is None or stream.status == "disabled":
            return Dropped("the receiver has no stream, or has disabled it")
        if not stream.sends:
            ends = message.created_at + self._transmitter.settings.hold
            if ends <= now():
                return Dropped("the receiver has not fetched it in time")
            # Written or tried while the stream changed. Not for the whole time: it may have changed again by now.
            raise QuotaExhausted("the receiver polls, or has paused", min(ends, now() + _PARKED))
        return partial(self._push, message, stream)

    async def _push(self, message: Message, stream: Stream) -> Sent:
        tokens = await self._transmitter.sign(self._receiver, {message.key: message.payload})
        to = stream.choice.delivery
        headers = {"accept": "application/json"}
        if to.authorization_header:
            headers["authorization"] = to.authorization_header
        answer, body = await self._poster.post(to.endpoint_url, tokens[message.key].encode(), headers)
        if answer.status_code == 400:
            error = _error_in(body)
            refusal = SendRefused if error.err in _NOT_RETRIED else SendRetryable
            raise refusal(f"{status_of(answer)}: {error}")
        return Sent("push", accepted_status(answer, now()))


def _claims(payload: str) -> dict[str, Any]:
    claims: dict[str, Any] = msgspec.to_builtins(msgspec.json.decode(payload, type=Signal).claims)
    return claims


def _error_in(body: bytes) -> ReceiverError:
    try:
        return msgspec.json.decode(body, type=ReceiverError)
    except msgspec.MsgspecError:
        return ReceiverError()
