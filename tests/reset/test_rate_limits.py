"""Limits by client and by account."""

import asyncio
import threading
import time
import tracemalloc
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

import pytest

from keyturn.problems.requests import OverBudget, TooManyRequests
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.settings import LimitSettings

HERE, THERE = Client(ip_address="192.0.2.1"), Client(ip_address="192.0.2.2")


def rate_limits(**settings: Any) -> RateLimits:
    return RateLimits(LimitSettings(**settings))


async def used_up(limits: RateLimits, kind: str, client: Client) -> bool:
    try:
        await limits.count(kind, client)
    except TooManyRequests:
        return True
    return False


async def test_a_client_may_ask_so_often_and_no_more() -> None:
    limited = rate_limits(request="3/minute")

    assert [await used_up(limited, "request", HERE) for _ in range(5)] == [False] * 3 + [True] * 2


async def test_another_client_is_not_affected() -> None:
    limited = rate_limits(request="1/minute")
    await limited.count("request", HERE)

    assert not await used_up(limited, "request", THERE)


async def test_the_addresses_of_one_ipv6_subscriber_count_together() -> None:
    limited = rate_limits(request="1/minute")
    await limited.count("request", Client(ip_address="2001:db8::1"))

    assert await used_up(limited, "request", Client(ip_address="2001:db8::2"))
    assert not await used_up(limited, "request", Client(ip_address="2001:db8:0:1::1"))


async def test_who_holds_more_than_a_64_asks_a_few_times_as_often_and_no_more() -> None:
    limited = rate_limits(request="2/minute", ipv6_56=3, ipv6_48=5)
    from_a_56 = [Client(ip_address=f"2001:db8:1:{number:x}::1") for number in range(256)]
    from_a_48 = [Client(ip_address=f"2001:db8:1:{number:x}00::1") for number in range(1, 256)]

    assert [await used_up(limited, "request", client) for client in from_a_56].count(False) == 2 * 3
    assert [await used_up(limited, "request", client) for client in from_a_48].count(False) == 2 * 5 - 2 * 3
    assert not await used_up(limited, "request", Client(ip_address="2001:db8:2::1"))
    assert not await used_up(limited, "request", HERE)


async def test_all_clients_together_have_a_budget() -> None:
    limited = rate_limits(overall="2/minute")
    await limited.count_overall()
    await limited.count_overall()

    with pytest.raises(OverBudget):
        await limited.count_overall()


async def test_each_kind_of_request_counts_by_itself() -> None:
    limited = rate_limits(request="1/minute", validate="1/minute", reset="1/minute", login="1/minute")
    for kind in ("request", "validate", "reset", "login"):
        assert not await used_up(limited, kind, HERE)
        assert await used_up(limited, kind, HERE)


async def test_many_at_once_do_not_overshoot() -> None:
    limited = rate_limits(request="10/minute")

    assert sum(await asyncio.gather(*(used_up(limited, "request", HERE) for _ in range(50)))) == 40


@pytest.mark.parametrize(("rate", "longest"), [("1/second", 1), ("1/minute", 60), ("1/15 minutes", 900)])
async def test_who_is_refused_learns_when_to_come_back(rate: str, longest: int) -> None:
    limited = rate_limits(request=rate)
    await limited.count("request", HERE)
    with pytest.raises(TooManyRequests) as refused:
        await limited.count("request", HERE)

    assert max(1, longest - 1) <= refused.value.retry_after <= longest + 1
    assert isinstance(refused.value.retry_after, int)


async def test_guesses_count_against_the_account_wherever_they_come_from() -> None:
    limited = rate_limits(account="2/minute")
    await limited.count_guess("ada@northwind.example")
    await limited.count_guess("ada@northwind.example")

    with pytest.raises(TooManyRequests):
        await limited.count_guess("ada@northwind.example")
    await limited.count_guess("eve@northwind.example")


async def test_a_window_moves_and_a_refused_request_does_not_lengthen_it() -> None:
    limited = rate_limits(request="2/second")
    assert [await used_up(limited, "request", HERE) for _ in range(9)] == [False] * 2 + [True] * 7
    await asyncio.sleep(1)  # the clock is what is awaited

    assert [await used_up(limited, "request", HERE) for _ in range(3)] == [False] * 2 + [True]


async def ask_from(limited: RateLimits, numbers: Iterable[int]) -> float:
    """Ask once from each of the addresses; return the seconds of processor time that a request took."""
    clients = [Client(ip_address=str(IPv4Address(number))) for number in numbers]
    start = time.process_time()
    for client in clients:
        await used_up(limited, "request", client)
    return (time.process_time() - start) / len(clients)


@pytest.mark.long
async def test_a_request_costs_the_same_however_many_clients_there_are() -> None:
    limited, threads = rate_limits(), threading.active_count()
    batches = [range(start, start + 20_000) for start in range(1, 500_001, 20_000)]
    costs = [await ask_from(limited, batch) for batch in batches]

    assert min(costs[-3:]) < 3 * min(costs[:3])
    assert threading.active_count() <= threads, "counting starts no thread"


@pytest.mark.long
async def test_a_flood_of_clients_costs_no_more_memory_than_there_is_a_bound_for() -> None:
    limited = rate_limits()
    await ask_from(limited, range(1, 120_001))
    tracemalloc.start()
    try:
        await ask_from(limited, range(120_001, 130_001))  # what is kept of the last few takes the place of others
        before, _ = tracemalloc.get_traced_memory()
        await ask_from(limited, range(130_001, 160_001))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 3 * 30_000, "fewer than three bytes for each client more"


@pytest.mark.long
async def test_a_flood_of_clients_makes_nobodys_counter_be_forgotten() -> None:
    limited = rate_limits(request="1/minute")
    await limited.count("request", HERE)
    await ask_from(limited, range(1, 120_001))

    assert await used_up(limited, "request", HERE)


@pytest.mark.long
async def test_windows_that_are_over_make_room_for_those_who_come() -> None:
    limited = rate_limits(request="1/second")
    await ask_from(limited, range(1, 110_001))
    await asyncio.sleep(1)  # the clock is what is awaited

    refused = [await used_up(limited, "request", Client(ip_address=str(IPv4Address(n)))) for n in range(1, 20_001)]

    assert not any(refused)
