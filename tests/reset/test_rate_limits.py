"""Limits by client and by account."""

import asyncio
from typing import Any

import pytest

from keyturn.errors import TooManyRequests
from keyturn.reset.rate_limits import RateLimits
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
