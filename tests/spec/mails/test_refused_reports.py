"""What a stranger can cost who posts to the addresses of reports: little, whatever they send, and
however often.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any

import httpx2
import pytest
from tests.driver.reporting import WITH_WEBHOOK, deliver, report
from tests.driver.service import Service, problem
from tests.servers.databases import ON_SQLITE
from tests.servers.mail_providers import mailgun, postmark, sendgrid, sns

pytestmark = [ON_SQLITE, pytest.mark.long]

FORGED: Mapping[str, Mapping[str, str]] = {
    "resend": {},
    "postmark": {"authorization": "Basic eDp5"},
    "sendgrid": {},
    "ses": {"x-amz-sns-topic-arn": sns.TOPIC.replace("123456789012", "666666666666")},
}
"""Headers that prove nothing, by provider. Mailgun's proof stands in the body."""

CLIENT, OTHER_CLIENT = "192.0.2.7", "192.0.2.8"
SIGNED = {
    "x-twilio-email-event-webhook-signature": "AAAA",
    "x-twilio-email-event-webhook-timestamp": "1",
}


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {
        "limits": {"client": "3/minute"},
        "resend": WITH_WEBHOOK,
        "ses": {"topic_arn": sns.TOPIC},
        "postmark": {"webhook_secret": postmark.PASSWORD},
        "sendgrid": {"webhook_verification_key": sendgrid.public(sendgrid.SIGNER)},
        "mailgun": {"webhook_signing_key": mailgun.SIGNING_KEY},
    }


class Post:
    """A request whose body ends when it is told to.

    `was_read`: the service has asked for it. `is_kept`: for more.
    """

    def __init__(
        self,
        service: Service,
        provider: str,
        headers: Mapping[str, str],
        client: str = CLIENT,
        begun: bytes = b"",
    ) -> None:
        self.was_read = asyncio.Event()
        self.is_kept = asyncio.Event()
        self.body = asyncio.Event()
        self._begun = begun
        sent = service.at(client).post(
            f"/webhooks/{provider}", content=self._content(), headers=dict(headers)
        )
        self.task = asyncio.create_task(self._status(sent))

    async def _status(self, sent: Awaitable[httpx2.Response]) -> int:
        return (await sent).status_code

    async def _content(self) -> AsyncIterator[bytes]:
        self.was_read.set()
        yield self._begun
        self.is_kept.set()
        await self.body.wait()
        yield b"{}"


@pytest.mark.parametrize("provider", FORGED)
async def test_no_body_is_read_whose_headers_prove_nothing(service: Service, provider: str) -> None:
    post = Post(service, provider, FORGED[provider])
    assert await asyncio.wait_for(post.task, 20) == 400
    assert not post.was_read.is_set()


@pytest.mark.parametrize("provider", [*FORGED, "mailgun"])
async def test_a_client_whose_reports_are_refused_is_soon_not_heard_and_fills_no_log(
    service: Service, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "keyturn")
    stranger = service.at(CLIENT)
    told = [
        problem(
            await stranger.post(
                f"/webhooks/{provider}", json={}, headers=dict(FORGED.get(provider, {}))
            )
        )
        for _ in range(6)
    ]
    assert told == ["400 webhook-refused"] * 3 + ["429 too-many-requests"] * 3
    assert [record.getMessage().split()[0] for record in caplog.records] == ["webhook.refused"]
    other = await service.at(OTHER_CLIENT).post(f"/webhooks/{provider}", json={})
    assert problem(other) == "400 webhook-refused", "others are heard"


async def test_the_bodies_that_are_not_proven_yet_are_bounded_together_and_by_client(
    service: Service,
) -> None:
    large, begun = {**SIGNED, "content-length": "1048576"}, b" " * 1_048_574
    posts = [Post(service, "sendgrid", large, begun=begun) for _ in range(4)]
    await asyncio.gather(*(post.is_kept.wait() for post in posts))

    fifth = Post(service, "sendgrid", large, begun=begun)
    assert await asyncio.wait_for(fifth.task, 20) == 503
    other = Post(service, "sendgrid", large, client=OTHER_CLIENT, begun=begun)
    await other.is_kept.wait()

    for post in (*posts, other):
        post.body.set()
    assert {await post.task for post in (*posts, other)} <= {400, 429}
    again = Post(service, "sendgrid", large, client=OTHER_CLIENT, begun=begun)
    await again.is_kept.wait()
    again.body.set()
    await again.task


async def test_bodies_that_never_come_take_no_room_from_the_reports_of_a_provider(
    service: Service,
) -> None:
    large = {**SIGNED, "content-length": "1048576"}
    posts = [
        Post(service, "sendgrid", large, client=f"192.0.2.{number}") for number in range(1, 34)
    ]
    await asyncio.gather(*(asyncio.wait_for(post.was_read.wait(), 20) for post in posts))
    assert (await deliver(service, report("delivered", "an id"))).status_code == 200
    for post in posts:
        post.body.set()
        await post.task
