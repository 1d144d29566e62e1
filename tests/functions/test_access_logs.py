"""The access log of the server around an app holds no link that works."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx2
import pytest
from tests.servers.serving import serving
from uvicorn.logging import AccessFormatter

from keyturn.service.telemetry.logs import RedactingFilter, redact_access_logs

TOKEN = "k3XbnE9gWcVtqRyOuZ0aHsPl5Jd7Mf2iYwA1xC4vB8N"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """Collect what uvicorn writes, in its own form."""
    logger, stream = logging.getLogger("uvicorn.access"), StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(AccessFormatter('%(client_addr)s - "%(request_line)s" %(status_code)s', use_colors=False))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    redact_access_logs()
    yield stream
    for name in ("uvicorn", "hypercorn", "gunicorn", "granian"):
        log = logging.getLogger(f"{name}.access")
        log.filters[:] = [one for one in log.filters if not isinstance(one, RedactingFilter)]


async def app(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_link_s_token_is_not_in_the_server_s_access_log(written: StringIO) -> None:
    with serving(app) as url:
        httpx2.get(f"{url}/reset-password/{TOKEN}?email=ada@northwind.example")

    assert '"GET /reset-password/[token]?email=a***@northwind.example HTTP/1.1" 204' in written.getvalue()


def test_what_servers_look_up_by_name_stays_what_it_was() -> None:
    """Gunicorn's and hypercorn's atoms find headers behind their keys."""

    class Atoms(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return f"[{key}]"

    atoms = Atoms(r=f"GET /reset-password/{TOKEN} HTTP/1.1", s=200)
    record = logging.LogRecord("gunicorn.access", logging.INFO, "", 0, '"%(r)s" %(s)s %({x}i)s', (atoms,), None)

    assert RedactingFilter().filter(record)
    assert record.getMessage() == '"GET /reset-password/[token] HTTP/1.1" 200 [{x}i]'
