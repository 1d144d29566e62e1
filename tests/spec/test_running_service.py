"""`keyturn.testing.service`: the service in a test's process, with the test's clock, random bytes,
sender and store.
"""

import re
from datetime import timedelta
from typing import Any

import pytest

from keyturn import SettingsInvalid
from keyturn.testing import service

ADA, PASSWORD = "ada@example.test", "seven quiet harbours"


async def link(keyturn: Any) -> str:
    await keyturn.client().post("/api/auth/request-password-reset", json={"email": ADA})
    await keyturn.deliver()
    return str(re.findall(r"[\w-]{43}", keyturn.sender.sent[-1].text)[0])


async def works(keyturn: Any, token: str) -> bool:
    answer = await keyturn.client().post("/api/auth/validate-reset-token", json={"token": token})
    return bool(answer.json()["valid"])


async def test_a_link_arrives_and_expires_as_the_test_moves_the_clock() -> None:
    async with service({"token": {"ttl": "30m"}}) as keyturn:
        await keyturn.add_account(ADA, PASSWORD)
        token = await link(keyturn)
        keyturn.clock.move(timedelta(minutes=29))
        assert await works(keyturn, token)
        keyturn.clock.move(timedelta(minutes=2))
        assert not await works(keyturn, token)


async def test_the_random_bytes_of_the_test_make_the_tokens() -> None:
    async with service(random=lambda size: b"\x07" * size) as keyturn:
        await keyturn.add_account(ADA, PASSWORD)
        assert await link(keyturn) == "Bw" + "cHBw" * 10 + "c"


async def test_settings_that_a_file_may_not_have_are_refused_all_at_once() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        async with service({"token": {"ttl": "30 apples"}, "brnd": {}}):
            pass
    assert {fault.name for fault in refused.value.faults} == {"token.ttl", "brnd"}
