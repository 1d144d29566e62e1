"""What one stranger's connections can hold of `serve`: too large, too slow, too many."""

import contextlib
import socket
import sys
from collections.abc import Iterator

import httpx2
import pytest
from tests.cli.process import Running, running, running_program
from tests.cli.test_http_protocol import said
from tests.cli.test_serve import PRODUCTION, url_of

pytestmark = pytest.mark.long

REQUEST = b"GET /health/live HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
def serve(migrated: object) -> Iterator[Running]:  # noqa: ARG001 - what was migrated is served
    with running("serve", "--no-worker", "--port", "0", **PRODUCTION) as serve:
        yield serve


def serving_with(files: int) -> contextlib.AbstractContextManager[Running]:
    """Run `serve` with a low limit of open files, and so of connections."""
    program = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
        "import keyturn.cli; sys.argv = ['keyturn', 'serve', '--no-worker', '--port', '0']; keyturn.cli.main()"
    )
    return running_program([sys.executable, "-c", program], None, **PRODUCTION)


def connected(serve: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url_of(serve).rpartition(":")[2])), timeout=20)


def test_headers_that_are_just_too_long_are_told_so(serve: Running) -> None:
    with connected(serve) as connection:
        connection.sendall(REQUEST + b"x-more: " + b"x" * 17_000 + b"\r\n\r\n")
        assert said(connection).startswith(b"HTTP/1.1 431 ")


def test_large_bodies_behind_small_headers_are_none_of_its_concern(serve: Running) -> None:
    answer = httpx2.post(f"{url_of(serve)}/api/auth/request-password-reset", json={"email": "x" * 10_000})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "begun", [b"", REQUEST, b"POST /health/live HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"]
)
def test_a_request_that_does_not_come_is_not_waited_for(serve: Running, begun: bytes) -> None:
    with connected(serve) as connection:
        connection.sendall(begun)
        said(connection)


@pytest.mark.parametrize(
    "begun", [b"", REQUEST, b"POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"]
)
@pytest.mark.usefixtures("migrated")
def test_hundreds_of_requests_that_do_not_come_shut_out_only_their_client(begun: bytes) -> None:
    with serving_with(files=256) as serve, contextlib.ExitStack() as stack:
        stalled = [stack.enter_context(connected(serve)) for _ in range(300)]
        for connection in stalled:
            with contextlib.suppress(ConnectionError):
                connection.sendall(begun)
        for _ in range(20):
            assert httpx2.get(f"{url_of(serve)}/health/live", timeout=10).status_code == 200
        assert said(stalled[0]) == b"", "the oldest has made room"


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(("files", "warns"), [(1024, False), (256, True)])
def test_a_low_limit_of_open_files_shuts_no_client_out(files: int, warns: bool) -> None:
    with serving_with(files) as serve, contextlib.ExitStack() as stack:
        url_of(serve)
        for _ in range(300):
            stack.enter_context(connected(serve))
        for _ in range(5):
            assert httpx2.get(f"{url_of(serve)}/health/ready", timeout=10).status_code == 200
        assert serve.end() == 0
        assert any("server.fewer_connections" in line for line in serve.said) is warns
