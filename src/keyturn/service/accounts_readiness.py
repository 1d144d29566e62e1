"""Checks whether the store of the accounts answers, for /health/ready, which any client may call."""

import asyncio

from keyturn.service.accounts.port import AccountStore
from keyturn.service.clock import monotonic
from keyturn.service.problems.requests import AccountsUnready

_FRESH, _PATIENCE, _LONGEST = 2.0, 3.0, 60.0
"""Seconds: how long a verdict holds, how long a client waits for one, and how long a check may take."""


class AccountsReadiness:
    """Runs one check at a time, and keeps its verdict for a moment, so that clients cannot multiply the cost.

    A store that hangs is checked once; until it answers, every client is told in time that it is not ready.
    """

    def __init__(self, accounts: AccountStore) -> None:
        self._ask = accounts.require_reachable
        self._asking: asyncio.Task[str] | None = None
        self._began = self._ended = 0.0

    async def require(self) -> None:
        """Raise AccountsUnready unless the store answers in time."""
        if self._asking is None or (self._asking.done() and monotonic() - self._ended >= _FRESH):
            self._began = monotonic()
            self._asking = asyncio.create_task(self._objection())
        await asyncio.wait([self._asking], timeout=max(self._began + _PATIENCE - monotonic(), 0))
        if not self._asking.done():
            raise AccountsUnready("the store of the accounts does not answer in time")
        if objection := self._asking.result():
            raise AccountsUnready(objection)

    async def _objection(self) -> str:
        """Return why the store is not ready, or "" if it is."""
        try:
            async with asyncio.timeout(_LONGEST):
                await self._ask()
        except Exception as error:  # noqa: BLE001 - whatever an app's own store raises: it is not ready
            return f"the store of the accounts is not ready: {str(error) or type(error).__name__}"
        finally:
            self._ended = monotonic()
        return ""

    async def close(self) -> None:
        """Cancel the running check: the next may come from another event loop."""
        asking, self._asking = self._asking, None
        if asking:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
