"""The proxies of deploy/ in front of `keyturn serve`: what users reach, whose address counts, what
no log contains.
"""

import contextlib
import json
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from tests.commands.command import ADA, PASSWORD
from tests.driver.inbox import token_in_file
from tests.driver.visitor import form_token
from tests.processes.deploy.proxies import HOST, ONE, OTHER, Proxy, running_proxy
from tests.processes.serve.workers import PRODUCTION
from tests.programs import require_program
from tests.servers.databases import SqliteFiles
from tests.servers.processes import KEYTURN, output_of, running_program

from keyturn import Settings, create_app
from keyturn.service.settings import MailSettings

pytestmark = pytest.mark.long

NEW, NEWER = "eleven loud lighthouses", "twelve patient gardeners"
SETTINGS = PRODUCTION | {
    "KEYTURN_BASE_URL": f"https://{HOST}",
    "KEYTURN_LIMITS_REQUEST": "2/hour",
    "KEYTURN_LIMITS_MAILBOX_COOLDOWN": "0s",
    "KEYTURN_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    "KEYTURN_MAIL_FROM": f"accounts@{HOST}",
    "KEYTURN_HASHING_COST": "10",
}
API = "/api/auth"
REQUEST, BODY = f"{API}/request-password-reset", json.dumps({"email": ADA}).encode()
THIRD = "127.0.0.7"
UNKNOWN = "what-only-the-owner-knows-and-nobody-guessesX"[:43]
"""As long as a token, and the token of no link."""

CUT = UNKNOWN[:-2]
"""A token as a mail program sends it that breaks a line too early.

Two characters can be guessed.
"""

LINK = f"/reset-password/{UNKNOWN}"
PLACES = (
    LINK,
    f"/secure-your-account/{UNKNOWN}",
    f"/change-password/{UNKNOWN}",
    f"/school/reset-password/{UNKNOWN}/more",
    f"/reset-password?token={UNKNOWN}&email={quote(ADA)}",
    f"/forgot-password?email={ADA}",
    f"/users/{ADA}",
    f"/users/{quote(ADA)}",
    f"/reset%2Dpassword/{UNKNOWN}",
    f"/x%0A/reset-password/{UNKNOWN}",
    f"/reset-password/%0A{UNKNOWN}",
    f"/x%0Ay/{ADA}",
    f"/{ADA}/{UNKNOWN}",
)
"""Paths where a token or an address can stand: links by default, links of an operator's own, and
mistakes.
"""

NO_SECRETS = {"name", "path", "version"}
"""Parameters of paths that name files."""


@pytest.fixture(scope="module")
def prepared(sqlite: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("prepared")
    (state / ".keyturn").mkdir()
    Path(sqlite.migrated().removeprefix("sqlite:///")).rename(state / ".keyturn" / "keyturn.db")
    output_of([*KEYTURN, "accounts", "add", ADA, "--password-stdin"], state, PASSWORD, **SETTINGS)
    return state


both = pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, prepared: Path, tmp_path: Path) -> Iterator[Proxy]:
    """Run a proxy in front of a service of its own, which has a copy of the database."""
    name = str(request.param)
    program = require_program(name, {"nginx": "nginx-light", "caddy": "caddy"}[name])
    state, folder = tmp_path / "state", tmp_path / name
    shutil.copytree(prepared, state)
    folder.mkdir()
    with (
        running_program([*KEYTURN, "serve", "--port", "0"], state, **SETTINGS) as serve,
        running_proxy(name, program, serve, folder, state) as running,
    ):
        yield running


def mailed_token(proxy: Proxy, times: int = 1) -> str:
    """Return the token of the newest mailed link for a new password.

    Waits for so many mails, of any kind.
    """
    proxy.serve.wait_for('"mail.sent"', times)
    mails = (proxy.state / ".keyturn" / "mail").glob("*.eml")
    links = [file for file in mails if b"/reset-password/" in file.read_bytes()]
    return token_in_file(max(links, key=lambda file: file.stat().st_mtime_ns))


def reset_on_the_page(http: httpx2.Client, token: str) -> None:
    """Follow a link as a browser does: the page, the form, the answer.

    The browser's Referer names the link.
    """
    opened = http.get(f"/reset-password/{token}")
    assert opened.status_code == 303
    path = urlsplit(opened.headers["location"]).path
    cookies = "; ".join(f"{name}={value}" for name, value in opened.cookies.items())
    headers = {
        "cookie": cookies,
        "origin": f"https://{HOST}",
        "referer": f"https://{HOST}/reset-password/{token}",
    }
    page = http.get(path, headers=headers)
    headers["cookie"] += "".join(f"; {name}={value}" for name, value in page.cookies.items())
    form = {"_csrf_token": form_token(page), "password": NEWER, "again": NEWER}
    sent = http.post(path, data=form, headers=headers)
    assert sent.status_code in {200, 303}, sent.text


@both
def test_no_log_has_a_token_or_an_address_wherever_it_stands_and_the_trail_has_the_client_s_own(
    proxy: Proxy,
) -> None:
    with proxy.client() as http:
        forged = {"x-forwarded-for": "203.0.113.7, 127.0.0.1"}
        assert http.post(REQUEST, json={"email": ADA}, headers=forged).status_code == 202
        first = mailed_token(proxy)
        checked = http.post(f"{API}/validate-reset-token", json={"token": first})
        assert checked.json()["valid"]
        assert (
            http.post(
                f"{API}/reset-password", json={"token": first, "newPassword": NEW}
            ).status_code
            == 200
        )
        assert http.post(REQUEST, json={"email": ADA}).status_code == 202
        second = mailed_token(proxy, 3)
        reset_on_the_page(http, second)
        assert http.post(f"{API}/login", json={"email": ADA, "password": NEWER}).status_code == 200
    trail = output_of([*KEYTURN, "audit", "--json"], proxy.state, **SETTINGS)
    assert (ONE in trail, "203.0.113.7" in trail) == (True, False)

    settings = Settings(
        environment="development", mail=MailSettings(transport="capture", from_=f"accounts@{HOST}")
    )
    routes = create_app(settings, worker=False).routes
    secret = [
        re.sub(r"\{[^}]+\}", CUT, one.path)
        for one in routes
        if set(one.path_parameters) - NO_SECRETS
    ]
    assert secret
    places = [
        *PLACES,
        *(
            path + more
            for path in secret
            for more in ("", "/", "/more", ".", "%3E", "?utm_source=mail")
        ),
    ]
    for path in places:
        proxy.answer("GET", path, referer=f"https://{HOST}{path}")
    logs = proxy.logs()
    assert (
        len(re.findall(r'"GET /|"method":"GET"', logs)) == len(places) + 2
    )  # with the link and the page of the story
    assert logs.count("/api/auth/request-password-reset") == 2
    assert ONE in logs
    assert [secret for secret in (first, second, CUT, ADA, quote(ADA)) if secret in logs] == []


@both
def test_too_large_or_endless_bodies_are_refused_and_no_log_has_the_token_of_a_request_that_fails(
    proxy: Proxy,
) -> None:
    malformed = f"GET {LINK} HTTP/1.1\r\nhost: {HOST}\r\nbad header\r\n\r\n".encode()
    long = f"GET {LINK} HTTP/1.1\r\nhost: {HOST}\r\nx: {'x' * 70_000}\r\n\r\n".encode()
    cut = f"POST {LINK} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 9\r\n\r\n".encode()
    by_keyturn = proxy.answer("POST", REQUEST, b"x" * 1_048_576)
    assert (by_keyturn.status_code, by_keyturn.headers["content-type"]) == (
        413,
        "application/problem+json",
    )
    with proxy.client() as http:
        by_the_proxy = http.post(LINK, content=b"x" * 2_000_000)
        assert by_the_proxy.status_code == 413
        assert by_the_proxy.headers.get("content-type") != "application/problem+json"
        with contextlib.suppress(httpx2.TransportError):  # refused, or cut off while it is sent
            assert http.post(LINK, content=iter([b"x" * 1_000_000] * 3)).is_error
    for sent in (malformed, long):
        with proxy.connect(sent) as refused:
            assert refused.recv(100).startswith(b"HTTP/1.1 4")
    proxy.connect(cut).close()
    plain = httpx2.get(
        f"http://127.0.0.1:{proxy.plain_port}{LINK}", headers={"host": HOST}, timeout=20
    )
    assert plain.status_code in {301, 308}
    assert plain.headers["location"].startswith(f"https://{HOST}")
    assert proxy.serve.end() == 0
    down = proxy.answer("GET", LINK)
    assert down.status_code == 502
    logs = proxy.logs()

    assert re.search(r'" 413 |"status":413', logs)
    assert re.search(r'" 502 |"status":502', logs)
    assert UNKNOWN not in logs


@both
def test_clients_have_limits_of_their_own_share_a_connection_and_get_forms_over_https(
    proxy: Proxy,
) -> None:
    for _ in range(5):
        assert proxy.answer("GET", "/health/live").status_code == 200
    remote = f"0100007F:{int(proxy.direct.rpartition(':')[2]):04X}"  # as proc_net_tcp(5) writes it
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    assert [row[3] for row in rows if row[2] == remote].count("01") == 1, (
        "one connection is established"
    )

    forged = {"x-forwarded-for": "203.0.113.7"}
    for more, status in (({}, 202), (forged, 202), (forged, 429)):
        assert proxy.answer("POST", REQUEST, BODY, **more).status_code == status
    assert proxy.answer("POST", REQUEST, BODY, client=OTHER).status_code == 202

    with proxy.client(THIRD, headers={"origin": f"https://{HOST}"}) as browser:
        page = browser.get("/forgot-password", headers={"accept-encoding": "gzip"})
        cookie = page.headers["set-cookie"].partition(";")[0]
        form = {"_csrf_token": form_token(page), "email": ADA}
        sent = browser.post("/forgot-password", data=form, headers={"cookie": cookie})
    assert sent.status_code == 303
    assert page.headers["strict-transport-security"]
    assert "content-encoding" not in page.headers, "what has a token is not compressed"


@pytest.mark.parametrize("proxy", ["nginx"], indirect=True)
def test_a_request_that_comes_slowly_waits_in_nginx_where_a_client_has_50_at_a_time(
    proxy: Proxy,
) -> None:
    head = (
        f"POST {REQUEST} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n"
        f"content-length: {len(BODY)}\r\n".encode()
    )
    head += b"content-type: application/json\r\n\r\n"
    name, _, port = proxy.direct.partition(":")
    with (
        proxy.connect(head + BODY[:9]) as through,
        socket.create_connection((name, int(port)), 20) as past,
    ):
        past.sendall(head + BODY[:9])
        past.settimeout(5)
        with pytest.raises(TimeoutError):
            past.recv(100)
        through.sendall(
            BODY[9:10]
        )  # nginx waits as long as Keyturn, but from one piece to the next
        past.settimeout(20)
        assert past.recv(100).startswith(b"HTTP/1.1 408 ")
        through.sendall(BODY[10:])
        assert through.recv(100).startswith(b"HTTP/1.1 202 ")

    begun = f"POST {LINK} HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 9\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(proxy.connect(begun))
        with proxy.connect(begun) as one_more:  # of the same client
            assert one_more.recv(100).startswith(b"HTTP/1.1 503 ")
        assert proxy.answer("GET", "/health/live", client=OTHER).status_code == 200
