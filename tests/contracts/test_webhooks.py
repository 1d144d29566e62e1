"""One try: a signed POST, and what the answer means for the next."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.mail_providers.answers import Answer, Trouble
from tests.servers.webhooks import NEXT_SECRET, PATH, SECRET, App

import keyturn
from keyturn.errors import SendRetryable
from keyturn.service.clock import now
from keyturn.service.webhooks.sender import WebhookSender

pytestmark = pytest.mark.long

BODY = (
    b'{"type":"password.changed","timestamp":"2026-11-20T08:46:42Z",'
    b'"data":{"email":"gr\xc3\xbc\xc3\x9fe@a.example"}}'
)


@pytest.fixture
def app() -> Iterator[App]:
    with App.running() as app:
        yield app


@pytest.fixture
async def sender(app: App) -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(app.url, [SECRET], timedelta(seconds=20))
    yield sender
    await sender.close()


async def refusal(sender: WebhookSender, moment: datetime | None = None) -> SendRetryable:
    with pytest.raises(SendRetryable) as refused:
        await sender.send("event1", BODY, moment or now())
    return refused.value


async def test_what_the_documentation_says_of_verifying_by_hand_works(
    app: App, sender: WebhookSender
) -> None:
    page = (Path(__file__).parents[2] / "docs/http.md").read_text("utf-8")
    documented: dict[str, Any] = {}
    exec(page.split("By hand")[1].split("```")[1].removeprefix("python\n"), documented)  # noqa: S102 - our own page
    await sender.send("event1", BODY, now())
    await sender.send("event2", BODY, now() - timedelta(minutes=10))
    fresh, stale = app.told

    assert (fresh.method, fresh.path, fresh.body, fresh.id) == ("POST", PATH, BODY, "event1")
    assert fresh.verified()["data"] == {"email": "grüße@a.example"}
    assert fresh.headers["content-type"] == "application/json"
    assert fresh.headers["user-agent"] == f"keyturn/{keyturn.__version__}"
    assert documented["is_genuine"](SECRET, fresh.headers, fresh.body)
    assert not documented["is_genuine"](SECRET, fresh.headers, fresh.body + b" ")
    assert not documented["is_genuine"](NEXT_SECRET, fresh.headers, fresh.body)
    assert not documented["is_genuine"](SECRET, stale.headers, stale.body)


async def test_a_pause_that_is_asked_for_is_kept_but_for_no_more_than_a_day(
    app: App, sender: WebhookSender
) -> None:
    pauses = {
        "120": 120,
        "0": 0,
        "-5": 0,
        "1.5": 1.5,
        "999999999": 86_400,
        "soon": None,
        "nan": None,
        "inf": None,
        "": None,
        "Fri, 99 Nov 2026 08:00:00 GMT": None,
        "Mon, 01 Jan 2026 00:00:00 +9999": None,
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999": None,
        "Mon, 01 Jan 0001 00:00:00 +2359": 0,
    }
    app.coming += [
        Answer(status, headers={"retry-after": written})
        for status in (429, 503)
        for written in pauses
    ]
    refused = [await refusal(sender) for _ in app.coming.copy()]

    assert [one.retry_after for one in refused] == [*pauses.values()] * 2


async def test_an_answer_without_end_counts_by_its_status_and_is_not_read(
    app: App, sender: WebhookSender
) -> None:
    app.coming.append(Trouble.ENDLESS)

    assert await sender.send("event1", BODY, now()) == "200"
    assert await sender.send("event2", BODY, now()) == "204"


async def test_one_connection_serves_many_tries_and_every_2xx_is_a_yes(
    app: App, sender: WebhookSender
) -> None:
    app.coming += [Answer(status) for status in (200, 299, 500)]
    assert [await sender.send("event1", BODY, now()) for _ in range(2)] == ["200", "299"]
    await refusal(sender)
    await sender.send("event2", BODY, now())

    assert app.connections.opened == 1
