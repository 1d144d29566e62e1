"""The app receives each event once, signed, and without a secret that grants access."""

from datetime import datetime

import pytest
from tests.driver.inbox import token_in
from tests.driver.routes import REQUEST, RESET, SECURE
from tests.driver.second_factors import BUILTIN, account_of, enrol, reset_with, wrong_code
from tests.driver.service import (
    ADA,
    DAN,
    GRACE,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
)
from tests.servers.databases import ON_SQLITE
from tests.servers.mail_providers.answers import Answer
from tests.servers.webhooks import NEXT_SECRET, SECRET, App
from tests.spec.webhooks.conftest import Hook, states

pytestmark = pytest.mark.long

BROWSER = {"user-agent": "Firefox"}


async def test_a_reset_is_told_once_with_whose_it_was_and_who_did_it(
    service: Service, app: App
) -> None:
    token = await service.link()
    began = service.now()
    answer = await service.at("192.0.2.7", headers=BROWSER).post(
        RESET, json={"token": token, "newPassword": NEW_PASSWORD}
    )
    assert answer.status_code == 200
    await service.deliver()
    await service.deliver_again()

    (event,) = app.typed("password.changed")
    account = await service.accounts.find(ADA)
    data = event["data"]
    assert len(data.pop("requestId")) > 20
    assert data == {
        "accountId": account.id if account else "",
        "email": ADA,
        "kind": "viewer",
        "how": "reset",
        "ipAddress": "192.0.2.7",
        "userAgent": "Firefox",
    }
    assert began <= datetime.fromisoformat(event["timestamp"]) <= service.now()
    assert len(service.inbox.sent_to(ADA, "password_changed")) == 1


@ON_SQLITE
async def test_a_change_in_a_session_is_told_as_such_and_a_refused_one_is_not(
    service: Service, app: App
) -> None:
    token = await service.link()
    assert (await service.reset(token, "short")).status_code == 422
    assert (await service.reset("0" * 43)).status_code == 400
    await service.deliver()
    assert app.typed("password.changed") == [], "a password that was not changed"
    assert await change(await service.sign_in()) == "200"
    await service.deliver()
    assert [event["data"]["how"] for event in app.typed("password.changed")] == ["change"]


async def test_a_request_is_told_where_a_mail_goes_out_and_of_nobody_else(
    service: Service, app: App
) -> None:
    for email in (
        f" {ADA.upper()}",
        GRACE,
        DAN,
        NOBODY,
        ADA,
    ):  # Ada's second is within her mailbox's cooldown
        assert (
            await service.anywhere(headers=BROWSER).post(REQUEST, json={"email": email})
        ).status_code == 202
    await service.deliver()
    told = app.typed("password.reset_requested")
    assert sorted((event["data"]["email"], event["data"]["outcome"]) for event in told) == [
        (ADA, "link_mailed"),
        (GRACE, "provider_mailed"),
    ]
    assert {event["data"]["userAgent"] for event in told} == {"Firefox"}
    assert len(app.told) == 2


async def test_no_token_and_no_password_is_told_or_kept(service: Service, app: App) -> None:
    app.coming += [Answer(500)] * 2
    token = await service.link()
    await service.reset(token)
    await service.deliver()
    dumped = repr(await service.dump())
    await service.deliver_again()
    assert len(app.events) == 2
    for text in (dumped, *(told.body.decode() for told in app.told)):
        for secret in (token, NEW_PASSWORD, PASSWORD, SECRET):
            assert secret not in text


@ON_SQLITE
async def test_while_secrets_change_an_event_is_signed_with_both(
    start: Start, app: App, hook: Hook
) -> None:
    service = await start(webhooks={**hook, "secret": f"{NEXT_SECRET}, {SECRET}"})
    await service.link()
    (told,) = app.told
    assert told.verified(SECRET) == told.verified(NEXT_SECRET)


@ON_SQLITE
async def test_without_an_address_nothing_is_kept_and_what_waits_ends(
    start: Start, service: Service, app: App
) -> None:
    app.coming.append(Answer(500))
    await service.ask()
    await service.deliver()
    without = await start()
    await without.reset(token_in(service.inbox.mails[0]))
    await without.deliver_again()
    assert len(app.told) == 1
    assert await states(service) == [
        ("webhook_password_reset_requested", "dropped", "webhooks.url is no longer set")
    ]


async def test_a_secured_account_is_told_with_both_addresses(service: Service, app: App) -> None:
    assert (await service.reset(await service.link())).is_success
    token = await service.newest(template="password_changed")
    await service.change_account(email="thief@elsewhere.test")
    answer = await service.at("192.0.2.7", headers=BROWSER).post(SECURE, json={"token": token})
    assert answer.is_success, answer.text
    await service.deliver()
    (event,) = app.typed("account.secured")
    data = event["data"]
    assert (data["email"], data["currentEmail"], data["locked"]) == (
        ADA,
        "thief@elsewhere.test",
        False,
    )
    assert (data["ipAddress"], data["userAgent"], data["kind"]) == (
        "192.0.2.7",
        "Firefox",
        "viewer",
    )
    assert token not in str(event)


async def test_a_second_step_that_failed_is_told_once(start: Start, hook: Hook, app: App) -> None:
    service = await start(webhooks=hook, second_step=BUILTIN)
    await enrol(service)
    token = await service.link()
    for _ in range(6):
        assert (await reset_with(service, token, "totp", wrong_code())).is_client_error
    await service.deliver()
    (event,) = app.typed("second_step.failed")
    assert (event["data"]["accountId"], event["data"]["method"]) == (
        (await account_of(service)).id,
        "totp",
    )
    assert token not in str(event)
