"""What a driver's complaint becomes for a person."""

import socket

from keyturn.database.wording import describe_error


def test_a_host_that_is_not_found_and_one_that_refuses_are_told_in_words() -> None:
    wrapper = RuntimeError("of the driver's")
    wrapper.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert describe_error(wrapper) == "Name or service not known"
    assert describe_error(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")) == "Connection refused"
