"""What each answer of Resend's means for the mail: later, not before the quota renews, or never."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from resend.exceptions import ResendError
from tests.resend_server.answers import PROXY_PAGE, RATE_LIMITED, Answer, Trouble, refusal
from tests.resend_server.server import ResendServer

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable
from keyturn.mail.port.email import Email
from keyturn.mail.providers.resend import ResendSender, sort_error

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "answer",
    [
        refusal(409, "concurrent_idempotent_requests"),
        refusal(409, "resource_locked"),
        refusal(500, "application_error"),
        refusal(500, "internal_server_error"),
        refusal(503, "service_unavailable"),
        PROXY_PAGE,
        Answer(429, html="<h1>Too many requests</h1>"),
        Answer(200, html="<h1>Maintenance</h1>"),
        Answer(302, {}, headers={"location": "https://elsewhere.example/"}),
        Answer(200, {"object": "email"}),
        Answer(200, [{"id": "in-a-list"}]),
        Answer(200, None),
        Answer(403, html="error code: 1010"),
        Answer(404, {"message": "no Route matched with those values"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.html or answer.document}",
)
async def test_these_may_work_later(sender: ResendSender, resend: ResendServer, mail: Email, answer: Answer) -> None:
    resend.coming.append(answer)

    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")
    assert error.value.retry_after is None


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "validation_error"),
        refusal(401, "restricted_api_key"),
        refusal(403, "validation_error", "The northwind.example domain is not verified."),
        refusal(404, "not_found"),
        refusal(409, "invalid_idempotent_request"),
        refusal(422, "missing_required_field"),
    ],
    ids=lambda answer: f"{answer.status} {answer.html or answer.document}",
)
async def test_these_will_never_work(sender: ResendSender, resend: ResendServer, mail: Email, answer: Answer) -> None:
    resend.coming.append(answer)

    with pytest.raises(SendRefused) as error:
        await sender.send(mail, "key-1")
    assert error.value.reason.startswith(str(answer.status))


@pytest.mark.parametrize("said", ["9" * 5000, "99", "6000", "²00"])
async def test_a_status_that_no_server_has_is_a_fault_that_may_pass(
    sender: ResendSender, resend: ResendServer, mail: Email, said: str
) -> None:
    resend.coming.append(Answer(200, {"statusCode": said, "name": "validation_error", "message": "no"}))

    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")
    assert error.value.reason == "validation_error"


async def test_a_full_rate_limit_says_when_to_come_back(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.coming.append(RATE_LIMITED)

    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")
    assert (error.value.reason, error.value.retry_after) == ("rate_limit_exceeded", 2.0)


async def test_more_mails_a_second_than_the_team_may_send_come_back_later(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.requests_per_second = 2

    sent = await asyncio.gather(*(sender.send(mail, f"key-{n}") for n in range(3)), return_exceptions=True)

    (error,) = [answer for answer in sent if isinstance(answer, SendRetryable)]
    assert error.retry_after == 2
    assert len(resend.accepted) == 2


@pytest.mark.parametrize("said", ["86400", "1e15", "9" * 300])
async def test_a_pause_is_never_so_long_that_resend_forgets_the_mail_meanwhile(
    sender: ResendSender, resend: ResendServer, mail: Email, said: str
) -> None:
    resend.coming.append(refusal(429, "rate_limit_exceeded", retry_after=said))

    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")
    assert error.value.retry_after == 600


@pytest.mark.parametrize("said", ["-1", "nan", "inf", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_pause_that_is_no_number_of_seconds_is_not_believed(
    sender: ResendSender, resend: ResendServer, mail: Email, said: str
) -> None:
    resend.coming.append(refusal(429, "rate_limit_exceeded", retry_after=said))

    with pytest.raises(SendRetryable) as error:
        await sender.send(mail, "key-1")
    assert error.value.retry_after is None


async def test_a_used_up_daily_quota_renews_at_midnight_utc(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.daily_quota = 0

    with pytest.raises(QuotaExhausted) as error:
        await sender.send(mail, "key-1")

    assert error.value.reason == "daily_quota_exceeded"
    assert timedelta(0) < error.value.until - datetime.now(UTC) <= timedelta(days=1)
    assert f"{error.value.until:%H:%M:%S %Z}" == "00:00:00 UTC"


@pytest.mark.parametrize(
    ("quota", "moment", "until"),
    [
        ("daily_quota_exceeded", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("daily_quota_exceeded", datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("monthly_quota_exceeded", datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        ("monthly_quota_exceeded", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_quota_renews_with_the_day_or_the_month(quota: str, moment: datetime, until: datetime) -> None:
    sorted_error = sort_error(ResendError(429, quota, "Quota exceeded.", ""), moment)

    assert isinstance(sorted_error, QuotaExhausted)
    assert sorted_error.until == until


async def test_recipients_at_example_com_are_refused(sender: ResendSender, mail: Email) -> None:
    with pytest.raises(SendRefused, match="422 validation_error"):
        await sender.send(msgspec.structs.replace(mail, to="ada@example.com"), "key-1")


async def test_another_mail_under_a_key_that_was_used_is_refused(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    await sender.send(mail, "key-1")

    with pytest.raises(SendRefused, match="409 invalid_idempotent_request") as refused:
        await sender.send(msgspec.structs.replace(mail, subject="Another"), "key-1")
    assert refused.value.key_used
    assert len(resend.accepted) == 1


@pytest.mark.long
async def test_a_key_that_is_in_use_is_tried_again_later(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.coming.append(Trouble.STALL)
    first = asyncio.create_task(sender.send(mail, "key-1"))
    await resend.arrived(1)

    with pytest.raises(SendRetryable, match="concurrent_idempotent_requests"):
        await sender.send(mail, "key-1")
    with pytest.raises(SendRetryable):
        await first


async def test_a_wrong_api_key_is_refused_without_being_repeated(
    resend: ResendServer, mail: Email, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "re_Wrong_0123456789"
    sender = ResendSender(wrong, resend.url, timedelta(seconds=1))

    with pytest.raises(SendRefused, match="403 invalid_api_key") as error:
        await sender.send(mail, "key-1")
    await sender.close()

    assert wrong not in f"{error.value!r} {error.value.__cause__!r} {caplog.text}"


@pytest.mark.parametrize("key", ["re_with\nline break", "re_with_ümlaut"])
async def test_a_key_that_no_header_can_hold_is_not_repeated_either(
    resend: ResendServer, mail: Email, key: str
) -> None:
    sender = ResendSender(key, resend.url, timedelta(seconds=1))

    with pytest.raises(SendFailed) as error:
        await sender.send(mail, "key-1")
    await sender.close()

    assert "re_with" not in f"{error.value!r} {error.value.__cause__!r}"
    assert error.value.__suppress_context__
