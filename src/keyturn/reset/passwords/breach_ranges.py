"""Client for Have I Been Pwned's range protocol: sends five digits of a hash and gets all hashes that begin so."""

import re
from functools import partial

import httpx

import keyturn
from keyturn.http_client import HttpClient, ReopenedClient, read_bounded
from keyturn.reset.passwords.breaches import BreachSourceFailed

_PREFIX = 5
_LONGEST_ANSWER = 2**20
"""Bytes; 1,000 to 2,000 lines of 43 are usual."""

_MOST_AT_ONCE = 16
_OK = 200
_SUFFIX = 35
_MOST_LINES = _LONGEST_ANSWER // _SUFFIX
_LINE = re.compile(rb"[0-9A-F]{35}(?:[ \t]*:[ \t]*([\d,]*))?")


class BreachRanges:
    """Asks `url`, Have I Been Pwned's or a mirror's. It learns five of forty digits, which some 1,000 passwords share.

    Padding hides the number of lines from the network, and so the range.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Without a time-out of its own: the caller has one for the whole call.
        limits = httpx.Limits(max_connections=_MOST_AT_ONCE)
        self._client = ReopenedClient(partial(HttpClient, timeout=None, limits=limits))

    async def holds(self, digest: bytes) -> bool:
        written = digest.hex().upper()
        body, wanted = await self._range(written[:_PREFIX]), written[_PREFIX:].encode()
        lines = [one for line in body.upper().split(b"\n", _MOST_LINES) if (one := line.strip())]
        # Check all lines: a truncated answer would report every hash behind the cut as unknown.
        if not lines or not all(map(_LINE.fullmatch, lines)):
            raise BreachSourceFailed("the answer is not a list of hashes")
        found = next((_LINE.fullmatch(line) for line in lines if line.startswith(wanted)), None)
        return found is not None and (found[1] or b"1").strip(b"0,") != b""  # padding has a count of 0

    async def _range(self, prefix: str) -> bytes:
        # Uncompressed, so that the size limit bounds the memory; random hex digits hardly compress.
        headers = {
            "add-padding": "true",
            "accept-encoding": "identity",
            "user-agent": f"keyturn/{keyturn.__version__}",
        }
        try:
            async with self._client.http.stream("GET", f"{self._url}/range/{prefix}", headers=headers) as answer:
                if answer.status_code != _OK:
                    raise BreachSourceFailed(f"status {answer.status_code}")
                body = await read_bounded(answer, _LONGEST_ANSWER)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BreachSourceFailed(type(error).__name__) from None
        if body is None:
            raise BreachSourceFailed("the answer is too long")
        return body

    async def close(self) -> None:
        await self._client.close()
