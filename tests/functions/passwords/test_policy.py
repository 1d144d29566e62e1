"""Which passwords are accepted; finding out is bounded work, off the event loop."""

import asyncio
import random
from typing import Any

import pytest
from playwright.async_api import Browser

from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import PasswordSettings

EMAIL = "ada.lovelace@northwind.example"


async def broken(password: str, email: str = EMAIL, **settings: Any) -> list[str]:
    policy = PasswordPolicy(PasswordSettings(**settings), "Northwind School")
    try:
        await policy.require(password, email)
    except PasswordRejected as rejected:
        return [violation.rule for violation in rejected.violations]
    return []


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("äöü" * 3 + "xy", ["min_length"]),  # counted in characters
        ("äöü" * 3 + "xyz", []),
        ("\ud800" * 24, []),
        ("\ud800" * 25, ["max_bytes"]),  # bcrypt reads no more than 72 bytes
    ],
)
async def test_the_length_has_two_ends(password: str, rules: list[str]) -> None:
    assert set(await broken(password)) - {"common"} == set(rules)


@pytest.mark.parametrize(
    ("rule", "missing", "there"),
    [
        ("uppercase", "seven quiet harbours", "Seven quiet harbours"),
        ("lowercase", "SEVEN QUIET HARBOURS", "SEVEN QUIET HARBOURs"),
        ("digit", "seven quiet harbours", "7even quiet harbours"),
        ("special", "seven quiet harbours", "seven quiet harbours!"),
    ],
)
async def test_a_team_can_ask_for_kinds_of_characters(rule: str, missing: str, there: str) -> None:
    assert await broken(missing, EMAIL, require=(rule,)) == [rule]
    assert await broken(there, EMAIL, require=(rule,)) == []
    assert await broken(missing) == []


@pytest.mark.parametrize("password", [
    "password", "PassWord", "123456789", "qwertyuiop", "password12345", "p4ssw0rd" * 4,
    "P@$$w0rd!2024", "Correct horse battery staple!", "MayTheForceBeWithYou", "je t'aime mon amour",
    "わたしのパスワード1234", "كلمة المرور 2026", "¡Verano2026!", "Lighthouse-2026",
    "Summer20262027",
])  # fmt: skip
async def test_what_is_guessed_soon_is_a_common_password(password: str) -> None:
    assert await broken(password, min_length=6) == ["common"]


@pytest.mark.parametrize("password", [
    "静かな港が七つある夜の道", "sieben stille Häfen", "brave horse batteries", "kT3vQ9mXh2Jr0",
    "$%&/()=?!#x7", "northwind school has seven quiet harbours",
])  # fmt: skip
async def test_what_nobody_guesses_soon_is_accepted(password: str) -> None:
    assert await broken(password) == []


@pytest.mark.parametrize("password", [
    "Northwind-School1!", "northwind school northwind school", "ada.lovelace@northwind.example",
    "ada.lovelace.ada.lovelace", "Northwind-2026!",
])  # fmt: skip
async def test_the_site_and_the_persons_own_address_are_refused(password: str) -> None:
    assert await broken(password) == ["personal"]


async def test_a_short_name_may_be_part_of_a_password() -> None:
    assert await broken("ada123456789!", email="ada@northwind.example") == []


SIGNS = "4@8({[<3691!|70$5+%2"
"""All that zxcvbn takes for letters in disguise."""


async def test_no_password_is_endless_work_and_the_event_loop_answers_others_meanwhile() -> None:
    """Without a bound, zxcvbn would try each of the letters that each sign may stand for, in all
    combinations.
    """
    mixing = random.Random(1)
    judging = asyncio.create_task(broken(SIGNS + "unguessable"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not judging.done()
    await judging
    for _ in range(20):
        await broken("".join(mixing.choices(SIGNS, k=72)))


async def test_more_than_can_wait_are_told_to_come_back() -> None:
    policy = PasswordPolicy(PasswordSettings(), "Northwind School")
    judged = [policy.require(f"seven quiet harbours {number}", EMAIL) for number in range(100)]
    outcomes = await asyncio.gather(*judged, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {type(None), Busy}
    assert sum(outcome is None for outcome in outcomes) >= 64


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("password", [
    "Seven quiet harbours 7!", "short", "SEVENQUIETHARBOURS", "sevenquietharbours7", "\n" * 12,
    "ÉCOLE", "école", "٣", "²", "漢字", "🔑" * 11, "🔑" * 12,
])  # fmt: skip
async def test_a_pattern_says_in_a_browser_what_the_rule_says(
    password: str, browser: Browser
) -> None:
    settings: dict[str, Any] = {"require": ("uppercase", "lowercase", "digit", "special")}
    rules = PasswordPolicy(PasswordSettings(**settings), "Northwind School").rules
    patterns = {rule.name: rule.pattern for rule in rules if rule.pattern}
    page = await browser.new_page()
    tested = (
        "([names, text]) => Object.keys(names).filter((name) => !new RegExp(names[name], "
        "'u').test(text))"
    )
    by_pattern = await page.evaluate(tested, [patterns, password])
    await page.close()

    assert by_pattern == [
        name for name in await broken(password, EMAIL, **settings) if name in patterns
    ]
