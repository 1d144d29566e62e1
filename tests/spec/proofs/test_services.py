"""Challenges that a service verifies, whose verdicts may be late, lost or about another site."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

import httpx2
import pytest
from tests.driver.service import Service, Start, problem
from tests.servers.verifier import Fault, Verifier, running_verifier
from tests.spec.proofs.test_altcha import REFUSED, ask, outcomes

pytestmark = pytest.mark.any_database

SECRET, SITE_KEY = "0x4AAAAAAA-secret", "0x4AAAAAAA-site"
HERE, ACTION = "127.0.0.1", "request_reset"
DOWN, BUSY = "503 unavailable", "503 busy"

Method = Literal["turnstile", "hcaptcha"]


@pytest.fixture
async def turnstile() -> AsyncIterator[Verifier]:
    async with running_verifier(spent="timeout-or-duplicate", secret=SECRET) as verifier:
        verifier.solved = {"solved": (HERE, ACTION)}
        yield verifier


@pytest.fixture
async def hcaptcha() -> AsyncIterator[Verifier]:
    async with running_verifier(spent="invalid-or-already-seen-response", secret=SECRET, site_key=SITE_KEY) as verifier:
        verifier.solved = {"solved": (HERE, "")}
        yield verifier


def asking(method: Method, verifier: Verifier, **changes: Any) -> dict[str, Any]:
    return {"method": method, "site_key": SITE_KEY, "secret": SECRET, "url": verifier.url, **changes}


async def told(service: Service, answer: str = "solved") -> tuple[str, str]:
    found: httpx2.Response = await ask(service.anywhere(), answer)
    return problem(found), "" if found.is_success else found.json().get("reason", "")


@pytest.mark.parametrize("method", ["turnstile", "hcaptcha"])
async def test_an_answer_is_taken_once_and_the_service_is_told_the_rest(
    start: Start, turnstile: Verifier, hcaptcha: Verifier, method: Method
) -> None:
    verifier = {"turnstile": turnstile, "hcaptcha": hcaptcha}[method]
    service = await start(challenge=asking(method, verifier))

    assert await told(service) == ("202", "")
    assert await told(service) == (REFUSED, "expired")
    assert await told(service, "invented") == (REFUSED, "refused")
    assert await told(service, "") == (REFUSED, "missing")
    first, *_ = verifier.asked
    if method == "turnstile":
        assert UUID(first.pop("idempotency_key"))
        assert first == {"secret": SECRET, "response": "solved", "remoteip": first["remoteip"]}
    else:
        assert first["sitekey"] == SITE_KEY


async def test_a_form_gets_all_it_needs_and_not_the_secret(start: Start, turnstile: Verifier) -> None:
    service = await start(challenge=asking("turnstile", turnstile))
    found = (await service.anywhere().get("/api/auth/challenge")).json()
    assert found == {"method": "turnstile", "siteKey": SITE_KEY, "action": ACTION}


@pytest.mark.parametrize("method", ["turnstile", "hcaptcha"])
async def test_an_answer_of_another_host_is_refused_unless_its_pages_may_call(
    start: Start, turnstile: Verifier, hcaptcha: Verifier, method: Method
) -> None:
    verifier = {"turnstile": turnstile, "hcaptcha": hcaptcha}[method]
    verifier.solved = {"theirs": ("evil.test", ACTION), "ours": ("app.northwind.test", ACTION), "none": ("", ACTION)}
    service = await start(
        challenge=asking(method, verifier), server={"allowed_origins": ("https://app.northwind.test",)}
    )
    assert await told(service, "theirs") == (REFUSED, "refused")
    assert await told(service, "none") == (REFUSED, "refused")
    assert await told(service, "ours") == ("202", "")


async def test_an_answer_for_another_form_is_refused(start: Start, turnstile: Verifier) -> None:
    turnstile.solved = {"for sign-ins": (HERE, "login"), "for nothing": (HERE, ""), "login": (HERE, "login")}
    service = await start(challenge=asking("turnstile", turnstile))
    assert await told(service, "login") == (REFUSED, "refused")
    assert await outcomes(service) == {"elsewhere": 1}


@pytest.mark.parametrize("answer", ["a b", "x" * 2_049, "\u2603", "a\nb"])
@pytest.mark.long
async def test_an_unreadable_answer_is_sent_to_no_service(start: Start, turnstile: Verifier, answer: str) -> None:
    service = await start(challenge=asking("turnstile", turnstile))
    assert await told(service, answer) == (REFUSED, "refused")
    assert turnstile.asked == []


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE, Fault.OTHER_JSON, Fault.ENDLESS])
@pytest.mark.long
async def test_turnstile_is_asked_once_more_and_then_the_request_is_refused(
    start: Start, turnstile: Verifier, fault: Fault
) -> None:
    turnstile.faults = [fault]
    service = await start(challenge=asking("turnstile", turnstile))
    assert await told(service) == ("202", "")
    turnstile.faults = [fault, fault]
    assert await told(service, "another") == (DOWN, "")
    assert len({form["idempotency_key"] for form in turnstile.asked}) == 2
    assert await outcomes(service) == {"passed": 1, "failed": 1}


@pytest.mark.parametrize("fault", [Fault.SILENT, Fault.LOST])
@pytest.mark.long
async def test_a_verdict_that_was_lost_is_had_again_by_its_key(start: Start, turnstile: Verifier, fault: Fault) -> None:
    turnstile.faults = [fault]
    service = await start(challenge=asking("turnstile", turnstile))
    assert await told(service) == ("202", "")


async def test_an_internal_error_of_turnstiles_is_asked_again_and_never_taken_for_a_no(
    start: Start, turnstile: Verifier
) -> None:
    turnstile.codes = ["internal-error", "internal-error"]
    service = await start(challenge=asking("turnstile", turnstile))
    turnstile.solved["other"] = (HERE, ACTION)
    assert (await told(service))[0] == DOWN
    assert await told(service, "other") == ("202", "")


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("turnstile", "bad-request"),
        ("turnstile", "timeout-or-duplicate"),
        ("turnstile", "missing-input-response"),
        ("turnstile", "a-new-code"),
        ("hcaptcha", "sitekey-secret-mismatch"),
        ("hcaptcha", "not-using-dummy-secret"),
        ("hcaptcha", "bad-request"),
        ("hcaptcha", "invalid-input-response"),
    ],
)
@pytest.mark.long
async def test_no_code_that_a_client_may_bring_about_counts_as_a_failure_of_the_service(
    start: Start, turnstile: Verifier, hcaptcha: Verifier, method: Method, code: str
) -> None:
    verifier = {"turnstile": turnstile, "hcaptcha": hcaptcha}[method]
    verifier.codes = [code]
    service = await start(challenge=asking(method, verifier))
    assert (await told(service))[0] == REFUSED


@pytest.mark.parametrize("method", ["turnstile", "hcaptcha"])
async def test_a_wrong_secret_is_our_fault_and_in_the_log(
    start: Start, turnstile: Verifier, hcaptcha: Verifier, method: Method, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = {"turnstile": turnstile, "hcaptcha": hcaptcha}[method]
    service = await start(challenge=asking(method, verifier, secret="another"))
    assert (await told(service))[0] == DOWN
    (said,) = [record.getMessage() for record in caplog.records if "challenge.unanswered" in record.getMessage()]
    assert "challenge.secret is refused: invalid-input-secret" in said
    assert "another" not in said


async def test_nothing_is_called_where_nothing_is_listening(start: Start, hcaptcha: Verifier) -> None:
    service = await start(challenge=asking("hcaptcha", hcaptcha, url="http://127.0.0.1:9"))
    assert (await told(service))[0] == DOWN


@pytest.mark.long
async def test_a_flood_of_answers_passes_none_without_a_verdict(start: Start, turnstile: Verifier) -> None:
    service = await start(challenge=asking("turnstile", turnstile))
    turnstile.open.clear()
    flood = [asyncio.create_task(told(service, f"invented-{number}")) for number in range(80)]

    while len(turned_away := [task.result() for task in flood if task.done()]) < 48:
        await asyncio.wait([task for task in flood if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    turnstile.open.set()
    judged = [answer for answer in await asyncio.gather(*flood) if answer != (BUSY, "")]

    assert turned_away == [(BUSY, "")] * 48, "all that have no place hear so before the service has answered"
    assert judged == [(REFUSED, "refused")] * 32


async def test_a_service_that_is_asked_too_often_lets_nothing_pass(start: Start, turnstile: Verifier) -> None:
    service = await start(challenge=asking("turnstile", turnstile))
    turnstile.faults = [Fault.LIMITED]
    assert await told(service) == (BUSY, "")
    assert await told(service) == ("202", "")
