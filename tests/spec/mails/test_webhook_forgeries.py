"""The signature decides: a forged, stale or senseless report is refused and changes nothing."""

import json
import time
from typing import Any

import msgspec
import pytest
from tests.driver.reporting import (
    HARD,
    NO_COOLDOWN,
    WEBHOOK,
    WITH_WEBHOOK,
    Report,
    deliver,
    history,
    is_mailed,
    report,
    signature,
    state,
)
from tests.driver.service import Service, Start, problem

pytestmark = [pytest.mark.any_database, pytest.mark.long]

OTHER_SECRET = "whsec_" + "b3RoZXIgc2VjcmV0cyBvdGhlciBob3VzZXM="


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"resend": WITH_WEBHOOK, "limits": NO_COOLDOWN}


async def assert_nothing_changed(service: Service) -> None:
    assert await history(service) == []
    assert await service.trail("mail_report") == []
    assert await state(service) == "sent"
    assert await is_mailed(service)


FORGERIES = {
    "another secret": lambda sent: sent.headers(OTHER_SECRET),
    "another body": lambda sent: msgspec.structs.replace(sent, body=sent.body + b" ").headers(),
    "another id": lambda sent: sent.headers() | {"svix-id": "msg_other"},
    "another time": lambda sent: sent.headers() | {"svix-timestamp": str(sent.timestamp - 1)},
    "no signature": lambda sent: sent.headers() | {"svix-signature": ""},
    "no scheme": lambda sent: sent.headers() | {"svix-signature": signature(sent)},
    "a scheme that is none": lambda sent: sent.headers() | {"svix-signature": f"v9,{signature(sent)}"},
    "the asymmetric scheme": lambda sent: sent.headers() | {"svix-signature": f"v1a,{signature(sent)}"},
    "an empty signature": lambda sent: sent.headers() | {"svix-signature": "v1,"},
    "a signature that is no text": lambda sent: sent.headers() | {"svix-signature": "v1,\xff"},
    "a time that is none": lambda sent: sent.headers() | {"svix-timestamp": "yesterday"},
    "stale": lambda sent: msgspec.structs.replace(sent, timestamp=sent.timestamp - 310).headers(),
    "from the future": lambda sent: msgspec.structs.replace(sent, timestamp=sent.timestamp + 310).headers(),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_or_stale_report_is_refused_and_changes_nothing(
    service: Service, mailed: str, forgery: str
) -> None:
    sent = report("bounced", mailed, **HARD)
    headers = {name: text.encode("latin-1") for name, text in FORGERIES[forgery](sent).items()}
    answer = await service.anywhere().post(WEBHOOK, content=sent.body, headers=headers)
    assert problem(answer) == "400 webhook-refused"
    assert answer.json()["detail"]
    await assert_nothing_changed(service)


@pytest.mark.parametrize("missing", ["svix-id", "svix-timestamp", "svix-signature"])
async def test_a_report_without_one_of_its_headers_is_refused(service: Service, mailed: str, missing: str) -> None:
    sent = report("bounced", mailed, **HARD)
    headers = {name: text for name, text in sent.headers().items() if name != missing}
    answer = await service.anywhere().post(WEBHOOK, content=sent.body, headers=headers)
    assert problem(answer) == "400 webhook-refused"
    assert missing in answer.json()["detail"]
    await assert_nothing_changed(service)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"type": "email.bounced"}',
        b'{"type": "email.bounced", "created_at": "2026-11-22T23:41:12.126Z", "data": {"email_id": "1", "to": []}}',
        b'{"type": "email.bounced", "created_at": "yesterday", "data": {"email_id": "1", "to": ["a@b.test"]}}',
        b'{"type": "email.bounced", "created_at": "2026-11-22T23:41", "data": {"email_id": "1", "to": ["a@b.test"]}}',
    ],
)
async def test_a_genuine_report_that_makes_no_sense_is_refused(service: Service, body: bytes) -> None:
    answer = await deliver(service, Report("msg_1", body, int(time.time())))
    assert problem(answer) == "400 webhook-refused"


async def test_an_id_that_is_too_long_to_be_kept_is_refused(service: Service, mailed: str) -> None:
    sent = msgspec.structs.replace(report("delivered", mailed), id="msg_" + "x" * 77)
    assert problem(await deliver(service, sent)) == "400 webhook-refused"
    assert await history(service) == []


async def test_one_of_several_signatures_is_enough_while_a_secret_is_rotated(service: Service, mailed: str) -> None:
    sent = report("delivered", mailed)
    signatures = f"v1a,bm9uZQ== v1,{signature(sent, OTHER_SECRET)} v1,{signature(sent)}"
    assert (await deliver(service, sent, **{"svix-signature": signatures})).status_code == 200
    assert await state(service) == "delivered"


async def test_the_address_takes_only_posts(service: Service) -> None:
    assert problem(await service.anywhere().get(WEBHOOK)) == "405 method-not-allowed"


async def test_the_webhook_is_for_one_caller_and_not_in_the_schema(service: Service) -> None:
    schema = json.loads((await service.anywhere().get("/schema/openapi.json")).content)
    assert WEBHOOK not in schema["paths"]


async def test_a_secret_of_the_settings_is_the_one_that_signs(start: Start) -> None:
    service = await start(resend={"webhook_secret": OTHER_SECRET})
    sent = report("delivered", "1")
    answer = await service.anywhere().post(WEBHOOK, content=sent.body, headers=sent.headers(OTHER_SECRET))
    assert answer.status_code == 200
    assert problem(await deliver(service, sent)) == "400 webhook-refused"
