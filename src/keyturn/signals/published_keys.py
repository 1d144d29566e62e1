"""Fetches and keeps the keys with which another system signs its events (RFC 7517)."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

import httpx
import msgspec

from keyturn.http_client import HttpClient, ReopenedClient, read_bounded
from keyturn.packaging import requires_extra
from keyturn.problems.requests import Unavailable

with requires_extra("signals", "[signals]", "signals.transmitters"):
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

Key = RSAKey | ECKey

_FRESH = 3_600.0
"""Seconds for which keys are used. A key that the transmitter withdraws verifies nothing after that."""

_BETWEEN_FETCHES = 30.0
"""Seconds between two fetches: strangers can send tokens with invented keys, and must not make us fetch for each."""

_LONGEST = 65_536
"""Bytes of a key set; Google's has 2,000."""

_RSA_LENGTHS = range(342, 684)
"""Base64 characters of a modulus of 2,048 to 4,096 bits: NIST SP 800-131A, and what bounds a signature's cost."""


class KeysUnready(Unavailable):
    """A transmitter's keys cannot be read now, which says nothing about its events."""


class KeyUnknown(KeysUnready):
    """The keys were read a moment ago, without the one that is asked for."""


class PublishedKeys:
    """The keys at a URL of the settings, by their ids. No redirect is followed. `timeout` is for a whole fetch."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url = url
        self._timeout = timeout.total_seconds()
        self._client = ReopenedClient(partial(HttpClient, timeout=None, follow_redirects=False))
        self._keys: Mapping[str, Key] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._is_fetching = False

    async def find(self, kid: str) -> Key | None:
        """Return the key with that id; None if the transmitter has none. Raises KeysUnready, KeyUnknown.

        An unknown id has the keys fetched again, but not so soon after the last time: then it stays unknown whether the
        transmitter has it.
        """
        now = monotonic()
        is_fresh = now - self._fetched_at < _FRESH
        if is_fresh and kid in self._keys:
            return self._keys[kid]
        # Nothing waits for another's fetch: each would keep its body meanwhile, and strangers can send many.
        if self._is_fetching or now - self._tried_at < _BETWEEN_FETCHES:
            unready = KeyUnknown if is_fresh else KeysUnready
            raise unready("the keys were fetched a moment ago", int(_BETWEEN_FETCHES))
        await self.fetch()
        return self._keys.get(kid)

    async def fetch(self) -> int:
        """Read the keys, and return how many can be used. Raises KeysUnready."""
        self._is_fetching, self._tried_at = True, monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                self._keys = await self._read()
        except TimeoutError:
            raise KeysUnready(f"no keys within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise KeysUnready(type(error).__name__) from None
        except (msgspec.MsgspecError, RecursionError):
            raise KeysUnready("the answer is not a set of keys") from None
        finally:
            self._is_fetching = False
        self._fetched_at = monotonic()
        return len(self._keys)

    async def _read(self) -> Mapping[str, Key]:
        headers = {"accept": "application/json", "accept-encoding": "identity"}  # so that the limit bounds the memory
        async with self._client.http.stream("GET", self._url, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                raise KeysUnready(f"status {answer.status_code}")
            body = await read_bounded(answer, _LONGEST)
        if body is None:
            raise KeysUnready("the set of keys is too long")
        found = msgspec.json.decode(body, type=_KeySet).keys
        keys = {str(jwk.get("kid", "")): key for jwk in found if (key := _usable(jwk))}
        if not keys:  # rather an error of the server than the end of all keys
            raise KeysUnready("the set has no key that can be used")
        return keys

    async def close(self) -> None:
        await self._client.close()


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable(jwk: dict[str, Any]) -> Key | None:
    """Return a public key that verifies signatures; None for another, such as one of an unknown kind (RFC 7517, 5)."""
    if jwk.get("use", "sig") != "sig":
        return None
    try:
        if jwk.get("kty") == "EC":
            return ECKey.import_key(jwk) if jwk.get("crv") == "P-256" else None
        return RSAKey.import_key(jwk) if len(jwk["n"]) in _RSA_LENGTHS else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
