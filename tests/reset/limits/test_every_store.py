"""What every store of limits does: memory and PostgreSQL. Each store is a class that inherits the tests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from keyturn.service.database import Database
from keyturn.service.problems.requests import OverBudget, TooManyRequests
from keyturn.service.reset.limits.rate_limits import RateLimits
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import LimitSettings

pytestmark = pytest.mark.slow

HERE, THERE = Client(ip_address="192.0.2.1"), Client(ip_address="192.0.2.2")
ADA, EVE = "ada@northwind.example", "eve@northwind.example"


class Store:
    """Makes limits as processes have them: each with connections of its own. `address`: of PostgreSQL, or ""."""

    def __init__(self, address: str, stack: AsyncExitStack) -> None:
        self.address = address
        self._stack = stack

    def __call__(self, **rates: Any) -> RateLimits:
        database = Database(self.address) if self.address else None
        limits = RateLimits(LimitSettings(**rates), database)
        if database:
            self._stack.push_async_callback(database.close)
        self._stack.push_async_callback(limits.close)
        return limits


async def used_up(limits: RateLimits, kind: str, client: Client) -> bool:
    try:
        await limits.count(kind, client)
    except TooManyRequests:
        return True
    return False


async def accepted(limits: RateLimits, tries: int) -> int:
    """Return how many of these requests, one after the other, the limit of all clients takes."""
    taken = 0
    for _ in range(tries):
        try:
            await limits.count_overall()
        except OverBudget:
            continue
        taken += 1
    return taken


class EveryStore:
    """The tests that every store passes. A subclass has the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[Store]:
        async with AsyncExitStack() as stack:
            yield Store(address, stack)

    async def test_a_client_may_ask_so_often_and_no_more(self, store: Store) -> None:
        limited = store(request="3/minute")

        assert [await used_up(limited, "request", HERE) for _ in range(5)] == [False] * 3 + [True] * 2
        assert not await used_up(limited, "request", THERE)

    async def test_each_kind_of_request_counts_by_itself(self, store: Store) -> None:
        limited = store(request="1/minute", validate="1/minute", reset="1/minute", login="1/minute")
        for kind in ("request", "validate", "reset", "login"):
            assert not await used_up(limited, kind, HERE)
            assert await used_up(limited, kind, HERE)

    async def test_the_networks_around_an_ipv6_client_have_limits_of_their_own(self, store: Store) -> None:
        limited = store(request="2/minute")
        from_a_56 = [Client(ip_address=f"2001:db8:1:{number:x}::1") for number in range(12)]
        from_a_48 = [Client(ip_address=f"2001:db8:1:{number:x}00::1") for number in range(1, 30)]

        assert [await used_up(limited, "request", client) for client in from_a_56].count(False) == 2 * 4
        assert [await used_up(limited, "request", client) for client in from_a_48].count(False) == 2 * 16 - 2 * 4
        assert not await used_up(limited, "request", Client(ip_address="2001:db8:2::1"))

    @pytest.mark.parametrize("amount", [2, 99, 100, 101, 250])
    async def test_all_clients_together_have_a_budget(self, store: Store, amount: int) -> None:
        assert await accepted(store(overall=f"{amount}/hour"), amount + 5) == amount

    @pytest.mark.parametrize("client", [HERE, Client(ip_address="2001:db8::1")])
    async def test_a_client_uses_up_no_more_of_the_budget_than_its_own_limit(
        self, store: Store, client: Client
    ) -> None:
        limited = store(request="3/minute", overall="8/hour")

        async def ask(one: Client) -> str:
            try:
                await limited.count("request", one, "overall")
            except OverBudget:
                return "over budget"
            except TooManyRequests:
                return "refused"
            return "accepted"

        assert Counter([await ask(client) for _ in range(30)]) == {"accepted": 3, "refused": 27}
        assert [await ask(THERE) for _ in range(4)] == ["accepted"] * 3 + ["refused"]
        others = [await ask(Client(ip_address=f"192.0.2.{10 + number}")) for number in range(6)]
        assert others == ["accepted"] * 2 + ["over budget"] * 4
        assert await ask(Client(ip_address="192.0.2.99")) == "over budget"
        assert await accepted(limited, 3) == 0

    @pytest.mark.parametrize("amount", [10, 130])
    async def test_many_at_once_do_not_overshoot(self, store: Store, amount: int) -> None:
        limited = store(request=f"{amount}/minute")
        tries = (used_up(limited, "request", HERE) for _ in range(amount + 40))

        assert sum(await asyncio.gather(*tries)) == 40

    @pytest.mark.parametrize(("rate", "longest"), [("1/second", 1), ("1/minute", 60), ("1/15 minutes", 900)])
    async def test_who_is_refused_learns_when_to_come_back(self, store: Store, rate: str, longest: int) -> None:
        limited = store(request=rate)
        await limited.count("request", HERE)
        with pytest.raises(TooManyRequests) as refused:
            await limited.count("request", HERE)

        assert max(1, longest - 1) <= refused.value.retry_after <= longest + 1
        assert isinstance(refused.value.retry_after, int)

    async def test_guesses_count_against_the_account_and_can_be_forgotten(self, store: Store) -> None:
        limited = store(account="2/minute")
        await limited.count_guess("address", ADA)
        await limited.count_guess("address", ADA)

        with pytest.raises(TooManyRequests):
            await limited.count_guess("address", ADA)
        await limited.count_guess("address", EVE)

        await limited.forget_guesses(ADA)
        await limited.count_guess("address", ADA)

    async def test_a_look_counts_nothing_and_says_when_nothing_is_left(self, store: Store) -> None:
        limited = store(malformed="2/minute", overall="1/minute")
        for _ in range(3):
            await limited.require_left("malformed", HERE)
            await limited.require_left_overall("overall")
        await limited.count("malformed", HERE)
        await limited.require_left("malformed", HERE)
        await limited.count("malformed", HERE)
        await limited.count_overall()

        with pytest.raises(TooManyRequests):
            await limited.require_left("malformed", HERE)
        with pytest.raises(TooManyRequests):
            await limited.require_left_overall("overall")

    @pytest.mark.parametrize("amount", [3, 205])
    async def test_what_is_given_back_can_be_used_again(self, store: Store, amount: int) -> None:
        limited = store(overall=f"{amount}/hour")
        assert await accepted(limited, amount) == amount
        for _ in range(3):
            await limited.give_back_overall("overall")

        assert await accepted(limited, 5) == 3

    async def test_nothing_is_given_back_twice(self, store: Store) -> None:
        limited = store(overall="2/hour")
        await limited.count_overall()
        for _ in range(3):
            await limited.give_back_overall("overall")

        assert await accepted(limited, 5) == 2

    @pytest.mark.long
    @pytest.mark.parametrize("amount", [2, 130])
    async def test_a_window_moves_and_a_refused_request_does_not_lengthen_it(self, store: Store, amount: int) -> None:
        limited = store(overall=f"{amount}/2 seconds")
        assert await accepted(limited, amount + 9) == amount
        await asyncio.sleep(2)  # the clock is what is awaited

        assert await accepted(limited, amount + 1) == amount


class SharedStore(EveryStore):
    """The tests that a store passes that several processes share."""

    async def test_guesses_are_forgotten_by_all_processes(self, store: Store) -> None:
        for _ in range(10):
            await store().count_guess("address", ADA)
        with pytest.raises(TooManyRequests):
            await store().count_guess("address", ADA)

        await store().forget_guesses(ADA)
        await store().count_guess("address", ADA)


class TestMemory(EveryStore):
    @pytest.fixture
    def address(self) -> str:
        return ""


class TestPostgresql(SharedStore):
    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url
