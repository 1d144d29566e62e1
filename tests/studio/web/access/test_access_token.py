"""A studio opens with the token of its address, and with nothing else: every user of a machine
reaches its ports.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.studio.web.fixtures import Client, capture, opened

from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.web.access import browser_host, token_for
from keyturn.studio.web.app import Studio, create_studio_app

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA"
OTHER = "9LwAkT3vQ9mXh2Jr0pZsYc"
COOKIE = "keyturn_studio_8001"
NAME = browser_host(TOKEN)
OWN = f"http://{NAME}:8001"
SHARED = "http://127.0.0.1:8001"
EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture(params=["127.0.0.1", "::1", "localhost", EVERYWHERE])
def guarded(request: pytest.FixtureRequest, studio: Studio, tmp_path: Path) -> Studio:
    return replace(
        studio,
        host=request.param,
        token=TOKEN,
        settings=StudioSettings(snapshots=tmp_path / "snapshots"),
    )


@pytest.fixture
def client(studio: Studio) -> Iterator[Client]:
    with opened(studio, OWN, token=TOKEN) as client:
        yield client


def session(studio: Studio, at: str = OWN) -> str:
    """Return the cookie of a browser that opened the printed address."""
    with opened(studio, at, token=TOKEN) as client:
        assert client.get("/studio", params={"token": TOKEN}).status_code == 200
        return client.cookies[COOKIE]


def requests_of(app: Litestar) -> list[tuple[str, str]]:
    """Return a request for each method of each route."""
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    paths = {route: re.sub(r"\{\w+:int\}", "1", route.path) for route in routes}
    return [
        (method, re.sub(r"\{[\w:]+\}", "greeting", paths[route]))
        for route in routes
        for method in route.methods
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {},
        {"cookie": f"{COOKIE}={OTHER}"},
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"authorization": f"Bearer {OTHER}"},
        {"host": f"{NAME}:8001"},
    ],
    ids=str,
)
def test_another_user_of_the_machine_gets_nothing(
    guarded: Studio, inbox: Path, headers: dict[str, str]
) -> None:
    capture(inbox, "Welcome")
    asked = requests_of(create_studio_app(guarded))
    areas = {f"{method} {'/'.join(path.split('/')[:3])}" for method, path in asked}
    assert {
        "GET /studio/templates",
        "POST /studio/drafts",
        "GET /studio/events",
        "GET /studio/inbox",
    } <= areas
    assert {"GET /api/messages", "DELETE /api/messages", "GET /studio/static"} <= areas
    with opened(guarded) as client:
        for method, path in asked:
            answer = client.request(
                method, path, headers={"accept": "text/html"} | headers, follow_redirects=True
            )
            if (
                method == "OPTIONS" and answer.status_code == 204
            ):  # which methods a route has, and nothing else
                assert answer.content == b""
                continue
            refusal = 403 if path == "/" or path.startswith("/studio") else 401
            assert answer.status_code == refusal, f"{method} {path}"
            assert not re.search("greeting|Welcome", answer.text.replace(path, "")), (
                f"{method} {path}"
            )
            assert TOKEN not in answer.text
            assert NAME.split(".")[0] not in f"{answer.text} {answer.headers}", (
                "another port of it gets the cookie"
            )


@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", f"?token={TOKEN[:-1]}"])
def test_who_is_refused_is_told_where_the_token_is(client: Client, token: str) -> None:
    answer = client.get(f"/studio/templates/greeting{token}")
    assert answer.status_code == 403
    assert "Open the address with ?token= that the terminal of keyturn shows." in answer.text
    assert "greeting" not in answer.text


def test_studios_on_ports_of_one_host_are_open_at_once(studio: Studio) -> None:
    """Studios that other machines reach on several ports of a host are open at once: it has one jar
    of cookies.
    """
    tokens = {8001: TOKEN, 8002: OTHER}
    jar: dict[str, str] = {}
    for shown, (port, token) in product((True, False), tokens.items()):
        with opened(studio, f"http://192.0.2.7:{port}", host=EVERYWHERE, token=token) as client:
            client.cookies.update(jar)
            query = {"token": token} if shown else {}
            assert client.get("/studio/templates/greeting", params=query).status_code == 200
            jar |= dict(client.cookies)


def test_the_page_of_a_wrong_address_lists_the_mails_only_with_the_token(
    client: Client, studio: Studio
) -> None:
    right = f"{COOKIE}={session(studio)}"
    for cookie, answered in (
        (right, (404, True)),
        (f"{COOKIE}=wrong", (403, False)),
        ("", (403, False)),
    ):
        answer = client.get(
            "/studio/nothing/here", headers={"accept": "text/html", "cookie": cookie}
        )
        assert (answer.status_code, "greeting" in answer.text) == answered


def test_the_token_becomes_a_cookie_and_leaves_the_address(client: Client) -> None:
    client.cookies.set(COOKIE, OTHER, NAME, "/studio")  # of another token
    answer = client.get(
        f"/studio/templates/greeting?sample=grace&token={TOKEN}&width=375", follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/studio/templates/greeting?sample=grace&width=375"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/studio"} <= set(cookie.split("; "))
    assert "Grace" in client.get(answer.headers["location"]).text
    assert client.get("/studio/static/studio.js").status_code == 200
    assert client.get(f"/?token={TOKEN}").url.path == "/studio", (
        "the bare address keeps it on its way"
    )


def test_a_cookie_is_no_token(client: Client, studio: Studio) -> None:
    """The value of the studio's cookie opens neither the API nor a page of a program."""
    bearer = {"authorization": f"Bearer {session(studio)}"}
    paths = ("/api/messages", "/studio", "/studio/inbox")
    assert [client.get(path, headers=bearer).status_code for path in paths] == [401, 403, 403]
    assert client.get("/studio", params={"token": session(studio)}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.0.1"])
def test_a_shared_host_gets_a_link_alone(studio: Studio, host: str) -> None:
    """At a host whose other ports other users have, a browser gets a link to the studio's own host,
    and no cookie.
    """
    with opened(studio, SHARED, token=TOKEN) as client:
        address = f"/studio/templates/greeting?sample=grace&token={TOKEN}"
        answer = client.get(address, headers={"host": f"{host}:8001"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert f'href="{OWN}/studio/templates/greeting?sample=grace&amp;token={TOKEN}"' in answer.text
    assert "Grace" not in answer.text


def test_a_shared_host_takes_no_cookie(studio: Studio) -> None:
    """A program of another user that got a cookie of its host gets no page with it."""
    headers = {"cookie": f"{COOKIE}={session(studio)}"}
    with opened(studio, SHARED, token=TOKEN) as client:
        assert client.get("/studio", headers=headers).status_code == 403


def test_a_program_reads_pages_with_a_header(studio: Studio) -> None:
    """At 127.0.0.1, a program reads the pages with the token in a header."""
    with opened(studio, SHARED, token=TOKEN) as client:
        answer = client.get(
            "/studio/templates/greeting", headers={"authorization": f"Bearer {TOKEN}"}
        )
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_a_click_elsewhere_opens_the_studio(client: Client) -> None:
    """A click on a page of another site opens the studio, though its redirect would not carry the
    cookie.
    """
    clicked = client.get(
        "/studio", params={"token": TOKEN}, headers={"sec-fetch-site": "cross-site"}
    )
    assert clicked.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/studio">' in clicked.text
    assert "greeting" in client.get("/studio", headers={"sec-fetch-site": "same-origin"}).text


def test_a_token_keeps_its_host_and_session(studio: Studio) -> None:
    """A studio that is started again with its token finds its host and its sessions again."""
    assert session(studio) == session(replace(studio))
    assert urlsplit(OWN).hostname == browser_host(TOKEN)
    assert browser_host(OTHER) != browser_host(TOKEN)


def test_every_studio_has_a_token_of_its_own_or_a_given_one_that_is_long_enough(
    studio: Studio,
) -> None:
    assert len({token_for() for _ in range(100)}) == 100
    assert token_for(TOKEN) == TOKEN
    for guessed in (TOKEN[:-1], "x" * 201, "a token with a space in it", "ü" * 30):
        with pytest.raises(ValueError, match="22 to 200 letters"):
            token_for(guessed)
    with pytest.raises(ValueError, match=r"a studio on 0\.0\.0\.0 needs a token"):
        create_studio_app(replace(studio, host=EVERYWHERE, token=""))


SITES = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8001"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
]
PROGRAMS = [{"accept": "*/*"}, {"sec-fetch-site": "none"}]
"""What programs send: they may use the API, and no form of a page."""


@pytest.mark.parametrize("headers", [*SITES, *PROGRAMS], ids=str)
def test_no_route_obeys_another_site(
    studio: Studio, inbox: Path, tmp_path: Path, headers: dict[str, str]
) -> None:
    capture(inbox, "Welcome")
    before = contents(tmp_path)
    studio = replace(studio, settings=StudioSettings(snapshots=tmp_path / "snapshots"))
    asked = [
        one
        for one in requests_of(create_studio_app(studio))
        if one[0] not in {"GET", "HEAD", "OPTIONS"}
    ]
    if headers in PROGRAMS:
        asked = [(method, path) for method, path in asked if not path.startswith("/api")]
    areas = {path.split("/")[2] for _, path in asked}
    assert {"drafts", "inbox", "send", "snapshots", "sources", "templates"} <= areas
    with opened(studio) as client:
        answers = {
            (method, path): client.request(method, path, headers=headers).status_code
            for method, path in asked
        }
    assert answers == dict.fromkeys(asked, 403)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
