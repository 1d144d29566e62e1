"""Fetches events from a transmitter that does not push them, and acknowledges them (RFC 8936)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from keyturn.errors import SendRetryable
from keyturn.problems.requests import Unavailable
from keyturn.settings import SignalTransmitter
from keyturn.signals.received import MOST_BYTES, SignalRefused
from keyturn.telemetry.logs import LogEvent, OnceAMinute
from keyturn.webhooks.sender import EventPoster, status_of

log = logging.getLogger("keyturn.signals")

_MOST_EVENTS = 25
"""In an answer."""

_LONGEST = _MOST_EVENTS * (MOST_BYTES + 1_024)
"""Bytes of an answer: as many of the longest events, with their ids."""

_MOST_ROUNDS = 40
"""Polls without a pause between them: a transmitter may have events without end."""

_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds between two polls, doubled with each failure up to the longest."""


class _Answer(msgspec.Struct):
    sets: dict[str, str] = {}


class SignalPoller:
    """Polls one transmitter. `take` keeps an event, and raises SignalRefused or Unavailable.

    Only a kept event is acknowledged. An event that cannot be judged now stays with the transmitter, which repeats it.
    """

    def __init__(
        self, name: str, transmitter: SignalTransmitter, timeout: timedelta, take: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._name = name
        self._transmitter = transmitter
        self._take = take
        self._refusals = OnceAMinute()
        # Unlike that of a push, the body of this answer counts.
        self._poster = EventPoster(timeout, "application/json", _LONGEST, patience=timeout)
        self.close = self._poster.close

    async def run(self) -> None:
        """Poll until cancelled, less often after failures."""
        pause = _PAUSE
        while True:
            try:
                await self.drain()
                pause = _PAUSE
            except Exception as error:
                pause = min(2 * pause, _LONGEST_PAUSE)
                is_known = isinstance(error, Unavailable | SendRetryable)
                event = LogEvent("signals.poll_failed", transmitter=self._name, reason=error)
                log.warning(event, exc_info=not is_known)
            await asyncio.sleep(pause)

    async def drain(self) -> None:
        """Fetch until no new event is left, or for 40 rounds. An event that was ended and comes again waits.

        Raises SendRetryable if a poll fails, and Unavailable if an event cannot be judged now.
        """
        ended: dict[str, Any] = {}
        seen: set[str] = set()
        for _ in range(_MOST_ROUNDS):
            found = await self._poll(ended)
            events = {name: token for name, token in found.items() if name not in seen}
            if not events:
                return
            seen |= events.keys()
            ended, undecided = await self._judge(events)
            if undecided:
                await self._poll({**ended, "maxEvents": 0})
                raise undecided
        await self._poll({**ended, "maxEvents": 0})

    async def _judge(self, events: Mapping[str, str]) -> tuple[dict[str, Any], Unavailable | None]:
        """Take events. Return what to tell the transmitter, and why one could not be judged."""
        ended: dict[str, Any] = {"ack": [], "setErrs": {}}
        undecided: Unavailable | None = None
        for name, token in events.items():
            try:
                await self._take(token.encode())
                ended["ack"].append(name)
            except SignalRefused as refused:
                if self._refusals.count(self._name):
                    log.error(LogEvent("signals.refused", transmitter=self._name, reason=refused))
                ended["setErrs"][name] = {"err": refused.err, "description": str(refused)}
            except Unavailable as error:
                undecided = error
            except Exception as error:  # a fault of ours with one event does not hold up the others
                log.warning(LogEvent("signals.poll_failed", transmitter=self._name, reason=error), exc_info=True)
                undecided = undecided or Unavailable("an event met an error")
        return ended, undecided

    async def _poll(self, ended: dict[str, Any]) -> dict[str, str]:
        """End events, and return the next. Raises SendRetryable."""
        asked = {"maxEvents": _MOST_EVENTS, "returnImmediately": True, **ended}
        headers = {"accept": "application/json", "accept-encoding": "identity"}  # so that the limit bounds the memory
        if self._transmitter.token:
            headers["authorization"] = f"Bearer {self._transmitter.token}"
        answer, body = await self._poster.post(self._transmitter.poll_from, msgspec.json.encode(asked), headers)
        if answer.status_code != httpx.codes.OK:
            raise SendRetryable(status_of(answer))
        try:
            return msgspec.json.decode(body, type=_Answer).sets
        except (msgspec.MsgspecError, RecursionError):
            raise SendRetryable("the answer is too long, or is not one of RFC 8936") from None
