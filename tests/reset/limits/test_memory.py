"""Limits in memory: what a flood of clients costs."""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address

import pytest
from tests.reset.limits.test_every_store import HERE, used_up

from keyturn.service.reset.limits.rate_limits import RateLimits
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import LimitSettings


async def ask_from(limited: RateLimits, numbers: Iterable[int]) -> None:
    """Ask once from each of the addresses."""
    for number in numbers:
        await used_up(limited, "request", Client(ip_address=str(IPv4Address(number))))


@pytest.mark.long
async def test_a_flood_of_clients_makes_nobodys_counter_be_forgotten() -> None:
    limited = RateLimits(LimitSettings(request="1/minute"))
    await limited.count("request", HERE)
    await ask_from(limited, range(1, 120_001))

    assert await used_up(limited, "request", HERE)


@pytest.mark.long
async def test_windows_that_are_over_make_room_for_those_who_come() -> None:
    limited = RateLimits(LimitSettings(request="1/second"))
    await ask_from(limited, range(1, 110_001))
    await asyncio.sleep(1)  # the clock is what is awaited

    refused = [await used_up(limited, "request", Client(ip_address=str(IPv4Address(n)))) for n in range(1, 20_001)]

    assert not any(refused)
