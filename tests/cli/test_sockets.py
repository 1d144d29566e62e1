"""Listening on a port of this machine."""

import socket

import pytest

from keyturn.cli.sockets import address_of, listen

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_address_is_written_as_in_a_url(host: str, shown: str) -> None:
    with listen(host, 0) as bound:
        assert address_of(bound) == f"{shown}:{bound.getsockname()[1]}"
        assert bound.getsockname()[1] > 0


def test_every_address_of_ipv6_takes_ipv4_as_well() -> None:
    with listen("::", 0) as bound, socket.create_connection(("127.0.0.1", bound.getsockname()[1]), timeout=5):
        bound.accept()[0].close()
