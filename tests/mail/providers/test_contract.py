"""The contract of senders, for the sender that apps use in their tests; others have it beside their own tests."""

from collections.abc import Callable

import pytest
from tests.mail.providers.sender_contract import SenderContract

from keyturn.testing import MemorySender

pytestmark = pytest.mark.slow


class TestMemory(SenderContract):
    @pytest.fixture
    def sender(self) -> MemorySender:
        return MemorySender()

    @pytest.fixture
    def delivered(self, sender: MemorySender) -> Callable[[], list[str]]:
        return lambda: [mail.subject for mail in sender.sent]
