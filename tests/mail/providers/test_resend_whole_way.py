"""From a request to Resend, through whatever lies in between: one mail, and always the same."""

import logging

import msgspec
import pytest
from tests.mail.providers.deployment import Deployment
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble, refusal
from tests.resend_server.server import API_KEY, ResendServer

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.slow]

RETRYABLE = [(409, "concurrent_idempotent_requests"), (429, "rate_limit_exceeded"), (500, "boom"), (503, "down")]


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
    assert len({(request.key, request.body) for request in resend.requests}) == 1, "every request is the same"
    message = await deployment.message()
    assert (message.state, message.reason) == ("sent", None)


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
