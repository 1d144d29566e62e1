"""The sender that apps use in their tests, which keeps what it is given; and the contract of senders for it."""

from collections.abc import Callable

import msgspec
import pytest
from tests.contracts.mail_providers.sender_contract import SenderContract

from keyturn.errors import SendRetryable
from keyturn.mail.port.email import Email
from keyturn.testing import MemorySender

pytestmark = pytest.mark.slow


class TestMemory(SenderContract):
    @pytest.fixture
    def sender(self) -> MemorySender:
        return MemorySender()

    @pytest.fixture
    def delivered(self, sender: MemorySender) -> Callable[[], list[str]]:
        return lambda: [mail.subject for mail in sender.sent]


async def test_it_keeps_mails_in_order_as_they_were_sent(mail: Email) -> None:
    sender = MemorySender()
    other = msgspec.structs.replace(mail, subject="Again")
    await sender.send(mail, "key-1")
    await sender.send(other, "key-2")
    assert sender.sent == [mail, other]


async def test_a_repeat_under_the_same_key_is_kept_once(mail: Email) -> None:
    sender = MemorySender()
    await sender.send(mail, "key-1")
    await sender.send(mail, "key-1")
    assert sender.sent == [mail]


async def test_a_refusal_is_of_the_next_mail_alone(mail: Email) -> None:
    sender = MemorySender()
    sender.refuse(SendRetryable("down"))
    with pytest.raises(SendRetryable, match="down"):
        await sender.send(mail, "key-1")
    await sender.send(mail, "key-1")
    assert sender.sent == [mail]
