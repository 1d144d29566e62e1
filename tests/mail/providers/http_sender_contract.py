"""The contract of senders that call an HTTP API with `ProviderApi`, against a server like their provider's."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from tests.mail.providers.sender_contract import RefusingSenderContract
from tests.mail_providers.server import ProviderServer
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.provider_api import LONGEST_ANSWER, REPORT_PAUSE

Open = Callable[..., Sender]
"""Opens a sender: `key` is what it proves itself with, `reports` whether the provider's reports come."""


class HttpSenderContract(RefusingSenderContract):
    """Holds a sender to the difference between a certain no and an unknown outcome.

    A subclass has the fixtures `opened`, `server` and `limited` (the provider's own 429), and those of the parent.
    `knows_keys` is True on the class if the provider has idempotency keys.
    """

    knows_keys = False
    """Most have none."""

    right_key: str

    @property
    def unknown(self) -> type[SendRetryable]:
        """What says that the provider may have the mail: with keys it may be sent again at once."""
        return SendRetryable if self.knows_keys else SendUnknown

    @pytest.fixture
    def sender(self, opened: Open) -> Sender:
        return opened()

    async def test_a_repeat_arrives_again_since_nobody_knows_its_key(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        for _ in range(2):
            await sender.send(mail, "key-1")
        assert delivered() == [mail.subject] * (1 if self.knows_keys else 2)

    @pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
    async def test_where_the_answer_is_lost_nobody_knows_who_has_the_mail(
        self, sender: Sender, server: ProviderServer, delivered: Callable[[], list[str]], mail: Email, trouble: Trouble
    ) -> None:
        server.coming.append(trouble)
        with pytest.raises(self.unknown) as failure:
            await sender.send(mail, "key-1")
        await server.idle()

        assert not failure.value.not_accepted
        assert failure.value.down
        assert delivered() == [mail.subject]

    @pytest.mark.parametrize(
        "answer",
        [
            PROXY_PAGE,
            Answer(500, {}),
            Answer(503, []),
            Answer(408, {}),
            Answer(200, html="<h1>Maintenance</h1>"),
            Answer(302, {}, headers={"location": "https://elsewhere.example/"}),
            Answer(200, {}),
            Answer(200, None),
            Answer(200, ["an id"]),
            Answer(200, {"id": "x" * LONGEST_ANSWER}),
            Answer(403, html="<h1>Firewall</h1>"),
            Answer(400, {"errors": "many"}, headers={"x-amzn-errortype": "to ada@pupils.test"}),
            Answer(413, {}),
        ],
        ids=lambda answer: f"{answer.status} {str(answer.html or answer.document)[:20]}",
    )
    async def test_a_servers_fault_and_what_is_no_answer_of_the_providers_leave_it_open(
        self, sender: Sender, server: ProviderServer, mail: Email, answer: Answer
    ) -> None:
        server.coming.append(answer)
        with pytest.raises(self.unknown):
            await sender.send(mail, "key-1")
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("reports", "pause"), [(True, REPORT_PAUSE), (False, None)])
    async def test_a_report_is_given_time_to_come_first_where_reports_come(
        self, opened: Open, server: ProviderServer, mail: Email, reports: bool, pause: float | None
    ) -> None:
        sender = opened(reports=reports)
        server.coming.append(Trouble.DROP)
        with pytest.raises(self.unknown) as failure:
            await sender.send(mail, "key-1")
        await sender.close()

        assert failure.value.retry_after == (None if self.knows_keys else pause)

    @pytest.mark.parametrize("said", ["7", "date"])
    async def test_too_many_requests_are_a_certain_no_with_a_pause(
        self, sender: Sender, server: ProviderServer, limited: Answer, mail: Email, said: str
    ) -> None:
        pause = format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True) if said == "date" else said
        server.coming.append(msgspec.structs.replace(limited, headers={**limited.headers, "retry-after": pause}))
        with pytest.raises(SendRetryable) as failure:
            await sender.send(mail, "key-1")

        assert (failure.value.not_accepted, failure.value.down) == (True, False)
        assert failure.value.retry_after == pytest.approx(7, abs=2)

    async def test_a_wrong_key_is_the_accounts_fault_and_is_not_repeated(
        self, opened: Open, delivered: Callable[[], list[str]], mail: Email, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        wrong = "wr0ng" + self.right_key[5:]
        sender = opened(key=wrong)
        with pytest.raises(SendRefused) as failure:
            await sender.send(mail, "key-1")
        await sender.close()

        assert failure.value.account
        assert delivered() == []
        assert wrong not in f"{failure.value!r} {failure.value.__cause__!r} {caplog.text}"

    async def test_what_a_provider_says_of_a_refusal_is_reduced_to_its_code(
        self, sender: Sender, refuse: Callable[[], None], mail: Email
    ) -> None:
        refuse()
        with pytest.raises(SendRefused) as failure:
            await sender.send(mail, "key-1")
        assert mail.to not in failure.value.reason
        assert failure.value.reason.startswith("4")
        assert not failure.value.account

    async def test_mails_one_after_the_other_share_a_connection(
        self, sender: Sender, server: ProviderServer, mail: Email
    ) -> None:
        for number in range(3):
            await sender.send(mail, f"key-{number}")
        assert server.connections.opened == 1

    @pytest.mark.parametrize("trouble", [Trouble.STALL])
    async def test_a_server_that_stalls_holds_no_other_mail(
        self, sender: Sender, server: ProviderServer, delivered: Callable[[], list[str]], mail: Email, trouble: Trouble
    ) -> None:
        server.coming.append(trouble)
        stalled = asyncio.create_task(sender.send(mail, "key-1"))
        await server.arrived(1)
        await sender.send(mail, "key-2")

        assert delivered() == [mail.subject]
        with pytest.raises(self.unknown):
            await stalled

    async def test_every_request_says_who_asks(self, sender: Sender, server: ProviderServer, mail: Email) -> None:
        await sender.send(mail, "key-1")
        assert server.requests[0].headers["user-agent"].startswith("keyturn/")


class HeaderKeyContract(HttpSenderContract):
    """Holds senders to more, whose API key stands unchanged in a header."""

    @pytest.mark.parametrize("key", ["key_with\nline break", "key_with_ümlaut"])
    async def test_a_key_that_no_header_can_hold_is_not_repeated(self, opened: Open, mail: Email, key: str) -> None:
        sender = opened(key=key)
        with pytest.raises(SendFailed) as failure:
            await sender.send(mail, "key-1")
        await sender.close()

        assert "key_with" not in f"{failure.value!r} {failure.value.__cause__!r}"
        assert failure.value.__suppress_context__
