"""Handing mails to each provider with an HTTP API: what arrives, and whether a failure is a certain no."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from tests.mail.providers.conftest import Open
from tests.mail.providers.http_providers import HttpProvider
from tests.mail.providers.ports import closed_port
from tests.mail.providers.sender_contract import RefusingSenderContract
from tests.resend_server.answers import PROXY_PAGE, Answer, Trouble

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.provider_api import REPORT_PAUSE

pytestmark = pytest.mark.slow

LONGER_THAN_ANY_ANSWER = 2**20
KEYS_IN_HEADERS = pytest.mark.parametrize("running", ["resend", "postmark", "sendgrid"], indirect=True)
"""The other two encode their keys, so every key can be sent."""


class TestHttpSenders(RefusingSenderContract):
    """Holds each sender to the difference between a certain no and an unknown outcome."""

    @pytest.fixture
    def sender(self, opened: Open) -> Sender:
        return opened()

    @pytest.fixture
    def nobody(self, opened: Open) -> Sender:
        return opened(api_url=f"http://127.0.0.1:{closed_port()}")

    @pytest.fixture
    def refuse(self, provider: HttpProvider, server: Any) -> Callable[[], None]:
        return lambda: server.coming.append(provider.refused)

    @pytest.fixture
    def delivered(self, provider: HttpProvider, server: Any) -> Callable[[], list[str]]:
        return lambda: [provider.subject(fields) for fields in provider.accepted(server).values()]

    @pytest.fixture
    def knows_keys(self, provider: HttpProvider) -> bool:
        return provider.knows_keys

    @pytest.fixture
    def unknown(self, knows_keys: bool) -> type[SendRetryable]:
        """Return what says that the provider may have the mail: with keys it may be sent again at once."""
        return SendRetryable if knows_keys else SendUnknown

    async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
        self, sender: Sender, provider: HttpProvider, server: Any, mail: Email
    ) -> None:
        provider_id = await sender.send(mail, "key-1")

        assert provider.accepted(server) == {provider_id: provider.fields(mail)}
        (request,) = server.requests
        assert request.headers["user-agent"].startswith(provider.agent)

    async def test_without_a_reply_address_none_is_sent(
        self, sender: Sender, provider: HttpProvider, server: Any, mail: Email
    ) -> None:
        await sender.send(msgspec.structs.replace(mail, reply_to=""), "key-1")

        (fields,) = provider.accepted(server).values()
        assert fields.keys() == {
            name for name, value in provider.fields(mail).items() if mail.reply_to not in str(value)
        }

    async def test_a_repeat_arrives_again_unless_its_key_is_known(
        self, sender: Sender, delivered: Callable[[], list[str]], mail: Email, knows_keys: bool
    ) -> None:
        for _ in range(2):
            await sender.send(mail, "key-1")
        assert delivered() == [mail.subject] * (1 if knows_keys else 2)

    @pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
    async def test_where_the_answer_is_lost_nobody_knows_who_has_the_mail(
        self,
        sender: Sender,
        server: Any,
        delivered: Callable[[], list[str]],
        mail: Email,
        trouble: Trouble,
        unknown: type[SendRetryable],
    ) -> None:
        server.coming.append(trouble)
        with pytest.raises(unknown) as failure:
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
            Answer(200, {"id": "x" * LONGER_THAN_ANY_ANSWER}),
            Answer(403, html="<h1>Firewall</h1>"),
            Answer(400, {"errors": "many"}, headers={"x-amzn-errortype": "to ada@pupils.test"}),
            Answer(413, {}),
        ],
        ids=lambda answer: f"{answer.status} {str(answer.html or answer.document)[:20]}",
    )
    async def test_a_servers_fault_and_what_is_no_answer_of_the_providers_leave_it_open(
        self, sender: Sender, server: Any, mail: Email, answer: Answer, unknown: type[SendRetryable]
    ) -> None:
        server.coming.append(answer)
        with pytest.raises(unknown) as failure:
            await sender.send(mail, "key-1")

        assert not failure.value.not_accepted
        assert len(server.requests) == 1

    @pytest.mark.parametrize(("changes", "pause"), [({}, REPORT_PAUSE), ({"reports": False}, None)])
    async def test_a_report_is_given_time_to_come_first_where_reports_come(
        self,
        opened: Open,
        server: Any,
        mail: Email,
        changes: dict[str, bool],
        pause: float | None,
        provider: HttpProvider,
        unknown: type[SendRetryable],
    ) -> None:
        server.coming.append(Trouble.DROP)
        with pytest.raises(unknown) as failure:
            await opened(**changes).send(mail, "key-1")

        assert failure.value.retry_after == (None if provider.knows_keys else pause)

    @pytest.mark.parametrize("said", ["7", "date"])
    async def test_too_many_requests_are_a_certain_no_with_a_pause(
        self, sender: Sender, server: Any, provider: HttpProvider, mail: Email, said: str
    ) -> None:
        limited = provider.limited
        pause = format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True) if said == "date" else said
        server.coming.append(msgspec.structs.replace(limited, headers={**limited.headers, "retry-after": pause}))
        with pytest.raises(SendRetryable) as failure:
            await sender.send(mail, "key-1")

        assert (failure.value.not_accepted, failure.value.down) == (True, False)
        assert failure.value.retry_after == pytest.approx(7, abs=2)

    async def test_a_wrong_key_is_the_accounts_fault_and_is_not_repeated(
        self,
        opened: Open,
        provider: HttpProvider,
        server: Any,
        delivered: Callable[[], list[str]],
        mail: Email,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        wrong = "wr0ng" + getattr(provider.settings(server.url), provider.key)[5:]
        with pytest.raises(SendRefused) as failure:
            await opened(key=wrong).send(mail, "key-1")

        assert failure.value.account
        assert delivered() == []
        assert wrong not in f"{failure.value!r} {failure.value.__cause__!r} {caplog.text}"

    @KEYS_IN_HEADERS
    @pytest.mark.parametrize("key", ["key_with\nline break", "key_with_ümlaut"])
    async def test_a_key_that_no_header_can_hold_is_not_repeated(self, opened: Open, mail: Email, key: str) -> None:
        with pytest.raises(SendFailed) as failure:
            await opened(key=key).send(mail, "key-1")

        assert "key_with" not in f"{failure.value!r} {failure.value.__cause__!r}"
        assert failure.value.__suppress_context__

    async def test_mails_one_after_the_other_share_a_connection_until_it_is_cut(
        self, sender: Sender, server: Any, mail: Email
    ) -> None:
        for number in range(3):
            await sender.send(mail, f"key-{number}")
        assert server.connections.opened == 1

        server.coming.append(Trouble.DROP)
        with pytest.raises(SendRetryable):
            await sender.send(mail, "key-4")
        await server.idle()
        await sender.send(mail, "key-4")
        assert server.connections.opened == 2

    @pytest.mark.parametrize("trouble", [Trouble.STALL])
    async def test_a_server_that_stalls_holds_no_other_mail(
        self,
        sender: Sender,
        server: Any,
        delivered: Callable[[], list[str]],
        mail: Email,
        trouble: Trouble,
        unknown: type[SendRetryable],
    ) -> None:
        server.coming.append(trouble)
        stalled = asyncio.create_task(sender.send(mail, "key-1"))
        await server.arrived(1)
        await sender.send(mail, "key-2")

        assert delivered() == [mail.subject]
        with pytest.raises(unknown):
            await stalled

    async def test_a_slash_at_the_end_of_the_api_address_does_no_harm(
        self, opened: Open, server: Any, delivered: Callable[[], list[str]], mail: Email
    ) -> None:
        await opened(api_url=f"{server.url}/").send(mail, "key-1")
        assert delivered() == [mail.subject]
