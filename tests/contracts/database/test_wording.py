"""What a driver's complaint becomes for a person."""

import asyncio
import socket

import pytest

from keyturn.service.database.unready import describe_error


def caused_by(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (caused_by(RuntimeError("of the driver's"), socket.gaierror(socket.EAI_NONAME, "Not known")), "Not known"),
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"), "Connection refused"),
        (caused_by(TimeoutError(), asyncio.CancelledError()), "it does not answer"),
    ],
)
def test_a_driver_s_complaint_is_told_in_words(error: Exception, words: str) -> None:
    assert describe_error(error) == words
