"""Handing mails to Resend, over real HTTP."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.resend_server.answers import Trouble
from tests.resend_server.server import API_KEY, ResendServer

from keyturn.errors import SendRetryable
from keyturn.mail.port.email import Email
from keyturn.mail.providers.resend import ResendSender

pytestmark = pytest.mark.slow


async def test_an_accepted_mail_has_the_providers_id(sender: ResendSender, resend: ResendServer, mail: Email) -> None:
    assert await sender.send(mail, "key-1") == resend.accepted[0].id


async def test_every_part_of_the_mail_arrives(sender: ResendSender, resend: ResendServer, mail: Email) -> None:
    await sender.send(mail, "key-1")

    assert resend.accepted[0].key == "key-1"
    assert resend.accepted[0].fields == {
        "from": mail.sender,
        "to": [mail.to],
        "reply_to": mail.reply_to,
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "headers": mail.headers,
        "tags": [{"name": "template", "value": "password_reset"}, {"name": "key", "value": "key-1"}],
    }


async def test_without_a_reply_address_none_is_sent(sender: ResendSender, resend: ResendServer, mail: Email) -> None:
    await sender.send(msgspec.structs.replace(mail, reply_to=""), "key-1")

    assert "reply_to" not in resend.accepted[0].fields


async def test_the_key_and_a_user_agent_travel_in_the_headers(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    await sender.send(mail, "key-1")

    (request,) = resend.requests
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["idempotency-key"] == "key-1"
    assert "resend-python" in request.headers["user-agent"]


async def test_the_same_mail_under_the_same_key_is_accepted_once(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    first = await sender.send(mail, "key-1")

    assert await sender.send(mail, "key-1") == first
    assert len(resend.accepted) == 1
    assert resend.requests[0].body == resend.requests[1].body


async def test_mails_one_after_the_other_share_a_connection(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    for number in range(5):
        await sender.send(mail, f"key-{number}")

    assert len(resend.accepted) == 5
    assert resend.connections.opened == 1


@pytest.mark.long
async def test_mails_at_the_same_time_do_not_wait_for_each_other(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.coming.append(Trouble.STALL)
    stalled = asyncio.create_task(sender.send(mail, "key-1"))
    await resend.arrived(1)

    await sender.send(mail, "key-2")

    assert not stalled.done()
    assert [accepted.key for accepted in resend.accepted] == ["key-2"]
    with pytest.raises(SendRetryable):
        await stalled


@pytest.mark.long
async def test_a_server_that_stalls_is_given_up_after_the_time_out(
    sender: ResendSender, resend: ResendServer, mail: Email
) -> None:
    resend.coming.append(Trouble.STALL)

    async with asyncio.timeout(5):
        with pytest.raises(SendRetryable) as error:
            await sender.send(mail, "key-1")
    assert error.value.retry_after is None


async def test_a_connection_that_was_cut_is_replaced(sender: ResendSender, resend: ResendServer, mail: Email) -> None:
    resend.coming.append(Trouble.DROP)
    with pytest.raises(SendRetryable):
        await sender.send(mail, "key-1")
    await resend.idle()

    await sender.send(mail, "key-1")

    assert resend.connections.opened == 2
    assert len(resend.accepted) == 1


async def test_a_closed_port_is_tried_again_later(mail: Email) -> None:
    sender = ResendSender(API_KEY, "http://127.0.0.1:9", timedelta(seconds=1))  # discard, RFC 863: nobody listens

    with pytest.raises(SendRetryable):
        await sender.send(mail, "key-1")
    await sender.close()


async def test_a_slash_at_the_end_of_the_api_address_does_no_harm(resend: ResendServer, mail: Email) -> None:
    sender = ResendSender(API_KEY, f"{resend.url}/", timedelta(seconds=1))

    await sender.send(mail, "key-1")

    assert len(resend.accepted) == 1
    await sender.close()
