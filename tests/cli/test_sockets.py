"""Listening on a port of this machine."""

import socket

import pytest

from keyturn.cli.sockets import PortTaken, address_of, listen

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_address_is_written_as_in_a_url(host: str, shown: str) -> None:
    with listen(host, 0) as bound:
        assert address_of(bound) == f"{shown}:{bound.getsockname()[1]}"
        assert bound.getsockname()[1] > 0


def test_every_address_of_ipv6_takes_ipv4_as_well() -> None:
    with listen("::", 0) as bound, socket.create_connection(("127.0.0.1", bound.getsockname()[1]), timeout=5):
        bound.accept()[0].close()


def test_who_listens_is_answered_to_at_once() -> None:
    with listen("127.0.0.1", 0) as bound, socket.create_connection(bound.getsockname(), timeout=5):
        bound.accept()[0].close()


def test_a_taken_port_is_known_before_anything_else() -> None:
    with listen("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1:{port} .*: choose another port with --port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "a..b"])
def test_an_address_that_is_not_this_machines_cannot_be_listened_on(host: str) -> None:
    with pytest.raises(PortTaken, match=f"cannot listen on {host}:0 .*: choose another host with --host"):
        listen(host, 0)
