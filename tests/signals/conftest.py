"""A receiver and a transmitter on this machine."""

from collections.abc import Iterator

import pytest
from tests.signals.receiver import Receiver, running_receiver
from tests.signals.transmitter import Transmitter, running_transmitter


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def receiver(receiver_server: Receiver) -> Receiver:
    """Give the test a receiver that was told nothing yet."""
    receiver_server.forget()
    return receiver_server


@pytest.fixture(scope="session")
def transmitter_server() -> Iterator[Transmitter]:
    with running_transmitter() as transmitter:
        yield transmitter


@pytest.fixture
def transmitter(transmitter_server: Transmitter) -> Transmitter:
    """Give the test a transmitter with one key and no events."""
    transmitter_server.forget()
    return transmitter_server
