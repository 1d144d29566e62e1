"""Whether answers to the challenge can be verified, and whether the source of leaked passwords
answers.
"""

from typing import Any

import pytest
from tests.servers.pwned_passwords import running_ranges
from tests.servers.verifier import Fault, running_verifier

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.reset.passwords.breaches import check as check_breaches
from keyturn.service.reset.proofs.captcha import check
from keyturn.service.settings import ChallengeSettings, PasswordSettings, SecretStr, Settings

pytestmark = pytest.mark.slow


async def found(**challenge: Any) -> CheckResult:
    (finding,) = await check(Settings(challenge=ChallengeSettings(**challenge)))
    assert finding.check == "challenge"
    return finding


@pytest.mark.parametrize(("method", "site_key"), [("turnstile", ""), ("hcaptcha", "site")])
async def test_a_service_that_knows_the_secret_is_fine_and_one_that_does_not_is_not(
    method: str, site_key: str
) -> None:
    async with running_verifier(spent="", secret="right", site_key=site_key) as verifier:
        keys = {"method": method, "site_key": site_key, "url": verifier.url}
        right, wrong = (
            await found(secret=SecretStr("right"), **keys),
            await found(secret=SecretStr("wrong"), **keys),
        )
        verifier.solved = {"nobody": ("example.com", "")}
        for_tests = await found(secret=SecretStr("right"), **keys)
        verifier.codes = ["sitekey-secret-mismatch"]
        of_another_site = await found(secret=SecretStr("right"), **keys)

    verdicts = [one.verdict for one in (right, wrong, for_tests, of_another_site)]
    assert verdicts == ["ok", "fail", "warn", "fail"]
    assert ("invalid-input-secret" in wrong.message, "wrong" in wrong.message) == (True, False)


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.UNAVAILABLE, Fault.GARBAGE])
async def test_a_service_that_fails_is_told_with_what_becomes_of_requests(fault: Fault) -> None:
    async with running_verifier(spent="", secret="right") as verifier:
        verifier.faults = [fault]
        told = await found(method="turnstile", secret=SecretStr("right"), url=verifier.url)
    assert told.verdict == "fail"
    assert "requests for links are refused" in told.fix


@pytest.mark.parametrize(
    ("leaked", "is_silent", "verdict"),
    [(10_000_000, False, "ok"), (0, False, "warn"), (0, True, "warn")],
)
async def test_a_source_of_leaked_passwords_that_fails_is_a_warning(
    leaked: int, is_silent: bool, verdict: str
) -> None:
    async with running_ranges() as server:
        server.leaked, server.is_silent = (
            {"password": leaked} if leaked else server.leaked,
            is_silent,
        )
        (told,) = await check_breaches(Settings(password=PasswordSettings(breaches=server.url)))

    assert (told.check, told.verdict, bool(told.fix)) == ("breaches", verdict, verdict == "warn")
    assert verdict == "warn" or told.message == '127.0.0.1 works: it lists the password "password"'
