"""What one stranger's connections can hold of `serve`: more than the system has files for."""

import contextlib
import socket
import sys

import httpx2
import pytest
from tests.cli.process import Running, running_program
from tests.cli.test_serve import PRODUCTION, url_of

pytestmark = pytest.mark.long


def serving_with(files: int) -> contextlib.AbstractContextManager[Running]:
    """Run `serve` with a low limit of open files, and so of connections."""
    program = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
        "import keyturn.cli; sys.argv = ['keyturn', 'serve', '--no-worker', '--port', '0']; keyturn.cli.main()"
    )
    return running_program([sys.executable, "-c", program], None, **PRODUCTION)


def connected(serve: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url_of(serve).rpartition(":")[2])), timeout=20)


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
