"""The call by which services verify an answer: a form goes out, a verdict in JSON comes back."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
import msgspec

from keyturn.http_client import HttpClient, read_bounded
from keyturn.problems.requests import Busy, ChallengeUnready
from keyturn.reset.bounded_pool import Turns

_LONGEST_VERDICT = 65_536
_MOST_AT_ONCE = 32
_MOST_WAITING = 256
_RETRY_AFTER = 5
_VERDICTS = {200, 400}
_OK, _LIMITED = 200, 429


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a service says. `hostname` and `action` are where the answer was given, and for what."""

    success: bool
    hostname: str | None = None
    action: str | None = None
    codes: tuple[str, ...] = msgspec.field(name="error-codes", default=())

    def names(self, codes: Collection[str]) -> str:
        """Return those of its codes that are among these, for the log; "" where none is."""
        return ", ".join(code for code in self.codes if code in codes)


class SiteVerify:
    """Asks a service at `url`. An answer that is no verdict raises ChallengeUnready: it is neither a yes nor a no.

    A call takes one of a few places before its clock starts. Where none is free in half of the time-out, or the service
    says 429, Busy is raised: clients can bring that about by the hundred, so it must never let anybody in.
    """

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url = url
        self._timeout = timeout.total_seconds()
        self._places = Turns(_MOST_AT_ONCE, _MOST_WAITING)
        self._http: HttpClient | None = _client()  # now: to set its TLS up takes some 0.2 s, which would hold the loop

    async def ask(self, form: Mapping[str, str]) -> Verdict:
        """Return the verdict. Raises ChallengeUnready, Busy."""
        async with self._place():
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._post(form)
            except TimeoutError:
                raise ChallengeUnready(f"no verdict within {self._timeout:g} s") from None
            except (msgspec.MsgspecError, ValueError):
                raise ChallengeUnready("the verdict cannot be read") from None
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise ChallengeUnready(type(error).__name__) from None

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._timeout / 2):
                    await stack.enter_async_context(self._places.turn())
            except TimeoutError:
                raise Busy(_RETRY_AFTER) from None
            yield

    async def _post(self, form: Mapping[str, str]) -> Verdict:
        self._http = self._http or _client()
        headers = {"accept-encoding": "identity"}  # not compressed, so that what is read is bounded
        async with self._http.stream("POST", self._url, data=dict(form), headers=headers) as answer:
            if answer.status_code == _LIMITED:
                raise Busy(_RETRY_AFTER)
            if answer.status_code not in _VERDICTS:
                raise ChallengeUnready(f"status {answer.status_code}")
            body = await read_bounded(answer, _LONGEST_VERDICT)
        if body is None:
            raise ChallengeUnready("the verdict does not end")
        verdict = msgspec.json.decode(body, type=Verdict)
        if verdict.success and answer.status_code != _OK:
            raise ChallengeUnready(f"a yes with status {answer.status_code}")
        if not verdict.success and not verdict.codes:  # both services say why; a gateway says {"success": false}, too
            raise ChallengeUnready("a no without a reason")
        return verdict

    async def close(self) -> None:
        """Close the connections; the next answer would open others."""
        http, self._http = self._http, None
        if http:
            await http.aclose()


def _client() -> HttpClient:
    return HttpClient(timeout=None, limits=httpx.Limits(max_connections=_MOST_AT_ONCE))
