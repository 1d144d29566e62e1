"""The call by which services verify an answer: a form goes out, a verdict in JSON comes back."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta

import httpx
import msgspec

from keyturn.errors import ChallengeUnready
from keyturn.http_client import HttpClient, read_bounded

_LONGEST_VERDICT = 65_536
_MOST_AT_ONCE = 16
_LIMITED = 429
_SERVER_FAULT = 500


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
    """Asks a service at `url`. Whatever is no verdict raises ChallengeUnready: it is not taken for a no."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url = url
        self._timeout = timeout.total_seconds()
        self._http: HttpClient | None = _client()  # now: to set its TLS up takes some 0.2 s, which would hold the loop

    async def ask(self, form: Mapping[str, str]) -> Verdict:
        try:
            async with asyncio.timeout(self._timeout):
                return msgspec.json.decode(await self._post(form), type=Verdict)
        except TimeoutError:
            raise ChallengeUnready(f"no verdict within {self._timeout:g} s") from None
        except msgspec.MsgspecError:
            raise ChallengeUnready("the verdict cannot be read") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ChallengeUnready(type(error).__name__) from None

    async def _post(self, form: Mapping[str, str]) -> bytes:
        self._http = self._http or _client()
        headers = {"accept-encoding": "identity"}  # not compressed, so that what is read is bounded
        async with self._http.stream("POST", self._url, data=dict(form), headers=headers) as answer:
            if answer.status_code == _LIMITED or answer.status_code >= _SERVER_FAULT:
                raise ChallengeUnready(f"status {answer.status_code}")
            body = await read_bounded(answer, _LONGEST_VERDICT)
        if body is None:
            raise ChallengeUnready("the verdict does not end")
        return body

    async def close(self) -> None:
        """Close the connections; the next answer would open others."""
        http, self._http = self._http, None
        if http:
            await http.aclose()


def _client() -> HttpClient:
    return HttpClient(timeout=None, limits=httpx.Limits(max_connections=_MOST_AT_ONCE))
