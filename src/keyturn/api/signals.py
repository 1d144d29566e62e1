"""The routes for receivers of shared signals: discovery, keys, streams and polls (SSF 1.0, RFC 8936).

They are not in OpenAPI, since only receivers call them. Their bodies and answers are those of the specifications, and
their errors are problem documents with the status that the specifications name.
"""

import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromQuery, JSONBody
from msgspec import UNSET, UnsetType

from keyturn.api.requests import AnyRequest, bearer_of, client_of
from keyturn.database import now
from keyturn.errors import Fault
from keyturn.problems.requests import InputInvalid, TooManyRequests
from keyturn.reset.request import ResetRequests
from keyturn.signals.events import TYPES
from keyturn.signals.streams import POLL, PUSH, VERIFICATION_INTERVAL, Choice, Status, Stream, StreamDelivery, Streams
from keyturn.signals.transmitter import ReceiverError, Transmitter
from keyturn.telemetry.logs import LogEvent, log

_SECONDS = int(VERIFICATION_INTERVAL.total_seconds())
_MOST_ENDED, _LONGEST_STATE = 1_000, 1_024


class StreamConfiguration(msgspec.Struct, kw_only=True):
    """A stream as a receiver writes it (SSF 1.0, 8.1.1). Keyturn's own members must be as Keyturn wrote them."""

    stream_id: FromQuery[str] = ""
    events_requested: tuple[str, ...] | UnsetType = UNSET
    delivery: StreamDelivery | UnsetType = UNSET
    description: str | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    aud: str | list[str] | UnsetType = UNSET
    events_supported: list[str] | UnsetType = UNSET
    events_delivered: list[str] | UnsetType = UNSET
    min_verification_interval: int | UnsetType = UNSET

    def chosen(self, before: Choice) -> Choice:
        """Return the choice with the members that were sent."""
        sent = {name: getattr(self, name) for name in Choice.__struct_fields__}
        return msgspec.structs.replace(before, **{name: value for name, value in sent.items() if value is not UNSET})


class StreamStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The status of a stream (SSF 1.0, 8.1.2)."""

    stream_id: str
    status: Status
    reason: str = ""


class VerificationRequest(msgspec.Struct, kw_only=True):
    """A request for a verification event (SSF 1.0, 8.1.4.2)."""

    stream_id: str
    state: str | None = None


class PollRequest(msgspec.Struct, kw_only=True, rename="camel"):
    """A request for events (RFC 8936, 2.2)."""

    max_events: int | None = None
    return_immediately: bool = False
    ack: list[str] = []
    set_errs: dict[str, ReceiverError] = {}


class PollAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """Events by their ids (RFC 8936, 2.3)."""

    sets: Mapping[str, str]
    more_available: bool


class SignalApi(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the routes need, and what they share."""

    transmitter: Transmitter
    requests: ResetRequests

    @property
    def streams(self) -> Streams:
        return self.transmitter.streams

    async def receiver(self, request: AnyRequest) -> str:
        """Return the receiver whose token was sent. The comparison takes the same time for every token (CWE-208)."""
        sent, found = bearer_of(request).encode(), ""
        for name, receiver in self.transmitter.settings.receivers.items():
            if receiver.token and hmac.compare_digest(sent, receiver.token.encode()):
                found = name
        if not found:
            await self.requests.count_malformed(client_of(request))
            raise HTTPException("Invalid token", status_code=401, headers={"WWW-Authenticate": "Bearer"})
        return found

    async def stream(self, request: AnyRequest, stream_id: str) -> Stream:
        """Return the stream of the request's receiver. Raises NotFoundException if it has another id."""
        stream = await self.streams.of(await self.receiver(request))
        if stream is None or stream.id != stream_id:
            raise NotFoundException
        return stream

    async def own_stream(self, request: AnyRequest, stream_id: str) -> Stream:
        """Return the stream if its receiver may change it. Raises HTTPException (403) for one of the settings."""
        stream = await self.stream(request, stream_id)
        if stream.is_fixed:
            raise HTTPException("The operator has set the stream up, and can change it", status_code=403)
        return stream

    async def replace(self, data: StreamConfiguration, request: AnyRequest, *, keeps: bool) -> dict[str, Any]:
        """Change the receiver's stream. `keeps`: members that were not sent stay as they are."""
        stream = await self.own_stream(request, data.stream_id)
        present = self.document(stream)
        for name in ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval"):
            if (sent := getattr(data, name)) is not UNSET and sent != present[name]:
                raise InputInvalid(Fault(name, "is not as Keyturn wrote it"))
        await self.streams.change(stream, data.chosen(stream.choice if keeps else Choice()))
        return self.changed(await self.streams.of(stream.receiver), "changed")

    def changed(self, stream: Stream | None, change: str) -> dict[str, Any]:
        """Log what a receiver has changed, and return the stream's document."""
        if stream is None:  # deleted at this moment
            raise NotFoundException
        log.info(LogEvent("signals.stream", receiver=stream.receiver, change=change, stream_id=stream.id))
        return self.document(stream)

    def document(self, stream: Stream) -> dict[str, Any]:
        """Return the stream as its receiver reads it (SSF 1.0, 8.1.1), without a secret of the settings."""
        choice, issuer = stream.choice, self.transmitter.issuer
        delivery = choice.delivery if stream.pushes else StreamDelivery(POLL, f"{issuer}/signals/poll")
        if stream.is_fixed:
            delivery = msgspec.structs.replace(delivery, authorization_header="")
        document: dict[str, Any] = {
            "stream_id": stream.id,
            "iss": issuer,
            "aud": self.transmitter.settings.receivers[stream.receiver].audience,
            "events_supported": [TYPES[name] for name in stream.offered],
            "events_delivered": [TYPES[name] for name in stream.delivered],
            "delivery": msgspec.to_builtins(delivery),
            "min_verification_interval": _SECONDS,
        }
        if choice.events_requested is not None:
            document["events_requested"] = list(choice.events_requested)
        return document | ({"description": choice.description} if choice.description else {})


Signals = NamedDependency[SignalApi]


class SignalController(Controller):
    """Answers receivers, which prove who they are by a bearer token (RFC 6750, 2.1)."""

    include_in_schema = False

    @get("/.well-known/ssf-configuration")
    async def metadata(self, signals: Signals) -> dict[str, Any]:
        issuer = signals.transmitter.issuer
        return {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": f"{issuer}/signals/jwks.json",
            "delivery_methods_supported": [PUSH, POLL],
            "configuration_endpoint": f"{issuer}/signals/stream",
            "status_endpoint": f"{issuer}/signals/status",
            "verification_endpoint": f"{issuer}/signals/verify",
            # The profile requires the first (2.3.7). By SSF 1.0, 7.1.1, a token may also be given in another way.
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:6750"}],
            "default_subjects": "ALL",
        }

    @get("/signals/jwks.json")
    async def keys(self, signals: Signals) -> dict[str, Any]:
        return signals.transmitter.keys.published

    @get("/signals/stream")
    async def read(self, request: AnyRequest, signals: Signals, stream_id: FromQuery[str | None] = None) -> Any:
        if stream_id is not None:
            return signals.document(await signals.stream(request, stream_id))
        stream = await signals.streams.of(await signals.receiver(request))
        return [signals.document(stream)] if stream else []

    @post("/signals/stream", status_code=201)
    async def create(
        self, data: JSONBody[StreamConfiguration], request: AnyRequest, signals: Signals
    ) -> dict[str, Any]:
        receiver = await signals.receiver(request)
        if not await signals.streams.create(receiver, data.chosen(Choice())):
            raise HTTPException("The receiver has a stream already", status_code=409)
        return signals.changed(await signals.streams.of(receiver), "created")

    @patch("/signals/stream")
    async def update(
        self, data: JSONBody[StreamConfiguration], request: AnyRequest, signals: Signals
    ) -> dict[str, Any]:
        return await signals.replace(data, request, keeps=True)

    @put("/signals/stream")
    async def replace(
        self, data: JSONBody[StreamConfiguration], request: AnyRequest, signals: Signals
    ) -> dict[str, Any]:
        return await signals.replace(data, request, keeps=False)

    @delete("/signals/stream", status_code=204)
    async def delete(self, request: AnyRequest, signals: Signals, stream_id: FromQuery[str] = "") -> None:
        stream = await signals.own_stream(request, stream_id)
        await signals.streams.delete(stream)
        signals.changed(stream, "deleted")

    @get("/signals/status")
    async def status(self, request: AnyRequest, signals: Signals, stream_id: FromQuery[str] = "") -> StreamStatus:
        return _status_of(await signals.stream(request, stream_id))

    @post("/signals/status", status_code=200)
    async def set_status(self, data: JSONBody[StreamStatus], request: AnyRequest, signals: Signals) -> StreamStatus:
        stream = await signals.stream(request, data.stream_id)
        signals.changed(stream, data.status)
        return _status_of(await signals.streams.set_status(stream, data.status, data.reason))

    @post("/signals/verify", status_code=204)
    async def verify(self, data: JSONBody[VerificationRequest], request: AnyRequest, signals: Signals) -> None:
        stream = await signals.stream(request, data.stream_id)
        if len(data.state or "") > _LONGEST_STATE:
            raise InputInvalid(Fault("state", f"must have at most {_LONGEST_STATE} characters"))
        if stream.status == "disabled":
            raise InputInvalid(Fault("stream_id", "names a disabled stream, which gets no events"))
        if not await signals.streams.may_verify(stream, now()):
            raise TooManyRequests(_SECONDS)
        await signals.transmitter.verify(stream, data.state)

    @post("/signals/poll", status_code=200)
    async def poll(self, data: JSONBody[PollRequest], request: AnyRequest, signals: Signals) -> PollAnswer:
        receiver = await signals.receiver(request)
        if len(data.ack) + len(data.set_errs) > _MOST_ENDED:
            raise InputInvalid(Fault("ack", f"and setErrs may name at most {_MOST_ENDED:,} events"))
        if data.max_events is not None and data.max_events < 0:
            raise InputInvalid(Fault("maxEvents", "must be 0 or more"))
        await signals.transmitter.settle(receiver, data.ack, data.set_errs)
        sets, more = await signals.transmitter.poll(receiver, data.max_events, wait=not data.return_immediately)
        return PollAnswer(sets=sets, more_available=more)


def _status_of(stream: Stream) -> StreamStatus:
    return StreamStatus(stream_id=stream.id, status=stream.status, reason=stream.reason)
