"""What a driver's complaint becomes for a person."""

import asyncio
import socket
import ssl

from keyturn.database.unready import describe_error


def test_a_host_that_is_not_found_and_one_that_refuses_are_told_in_words() -> None:
    wrapper = RuntimeError("of the driver's")
    wrapper.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert describe_error(wrapper) == "Name or service not known"
    assert describe_error(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")) == "Connection refused"


def test_a_certificate_that_is_not_accepted_is_told_with_its_reason_and_an_answer_that_never_came_as_such() -> None:
    refused = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    refused.verify_message = "Hostname mismatch, certificate is not valid for 'db'."
    late = TimeoutError()
    late.__cause__ = asyncio.CancelledError()

    assert (
        describe_error(refused)
        == "the server's certificate is refused: Hostname mismatch, certificate is not valid for 'db'."
    )
    assert describe_error(late) == "it does not answer"
