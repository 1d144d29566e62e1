"""Tells whether a store of accounts answers."""

import asyncio

from keyturn.service.accounts.port import AccountStore
from keyturn.service.clock import monotonic
from keyturn.service.problems.requests import AccountsUnready

_FRESH = 2.0  # seconds for which a result is used again
_PATIENCE = 3.0  # seconds that a client waits for a result
_LONGEST_CHECK = 60.0  # seconds


class AccountsReadiness:
    """Tells whether a store answers, for /health/ready, which any client may call.

    One check runs at a time, and its result is used again for a moment, so that clients cannot
    cause many checks.
    """

    def __init__(self, accounts: AccountStore) -> None:
        self._require_reachable = accounts.require_reachable
        self._check: asyncio.Task[str] | None = None
        self._began = 0.0
        self._ended = 0.0

    async def require(self) -> None:
        """Raise AccountsUnready unless the store answers in time."""
        check = self._current_check()
        await asyncio.wait([check], timeout=max(self._began + _PATIENCE - monotonic(), 0))
        if not check.done():
            raise AccountsUnready("the store of the accounts does not answer in time")
        objection = check.result()
        if objection:
            raise AccountsUnready(objection)

    def _current_check(self) -> asyncio.Task[str]:
        """Return the check that runs or has just ended, or start a new one."""
        if self._check is not None:
            is_fresh = monotonic() - self._ended < _FRESH
            if is_fresh or not self._check.done():
                return self._check
        self._began = monotonic()
        self._check = asyncio.create_task(self._objection())
        return self._check

    async def _objection(self) -> str:
        try:
            async with asyncio.timeout(_LONGEST_CHECK):
                await self._require_reachable()
        except Exception as error:  # noqa: BLE001 - whatever an app's own store raises
            why = str(error) or type(error).__name__
            return f"the store of the accounts is not ready: {why}"
        finally:
            self._ended = monotonic()
        return ""

    async def close(self) -> None:
        """Cancel the running check: the next one may run in another event loop."""
        check = self._check
        self._check = None
        if check:
            check.cancel()
            await asyncio.gather(check, return_exceptions=True)
