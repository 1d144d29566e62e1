"""Handing mails to each provider with an HTTP API: what arrives, and whether a failure is a certain no."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from tests.contracts.mail_providers.conftest import Open, RefusingSenderContract
from tests.contracts.mail_providers.http_providers import HttpProvider
from tests.servers.mail_providers.answers import Trouble
from tests.servers.serving import NOWHERE

from keyturn.errors import SendFailed, SendRefused, SendRetryable, SendUnknown
from keyturn.mail.port.email import Email, Sender
from keyturn.mail.port.http_provider import REPORT_PAUSE

pytestmark = pytest.mark.slow

KEYS_IN_HEADERS = pytest.mark.parametrize("running", ["resend", "postmark", "sendgrid"], indirect=True)
"""The other two encode their keys, so every key can be sent."""


class Case(msgspec.Struct, frozen=True):
    provider: HttpProvider
    server: Any
    sender: Sender

    def delivered(self) -> list[str]:
        return [self.provider.subject(fields) for fields in self.provider.accepted(self.server).values()]

    def unknown(self) -> Any:
        """Expect to be told that the provider may have the mail: with keys it may be sent again at once."""
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

    async def test_every_part_of_the_mail_arrives_and_nothing_is_tracked(
        self, case: Case, opened: Open, mail: Email
    ) -> None:
        for slash in ("", "/"):  # at the end of the API's address
            provider_id = await opened(api_url=f"{case.server.url}{slash}").send(mail, "key-1")
            assert case.provider.accepted(case.server)[provider_id] == case.provider.fields(mail)
            assert case.server.requests[-1].headers["user-agent"].startswith("keyturn/")
        provider_id = await case.sender.send(msgspec.structs.replace(mail, reply_to=""), "key-2")
        wanted = case.provider.fields(mail).items()
        fields = case.provider.accepted(case.server)[provider_id]
        assert fields.keys() == {name for name, value in wanted if mail.reply_to not in str(value)}

    @pytest.mark.parametrize("trouble", [Trouble.DROP_AFTER_ACCEPTING, Trouble.STALL_AFTER_ACCEPTING])
    async def test_after_a_lost_answer_nobody_knows_who_has_the_mail(
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

    @pytest.mark.parametrize("said", ["7", "date"])
    async def test_too_many_requests_are_a_certain_no_with_a_pause(self, case: Case, mail: Email, said: str) -> None:
        limited = case.provider.limited
        pause = format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True) if said == "date" else said
        case.server.coming.append(msgspec.structs.replace(limited, headers={**limited.headers, "retry-after": pause}))
        with pytest.raises(SendRetryable) as failure:
            await case.sender.send(mail, "key-1")

        assert (failure.value.not_accepted, failure.value.down) == (True, False)
        assert failure.value.retry_after == pytest.approx(7, abs=2)

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

    @KEYS_IN_HEADERS
    async def test_a_key_that_no_header_can_hold_is_not_repeated(self, opened: Open, mail: Email) -> None:
        for key in ("key_with\nline break", "key_with_ümlaut"):
            with pytest.raises(SendFailed) as failure:
                await opened(key=key).send(mail, "key-1")

            assert "key_with" not in f"{failure.value!r} {failure.value.__cause__!r}"
            assert failure.value.__suppress_context__

    async def test_mails_one_after_the_other_share_a_connection_until_it_is_cut(self, case: Case, mail: Email) -> None:
        await case.sender.send(mail, "key-0")
        opened = case.server.connections.opened  # a server counts the last connection of the test before late
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
    async def test_a_server_that_stalls_holds_no_other_mail(self, case: Case, mail: Email, trouble: Trouble) -> None:
        case.server.coming.append(trouble)
        stalled = asyncio.create_task(case.sender.send(mail, "key-1"))
        await case.server.arrived(1)
        await case.sender.send(mail, "key-2")

        assert case.delivered() == [mail.subject]
        with case.unknown():
            await stalled
