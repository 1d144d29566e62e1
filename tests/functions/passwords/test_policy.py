"""Which passwords are accepted."""

from typing import Any

import pytest
from playwright.async_api import Browser

from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.settings import PasswordSettings

EMAIL = "ada.lovelace@northwind.example"


async def broken(password: str, email: str = EMAIL, **settings: Any) -> list[str]:
    """Return the names of the rules that the password breaks."""
    policy = PasswordPolicy(PasswordSettings(**settings), "Northwind School")
    try:
        await policy.require(password, email)
    except PasswordRejected as rejected:
        return [violation.rule for violation in rejected.violations]
    return []


@pytest.mark.parametrize(("length", "rules"), [(11, ["min_length"]), (12, [])])
async def test_the_length_is_counted_in_characters(length: int, rules: list[str]) -> None:
    assert set(await broken("äöü" * 3 + "xyz"[: length - 9])) - {"common"} == set(rules)


@pytest.mark.parametrize(("password", "rules"), [("\ud800" * 24, []), ("\ud800" * 25, ["max_bytes"])])
async def test_the_upper_end_is_seventy_two_bytes_since_bcrypt_reads_no_more(password: str, rules: list[str]) -> None:
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
    "password", "PassWord", "123456789", "qwertyuiop", "password12345", "p4ssw0rd" * 4, "P@$$w0rd!2024",
    "Correct horse battery staple!", "MayTheForceBeWithYou", "je t'aime mon amour", "わたしのパスワード1234",
    "كلمة المرور 2026", "¡Verano2026!", "Lighthouse-2026", "Summer20262027",
])  # fmt: skip
async def test_what_is_guessed_soon_is_a_common_password(password: str) -> None:
    assert await broken(password, min_length=6) == ["common"]


@pytest.mark.parametrize("password", [
    "静かな港が七つある夜の道", "sieben stille Häfen", "brave horse batteries", "kT3vQ9mXh2Jr0", "$%&/()=?!#x7",
    "northwind school has seven quiet harbours",
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


@pytest.mark.long
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("password", [
    "Seven quiet harbours 7!", "short", "SEVENQUIETHARBOURS", "sevenquietharbours7", "\n" * 12, "ÉCOLE", "école", "٣",
    "²", "漢字", "🔑" * 11, "🔑" * 12,
])  # fmt: skip
async def test_a_pattern_says_in_a_browser_what_the_rule_says(password: str, browser: Browser) -> None:
    settings: dict[str, Any] = {"require": ("uppercase", "lowercase", "digit", "special")}
    rules = PasswordPolicy(PasswordSettings(**settings), "Northwind School").rules
    patterns = {rule.name: rule.pattern for rule in rules if rule.pattern}
    page = await browser.new_page()
    tested = "([names, text]) => Object.keys(names).filter((name) => !new RegExp(names[name], 'u').test(text))"
    by_pattern = await page.evaluate(tested, [patterns, password])
    await page.close()

    assert by_pattern == [name for name in await broken(password, EMAIL, **settings) if name in patterns]
