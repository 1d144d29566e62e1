"""What one client sends costs the process no more than a plain request, whatever it is made of."""

import json
from itertools import count

import pytest
from tests.processor_time import least_seconds
from tests.spec.service import LOGIN, NOBODY, REQUEST, VALIDATE, Service, Start

from keyturn.settings import LimitSettings

pytestmark = pytest.mark.any_database

ODD = 15_000
"""Bytes of a body, of the 16 kB that a body may have."""

COSTLY_COOKIES = (
    b"1:a" + "\u0323\u0301".encode() * 5_000 + b"@x.test",
    b"1:a" + b"%CC%A3%CC%81" * 5_000 + b"@x.test",
    b'"' + b'\\"' * 10_000 + b'"',
    b"%41" * 20_000,
)
"""Marks as they are and with percent signs, which make them marks again; quotes and percent signs to undo."""


@pytest.mark.parametrize("path", [REQUEST, LOGIN, VALIDATE])
async def test_an_address_of_many_marks_costs_no_more_than_a_plain_one(path: str, start: Start) -> None:
    service = await start(
        limits=LimitSettings(
            request="1000/minute", malformed="1000/minute", login="1000/minute", validate="1000/minute"
        )
    )
    client = service.at("203.0.113.1")
    rest = {"password": "x", "token": "x" * 43}
    marks = "a" + "\u0323\u0301" * (ODD // 4)
    bound = 5 * await least_seconds(lambda: client.post(path, json={"email": NOBODY, **rest}))
    numbers, headers = count(), {"content-type": "application/json"}

    async def ask() -> None:
        odd = {"email": f"{marks}@{next(numbers)}.test", **rest}
        await client.post(path, content=json.dumps(odd, ensure_ascii=False).encode(), headers=headers)

    assert await least_seconds(ask, tries=20, enough=bound) < bound


@pytest.mark.parametrize("path", ["/forgot-password", "/reset-password", "/login", "/nowhere", "/api/auth/me"])
@pytest.mark.long
async def test_a_cookie_of_any_length_costs_no_more_than_none(path: str, service: Service) -> None:
    client = service.at("203.0.113.1")
    html = (b"accept", b"text/html")
    bound, numbers = 5 * await least_seconds(lambda: client.get(path, headers=[html])), count()
    for name in (b"keyturn_asked", b"keyturn_link", b"keyturn_session", b"keyturn_language", b"another_app"):
        for value in COSTLY_COOKIES:

            async def ask(name: bytes = name, value: bytes = value) -> None:
                # Another each time, as a flood would be: Litestar keeps what it made of the same one.
                odd = name + b"=" + value[:1] + b"%d" % next(numbers) + value[1:]
                await client.get(path, headers=[html, (b"cookie", odd)])

            assert await least_seconds(ask, tries=20, enough=bound) < bound, (name, value[:20])


LONGEST = 15_500
"""Bytes of a header, or of an address, of the 16 kB that headers may have."""

COSTLY_HEADERS = {
    "accept": (",", "a/b,", "a/b;q=0.1,"),
    "accept-language": (",", "a-b;q=0.1,", "a-"),
    "content-type": (";a=b", ";a*0=b", '\\"'),
    "cookie": (";", "a=b;", "keyturn_a=b;", "; "),
    "x-forwarded-for": (",", "192.0.2.1,", ":"),
    "if-none-match": ('"a",', 'W/"'),
    "origin": ("a.", "@:"),
    "host": ("a.", ":"),
    "user-agent": ("(", "iPhone; "),
    "range": ("0-1,",),
}


@pytest.mark.parametrize("path", ["/forgot-password", "/nowhere", "/api/auth/me", "/keyturn.js"])
async def test_a_header_of_any_length_costs_no_more_than_none(path: str, service: Service) -> None:
    client = service.at("203.0.113.1")
    html, numbers = ("accept", "text/html"), count()
    bound = 0.001 + 5 * await least_seconds(lambda: client.get(path, headers=[html]))
    for name, parts in COSTLY_HEADERS.items():
        for part in parts:

            async def ask(name: str = name, part: str = part) -> None:
                odd = f"{next(numbers)}{part * (LONGEST // len(part))}"
                await client.get(path, headers=[*([] if name == "accept" else [html]), (name, odd)])

            assert await least_seconds(ask, tries=20, enough=bound) < bound, (name, part)


@pytest.mark.parametrize("path", ["/forgot-password", "/login", "/nowhere", "/api/auth/me", "/keyturn.js"])
@pytest.mark.parametrize("part", ["a&", "a=b&", ";", "%C3%A9", "lang=en&", "a+"])
@pytest.mark.long
async def test_a_query_of_any_length_costs_no_more_than_none(path: str, part: str, service: Service) -> None:
    client = service.at("203.0.113.1")
    html, numbers = {"accept": "text/html"}, count()
    bound = 0.01 + 5 * await least_seconds(lambda: client.get(path, headers=html))

    async def ask() -> None:
        await client.get(f"{path}?{next(numbers)}{part * (LONGEST // len(part))}", headers=html)

    assert await least_seconds(ask, tries=20, enough=bound) < bound
