"""A receiver on this machine."""

from collections.abc import Iterator

import pytest
from tests.signals.receiver import Receiver, running_receiver


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(receiver_server: Receiver) -> Receiver:
    """Give the test a receiver that was told nothing yet."""
    receiver_server.forget()
    return receiver_server
