"""Fetches events from a transmitter that does not push them, and acknowledges them (RFC 8936)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import msgspec

from keyturn.http_client import HttpClient, ReopenedClient, read_bounded
from keyturn.problems.requests import Unavailable
from keyturn.settings import SignalTransmitter
from keyturn.signals.received import SignalRefused
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.signals")

_MOST_EVENTS = 25
_LONGEST = 1_048_576
"""Bytes of an answer; an event has about a thousand."""

_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds between two polls, doubled with each failure up to the longest."""


class PollUnready(Unavailable):
    """A transmitter does not answer a poll as RFC 8936 says."""


class _Answer(msgspec.Struct):
    sets: dict[str, str] = {}


class SignalPoller:
    """Polls one transmitter. `take` keeps an event, and raises SignalRefused or Unavailable.

    Only a kept event is acknowledged. An event that cannot be judged now stays with the transmitter, which repeats it.
    """

    def __init__(
        self,
        name: str,
        transmitter: SignalTransmitter,
        timeout: timedelta,
        take: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._name = name
        self._transmitter = transmitter
        self._timeout = timeout.total_seconds()
        self._take = take
        self._client = ReopenedClient(partial(HttpClient, timeout=None, follow_redirects=False))

    async def run(self) -> None:
        """Poll until cancelled, less often after failures."""
        pause = _PAUSE
        while True:
            try:
                await self.drain()
                pause = _PAUSE
            except Unavailable as error:
                pause = min(2 * pause, _LONGEST_PAUSE)
                log.warning(LogEvent("signals.poll_failed", transmitter=self._name, reason=error))
            except Exception:  # a worker sends mails even if its polls fail
                pause = _LONGEST_PAUSE
                log.exception(LogEvent("signals.poll_failed", transmitter=self._name))
            await asyncio.sleep(pause)

    async def drain(self) -> None:
        """Fetch until no event is left. Raises Unavailable if a poll fails, or if an event cannot be judged now."""
        ended: dict[str, Any] = {}
        while True:
            events = await self._poll(ended)
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
            if not events:
                return

    async def _poll(self, ended: dict[str, Any]) -> dict[str, str]:
        """End events, and return the next. Raises PollUnready."""
        asked = {"maxEvents": _MOST_EVENTS, "returnImmediately": True, **ended}
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        if self._transmitter.token:
            headers["authorization"] = f"Bearer {self._transmitter.token}"
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.http.stream("POST", self._transmitter.poll_from, json=asked, headers=headers) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise PollUnready(f"status {answer.status_code}")
                body = await read_bounded(answer, _LONGEST)
        except TimeoutError:
            raise PollUnready(f"no answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PollUnready(type(error).__name__) from None
        try:
            return msgspec.json.decode(body or b"", type=_Answer).sets
        except msgspec.MsgspecError:
            raise PollUnready("the answer is too long, or is not one of RFC 8936") from None

    async def close(self) -> None:
        await self._client.close()
