"""A store that hangs: how often it is asked whether it is ready, and how long clients wait for the verdict."""

import asyncio

import pytest

from keyturn.service.parts.accounts_readiness import AccountsReadiness
from keyturn.service.problems.requests import AccountsUnready

MANY = 20


class AppsOwnStore:
    """Counts how often it is asked, and answers while it is `free`."""

    def __init__(self) -> None:
        self.asked = 0
        self.free = asyncio.Event()

    async def require_reachable(self) -> None:
        self.asked += 1
        await self.free.wait()


async def test_a_frozen_store_is_asked_once_and_every_client_is_answered_in_time() -> None:
    store = AppsOwnStore()
    readiness = AccountsReadiness(store, fresh=0, patience=0.2)  # type: ignore[arg-type]  # it only answers
    async with asyncio.timeout(5):
        verdicts = await asyncio.gather(*(readiness.require() for _ in range(MANY)), return_exceptions=True)
        for _ in range(MANY):
            with pytest.raises(AccountsUnready, match="does not answer in time"):
                await readiness.require()
    assert (len(verdicts), {type(verdict) for verdict in verdicts}, store.asked) == (MANY, {AccountsUnready}, 1)

    store.free.set()
    await readiness.require()
    await readiness.close()


async def test_a_store_that_never_answers_is_given_up_and_asked_again() -> None:
    store = AppsOwnStore()
    readiness = AccountsReadiness(store, fresh=0, patience=5, longest=0.1)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(AccountsUnready, match="not ready: TimeoutError"):
            await readiness.require()

    assert store.asked == 2
