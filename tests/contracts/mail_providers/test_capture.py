"""The senders that keep what they are given: in a folder, and in memory for the tests of apps."""

import asyncio
import stat
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from tests.contracts.mail_providers.conftest import SenderContract

from keyturn.errors import SendRetryable
from keyturn.mail.port.email import Email
from keyturn.service.sending.senders import CaptureSender
from keyturn.testing import MemorySender

pytestmark = pytest.mark.slow


async def test_a_mail_is_one_file_under_its_key_that_nobody_else_here_can_read(tmp_path: Path, mail: Email) -> None:
    await asyncio.to_thread(tmp_path.chmod, 0o750)
    made = tmp_path / "a" / "b"
    sender = CaptureSender(made)
    for _ in range(2):
        assert await sender.send(mail, "key-1") == "key-1"
    await sender.close()

    (file,) = await asyncio.to_thread(lambda: [*made.iterdir()])
    assert file.name == "key-1.eml"
    assert [rights(path) for path in (tmp_path / "a", made, file)] == [0o700, 0o700, 0o600]
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["to"], message["subject"]) == (mail.to, mail.subject)
    await CaptureSender(tmp_path).send(mail, "key-1")
    assert rights(tmp_path) == 0o750, "a folder that is there keeps its rights"


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestMemory(SenderContract):
    @pytest.fixture
    def sender(self) -> MemorySender:
        return MemorySender()

    @pytest.fixture
    def delivered(self, sender: MemorySender) -> Callable[[], list[str]]:
        return lambda: [mail.subject for mail in sender.sent]


async def test_a_refusal_is_of_the_next_mail_alone(mail: Email) -> None:
    sender = MemorySender()
    sender.refuse(SendRetryable("down"))
    with pytest.raises(SendRetryable, match="down"):
        await sender.send(mail, "key-1")
    await sender.send(mail, "key-1")
    assert sender.sent == [mail]
