"""What it costs to find out whether a password is soon guessed."""

import asyncio
import random

import pytest
from tests.processor_time import least_seconds

from keyturn.problems.passwords import PasswordRejected
from keyturn.problems.requests import Busy
from keyturn.reset.passwords.policy import PasswordPolicy
from keyturn.settings import PasswordSettings

EMAIL = "ada@northwind.example"
SIGNS = "4@8({[<3691!|70$5+%2"
"""All that zxcvbn takes for letters in disguise."""


@pytest.fixture
def policy() -> PasswordPolicy:
    return PasswordPolicy(PasswordSettings(), "Northwind School")


async def cpu_seconds(policy: PasswordPolicy, password: str, *, tries: int = 3, enough: float = 0) -> float:
    return await least_seconds(lambda: policy.require(password, EMAIL), tries=tries, enough=enough)


async def test_no_password_takes_many_times_as_long_as_a_plain_one(policy: PasswordPolicy) -> None:
    bound = 25 * await cpu_seconds(policy, "seven quiet harbours and a lake")
    mixing = random.Random(1)
    costly = [SIGNS + "unguessable", *("".join(mixing.choices(SIGNS, k=72)) for _ in range(20))]
    assert max([await cpu_seconds(policy, password, tries=20, enough=bound) for password in costly]) < bound


async def test_the_event_loop_answers_others_meanwhile(policy: PasswordPolicy) -> None:
    judging = asyncio.create_task(policy.require(SIGNS + "unguessable", EMAIL))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not judging.done()
    await judging


async def test_a_password_that_breaks_another_rule_is_not_worth_the_work(policy: PasswordPolicy) -> None:
    async def rejected() -> None:
        with pytest.raises(PasswordRejected):
            await policy.require("x" * 16_000, EMAIL)

    await policy.require("seven quiet harbours", EMAIL)
    assert await least_seconds(rejected) < await cpu_seconds(policy, SIGNS + "unguessable")


async def test_more_than_can_wait_are_told_to_come_back(policy: PasswordPolicy) -> None:
    judged = [policy.require(f"seven quiet harbours {number}", EMAIL) for number in range(100)]
    outcomes = await asyncio.gather(*judged, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), Busy}
    assert sum(outcome is None for outcome in outcomes) >= 64
