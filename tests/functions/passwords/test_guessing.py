"""Finding out whether a password is soon guessed: bounded work, off the event loop."""

import asyncio
import random
from contextlib import suppress

import pytest

from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import PasswordSettings

EMAIL = "ada@northwind.example"
SIGNS = "4@8({[<3691!|70$5+%2"
"""All that zxcvbn takes for letters in disguise."""


@pytest.fixture
def policy() -> PasswordPolicy:
    return PasswordPolicy(PasswordSettings(), "Northwind School")


async def test_no_password_is_endless_work(policy: PasswordPolicy) -> None:
    """Without a bound, zxcvbn would try each of the letters that each sign may stand for, in all combinations."""
    mixing = random.Random(1)
    for password in (SIGNS + "unguessable", *("".join(mixing.choices(SIGNS, k=72)) for _ in range(20))):
        with suppress(PasswordRejected):
            await policy.require(password, EMAIL)


async def test_the_event_loop_answers_others_meanwhile(policy: PasswordPolicy) -> None:
    judging = asyncio.create_task(policy.require(SIGNS + "unguessable", EMAIL))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not judging.done()
    await judging


async def test_more_than_can_wait_are_told_to_come_back(policy: PasswordPolicy) -> None:
    judged = [policy.require(f"seven quiet harbours {number}", EMAIL) for number in range(100)]
    outcomes = await asyncio.gather(*judged, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), Busy}
    assert sum(outcome is None for outcome in outcomes) >= 64
