"""What each provider's own answers mean for the mail: never, later, or not before its quota renews."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.conftest import Open
from tests.contracts.mail_providers.http_providers import HttpProvider
from tests.servers.mail_providers import answers as resend
from tests.servers.mail_providers import mailgun, postmark, sendgrid, ses
from tests.servers.mail_providers.answers import Answer

from keyturn.errors import QuotaExhausted, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email
from keyturn.mail.providers.resend import quota_renewal
from keyturn.mail.providers.ses import Ses

pytestmark = pytest.mark.slow

UNVERIFIED = "Email address is not verified. These failed the check: Northwind School <accounts@northwind.example>"
NOT_DELIVERED = "Message OK, but will not deliver to these inactive addresses: ada@pupils.test."

THE_ACCOUNTS_FAULT = [
    ("resend", resend.refusal(401, "restricted_api_key"), "401 restricted_api_key"),
    ("resend", resend.refusal(403, "validation_error", "The domain is not verified."), "403 validation_error"),
    ("postmark", postmark.refusal(422, 400, "not a Sender Signature"), "422 ErrorCode 400"),
    ("postmark", postmark.refusal(422, 405, "Not allowed to send: out of credits"), "422 ErrorCode 405"),
    ("postmark", postmark.refusal(422, 413, "Account may not send"), "422 ErrorCode 413"),
    ("sendgrid", sendgrid.refusal(401, "Maximum credits exceeded"), "401"),
    ("sendgrid", sendgrid.refusal(403, "The from address is not verified", "from"), "403 from"),
    ("mailgun", mailgun.refusal(403, "The domain is not allowed to send: Please activate your account"), "403"),
    ("mailgun", mailgun.refusal(404, "Domain not found: mg.northwind.eu"), "404 domain not found"),
    ("mailgun", mailgun.GREETING, "200 not the API"),
    ("ses", ses.refusal(400, "AccountSuspendedException"), "400 AccountSuspendedException"),
    ("ses", ses.refusal(400, "SendingPausedException"), "400 SendingPausedException"),
    ("ses", ses.refusal(400, "MailFromDomainNotVerifiedException"), "400 MailFromDomainNotVerifiedException"),
    ("ses", ses.refusal(400, "LimitExceededException"), "400 LimitExceededException"),
    ("ses", ses.refusal(404, "NotFoundException", "Configuration set does not exist"), "404 NotFoundException"),
    ("ses", ses.refusal(400, "MessageRejected", UNVERIFIED), "400 MessageRejected"),
    ("ses", ses.refusal(403, "AccessDeniedException"), "403 AccessDeniedException"),
]
THIS_MAILS_FAULT = [
    ("resend", resend.refusal(400, "validation_error"), "400 validation_error"),
    ("resend", resend.refusal(409, "invalid_idempotent_request"), "409 invalid_idempotent_request"),
    ("postmark", postmark.refusal(422, 402, "Invalid JSON"), "422 ErrorCode 402"),
    ("postmark", postmark.refusal(413, 0, "Payload too large"), "413"),
    ("postmark", postmark.refusal(422, 406, "inactive: ada@pupils.test"), "422 inactive recipient"),
    ("postmark", Answer(200, {"ErrorCode": 0, "MessageID": "1", "Message": NOT_DELIVERED}), "200 inactive recipient"),
    ("sendgrid", sendgrid.refusal(400, "Bad", "personalizations.0.to.0.email"), "400 personalizations.0.to.0.email"),
    ("sendgrid", sendgrid.refusal(400, "Bad", "to ada@pupils.test"), "400"),
    ("sendgrid", sendgrid.refusal(413, "payload too large"), "413"),
    ("mailgun", mailgun.refusal(400, "from parameter is not a valid address"), "400"),
    ("ses", ses.refusal(400, "MessageRejected", "not verified: Ada@pupils.test"), "400 MessageRejected"),
    ("ses", ses.refusal(400, "BadRequestException"), "400 BadRequestException"),
]
REFUSALS = [*((*row, True) for row in THE_ACCOUNTS_FAULT), *((*row, False) for row in THIS_MAILS_FAULT)]


@pytest.mark.parametrize(
    ("running", "answer", "reason", "account"),
    REFUSALS,
    ids=[f"{name}: {reason}" for name, _, reason, _ in REFUSALS],
    indirect=["running"],
)
async def test_what_concerns_all_mails_is_told_from_what_concerns_this_one(
    opened: Open, server: Any, mail: Email, answer: Answer, reason: str, account: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRefused) as failure:
        await opened().send(mail, "key-1")
    assert (failure.value.reason, failure.value.account) == (reason, account)


LATER = [
    ("resend", resend.refusal(409, "concurrent_idempotent_requests"), False, False),
    ("resend", resend.refusal(500, "application_error"), False, True),
    ("resend", Answer(200, {"statusCode": "9" * 5000, "name": "validation_error", "message": "no"}), False, True),
    ("postmark", postmark.refusal(503, 100, "Maintenance"), True, True),
    ("ses", ses.refusal(400, "ThrottlingException", "Rate exceeded"), True, False),
    ("ses", ses.refusal(400, "Throttling"), True, False),
    ("ses", ses.refusal(400, "LimitExceededException", "Maximum sending rate exceeded."), True, False),
]


@pytest.mark.parametrize(
    ("running", "answer", "certain", "down"),
    LATER,
    ids=[f"{name}: {answer.status} {answer.html or answer.document}"[:80] for name, answer, *_ in LATER],
    indirect=["running"],
)
async def test_some_answers_mean_later_and_some_of_them_that_nobody_has_the_mail(
    opened: Open, server: Any, mail: Email, answer: Answer, certain: bool, down: bool
) -> None:
    server.coming.append(answer)
    with pytest.raises(SendRetryable) as failure:
        await opened().send(mail, "key-1")

    assert not isinstance(failure.value, SendUnknown)
    assert (failure.value.not_accepted, failure.value.down, failure.value.retry_after) == (certain, down, None)


RESET = "x-ratelimit-reset"
PAUSES = [
    ("resend", {"retry-after": "86400"}, 600),  # Resend forgets a key after a day
    ("resend", {"retry-after": "9" * 300}, 600),
    ("resend", {"retry-after": "-1"}, None),
    ("resend", {"retry-after": "nan"}, None),
    ("resend", {"retry-after": "soon"}, None),
    ("resend", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ("sendgrid", {RESET: 9}, pytest.approx(9, abs=2)),
    ("sendgrid", {RESET: -9}, 0),
    ("sendgrid", {RESET: 1e12}, 24 * 3600),
    ("sendgrid", {RESET: "soon"}, None),
]


@pytest.mark.parametrize(
    ("running", "headers", "pause"),
    PAUSES,
    ids=[f"{name}: {str(headers)[:40]}" for name, headers, _ in PAUSES],
    indirect=["running"],
)
async def test_a_pause_is_believed_if_it_is_a_time_and_no_longer_than_a_mail_may_wait(
    opened: Open, provider: HttpProvider, server: Any, mail: Email, headers: Mapping[str, Any], pause: object
) -> None:
    said = {name: one if isinstance(one, str) else str(int(time.time() + one)) for name, one in headers.items()}
    server.coming.append(msgspec.structs.replace(provider.limited, headers=said))
    with pytest.raises(SendRetryable) as failure:
        await opened().send(mail, "key-1")
    assert failure.value.retry_after == pause


TEN_MINUTES = timedelta(minutes=10)
USED_UP = "Daily message quota exceeded."


@pytest.mark.parametrize(
    ("running", "answer", "reason", "pause"),
    [
        ("resend", resend.refusal(429, "daily_quota_exceeded"), "daily_quota_exceeded", None),
        ("ses", ses.refusal(400, "TooManyRequestsException", USED_UP), "400 TooManyRequestsException", TEN_MINUTES),
        ("ses", ses.refusal(429, "TooManyRequestsException", USED_UP), "429 TooManyRequestsException", TEN_MINUTES),
    ],
    indirect=["running"],
)
async def test_a_used_up_quota_parks_the_mail_until_it_renews(
    opened: Open, server: Any, mail: Email, answer: Answer, reason: str, pause: timedelta | None
) -> None:
    server.coming.append(answer)
    with pytest.raises(QuotaExhausted) as failure:
        await opened().send(mail, "key-1")

    assert failure.value.reason == reason
    now = datetime.now(UTC)
    until = now + pause if pause else quota_renewal("daily_quota_exceeded", now)
    assert abs(failure.value.until - until) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("quota", "moment", "until"),
    [
        ("daily", "2026-12-31T23:59:59", "2027-01-01"),
        ("daily", "2026-02-28T00:00:00", "2026-03-01"),
        ("monthly", "2026-01-31T12:00:00", "2026-02-01"),
        ("monthly", "2026-12-01T00:00:00", "2027-01-01"),
    ],
)
def test_a_quota_renews_with_the_day_or_the_month(quota: str, moment: str, until: str) -> None:
    renewal = quota_renewal(f"{quota}_quota_exceeded", datetime.fromisoformat(f"{moment}+00:00"))
    assert renewal.isoformat() == f"{until}T00:00:00+00:00"


@pytest.mark.parametrize("running", ["resend"], indirect=True)
async def test_another_mail_under_a_key_that_was_used_is_refused(opened: Open, server: Any, mail: Email) -> None:
    sender = opened()
    await sender.send(mail, "key-1")
    with pytest.raises(SendRefused, match="409 invalid_idempotent_request") as refused:
        await sender.send(msgspec.structs.replace(mail, subject="Another"), "key-1")

    assert refused.value.key_used
    assert len(server.accepted) == 1


@pytest.mark.parametrize("running", ["ses"], indirect=True)
@pytest.mark.parametrize("key_id", ["AKIANOBODYS012345678", "AKIA with\nline break", "AKIA-ümlaut"])
async def test_a_key_id_that_is_none_is_the_accounts_fault(opened: Open, server: Any, mail: Email, key_id: str) -> None:
    with pytest.raises(SendRefused) as failure:
        await opened(access_key_id=key_id).send(mail, "key-1")

    assert failure.value.account
    assert "AKIA" not in f"{failure.value!r}"
    assert server.accepted == {}


def test_without_an_address_of_ones_own_ses_is_asked_in_its_region() -> None:
    assert Ses(region="ap-southeast-2").url == "https://email.ap-southeast-2.amazonaws.com"


@pytest.mark.parametrize(
    ("running", "name", "read"),
    [
        ("sendgrid", "Nordwind Schüler", "Nordwind Schüler"),
        ("sendgrid", "=?utf-8?q?Nordwind_Sch=C3=BCler?=", "Nordwind Schüler"),
        ("sendgrid", "=?utf-9?q?Sch=C3?=", "=?utf-9?q?Sch=C3?="),
        ("sendgrid", "=?utf-8?b?A?=", "=?utf-8?b?A?="),
        ("ses", "Nordwind Schüler", "=?utf-8?q?Nordwind_Sch=C3=BCler?="),
        ("ses", "=?utf-8?q?Nordwind_Sch=C3=BCler?=", "=?utf-8?q?Nordwind_Sch=C3=BCler?="),
    ],
    indirect=["running"],
)
async def test_a_senders_name_arrives_as_the_provider_reads_it(
    opened: Open, server: Any, mail: Email, name: str, read: str
) -> None:
    address = "accounts@northwind.example"
    provider_id = await opened().send(msgspec.structs.replace(mail, sender=f"{name} <{address}>"), "key-1")

    accepted = server.accepted[provider_id]
    sender = accepted.get("FromEmailAddress") or accepted["from"]
    assert sender in ({"email": address, "name": read}, f"{read} <{address}>")
