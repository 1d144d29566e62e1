"""Limits in memory: what a flood of clients costs."""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Any

import pytest

from keyturn.problems.requests import TooManyRequests
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.records.client import Client
from keyturn.settings import LimitSettings

HERE = Client(ip_address="192.0.2.1")


def rate_limits(**settings: Any) -> RateLimits:
    return RateLimits(LimitSettings(**settings))


async def used_up(limits: RateLimits, kind: str, client: Client) -> bool:
    try:
        await limits.count(kind, client)
    except TooManyRequests:
        return True
    return False


async def ask_from(limited: RateLimits, numbers: Iterable[int]) -> None:
    """Ask once from each of the addresses."""
    for number in numbers:
        await used_up(limited, "request", Client(ip_address=str(IPv4Address(number))))


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
