"""Fetches events from a transmitter that does not push them, and acknowledges them (RFC 8936)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec

from keyturn.errors import SendRetryable
from keyturn.problems.requests import Unavailable
from keyturn.settings import SignalTransmitter
from keyturn.signals.received import SignalRefused
from keyturn.telemetry.logs import LogEvent
from keyturn.webhooks.sender import EventPoster, status_of

log = logging.getLogger("keyturn.signals")

_MOST_EVENTS, _LONGEST = 25, 1_048_576
"""Events and bytes of an answer; an event has about a thousand."""

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
        self._poster = EventPoster(timeout, "application/json", _LONGEST)
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
        """Fetch until no event is left.

        Raises SendRetryable if a poll fails, and Unavailable if an event cannot be judged now.
        """
        ended: dict[str, Any] = {}
        while events := await self._poll(ended):
            ended = {"ack": [], "setErrs": {}}
            undecided: Unavailable | None = None
            for name, token in events.items():
                try:
                    await self._take(token.encode())
                    ended["ack"].append(name)
                except SignalRefused as refused:
                    log.error(LogEvent("signals.refused", transmitter=self._name, reason=refused))
                    ended["setErrs"][name] = {"err": refused.err, "description": str(refused)}
                except Unavailable as error:
                    undecided = error
            if undecided:
                await self._poll({**ended, "maxEvents": 0})
                raise undecided

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
        except msgspec.MsgspecError:
            raise SendRetryable("the answer is too long, or is not one of RFC 8936") from None
