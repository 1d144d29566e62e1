"""The sender that keeps what it is given. What every sender keeps to is in tests/mail/providers/test_contract.py."""

import msgspec
import pytest

from keyturn.errors import SendRetryable
from keyturn.mail.port.email import Email
from keyturn.testing import MemorySender

MAIL = Email(sender="a@northwind.example", to="ada@pupils.test", subject="Hello", html="<p>Hello</p>", text="Hello")


async def test_it_keeps_mails_in_order_as_they_were_sent() -> None:
    sender = MemorySender()
    other = msgspec.structs.replace(MAIL, subject="Again")
    await sender.send(MAIL, "key-1")
    await sender.send(other, "key-2")
    assert sender.sent == [MAIL, other]


async def test_a_repeat_under_the_same_key_is_kept_once() -> None:
    sender = MemorySender()
    await sender.send(MAIL, "key-1")
    await sender.send(MAIL, "key-1")
    assert sender.sent == [MAIL]


async def test_a_refusal_is_of_the_next_mail_alone() -> None:
    sender = MemorySender()
    sender.refuse(SendRetryable("down"))
    with pytest.raises(SendRetryable, match="down"):
        await sender.send(MAIL, "key-1")
    await sender.send(MAIL, "key-1")
    assert sender.sent == [MAIL]
