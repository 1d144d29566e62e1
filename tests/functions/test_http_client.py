"""Keyturn's HTTP client, in a process with other clients and their logs."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from tests.servers.serving import Connections, serving

from keyturn.errors import SettingsInvalid
from keyturn.http_client import HttpClient, NotSent

SECRET = "k3y-in-the-address"


async def answer(scope: Any, _: Any, send: Any) -> None:
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    headers = [(b"set-cookie", b"seen=1; Path=/"), (b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"1" if cookies else b"0"})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(answer, Connections()) as address:
        yield address


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(10)
    yield client
    await client.close()


async def test_an_address_is_not_logged_and_those_of_other_clients_are(
    client: HttpClient, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with httpx2.AsyncClient() as theirs:
            await client.ask("GET", f"{server}/hooks/{SECRET}")
            with pytest.raises(NotSent):
                await client.ask("GET", "http://127.0.0.1:1/")
            await theirs.get(f"{server}/theirs")
            await client.ask("GET", f"{server}/hooks/{SECRET}")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "httpx2"]

    assert "/theirs" in line


async def test_cookies_are_not_kept(client: HttpClient, server: str) -> None:
    assert [(await client.ask("GET", server)).body for _ in range(2)] == [b"0", b"0"]
    async with httpx2.AsyncClient() as other:
        assert [(await other.get(server)).text for _ in range(2)] == ["0", "1"]


@pytest.mark.parametrize(("name", "value"), [
    ("HTTPS_PROXY", "http://user:p#s@proxy.example"), ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
])  # fmt: skip
def test_unusable_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A client that cannot use a variable of the environment is not built, and the error names the
    variable.
    """
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as invalid:
        HttpClient(10)
    assert [fault.name for fault in invalid.value.faults] == [name]
    assert "p#s" not in str(invalid.value)


async def test_calls_that_are_cancelled_at_any_moment_leave_no_connection_open() -> None:
    opened: set[asyncio.StreamWriter] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n")
                await asyncio.sleep(0)
                writer.write(b"1")
        opened.remove(writer)
        writer.close()

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        client = HttpClient(10, most_at_once=1)
        for moment, again in itertools.product(
            range(40), (0, 1, 3)
        ):  # the second time while it cleans up
            call = asyncio.create_task(client.ask("GET", url))
            await turns(moment)
            call.cancel()
            await turns(again)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
        assert (await client.ask("GET", url)).body == b"1"
        await turns(100)
        assert len(opened) == 1
        await client.close()
        async with asyncio.timeout(10):
            while opened:
                await turns(1)
