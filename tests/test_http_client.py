"""Keyturn's HTTP client, in a process with other clients and their logs."""

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.serving import Connections, serving

from keyturn.http_client import HttpClient

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


async def test_an_address_is_not_logged_and_those_of_other_clients_are(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with HttpClient() as ours, httpx.AsyncClient() as theirs:
            await ours.get(f"{server}/hooks/{SECRET}")
            with pytest.raises(httpx.HTTPError):
                await ours.get("http://127.0.0.1:1/")
            await theirs.get(f"{server}/theirs")
            await ours.get(f"{server}/hooks/{SECRET}")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "httpx"]

    assert "/theirs" in line


async def test_cookies_are_not_kept(server: str) -> None:
    async with HttpClient() as client:
        assert [(await client.get(server)).text for _ in range(2)] == ["0", "0"]
    async with httpx.AsyncClient() as other:
        assert [(await other.get(server)).text for _ in range(2)] == ["0", "1"]
