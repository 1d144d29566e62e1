"""Challenges that a service verifies, whose verdicts may be late, lost or about another site."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.driver.service import Service, Start, problem
from tests.servers.databases import SOON_ON_SQLITE
from tests.servers.verifier import Fault, Verifier, running_verifier
from tests.spec.proofs.test_altcha import CHALLENGE, REFUSED, ask, outcomes

pytestmark = SOON_ON_SQLITE  # the database is asked as in test_altcha.py

SECRET, SITE_KEY = "0x4AAAAAAA-secret", "0x4AAAAAAA-site"
HERE, ACTION = "127.0.0.1", "request_reset"
DOWN, BUSY = "503 unavailable", "503 busy"
SPENT = {"turnstile": "timeout-or-duplicate", "hcaptcha": "invalid-or-already-seen-response"}

both = pytest.mark.parametrize("method", SPENT)


@pytest.fixture
def method() -> str:
    return "turnstile"


@pytest.fixture
async def verifier(method: str) -> AsyncIterator[Verifier]:
    site_key = SITE_KEY if method == "hcaptcha" else ""
    async with running_verifier(spent=SPENT[method], secret=SECRET, site_key=site_key) as verifier:
        verifier.solved = {"solved": (HERE, ACTION if method == "turnstile" else "")}
        yield verifier


@pytest.fixture
def challenge(method: str, verifier: Verifier) -> dict[str, Any]:
    return {"method": method, "site_key": SITE_KEY, "secret": SECRET, "url": verifier.url}


@pytest.fixture
def service_options(challenge: dict[str, Any]) -> dict[str, Any]:
    return {"challenge": challenge, "server": {"allowed_origins": ("https://app.northwind.test",)}}


async def told(service: Service, answer: str = "solved") -> tuple[str, str]:
    found = await ask(service.anywhere(), answer)
    return problem(found), "" if found.is_success else found.json().get("reason", "")


@both
async def test_an_answer_is_taken_once_by_the_service(
    service: Service, verifier: Verifier, method: str
) -> None:
    assert await told(service) == ("202", "")
    found = [await told(service, answer) for answer in ("solved", "invented", "")]
    assert found == [(REFUSED, "expired"), (REFUSED, "refused"), (REFUSED, "missing")]
    first, *_ = verifier.asked
    if method == "turnstile":
        assert UUID(first.pop("idempotency_key"))
        assert first == {"secret": SECRET, "response": "solved", "remoteip": first["remoteip"]}
    else:
        assert first["sitekey"] == SITE_KEY


async def test_a_form_gets_all_it_needs_and_not_the_secret(service: Service) -> None:
    found = (await service.anywhere().get(CHALLENGE)).json()
    assert found == {"method": "turnstile", "siteKey": SITE_KEY, "action": ACTION}


@both
async def test_an_answer_of_another_host_or_for_another_form_is_refused(
    service: Service, verifier: Verifier, method: str
) -> None:
    verifier.solved = {
        "theirs": ("evil.test", ACTION),
        "ours": ("app.northwind.test", ACTION),
        "none": ("", ACTION),
    }
    verifier.solved["login"] = (HERE, "login")
    assert await told(service, "theirs") == (REFUSED, "refused")
    assert await told(service, "none") == (REFUSED, "refused")
    assert await told(service, "ours") == ("202", "")
    assert await told(service, "login") == (
        (REFUSED, "refused") if method == "turnstile" else ("202", "")
    )


@pytest.mark.long
async def test_an_unreadable_answer_is_sent_to_no_service(
    service: Service, verifier: Verifier
) -> None:
    for answer in ("a b", "x" * 2_049, "\u2603", "a\nb"):
        assert await told(service, answer) == (REFUSED, "refused")
    assert verifier.asked == []


INTERNAL = "internal-error"


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        *(
            ([fault], ["202"])
            for fault in (Fault.UNAVAILABLE, Fault.GARBAGE, Fault.SILENT, Fault.LOST)
        ),
        *(([fault] * 2, [DOWN, "202"]) for fault in (Fault.UNAVAILABLE, Fault.GARBAGE, INTERNAL)),
        ([Fault.LIMITED], [BUSY, "202"]),
    ],
)
@pytest.mark.long
async def test_turnstile_is_asked_again_under_one_key_and_no_failure_of_it_is_taken_for_a_no(
    service: Service, verifier: Verifier, faults: list[Any], expected: list[str]
) -> None:
    verifier.codes = [fault for fault in faults if fault == INTERNAL]
    verifier.faults = [fault for fault in faults if fault != INTERNAL]
    verifier.solved = {f"solved-{number}": (HERE, ACTION) for number in range(2)}
    assert [await told(service, f"solved-{number}") for number in range(len(expected))] == [
        (one, "") for one in expected
    ]
    assert len({form["idempotency_key"] for form in verifier.asked}) == len(expected)
    counted = await outcomes(service)
    assert (counted["passed"], counted.get("failed", 0)) == (1, expected.count(DOWN))


CLIENTS_FAULTS = {
    "turnstile": ("bad-request", "timeout-or-duplicate", "missing-input-response", "a-new-code"),
    "hcaptcha": (
        "sitekey-secret-mismatch",
        "not-using-dummy-secret",
        "bad-request",
        "invalid-input-response",
    ),
}


@both
@pytest.mark.long
async def test_no_code_that_clients_cause_is_a_failure_of_it(
    service: Service, verifier: Verifier, method: str
) -> None:
    for code in CLIENTS_FAULTS[method]:
        verifier.codes = [code]
        assert (await told(service))[0] == REFUSED, code


@both
async def test_a_wrong_secret_is_in_the_log_and_nothing_passes_where_nothing_listens(
    start: Start, challenge: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    service = await start(challenge=challenge | {"secret": "another"})
    said = ""
    while (
        not said or "ConnectTimeout" in said
    ):  # on a busy machine the three seconds of a call may pass
        caplog.clear()
        assert (await told(service))[0] == DOWN
        (said,) = [
            record.getMessage()
            for record in caplog.records
            if "challenge.unanswered" in record.getMessage()
        ]
    assert "challenge.secret is refused: invalid-input-secret" in said
    assert "another" not in said
    service = await start(challenge=challenge | {"url": "http://127.0.0.1:9"})
    assert (await told(service))[0] == DOWN


@pytest.mark.long
async def test_a_flood_of_answers_passes_none_without_a_verdict(
    service: Service, verifier: Verifier
) -> None:
    verifier.open.clear()
    flood = [asyncio.create_task(told(service, f"invented-{number}")) for number in range(80)]
    while len(turned_away := [task.result() for task in flood if task.done()]) < 48:
        await asyncio.wait(
            [task for task in flood if not task.done()], return_when=asyncio.FIRST_COMPLETED
        )
    verifier.open.set()
    judged = [answer for answer in await asyncio.gather(*flood) if answer != (BUSY, "")]
    assert turned_away == [(BUSY, "")] * 48, (
        "all that have no place hear so before the service has answered"
    )
    assert judged == [(REFUSED, "refused")] * 32
