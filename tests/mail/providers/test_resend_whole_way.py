"""From a request to Resend, through whatever lies in between: one mail, and always the same."""

import logging
from typing import Any

import msgspec
import pytest
from sqlalchemy import Row
from tests.mail.providers.deployment import ADA, SECRET_KEY, Deployment
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble, refusal
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.settings import Brand, MailSettings, Secret

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]

RETRYABLE = [(409, "concurrent_idempotent_requests"), (429, "rate_limit_exceeded"), (500, "boom"), (503, "down")]
NEW = Secret("a new secret key of some length!")


def outcome(row: Row[Any]) -> tuple[str, str | None]:
    return row.state, row.reason


def same(resend: ResendServer) -> bool:
    """Tell whether every request so far was the same, under the same key."""
    return len({(request.key, request.body) for request in resend.requests}) == 1


async def test_a_request_becomes_one_mail(deployment: Deployment, resend: ResendServer) -> None:
    await deployment.ask()
    await deployment.work()

    (mail,) = resend.accepted
    assert mail.fields["to"] == [ADA]
    assert outcome(await deployment.message()) == ("sent", None)


@pytest.mark.parametrize(
    "trouble",
    [*Trouble, PROXY_PAGE, *(refusal(status, name) for status, name in RETRYABLE)],
    ids=lambda trouble: trouble.name if isinstance(trouble, Trouble) else str(trouble.status),
)
@pytest.mark.long
async def test_whatever_happens_to_a_try_the_next_ones_end_in_one_mail(
    deployment: Deployment, resend: ResendServer, trouble: Trouble | Answer
) -> None:
    resend.coming.extend([trouble, trouble])
    await deployment.ask()
    for _ in range(3):
        await deployment.work()
        await resend.idle()

    assert len(resend.requests) == 3
    assert len(resend.accepted) == 1
    assert same(resend)
    assert outcome(await deployment.message()) == ("sent", None)


async def test_a_deploy_between_two_tries_does_not_change_the_mail(
    deployment: Deployment, resend: ResendServer
) -> None:
    resend.coming.append(Trouble.DROP_AFTER_ACCEPTING)
    await deployment.ask()
    await deployment.work()
    await deployment.deploy(brand=Brand(name="Another School"), mail=MailSettings(from_="another@northwind.test"))
    await resend.idle()
    await deployment.work()

    assert len(resend.requests) == 2
    assert len(resend.accepted) == 1
    assert same(resend)
    assert outcome(await deployment.message()) == ("sent", None)


async def test_a_rotated_secret_still_opens_what_the_old_one_sealed(
    deployment: Deployment, resend: ResendServer
) -> None:
    resend.coming.append(refusal(500, "boom"))
    await deployment.ask()
    await deployment.work()
    await deployment.deploy(secret_key=NEW, previous_secret_keys=(SECRET_KEY,))
    await deployment.work()

    assert same(resend)
    assert outcome(await deployment.message()) == ("sent", None)


async def test_a_secret_that_was_thrown_away_leaves_a_dead_message(
    deployment: Deployment, resend: ResendServer
) -> None:
    resend.coming.append(refusal(500, "boom"))
    await deployment.ask()
    await deployment.work()
    await deployment.deploy(secret_key=NEW)
    await deployment.work()

    assert len(resend.requests) == 1
    assert outcome(await deployment.message()) == (
        "dead",
        "encrypted with a secret key that is no longer in the settings",
    )


async def test_a_refused_mail_is_not_tried_again(deployment: Deployment, resend: ResendServer) -> None:
    resend.coming.append(refusal(422, "validation_error"))
    await deployment.ask()
    for _ in range(2):
        await deployment.work()

    assert len(resend.requests) == 1
    assert outcome(await deployment.message()) == ("dead", "422 validation_error")


@pytest.mark.parametrize(
    "answer", [refusal(403, "invalid_api_key", f"API key is invalid: {API_KEY}"), refusal(500, API_KEY)]
)
async def test_the_key_is_neither_logged_nor_stored(
    deployment: Deployment, resend: ResendServer, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    resend.coming.append(msgspec.structs.replace(answer, document={**answer.document, "name": "named"}))
    await deployment.ask()
    await deployment.work()

    assert API_KEY not in caplog.text
    assert API_KEY not in repr(await deployment.message())
