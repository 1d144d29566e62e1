"""Handing mails to each provider with an HTTP API: what arrives, and what its answers mean."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.conftest import Open, RefusingSenderContract
from tests.contracts.mail_providers.http_providers import HttpProvider
from tests.servers.mail_providers import answers as resend
from tests.servers.mail_providers import mailgun, postmark, sendgrid, ses
from tests.servers.mail_providers.answers import Answer, Trouble
from tests.servers.serving import NOWHERE

from keyturn.errors import QuotaExhausted, SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.http_provider import REPORT_PAUSE
from keyturn.mail.providers.resend import quota_renewal
from keyturn.mail.providers.ses import Ses

pytestmark = pytest.mark.slow


class Case(msgspec.Struct, frozen=True):
    provider: HttpProvider
    server: Any
    sender: Sender

    def delivered(self) -> list[str]:
        return [
            self.provider.subject(fields) for fields in self.provider.accepted(self.server).values()
        ]

    def unknown(self) -> Any:
        """Expect to be told that the provider may have the mail: with keys it may be sent again at
        once.
        """
        return pytest.raises(SendRetryable if self.provider.knows_keys else SendUnknown)


@pytest.fixture
def case(provider: HttpProvider, server: Any, opened: Open) -> Case:
    return Case(provider, server, opened())


class TestHttpSenders(RefusingSenderContract):
    """Holds each sender to the difference between a certain no and an unknown outcome."""

    @pytest.fixture
    def sender(self, case: Case) -> Sender:
        return case.sender

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(api_url=NOWHERE)

    @pytest.fixture
    def refuse(self, case: Case) -> Callable[[], None]:
        return lambda: case.server.coming.append(case.provider.refused)

    @pytest.fixture
    def delivered(self, case: Case) -> Callable[[], list[str]]:
        return case.delivered

    @pytest.fixture
    def knows_keys(self, provider: HttpProvider) -> bool:
        return provider.knows_keys

    async def test_all_of_the_mail_arrives_and_nothing_is_tracked(
        self, case: Case, opened: Open, mail: Email
    ) -> None:
        for slash in ("", "/"):  # at the end of the API's address
            provider_id = await opened(api_url=f"{case.server.url}{slash}").send(mail, "key-1")
            assert case.provider.accepted(case.server)[provider_id] == case.provider.fields(mail)
            assert (
                case.server.requests[-1].headers["user-agent"].startswith(case.provider.user_agent)
            )
        provider_id = await case.sender.send(msgspec.structs.replace(mail, reply_to=""), "key-2")
        wanted = case.provider.fields(mail).items()
        fields = case.provider.accepted(case.server)[provider_id]
        assert fields.keys() == {name for name, value in wanted if mail.reply_to not in str(value)}

    @pytest.mark.parametrize(
        "trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING]
    )
    async def test_a_lost_answer_leaves_open_who_has_the_mail(
        self, case: Case, mail: Email, trouble: Trouble
    ) -> None:
        case.server.coming.append(trouble)
        with case.unknown() as failure:
            await case.sender.send(mail, "key-1")
        await case.server.idle()

        assert not failure.value.not_accepted
        assert failure.value.down
        assert case.delivered() == [mail.subject]

    @pytest.mark.parametrize(("changes", "pause"), [({}, REPORT_PAUSE), ({"reports": False}, None)])
    async def test_a_report_is_given_time_to_come_first_where_reports_come(
        self, case: Case, opened: Open, mail: Email, changes: dict[str, bool], pause: float | None
    ) -> None:
        case.server.coming.append(Trouble.DROP)
        with case.unknown() as failure:
            await opened(**changes).send(mail, "key-1")

        assert failure.value.retry_after == (None if case.provider.knows_keys else pause)

    @pytest.mark.parametrize(("said", "late"), [("600", 0), ("date", 60)])
    async def test_too_many_requests_are_a_certain_no_with_a_pause(
        self, case: Case, mail: Email, said: str, late: int
    ) -> None:
        limited = case.provider.limited
        pause = (
            format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
            if said == "date"
            else said
        )
        case.server.coming.append(
            msgspec.structs.replace(limited, headers={**limited.headers, "retry-after": pause})
        )
        with pytest.raises(SendRetryable) as failure:
            await case.sender.send(mail, "key-1")

        assert (failure.value.not_accepted, failure.value.down) == (True, False)
        assert failure.value.retry_after == pytest.approx(600, abs=late)

    async def test_a_wrong_key_is_the_accounts_fault_and_is_not_repeated(
        self, case: Case, opened: Open, mail: Email, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        wrong = "wr0ng" + getattr(case.provider.settings(case.server.url), case.provider.key)[5:]
        with pytest.raises(SendRefused) as failure:
            await opened(key=wrong).send(mail, "key-1")

        assert failure.value.account
        assert case.delivered() == []
        assert wrong not in f"{failure.value!r} {failure.value.__cause__!r} {caplog.text}"

    # The other two encode their keys, so every key can be sent.
    @pytest.mark.parametrize("running", ["resend", "postmark", "sendgrid"], indirect=True)
    async def test_a_key_that_no_header_can_hold_is_not_repeated(
        self, opened: Open, mail: Email
    ) -> None:
        for key in ("key_with\nline break", "key_with_ümlaut"):
            with pytest.raises(SendFailed) as failure:
                await opened(key=key).send(mail, "key-1")

            shown = [
                failure.value,
                failure.value.__cause__,
                *(frame.locals for frame in failure.traceback[1:]),
            ]
            assert ("key_with" in repr(shown), failure.value.__suppress_context__) == (False, True)

    async def test_mails_one_after_the_other_share_a_connection_until_it_is_cut(
        self, case: Case, mail: Email
    ) -> None:
        await case.sender.send(mail, "key-0")
        opened = (
            case.server.connections.opened
        )  # a server counts the last connection of the test before late
        for number in range(1, 3):
            await case.sender.send(mail, f"key-{number}")
        assert case.server.connections.opened == opened

        case.server.coming.append(Trouble.DROP)
        with pytest.raises(SendRetryable):
            await case.sender.send(mail, "key-4")
        await case.server.idle()
        await case.sender.send(mail, "key-4")
        assert case.server.connections.opened == opened + 1

    @pytest.mark.parametrize("trouble", [Trouble.STALL])
    async def test_a_server_that_stalls_holds_no_other_mail(
        self, case: Case, mail: Email, trouble: Trouble
    ) -> None:
        case.server.coming.append(trouble)
        stalled = asyncio.create_task(case.sender.send(mail, "key-1"))
        await case.server.arrived(1)
        await case.sender.send(mail, "key-2")

        assert case.delivered() == [mail.subject]
        with case.unknown():
            await stalled


UNVERIFIED = (
    "Email address is not verified. These failed the check: Northwind School "
    "<accounts@northwind.example>"
)
NOT_DELIVERED = "Message OK, but will not deliver to these inactive addresses: ada@pupils.test."

THE_ACCOUNTS_FAULT = [
    ("resend", resend.refusal(401, "restricted_api_key"), "401 restricted_api_key"),
    (
        "resend",
        resend.refusal(403, "validation_error", "The domain is not verified."),
        "403 validation_error",
    ),
    ("postmark", postmark.refusal(422, 400, "not a Sender Signature"), "422 ErrorCode 400"),
    (
        "postmark",
        postmark.refusal(422, 405, "Not allowed to send: out of credits"),
        "422 ErrorCode 405",
    ),
    ("postmark", postmark.refusal(422, 413, "Account may not send"), "422 ErrorCode 413"),
    ("sendgrid", sendgrid.refusal(401, "Maximum credits exceeded"), "401"),
    ("sendgrid", sendgrid.refusal(403, "The from address is not verified", "from"), "403 from"),
    (
        "mailgun",
        mailgun.refusal(403, "The domain is not allowed to send: Please activate your account"),
        "403",
    ),
    ("mailgun", mailgun.refusal(404, "Domain not found: mg.northwind.eu"), "404 domain not found"),
    ("mailgun", mailgun.GREETING, "200 not the API"),
    ("ses", ses.refusal(400, "AccountSuspendedException"), "400 AccountSuspendedException"),
    ("ses", ses.refusal(400, "SendingPausedException"), "400 SendingPausedException"),
    (
        "ses",
        ses.refusal(400, "MailFromDomainNotVerifiedException"),
        "400 MailFromDomainNotVerifiedException",
    ),
    ("ses", ses.refusal(400, "LimitExceededException"), "400 LimitExceededException"),
    (
        "ses",
        ses.refusal(404, "NotFoundException", "Configuration set does not exist"),
        "404 NotFoundException",
    ),
    ("ses", ses.refusal(400, "MessageRejected", UNVERIFIED), "400 MessageRejected"),
    ("ses", ses.refusal(403, "AccessDeniedException"), "403 AccessDeniedException"),
]
THIS_MAILS_FAULT = [
    ("resend", resend.refusal(400, "validation_error"), "400 validation_error"),
    ("postmark", postmark.refusal(422, 402, "Invalid JSON"), "422 ErrorCode 402"),
    ("postmark", postmark.refusal(413, 0, "Payload too large"), "413"),
    ("postmark", postmark.refusal(422, 406, "inactive: ada@pupils.test"), "422 inactive recipient"),
    (
        "postmark",
        Answer(200, {"ErrorCode": 0, "MessageID": "1", "Message": NOT_DELIVERED}),
        "200 inactive recipient",
    ),
    (
        "sendgrid",
        sendgrid.refusal(400, "Bad", "personalizations.0.to.0.email"),
        "400 personalizations.0.to.0.email",
    ),
    ("sendgrid", sendgrid.refusal(400, "Bad", "to ada@pupils.test"), "400"),
    ("sendgrid", sendgrid.refusal(413, "payload too large"), "413"),
    ("mailgun", mailgun.refusal(400, "from parameter is not a valid address"), "400"),
    (
        "ses",
        ses.refusal(400, "MessageRejected", "not verified: Ada@pupils.test"),
        "400 MessageRejected",
    ),
    ("ses", ses.refusal(400, "BadRequestException"), "400 BadRequestException"),
]
LATER = [
    ("resend", resend.refusal(409, "concurrent_idempotent_requests"), False, False),
    ("resend", resend.refusal(500, "application_error"), False, True),
    (
        "resend",
        Answer(200, {"statusCode": "9" * 5000, "name": "validation_error", "message": "no"}),
        False,
        True,
    ),
    ("postmark", postmark.refusal(503, 100, "Maintenance"), True, True),
    ("ses", ses.refusal(400, "ThrottlingException", "Rate exceeded"), True, False),
    ("ses", ses.refusal(400, "Throttling"), True, False),
    (
        "ses",
        ses.refusal(400, "LimitExceededException", "Maximum sending rate exceeded."),
        True,
        False,
    ),
]
"""And whether it is certain that nobody has the mail, and whether the provider is down."""

MEANINGS: list[tuple[str, Answer, type[SendFailed], dict[str, Any]]] = [
    *(
        (name, answer, SendRefused, {"reason": why, "account": True})
        for name, answer, why in THE_ACCOUNTS_FAULT
    ),
    *(
        (name, answer, SendRefused, {"reason": why, "account": False})
        for name, answer, why in THIS_MAILS_FAULT
    ),
    *(
        (name, answer, SendRetryable, {"not_accepted": certain, "down": down, "retry_after": None})
        for name, answer, certain, down in LATER
    ),
]


@pytest.mark.parametrize(
    ("running", "answer", "failed", "told"),
    MEANINGS,
    ids=[
        f"{name}: {answer.status} {answer.html or answer.document}"[:80]
        for name, answer, *_ in MEANINGS
    ],
    indirect=["running"],
)
async def test_an_answer_concerns_all_mails_or_this_one_or_means_later(
    opened: Open,
    server: Any,
    mail: Email,
    answer: Answer,
    failed: type[SendFailed],
    told: dict[str, Any],
) -> None:
    server.coming.append(answer)
    with pytest.raises(failed) as failure:
        await opened().send(mail, "key-1")

    assert not isinstance(failure.value, SendUnknown)
    assert {name: getattr(failure.value, name) for name in told} == told


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
    opened: Open,
    provider: HttpProvider,
    server: Any,
    mail: Email,
    headers: Mapping[str, Any],
    pause: object,
) -> None:
    said = {
        name: one if isinstance(one, str) else str(int(time.time() + one))
        for name, one in headers.items()
    }
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
        (
            "ses",
            ses.refusal(400, "TooManyRequestsException", USED_UP),
            "400 TooManyRequestsException",
            TEN_MINUTES,
        ),
        (
            "ses",
            ses.refusal(429, "TooManyRequestsException", USED_UP),
            "429 TooManyRequestsException",
            TEN_MINUTES,
        ),
    ],
    indirect=["running"],
)
async def test_a_used_up_quota_parks_the_mail_until_it_renews(
    opened: Open, server: Any, mail: Email, answer: Answer, reason: str, pause: timedelta | None
) -> None:
    server.coming.append(answer)
    times = [datetime.now(UTC)]
    with pytest.raises(QuotaExhausted) as failure:
        await opened().send(mail, "key-1")

    assert failure.value.reason == reason
    times.append(datetime.now(UTC))
    first, last = (
        now + pause if pause else quota_renewal("daily_quota_exceeded", now) for now in times
    )
    assert first <= failure.value.until <= last


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
async def test_another_mail_under_a_key_that_was_used_is_refused(
    opened: Open, server: Any, mail: Email
) -> None:
    sender = opened()
    await sender.send(mail, "key-1")
    with pytest.raises(SendRefused, match="409 invalid_idempotent_request") as refused:
        await sender.send(msgspec.structs.replace(mail, subject="Another"), "key-1")

    assert (refused.value.key_used, refused.value.account) == (True, False)
    assert len(server.accepted) == 1


@pytest.mark.parametrize("running", ["ses"], indirect=True)
@pytest.mark.parametrize("key_id", ["AKIANOBODYS012345678", "AKIA with\nline break", "AKIA-ümlaut"])
async def test_a_key_id_that_is_none_is_the_accounts_fault(
    opened: Open, server: Any, mail: Email, key_id: str
) -> None:
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
    provider_id = await opened().send(
        msgspec.structs.replace(mail, sender=f"{name} <{address}>"), "key-1"
    )

    accepted = server.accepted[provider_id]
    sender = accepted.get("FromEmailAddress") or accepted["from"]
    assert sender in ({"email": address, "name": read}, f"{read} <{address}>")
